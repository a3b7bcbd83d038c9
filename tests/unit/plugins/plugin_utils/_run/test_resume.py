from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.plugin_utils._report import build as _build
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import events as _events
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import resume as _resume
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Log
from tests.unit.modules import ROOT

BEGAN = {"group": "nats", "mode": "upgrade", "target": "2.15.1"}
FIRST, SECOND, THIRD = "20261121T1", "20261121T2", "20261121T3"


@pytest.fixture(autouse=True)
def _a_second_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of two runs never have the same millisecond; here they might."""
    seconds, moment = itertools.count(1_800_000_000), _events.moment
    monkeypatch.setattr(_events, "moment", lambda _now: moment(next(seconds)))


def begin(folder: Path, run: str, *kinds: str, outcome: str = "", left_by: dict[str, Any] | None = None, **began: Any) -> Log:
    log = _events.begin(folder, run)
    log.write("run_began", **{**BEGAN, **began})
    if left_by is not None:
        log.write("planned", order=["n1", "n2"], left_by=left_by)
    for kind in kinds:
        log.write(kind, host="n1", phase="drain", state="began")
    if outcome:
        log.write("run_ended", outcome=outcome)
    return log


def report(log: Log) -> dict[str, Any]:
    return _build.build(_build.read_events(log.folder / "events.jsonl"))


@pytest.mark.parametrize(
    ("kinds", "outcome", "found"),
    [
        (["phase"], "", FIRST),
        (["phase"], "failed", FIRST),
        (["phase"], "part_done", ""),
        (["phase"], "done", ""),
        ([], "", ""),
    ],
)
def test_the_run_before_is_gone_on_with_where_it_did_something_and_did_not_end_well(
    tmp_path: Path, kinds: list[str], outcome: str, found: str
) -> None:
    begin(tmp_path, FIRST, *kinds, outcome=outcome)
    assert _resume.interrupted(tmp_path, SECOND, BEGAN) == found
    assert _resume.interrupted(tmp_path, SECOND, {**BEGAN, "target": "2.15.0"}) == ""
    # One that was refused, or only looked, comes between two runs and changes nothing.
    begin(tmp_path, SECOND, outcome="refused")
    assert _resume.interrupted(tmp_path, THIRD, BEGAN) == found


def test_a_run_to_another_version_in_between_is_what_the_next_one_comes_after(tmp_path: Path) -> None:
    begin(tmp_path, FIRST, "phase")
    begin(tmp_path, SECOND, "phase", outcome="done", target="2.14.6")
    assert _resume.interrupted(tmp_path, THIRD, BEGAN) == ""


def test_events_go_on_from_run_to_run(tmp_path: Path) -> None:
    begin(tmp_path, FIRST, "phase", "client_probe")
    with (tmp_path / FIRST / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"kind":"ph')
    second = begin(tmp_path, SECOND)
    assert _resume.take_up(second).startswith(f"goes on with run {FIRST}: ")
    third = begin(tmp_path, THIRD)
    _resume.take_up(third)
    kinds = ["run_began", "phase", "client_probe", "run_began", "resumed", "run_began", "resumed"]
    assert [event["kind"] for event in third.read()] == kinds
    assert [event["kind"] for event in third.own()] == kinds[-2:]
    made = report(third)
    assert (made["run"], made["previous_run"], made["next_run"]) == (THIRD, {"run": SECOND, "found": True}, None)
    assert [one["run"] for one in made["resumed"]] == [SECOND, THIRD]
    assert [span["state"] for span in made["timeline"]["lanes"][0]["spans"]] == ["interrupted"]
    assert len(made["client_view"]) == 1
    assert report(Log(tmp_path / FIRST, FIRST))["next_run"] == SECOND
    assert third.warnings == []


def test_the_journals_say_which_run_it_was_and_a_later_one_has_taken_that_up(tmp_path: Path) -> None:
    begin(tmp_path, FIRST, "phase", target="2.15.0")
    second = begin(tmp_path, SECOND, left_by={"n1": FIRST, "n2": None})
    _resume.take_up(second)
    assert report(second)["previous_run"] == {"run": FIRST, "found": True}
    third = begin(tmp_path, THIRD, left_by={"n1": FIRST})
    _resume.take_up(third)
    assert report(third)["previous_run"] == {"run": SECOND, "found": True}


def test_a_run_whose_folder_is_not_there_is_named_in_a_line(tmp_path: Path) -> None:
    # What is there is of another controller's, or was another job: the journal knows better.
    begin(tmp_path, FIRST, "phase")
    log = begin(tmp_path, THIRD, left_by={"n2": SECOND})
    assert _resume.take_up(log) == f"goes on with run {SECOND}, of which nothing is in {tmp_path}"
    made = report(log)
    assert (made["previous_run"], made["resumed"]) == ({"run": SECOND, "found": False}, [])
    (note,) = made["notes"]
    assert note["text"].startswith(f"it goes on with run {SECOND}, whose events are not in the folder beside this one")
    assert not (tmp_path / SECOND).exists()


@pytest.mark.parametrize("name", ["../elsewhere", "", ".", "..", None, 7, "/etc"])
def test_what_a_node_says_leads_to_no_other_folder(tmp_path: Path, name: Any) -> None:
    log = begin(tmp_path / "reports", SECOND, left_by={"n1": name})
    assert _resume.take_up(log) == ""
    assert [event["kind"] for event in log.read()] == ["run_began", "planned"]


def test_the_report_of_a_real_run_that_was_killed_goes_on_in_the_next(tmp_path: Path) -> None:
    """Killed in the catch-up of the first node, which is the last thing that it has written."""
    lines = (ROOT / "tests" / "fixtures" / "2.15.1" / "runs" / "upgraded.jsonl").read_bytes().splitlines(keepends=True)
    until = next(at for at, line in enumerate(lines) if b'"catch_up"' in line) + 1
    (tmp_path / "20261121T201744Z-176ce8").mkdir()
    (tmp_path / "20261121T201744Z-176ce8" / "events.jsonl").write_bytes(b"".join(lines[:until]))
    log = begin(tmp_path, "20261121T210000Z-000000")
    _resume.take_up(log)
    made = report(log)
    states = {span["phase"]: span["state"] for span in made["timeline"]["lanes"][0]["spans"]}
    assert (states["drain"], states["catch_up"]) == ("ended", "interrupted")
    assert made["servers"][0]["state"] == "under_way"
    old = report(Log(tmp_path / "20261121T201744Z-176ce8", ""))
    assert old["outcome"]["headline"] == "The run broke off"
    assert log.run in old["outcome"]["next"]
    assert log.run in (tmp_path / "20261121T201744Z-176ce8" / "report.html").read_text(encoding="utf-8")
