from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.plugin_utils._report import outcome as _outcome
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Event, moment

SERVERS = {host: {"version": "2.14.6", "server_name": host} for host in ("n1", "n2", "n3")}


def event(kind: str, second: float = 0, **keys: Any) -> Event:
    return {"at": moment(1_700_000_000 + second), "kind": kind, **keys}


def began(**keys: Any) -> Event:
    given = {"mode": "upgrade", "target": "2.15.1", "group": "nats", "hosts": ["n1", "n2", "n3"], "check_mode": False}
    return event("run_began", **{**given, **keys})


def planned(order: str = "n1 n2 n3", **keys: Any) -> Event:
    given = {"clusters": {"c1": ["n1", "n2", "n3"]}, "order": order.split(), "later": [], "done": [], "servers": SERVERS}
    return event("planned", **{**given, "refusals": [], "seconds": {"n1": 10, "n2": 10, "n3": 20}, **keys})


def done(host: str, seconds: float = 10) -> Event:
    return event("node_done", host=host, new_version="2.15.1", seconds=seconds)


def failed(msg: str) -> Event:
    return event("failed", host="n2", msg=msg)


def phase(host: str, name: str, state: str, second: float) -> Event:
    return event("phase", second, host=host, phase=name, state=state)


ALL = [done("n1"), done("n2"), done("n3")]
MEND = "Next: mend what failed, and run the same playbook again; nodes that are done are not touched again."
CANARY = planned("n1", later=["n2", "n3"])


@pytest.mark.parametrize(
    ("events", "outcome", "left", "lines"),
    [
        ([began(), planned(), *ALL], "done", [], ["Upgraded 3 of 3 to 2.15.1"]),
        ([began(), CANARY, done("n1")], "part_done", ["n2", "n3"], ["1 of 3 done, run again to go on. Left: n2, n3"]),
        (
            [began(), planned("n2 n3", done=["n1"]), *ALL[1:]],
            "done",
            [],
            ["Upgraded 2 of 3 to 2.15.1, and with those before 3 of 3 are done"],
        ),
        (
            [began(mode="restart", target="", restarts_all=True), CANARY, done("n1")],
            "part_done",
            ["n2", "n3"],
            ["1 of 3 done. Left: n2, n3", "Next: run the same playbook again with --limit 'nats:!n1' to go on with n2"],
        ),
        ([began(mode="restart", target=""), planned("n2", done=["n1", "n3"]), done("n2")], "done", [], None),
        ([began(), planned("", done=["n1", "n2", "n3"])], "nothing_to_do", [], ["Nothing to do: 3 of 3 done"]),
        (
            [began(), planned("n1 n2", left_out=["n3"]), *ALL[:2]],
            "done",
            [],
            ["Upgraded 2 of 2 to 2.15.1", "Left out: n3, which did not answer"],
        ),
        ([began(check_mode=True), planned()], "done", ["n1", "n2", "n3"], ["3 of 3 to do. Nothing was touched"]),
    ],
)
def test_a_run_that_ends_well_says_what_is_done_and_what_is_left(
    events: list[Event], outcome: str, left: list[str], lines: list[str] | None
) -> None:
    story = _outcome.story(events)
    assert (story.outcome, story.left) == (outcome, left)
    assert lines is None or story.lines == lines


@pytest.mark.parametrize(
    ("events", "outcome", "next_"),
    [
        ([began(), failed("refused: not_exact: ...")], "refused", "nothing was touched: mend what is said"),
        ([began(), planned(), failed("n2: refused: the lock is held")], "refused", "nothing was touched"),
        # It was refused in the middle: something was touched.
        ([began(), planned(), done("n1"), failed("refused: missing_assets: ...")], "failed", "mend what failed"),
        ([began(), planned(), failed("STOPPED\n\nNext: bring n2 back.\nNodes")], "failed", "bring n2 back."),
        ([began(), planned(refusals=[{"name": "quorum"}])], "refused", "nothing was touched"),
        ([began(), failed("boom")], "failed", "mend what failed, and run the same playbook again"),
        ([began(), CANARY, done("n1")], "part_done", "run the same playbook again to go on with n2"),
        ([began(check_mode=True), planned()], "done", "run it for real"),
    ],
)
def test_a_run_says_what_to_do_next(events: list[Event], outcome: str, next_: str) -> None:
    story = _outcome.story(events)
    assert story.outcome == outcome
    assert story.next().startswith(next_)


@pytest.mark.parametrize(
    ("msg", "more", "lines"),
    [
        ("boom", [], ["No server was stopped.", MEND]),
        ("n2: no disk. Nothing was changed", [], [MEND]),
        (
            "refused: x: y. Nothing was touched.",
            [],
            ["Next: mend what is said, or waive it where it can be waived, and run the same playbook again."],
        ),
        ("boom", [done("n1")], ["Done: n1. Left: n2, n3.", MEND]),
        ("STOPPED\n\nThe cluster now:\n  n1\n\nNext: do this.", [done("n1")], []),
    ],
)
def test_a_failure_says_what_became_of_the_cluster_and_what_to_do(msg: str, more: list[Event], lines: list[str]) -> None:
    events = [began(), planned(), *([phase("n1", "drain", "began", 1)] if more else []), *more, failed(msg)]
    assert _outcome.story(events).last_words(msg) == "\n".join([msg, *lines])


def test_of_a_run_that_is_cut_off_the_workflow_knows_what_is_left() -> None:
    summary = _outcome.story([began(), planned(), done("n1")]).summary("failed", "/r/report.html")
    assert summary == {
        "outcome": "failed",
        "upgraded": ["n1"],
        "left": ["n2", "n3"],
        "versions": {"n1": "2.15.1", "n2": "2.14.6", "n3": "2.14.6"},
        "report": "/r/report.html",
        "next": "see what failed in the report, mend it, and run the same playbook again",
    }
    assert _outcome.story([began()]).summary("failed", "")["left"] == ["n1", "n2", "n3"]


def test_what_was_staged_before_a_run_stopped_is_told_and_is_not_nothing() -> None:
    at = {"at": "2026-12-01T00:00:00.000Z"}
    events = [
        {"kind": "run_began", "hosts": ["n1", "n2"], **at},
        {"kind": "phase", "phase": "stage", "state": "ended", **at},
        {"kind": "phase", "phase": "stage", "state": "ended", "host": "n1", **at},
        {"kind": "phase", "phase": "stage", "state": "failed", "host": "n2", **at},
        {"kind": "failed", "msg": "n2: refused: it does not fit", **at},
    ]
    run = _outcome.story(events)
    assert run.next().startswith("no server was touched: mend what is said")
    assert run.last_words("n2: refused: it does not fit").splitlines()[1:] == [
        "Staged on n1: it stays beside the running version, for the next run.",
        "No server was stopped.",
        "Next: mend what is said, or waive it where it can be waived, and run the same playbook again.",
    ]
