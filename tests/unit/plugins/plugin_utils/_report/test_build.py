from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.natsops.cluster.plugins.plugin_utils._report import build as _build
from tests.lab import report_events
from tests.lab.report_events import STORIES
from tests.unit.modules import ROOT
from tests.unit.reports import SCHEMA, at, began, build, event, phase, planned, sample, spans


@pytest.mark.parametrize("story", STORIES)
def test_a_report_follows_its_schema(story: str) -> None:
    build(*(report_events.large(12, 400) if story == "large" else STORIES[story]()))


@pytest.mark.parametrize(
    ("run", "headline", "states"),
    [
        ("upgraded", "All 3 servers upgraded to 2.15.1", ["done", "done", "done"]),
        ("put_back", "Failed: Wait until it is really back and current, n2", ["put_back", "left", "left"]),
    ],
)
def test_the_events_of_a_real_run_make_a_report(run: str, headline: str, states: list[str]) -> None:
    """Of the playbook on three servers on loopback, from 2.14.6 to 2.15.1; names of machine and folder were put in place."""
    report = build(*_build.read_events(ROOT / "tests" / "fixtures" / "2.15.1" / "runs" / f"{run}.jsonl"))
    assert report["outcome"]["headline"] == headline
    assert [server["host"] for server in report["servers"]] == ["n2", "n3", "n1"]
    assert [server["state"] for server in report["servers"]] == states
    assert {span["state"] for lane in report["timeline"]["lanes"] for span in lane["spans"]} <= {"ended", "failed"}
    assert {"gate", "drain", "swap", "start", "catch_up"} <= {span[0] for span in spans(report, "n2")}
    assert report["failures"] == [] or report["outcome"]["next"] == "Mend what failed, and run the same playbook again."


def test_the_schema_is_one_and_has_the_version_of_the_code() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema"] == {**SCHEMA["properties"]["schema"], "const": _build.SCHEMA}


def test_the_schema_names_every_part() -> None:
    assert set(build()) == set(SCHEMA["properties"]) == set(SCHEMA["required"])


def test_the_page_of_the_docs_explains_every_part() -> None:
    page = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    assert [name for name in SCHEMA["properties"] if f"`{name}`" not in page] == []


@pytest.mark.parametrize(
    ("story", "state", "headline"),
    [
        ("good", "done", "All 3 servers upgraded to 2.15.1"),
        ("failed", "failed", "Failed: Start the new version on n2"),
        ("refused", "refused", "Refused: stepping_stone, ghost_peer"),
        ("killed", "not_ended", "The run has not ended"),
        ("taken_up", "not_ended", "The run broke off"),
        ("nothing_to_do", "nothing_to_do", "Nothing to do: every server runs 2.15.1 already"),
        ("part_done", "part_done", "1 of 5 servers upgraded to 2.15.1"),
        ("resumed", "done", "All 3 servers upgraded to 2.15.1"),
    ],
)
def test_the_headline_says_how_it_ended(story: str, state: str, headline: str) -> None:
    outcome = build(*STORIES[story]())["outcome"]
    assert (outcome["state"], outcome["headline"]) == (state, headline)


def test_of_a_run_that_was_killed_the_last_sign_is_said_and_what_to_do() -> None:
    report = build(*report_events.killed())
    assert report["ended"] is None
    assert report["outcome"]["sentence"] == (
        "1 of 3 servers upgraded to 2.15.1 so far. It was killed or its controller was lost, unless it is still at work: "
        "its last event is of 2026-11-21 14:02:49 UTC, during 'drain' of n2."
    )
    assert "run the same playbook again" in report["outcome"]["next"]
    assert spans(report, "n2")[-1][0::3] == ("drain", "open")
    assert spans(report, "n2")[-1][2] == report["seconds"]
    assert [server["state"] for server in report["servers"]] == ["done", "under_way", "left"]


def test_of_a_run_that_another_has_gone_on_with_that_is_said_and_nothing_else_changes() -> None:
    before, after = build(*report_events.killed()), build(*report_events.taken_up())
    assert after["next_run"] == "20261121T140336-4802"
    assert after["outcome"]["sentence"] == (
        "1 of 3 servers upgraded to 2.15.1 so far. It was killed or its controller was lost: "
        "its last event is of 2026-11-21 14:02:49 UTC, during 'drain' of n2."
    )
    assert after["outcome"]["next"].startswith("Nothing here: run 20261121T140336-4802 has gone on with it")
    assert {key: after[key] for key in after if key not in ("next_run", "outcome")} == {
        key: before[key] for key in before if key not in ("next_run", "outcome")
    }


def test_a_failure_keeps_the_log_the_message_and_what_became_of_the_node() -> None:
    report = build(*report_events.failed())
    (failure,) = report["failures"]
    assert failure["server_log"] == report_events.SERVER_LOG
    assert failure["message"].startswith("n2: nats-server 2.15.1 ended right after its start")
    assert report["put_back"][0]["text"] == "it is up and current"
    assert ("start", "failed") in [span[0::3] for span in spans(report, "n2")]
    n2 = report["servers"][1]
    assert (n2["state"], n2["version_before"], n2["version_after"]) == ("put_back", "2.14.6", "2.14.6")
    assert report["outcome"]["next"].startswith("Make room in /srv/nats")


def test_nothing_was_recorded() -> None:
    report = build()
    assert report["outcome"]["headline"] == "Nothing was recorded"
    assert (report["began"], report["seconds"], report["servers"], report["plan"]) == (None, 0, [], None)


def test_a_run_that_has_only_begun_knows_its_hosts() -> None:
    report = build(began(waive=["single_server"], controller={"host": "ops1", "user": "me", "pid": 7}))
    assert report["outcome"]["state"] == "not_ended"
    assert [lane["host"] for lane in report["timeline"]["lanes"]] == ["n1", "n2"]
    assert [server["state"] for server in report["servers"]] == ["not_in_plan"] * 2
    assert report["asked"]["waive"] == ["single_server"]
    assert report["asked"]["controller"] == {"host": "ops1", "user": "me", "pid": 7}


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "text",
        ["list"],
        {},
        {"kind": "new_kind", "at": at(1), "more": [1]},
        {"kind": None, "at": 12},
        {"kind": "phase", "at": "yesterday", "host": 3, "phase": ["x"], "state": "began"},
        {"kind": "phase", "at": at(1), "host": "n1", "phase": "drain", "state": "unknown"},
        {"kind": "planned", "clusters": [], "order": "n1", "refusals": {"a": 1}, "servers": ["n1"], "estimate": "long"},
        {"kind": "planned", "refusals": ["stepping_stone", None, 3], "servers": {"n1": None}},
        {"kind": "sample", "servers": {"n1": None, "n2": {"connections": "many"}}, "largest_lag": "x", "not_current": None},
        {"kind": "sample", "servers": {"n1": {"connections": True}}, "largest_lag": {"lag": float("nan")}},
        {"kind": "sample", "servers": {"n1": {"connections": 10**400}, "": {}}, "not_current": 1e300},
        {"kind": "note", "at": "0001-01-01T00:00:00+10:00"},
        {"kind": "note", "at": "9999-12-31T23:59:59-10:00", "text": 10**300},
        {"kind": "run_ended", "outcome": None, "upgraded": "n1", "left": None, "next": None},
        {"kind": "run_ended", "outcome": "new_outcome"},
        {"kind": "client_probe", "longest_gap_seconds": [1], "lost": "none"},
        {"kind": "client_probe", "longest_gap_seconds": {"publish": float("inf"), "request": -1}},
        {"kind": "r1_outage", "assets": "APP", "seconds": -3},
        {"kind": "node_done", "host": "n1", "seconds": "1", "connections_before": None},
        {"kind": "failed", "msg": None, "server_log": "one\ntwo"},
        {"kind": "leader_moved"},
        {"kind": "put_back"},
        {"kind": "note"},
        {"kind": "run_began", "controller": "me", "hosts": {"n1": 1}, "max_nodes": "all", "limit": ["a", "b"]},
    ],
    ids=lambda odd: str(odd)[:40],
)
def test_whatever_an_event_holds_there_is_a_report(odd: Any) -> None:
    report = build(began(), planned(), odd, phase(5, "n1", "drain"), phase(9, "n1", "drain", "ended"))
    assert ("drain", 5, 9, "ended") in spans(report, "n1")


def test_an_outcome_that_nobody_knows_counts_by_whether_anything_failed() -> None:
    ended = event(9, "run_ended", outcome="splendid")
    assert build(began(), ended)["outcome"]["state"] == "done"
    assert build(began(), event(8, "failed", msg="x"), ended)["outcome"]["state"] == "failed"


def test_huge_texts_are_cut_and_say_so() -> None:
    log = [f"line {number}" for number in range(5000)]
    report = build(began(), event(2, "failed", step="s" * 9000, msg="m" * 500_000, server_log=log))
    (failure,) = report["failures"]
    assert failure["message"].endswith("m [cut: 480000 more characters]")
    assert len(failure["step"]) < 2100
    assert (len(failure["server_log"]), failure["server_log"][-1]) == (400, "line 4999")


def test_text_of_any_language_stays_and_what_no_page_may_hold_goes() -> None:
    text = "n2: größer als 数据 \U0001f680 \x1b[31mred\x1b[0m \x00 \ud800 <script>\tnext\nline"
    (note,) = build(began(), event(1, "note", text=text))["notes"]
    assert note["text"] == "n2: größer als 数据 \U0001f680 red   <script>\tnext\nline"


def test_the_end_of_a_run_before_is_not_that_of_the_one_that_resumes_it() -> None:
    report = build(began(), event(5, "run_ended", outcome="failed"), began(9, resumes=True))
    assert report["outcome"]["state"] == "not_ended"
    assert report["asked"]["resumes"]


def test_what_failed_in_a_run_before_is_a_note_in_the_next_ones() -> None:
    failed_ = {**event(4, "failed", host="n1", step="Start n1", msg="n1: no room\nmore"), "run": "r0"}
    ended = [event(5, "run_ended", outcome="failed"), {**began(100), "run": "r2"}, event(110, "run_ended", outcome="done")]
    report = build(began(), planned(), phase(3, "n1", "drain"), failed_, *ended)
    assert (report["run"], report["outcome"]["state"], report["failures"]) == ("r2", "done", [])
    assert [note["text"] for note in report["notes"]] == ["run r0 failed before: Start n1: n1: no room"]


def test_the_time_between_two_runs_counts_in_no_turn() -> None:
    done = event(130, "node_done", host="n1", seconds=9.5)
    report = build(
        began(),
        planned(),
        phase(3, "n1", "drain"),
        sample(10, n1=1),
        began(100),
        phase(120, "n1", "drain"),
        phase(128, "n1", "drain", "ended"),
        done,
    )
    assert report["resumed"] == [{"at": at(100), "second": 100, "run": "r1", "pause_seconds": 90}]
    assert report["servers"][0]["turn"] == {"begin": 3, "end": 128, "seconds": 35}


def test_servers_know_before_and_after() -> None:
    about = {"server_name": "one", "version": "2.14.6", "connections": 10, "meta_leader": True}
    report = build(
        began(),
        planned(order=["n1"], later=["n2"], servers={"n1": about}),
        phase(2, "n1", "gate"),
        sample(3, n1=9, n2=None),
        event(6, "node_done", host="n1", old_version="2.14.6", new_version="2.15.1", seconds=3.5, connections_after=2),
        sample(7, n1=4, n2=8),
    )
    n1, n2 = report["servers"]
    assert (n1["server_name"], n1["cluster"], n1["meta_leader"], n1["state"]) == ("one", "c1", True, "done")
    assert (n1["version_before"], n1["version_after"]) == ("2.14.6", "2.15.1")
    assert [n1[f"connections_{when}"] for when in ("before", "after", "last")] == [10, 2, 4]
    assert n1["turn"]["seconds"] == 3.5
    assert (n2["state"], n2["version_before"], n2["version_after"], n2["turn"]) == ("left", None, "2.14.6", None)


def test_what_fails_before_a_turn_leaves_the_server_as_it_was() -> None:
    report = build(
        began(), planned(), event(3, "failed", host="n1", step="Check", msg="x"), event(4, "run_ended", outcome="failed")
    )
    assert report["servers"][0]["state"] == "left"
    assert report["outcome"]["headline"] == "Failed at n1: Check"


def test_findings_may_be_mere_names() -> None:
    report = build(began(), planned(refusals=["stepping_stone"], waived=[{"name": "ghost_peer", "seen": ["n4"]}]))
    assert [one["name"] for one in report["refusals"]] == ["stepping_stone"]
    assert report["waived"][0]["seen"] == ["n4"]


def test_a_plan_that_only_looked_says_so() -> None:
    ended = event(3, "run_ended", outcome="done", upgraded=[], left=["n1", "n2"])
    outcome = build(began(check_mode=True), planned(), ended)["outcome"]
    assert (outcome["headline"], outcome["sentence"]) == (
        "Plan: 2 servers to take",
        "It was only looked at: nothing was touched.",
    )


def test_a_restart_is_called_one() -> None:
    ended = event(3, "run_ended", outcome="done", upgraded=["n1"], left=[])
    assert build({**began(), "mode": "restart", "target": ""}, ended)["outcome"]["headline"] == "1 server restarted"


def test_events_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in report_events.good()), encoding="utf-8")
    assert _build.read_events(path) == report_events.good()


@pytest.mark.parametrize("half", [b'{"at": "2026', b"{", b'{"text": "\xc3', b"[" * 100_000])
def test_half_a_line_at_the_end_is_no_event_and_no_fault(tmp_path: Path, half: bytes) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(json.dumps(began()).encode() + b"\n" + half)
    events = _build.read_events(path)
    assert events == [began()]
    assert build(*events)["notes"] == []


def test_a_whole_line_without_its_end_counts(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(json.dumps(began()).encode())
    assert _build.read_events(path) == [began()]


def test_damage_in_the_middle_is_told(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"half\n\n[1]\n' + json.dumps(began()).encode() + b"\n")
    (note,) = build(*_build.read_events(path))["notes"]
    assert note["text"] == "2 damaged lines of events.jsonl could not be read: 1, 3"


def test_an_empty_file_holds_no_event(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.touch()
    assert _build.read_events(path) == []


def test_a_run_that_was_interrupted_says_by_what() -> None:
    events = [began(), planned(), phase(2, "n1", "drain"), event(3, "interrupted", by="SIGTERM", host="n1", step="Drain")]
    report = build(*events)
    assert (report["outcome"]["state"], report["outcome"]["headline"]) == ("not_ended", "The run was interrupted")
    assert "It was ended by SIGTERM: its last event is of " in report["outcome"]["sentence"]
    assert report["outcome"]["next"].startswith("If it is not at work any more, run the same playbook again")
    taken_up = build(*events, event(9, "taken_up", by="r2"))["outcome"]
    assert taken_up["headline"] == "The run broke off"
    assert "It was ended by SIGTERM: " in taken_up["sentence"]
