from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._wait import baseline_file as _baseline_file
from ansible_collections.natsops.cluster.plugins.plugin_utils._page import page as _page
from ansible_collections.natsops.cluster.plugins.plugin_utils._report import build as _build
from ansible_collections.natsops.cluster.plugins.plugin_utils._report import outcome as _outcome
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import events as _events
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Event, Log


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A report that is quick to make: how many events each was made of."""
    counts: list[int] = []

    def build(events: list[Event]) -> dict[str, Any]:
        counts.append(len(events))
        return {"schema": 1, "kinds": [event["kind"] for event in events]}

    monkeypatch.setattr(_build, "build", build)
    monkeypatch.setattr(_page, "render", lambda report: f"<html>{' '.join(report['kinds'])}</html>")
    return counts


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return _events.begin(tmp_path / "reports", "r1")


def test_an_event_is_a_line_with_its_time_its_run_and_its_kind(log: Log) -> None:
    log.write("note", at=1_700_000_000.1234, host="n1", text="für Ada", connections=None)
    (line,) = (log.folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {
        "at": "2023-11-14T22:13:20.123Z",
        "run": "r1",
        "kind": "note",
        "host": "n1",
        "text": "für Ada",
        "connections": None,
    }
    assert log.warnings == []


def test_the_report_is_made_anew_after_what_is_important_and_else_now_and_then(
    log: Log, made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write("sample")
    log.write("sample")
    assert made == [1]
    log.write("node_done", host="n1")
    assert made == [1, 3]
    assert (log.folder / "report.html").read_text(encoding="utf-8") == "<html>sample sample node_done</html>"
    assert json.loads((log.folder / "report.json").read_text(encoding="utf-8"))["schema"] == 1
    monkeypatch.setattr(_events, "_STALE_SECONDS", -1.0)
    log.write("sample")
    assert made == [1, 3, 4]
    assert sorted(path.name for path in log.folder.iterdir()) == ["events.jsonl", "report.html", "report.json"]


@pytest.mark.parametrize(
    ("phase", "state", "at_once"),
    [("drain", "began", True), ("start", "failed", True), ("drain", "ended", False), ("gate", "began", False)],
)
def test_whoever_looks_after_a_run_was_killed_sees_that_a_node_was_without_its_server(
    log: Log, made: list[int], phase: str, state: str, at_once: bool
) -> None:
    log.write("run_began")
    log.write("phase", host="n1", phase=phase, state=state)
    assert (made == [1, 2]) is at_once


def test_many_writers_lose_nothing_and_the_report_has_everything(log: Log) -> None:
    def write(number: int) -> None:
        for count in range(20):
            log.write("node_done", host=f"n{number}", text="x" * 3000, count=count)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(log.read()) == 80
    assert len(json.loads((log.folder / "report.json").read_text(encoding="utf-8"))["kinds"]) == 80
    assert log.warnings == []


def test_events_are_read_by_their_time_and_one_that_is_being_written_is_none(log: Log) -> None:
    lines = [b'{"at":"2","kind":"b"}', b'{"at":"1","kind":"a"}', b'{"at":"3","ki']
    (log.folder / "events.jsonl").write_bytes(b"\n".join(lines))
    assert [event["kind"] for event in log.read()] == ["a", "b"]


ODD_EVENTS = [
    {"kind": "node_done", "host": ["n1"], "new_version": "2.15.1"},
    {"kind": "node_done", "new_version": "2.15.1"},
    {"kind": "node_done", "host": "n1", "seconds": "ten"},
    {"kind": "phase", "host": "n1", "phase": "drain"},
    {"kind": "phase", "host": "n1", "phase": "drain", "state": "began", "at": "2026-02-30T10:00:00Z"},
    {"kind": "planned", "order": "n1 n2"},
    {"kind": "planned", "clusters": {"c1": None}},
    {"kind": "planned", "servers": {"n1": "2.14.6"}},
    {"kind": "run_began", "hosts": 3},
    {"kind": ["failed"]},
    {"at": None, "kind": "note"},
]


@pytest.mark.parametrize("odd", ODD_EVENTS, ids=str)
def test_a_line_that_is_no_event_of_ours_ends_no_run_in_a_traceback(log: Log, odd: dict[str, Any]) -> None:
    log.write("run_began", hosts=["n1", "n2"], mode="upgrade")
    log.write("planned", order=["n1", "n2"], clusters={"c1": ["n1", "n2"]}, servers={"n1": {"version": "2.14.6"}, "n2": {}})
    kinds = [event["kind"] for event in log.read()]
    _events.append(log.folder / "events.jsonl", {"at": "2026-11-21T10:00:00.000Z", "run": log.run, **odd})
    assert [event["kind"] for event in log.read()] == kinds
    story = _outcome.story(log.own())
    assert (story.left, story.outcome, story.versions) == (["n1", "n2"], "part_done", {"n1": "2.14.6"})
    assert story.last_words("no room").startswith("no room\nNo server was stopped.")
    assert (log.folder / "report.json").exists()


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_a_report_is_for_its_user_and_group_whatever_the_umask_is(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        log = _events.begin(tmp_path / "deep" / "reports", "r1")
        log.write("node_done", host="n1")
        _baseline_file.write(str(log.folder / "before-n1.json"), {})
    finally:
        os.umask(before)
    found = {path.relative_to(tmp_path).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    files = ("events.jsonl", "report.json", "report.html", "before-n1.json")
    folders = ("deep", "deep/reports", "deep/reports/r1")
    assert found == {**dict.fromkeys(folders, 0o750), **{f"deep/reports/r1/{name}": 0o640 for name in files}}


def test_a_mode_that_somebody_has_given_to_a_folder_or_to_what_is_appended_to_stays(log: Log) -> None:
    log.write("note")
    log.folder.chmod(0o755)
    (log.folder / "events.jsonl").chmod(0o644)
    log.write("note")
    _events.begin(log.folder.parent, "r1")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (log.folder, log.folder / "events.jsonl")] == [0o755, 0o644]


@pytest.mark.parametrize("name", ["events.jsonl", "report.html.new"])
def test_a_link_in_the_place_of_a_file_is_not_followed(log: Log, tmp_path: Path, name: str) -> None:
    (tmp_path / "other").write_text("kept", encoding="utf-8")
    (log.folder / name).unlink(missing_ok=True)
    (log.folder / name).symlink_to(tmp_path / "other")
    log.write("node_done", host="n1")
    assert (tmp_path / "other").read_text(encoding="utf-8") == "kept"
    assert "cannot be written" in log.warnings[0]


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(NatsError, match=r"^refused: .*file.*cannot be written \(Not a directory\).*nats_upgrade_report_dir"):
        _events.begin(tmp_path / "file", "r1")


def test_in_mid_roll_it_is_a_warning(log: Log) -> None:
    (log.folder / "events.jsonl").unlink()
    log.folder.joinpath("report.html").unlink(missing_ok=True)
    log.folder.rmdir()
    log.write("node_done", host="n1")
    log.write("node_done", host="n2")
    assert len(log.warnings) == 1
    assert "cannot be written (No such file or directory): the report of this run is not complete" in log.warnings[0]


def test_a_mistake_in_the_report_is_a_warning_and_the_event_is_kept(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_page, "render", lambda report: report["no such key"])
    log.write("node_done", host="n1")
    assert "cannot be made (KeyError: 'no such key')" in log.warnings[0]
    assert [event["kind"] for event in log.read()] == ["node_done"]
