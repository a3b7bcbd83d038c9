"""What a cluster had, kept in a file: written, read, and read when it was damaged."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._judge import baseline as _baseline
from ansible_collections.natsops.cluster.plugins.module_utils._wait import baseline_file as _baseline_file
from tests.unit.plugins.module_utils._judge.test_baseline import STREAM, cluster


def test_what_is_kept_is_read_again_and_a_file_that_is_not_there_is_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "new" / "before.json")
    assert _baseline_file.read(path) is None
    kept = _baseline.take(cluster(STREAM), "host-1")
    _baseline_file.write(path, kept)
    assert _baseline_file.read(path) == kept


def test_a_folder_that_cannot_be_written_is_said_with_the_variable_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(NatsError, match="Set nats_upgrade_report_dir to a folder that can be written"):
        _baseline_file.write(str(tmp_path / "file" / "before.json"), {})


def test_a_damaged_file_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "before.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(NatsError, match=rf"{os.fspath(path)} on the controller cannot be read .*: remove it and run again"):
        _baseline_file.read(str(path))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda kept: kept["assets"].update({"APP > S": None}), "assets is "),
        (lambda kept: kept["assets"]["APP > S"].pop("replicas"), "assets is "),
        (lambda kept: kept["assets"]["APP > S"].update(last_sequence="40"), "assets is "),
        (lambda kept: kept.update(clients=None), "clients is None, and has to be a whole number"),
        (lambda kept: kept.pop("node"), "node is missing"),
        (lambda kept: kept.update(leafs=3), "leafs is 3"),
    ],
)
def test_what_is_json_and_was_not_kept_by_us_is_one_too(change: Callable[[Any], Any], why: str, tmp_path: Path) -> None:
    path, kept = str(tmp_path / "before.json"), _baseline.take(cluster(STREAM), "host-1")
    change(kept)
    _baseline_file.write(path, kept)
    with pytest.raises(NatsError) as wrong:
        _baseline_file.read(path)
    assert str(wrong.value).startswith(f"{path} on the controller cannot be read ({why}")


@pytest.mark.parametrize("text", ["[]", "null", "[" * 100_000])
def test_what_is_no_dictionary_is_one_too(text: str, tmp_path: Path) -> None:
    path = tmp_path / "before.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(NatsError, match=r"cannot be read .*: remove it and run again"):
        _baseline_file.read(str(path))
