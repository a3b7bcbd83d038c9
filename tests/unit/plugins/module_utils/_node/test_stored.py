"""A store on disk as a node reads it, and what a plan makes of it."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host.process import Process
from ansible_collections.natsops.cluster.plugins.module_utils._node import stored as _stored
from ansible_collections.natsops.cluster.plugins.module_utils._node.keys import checked
from ansible_collections.natsops.cluster.plugins.module_utils._values.assets import InFiles
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Health
from tests.unit.processes import Processes
from tests.unit.recorded import VERSIONS
from tests.unit.situations import LOCAL, STREAM, changed, cluster, found, plan_of, refusals

LATER = "2026-12-31T00:00:00Z"


def make(folder: Path, *streams: str) -> None:
    for stream in streams:
        (folder / "APP" / "streams" / stream).mkdir(parents=True)
        (folder / "APP" / "streams" / stream / "meta.inf").touch()


def running(processes: Processes) -> Process:
    process = _process.look(processes.server().pid)
    assert process
    return process


def read(folder: Path | str, process: Process | None, **given: Any) -> tuple[Any, str]:
    facts = _stored.facts(str(folder), given.get("root", ""), process, given.get("cwd", "/"))
    assert checked("n1", {**facts})["store_read_at"].endswith("Z")
    return facts["stored_streams"], facts["store"]


def test_what_is_stored_is_read(processes: Processes, tmp_path: Path) -> None:
    make(tmp_path, "A", "B")
    (tmp_path / "APP" / "streams" / "LEFT").mkdir()
    (tmp_path / "SYS").mkdir()
    assert read(tmp_path, running(processes)) == (["APP > A", "APP > B"], "read")


def test_a_store_that_was_removed_is_missing_and_an_empty_one_is_empty(processes: Processes, tmp_path: Path) -> None:
    process = running(processes)
    assert read(tmp_path, process) == ([], "read")
    assert read(tmp_path / "gone", process) == (None, "missing")
    shutil.rmtree(tmp_path)
    assert read(tmp_path, process) == (None, "missing")


def test_a_path_that_is_not_absolute_is_one_in_the_folder_that_the_server_works_in(processes: Processes, tmp_path: Path) -> None:
    make(tmp_path / "jetstream", "A")
    process = running(processes)
    assert read("jetstream", process, cwd=str(tmp_path)) == (["APP > A"], "read")
    assert read("./gone", process, cwd=str(tmp_path)) == (None, "missing")


@pytest.mark.parametrize("given", [{"cwd": None}, {"process": None}], ids=["unknown-folder", "no-server"])
def test_where_nobody_knows_where_the_server_sees_it_it_is_not_missing(
    processes: Processes, tmp_path: Path, given: dict[str, Any]
) -> None:
    process = given.get("process", running(processes))
    folder = tmp_path / "gone" if "process" in given else "gone"
    assert read(folder, process, cwd=given.get("cwd")) == (None, "unreadable")


def test_a_server_that_has_just_exited_has_no_missing_store(processes: Processes, tmp_path: Path) -> None:
    process = running(processes)
    assert read(tmp_path / "gone", replace(process, start_ticks=process.start_ticks + 1)) == (None, "unreadable")


def test_a_store_that_may_not_be_read_is_not_missing(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: str) -> list[str]:
        raise PermissionError(13, "Permission denied", folder)

    process = running(processes)
    monkeypatch.setattr(_stored.os, "listdir", refuse)
    assert read(tmp_path, process) == (None, "unreadable")


def test_the_store_of_a_container_is_looked_for_in_it_links_included(processes: Processes, tmp_path: Path) -> None:
    make(tmp_path / "mnt" / "jetstream", "A")
    os.symlink("/mnt", tmp_path / "data")
    process = running(processes)
    assert read("/data/jetstream", process, root=str(tmp_path)) == (["APP > A"], "read")
    assert read("/data/gone", process, root=str(tmp_path)) == (None, "missing")


def node(*streams: str, store: str = "read", at: str = LATER) -> dict[str, Any]:
    return {"stored_streams": list(streams) if store == "read" else None, "store": store, "store_read_at": at}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_recorded_stream_is_known_to_be_kept_in_files(version: str) -> None:
    assert {label for reading in cluster(version=version) for label in reading.in_files} == {STREAM, LOCAL}


@pytest.mark.parametrize("facts", [node(store="missing"), node()], ids=["folder-gone", "folder-empty"])
def test_a_server_whose_store_is_gone_is_refused_and_what_has_no_other_copy_is_named(facts: dict[str, Any]) -> None:
    plan = plan_of(cluster(), n1=facts, n2=node(STREAM), n3=node(STREAM))
    assert refusals(plan) == ["missing_store"]
    finding = found(plan, "missing_store")
    assert (finding.seen, finding.waivable) == (("n1",), False)
    assert f"{LOCAL}, {STREAM}" in finding.message
    assert f"Of {LOCAL} there is no other copy: back it up now" in finding.message
    assert "n2" not in finding.message
    assert refusals(plan_of(cluster(), "missing_store", n1=facts)) == ["missing_store"]


def test_where_one_server_lost_what_others_have_its_turn_may_be_taken() -> None:
    assert refusals(plan_of(cluster(), "missing_store", n2=node(store="missing"))) == []
    both = plan_of(cluster(), "missing_store", n2=node(store="missing"), n3=node())
    assert refusals(both) == ["missing_store"]


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(node(STREAM, LOCAL), id="all-there"),
        pytest.param(node(store="unreadable"), id="unreadable"),
        pytest.param({"stored_streams": None, "store": "", "store_read_at": LATER}, id="not-asked"),
        pytest.param({"stored_streams": []}, id="facts-of-an-older-collection"),
        pytest.param(node(at="2026-01-01T00:00:00Z"), id="made-since"),
    ],
)
def test_what_is_there_or_cannot_be_told_refuses_nothing(facts: dict[str, Any]) -> None:
    assert "missing_store" not in refusals(plan_of(cluster(), n1=facts))


def test_a_server_that_starts_or_keeps_in_memory_misses_nothing() -> None:
    assert "missing_store" not in refusals(plan_of(changed(cluster(), "n1", health=Health(500)), n1=node()))
    in_memory: dict[str, InFiles] = {}
    assert "missing_store" not in refusals(plan_of(changed(cluster(), "n1", in_files=in_memory), n1=node()))
