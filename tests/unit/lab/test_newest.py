from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import tested as _tested
from tests.lab import newest

TESTED = _tested.newest().release


def program(folder: Path, script: str) -> Path:
    path = folder / "uv"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("version", ["", TESTED, "2.19.99"])
def test_nothing_is_said_where_the_newest_is_tested_or_not_known(version: str) -> None:
    assert newest.line(version) == ""


@pytest.mark.parametrize("version", [f"{TESTED}1", "2.99.0", "3.0.0"])
def test_a_newer_one_is_told_with_the_command_that_tests_it(version: str) -> None:
    assert newest.line(version).startswith(
        f"ansible-core {version} is out, and the newest that is tested is {TESTED}: make newest"
    )


def test_the_version_is_what_the_registry_answers(tmp_path: Path) -> None:
    asked = program(tmp_path, 'read name; echo "$name==2.99.1"')
    assert newest.in_registry(asked) == "2.99.1"


@pytest.mark.parametrize("script", ["echo 'no solution' >&2; exit 1", "exec sleep 60"])
def test_a_registry_that_does_not_answer_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(newest, "SECONDS", 0.5)
    assert newest.in_registry(program(tmp_path, script)) == ""
