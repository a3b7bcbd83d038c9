from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.plugin_utils._run.columns import Line
from ansible_collections.natsops.cluster.plugins.plugin_utils._screen.lines import Roll
from tests.unit.plugins.plugin_utils._screen import a_run
from tests.unit.plugins.plugin_utils._screen.a_run import FOLDER, RUN, Events, began, ended, event, phase, planned, turn, verified


def roll(columns: int = 79) -> Roll:
    return Roll(RUN, f"{FOLDER}/report.html", columns)


def shown(events: Events, columns: int = 79) -> list[Line]:
    one = roll(columns)
    return [line for given in events for line in one.take(given)]


def texts(events: Events, columns: int = 79) -> list[str]:
    return [line.text for line in shown(events, columns)]


def test_a_roll_of_three_nodes_is_shown_in_34_lines_of_80_columns() -> None:
    lines = texts(a_run.whole())
    assert lines == [
        "UPGRADE shop  2.12.8 -> 2.14.6  3 servers, one at a time, about 28 s",
        f"        run {RUN}",
        "PLAN    nothing has been touched, no warnings",
        "  1  n2  2.12.8 -> 2.14.6  12 clients",
        "  2  n3  2.12.8 -> 2.14.6  11 clients",
        "  3  n1  2.12.8 -> 2.14.6  13 clients  meta leader, last",
        "  the way back to 2.12.8 is open   2 notes on 2.14: natsops.cluster.plan",
        "READY   no server has been touched",
        "  archive  nats-server-v2.14.6-linux-amd64.tar.gz, SHA-256 verified",
        "  n2 n3 n1 staged beside the running one: runs here, accepts the configuration",
        "",
        "21:59:32  1/3 n2  gate    cluster can lose it: 7 of 7 groups current, 3 servers",
        "21:59:34          drain   12 clients: 12 .. 4 .. 0, exited after 1.1 s",
        "21:59:34          start   2.14.6, pid 13092",
        "21:59:35          back    healthy after 0.9 s: 2 routes, 7 of 7 groups, no lag",
        "21:59:36  1/3 n2  DONE    2.14.6, down 1.1 s, turn 4.8 s       about 10 s left",
        "",
        "21:59:37  2/3 n3  gate    cluster can lose it: 7 of 7 groups current, 3 servers",
        "21:59:39          drain   11 clients: 11 .. 4 .. 0, exited after 1.1 s",
        "21:59:39          start   2.14.6, pid 13092",
        "21:59:40          back    healthy after 0.9 s: 2 routes, 7 of 7 groups, no lag",
        "21:59:41  2/3 n3  DONE    2.14.6, down 1.1 s, turn 4.8 s        about 5 s left",
        "",
        "21:59:42  3/3 n1  gate    cluster can lose it: 7 of 7 groups current, 3 servers",
        "21:59:44          drain   13 clients: 13 .. 4 .. 0, exited after 1.1 s",
        "21:59:44          start   2.14.6, pid 13092",
        "21:59:45          back    healthy after 0.9 s: 2 routes, 7 of 7 groups, no lag",
        "21:59:46  3/3 n1  DONE    2.14.6, down 1.1 s, turn 4.8 s",
        "",
        "VERIFY  3 of 3 run 2.14.6, 7 of 7 groups current, same streams and consumers",
        "CLIENTS 36 -> 36: n1 13 -> 0, n2 12 -> 19, n3 11 -> 17",
        "        uneven: nats_upgrade_rebalance",
        "DONE    Upgraded 3 of 3 to 2.14.6 in 27 s",
        f"        Report: {FOLDER}/report.html",
    ]
    assert max(map(len, lines)) <= 79


def test_where_there_is_room_nothing_takes_a_second_line() -> None:
    lines = texts(a_run.whole(), columns=120)
    assert lines[0].endswith(f"about 28 s   run {RUN}")
    assert lines[-3].endswith("n3 11 -> 17   uneven: nats_upgrade_rebalance")
    assert len(lines) == 32


def test_a_run_with_nothing_to_do_is_six_lines_at_most() -> None:
    warnings = [{"name": "r1_assets", "message": "down while their node is"}] * 2
    nothing = planned(order=[], done=["n1", "n2", "n3"], about={}, ways_back=[], notes=[], estimate=0, warnings=warnings)
    lines = texts([began(), nothing, *verified(2), ended(3, "nothing_to_do")])
    assert lines == [
        f"UPGRADE shop  2.14.6   run {RUN}",
        "PLAN    nothing to do: n1, n2, n3 run 2.14.6 already",
        "  warnings: r1_assets: natsops.cluster.plan",
        "VERIFY  3 of 3 run 2.14.6, 7 of 7 groups current",
        "DONE    Nothing to do: 3 of 3 done",
        f"        Report: {FOLDER}/report.html",
    ]


def test_what_a_plan_warns_of_and_what_is_waived_stands_before_the_first_node() -> None:
    findings = {
        "warnings": [{"name": "bad_release", "message": "it has a known\nfault"}],
        "waived": [{"name": "stepping_stone", "message": "go another way"}],
        "later": ["n9"],
        "left_out": ["n8"],
        "done": ["n7"],
        "surge": ["s1"],
    }
    lines = shown([began(), planned(**findings)])
    assert [line for line in lines if line.tone == "warn"] == [
        Line("  waived: stepping_stone: go another way", "warn"),
        Line("  warning: bad_release: it has a known", "warn"),
        Line("    fault", "warn"),
    ]
    plain = [line.text for line in lines]
    for text in ("n7: done already", "n9: left for the next run (nats_upgrade_max_nodes)", "n8: left out, no answer"):
        assert f"  {text}" in plain
    assert "  temporary servers: s1" in plain


def test_a_refusal_is_left_to_the_message_of_the_failed_task() -> None:
    refused = [began(), planned(refusals=[{"name": "x", "message": "no"}]), event(2, "failed", msg="refused: x: no")]
    lines = texts([*refused, ended(2, "refused")])
    assert lines[-1] == ""
    assert not any("refused" in line for line in lines)


def test_a_run_that_ends_before_there_is_a_plan_says_what_it_was_for() -> None:
    lines = texts([began(), event(1, "failed", msg="refused: no"), ended(1, "refused")])
    assert lines == [f"UPGRADE group nats  2.14.6   run {RUN}", ""]


def test_a_failed_step_says_that_its_reason_follows_and_what_was_put_back() -> None:
    events = [
        *turn(11, "n2")[:-5],
        phase(24, "n2", "catch_up", "failed", seconds=12.0, detail="n2: not back"),
        event(30, "put_back", host="n2", version="2.12.8"),
    ]
    lines = shown([began(), planned(), *events])
    assert lines[-2:] == [
        Line("21:59:45  1/3 n2  back    FAILED after 12 s, the reason follows", "bad"),
        Line("21:59:51  1/3 n2  back    PUT BACK: runs 2.12.8 again", "warn"),
    ]


def test_events_of_a_run_that_this_one_goes_on_with_are_not_shown_again() -> None:
    earlier = [{**one, "run": "20261130T200000Z-000000"} for one in turn(1, "n2")]
    events = [began(), planned(), *earlier, event(2, "resumed", previous_run="20261130T200000Z-000000", found=True)]
    lines = texts(events)
    assert lines[-1] == "RESUMED goes on with run 20261130T200000Z-000000"
    assert not any("n2  gate" in line for line in lines)


@pytest.mark.parametrize(
    ("outcome", "planned_keys", "first"),
    [
        ("part_done", {"order": ["n2"], "later": ["n3", "n1"]}, "1 of 3 done, run again to go on. Left: n3, n1 (27 s)"),
        (
            "done",
            {"order": ["n2"], "done": ["n3", "n1"]},
            "Upgraded 1 of 3 to 2.14.6, and with those before 3 of 3 are done in 27 s",
        ),
    ],
)
def test_the_end_says_what_is_left(outcome: str, planned_keys: dict[str, Any], first: str) -> None:
    lines = shown([began(), planned(**planned_keys), *turn(11, "n2"), ended(27, outcome)])
    assert lines[-2] == Line(f"DONE    {first}", "good" if outcome == "done" else "")


def test_a_restart_names_what_runs_and_has_no_target() -> None:
    events = [began(mode="restart", target=""), planned(target="", ways_back=[], notes=[]), *turn(11, "n2")]
    lines = texts([*events, phase(20, None, "verify")])
    assert lines[0].startswith("RESTART shop  3 servers, one at a time, about 28 s")
    assert "  1  n2  2.12.8  12 clients" in lines
    assert "21:59:34          start   2.12.8, pid 13092" in lines
    assert "VERIFY  3 of 3 answer, 7 of 7 groups current, same streams and consumers" in lines


def test_temporary_servers_that_come_and_go_are_told() -> None:
    lines = texts([began(), planned(), phase(2, None, "surge_join"), phase(3, None, "surge_leave")])
    assert [line for line in lines if "temporary" in line] == [
        "JOIN    temporary servers have joined, and clients know them",
        "LEAVE   temporary servers have been drained and stopped",
    ]


def test_damage_that_is_waived_is_not_called_the_same() -> None:
    events = [{**one, "damage": ["APP > ORDERS"]} if one["kind"] == "compared" else one for one in a_run.whole()]
    assert "VERIFY  3 of 3 run 2.14.6, 7 of 7 groups current" in texts(events)


def test_of_a_plan_that_was_asked_for_only_the_head_is_made_here() -> None:
    one = roll()
    lines = [line.text for given in [began(check_mode=True), planned()] for line in one.take(given)]
    assert lines == [
        "PLAN    upgrade shop  2.12.8 -> 2.14.6  3 servers, one at a time, about 28 s",
        f"        run {RUN}",
    ]
    one.heard({"plan": {"lines": ["shop: to 2.14.6"], "note_lines": []}})
    (said,) = one.heard_lines(["shop: to 2.14.6"])
    assert said.text == "shop: to 2.14.6"


def test_what_was_shown_is_not_said_again_and_anything_else_is() -> None:
    one = roll()
    for given in [began(), planned(), event(2, "note", text="3 clients have not come back")]:
        one.take(given)
    one.heard({"plan": {"lines": ["shop: to 2.14.6"], "note_lines": ["2.14: one"]}})
    one.heard({"connections": {}, "lines": ["n1  1 -> 2 clients"]})
    said = one.heard_lines(
        ["shop: to 2.14.6", "2.14: one", "n1  1 -> 2 clients", "3 clients have not come back", "s1: runs already"]
    )
    assert [line.text for line in said] == ["s1: runs already"]


def test_of_a_long_log_the_end_is_shown_and_that_the_report_has_more() -> None:
    one = roll()
    one.take(began())
    log = [f"[1] line {number}" for number in range(25)]
    lines = [line.text for line in one.heard_lines(["==> /n1/nats.out <==", "cannot serve", "==> /n1/nats.log <==", *log])]
    assert lines[:4] == ["==> /n1/nats.out <==", "cannot serve", "==> /n1/nats.log <==", "(15 more before these: see the report)"]
    assert lines[4:] == log[-10:]


def test_what_others_have_named_cannot_clear_the_screen() -> None:
    lines = texts([began(group="a\x1b[2Jb"), planned(clusters={"sh\x1b[2Jop\nDONE": ["n2"]}), event(2, "note", text="x\x1b[1m")])
    assert lines
    assert not [line for line in lines if "\x1b" in line or "\n" in line]


@pytest.mark.parametrize(
    "damaged",
    [
        {"kind": "phase"},
        {"kind": "unreadable", "line": 3},
        event(1, "node_done"),
        event(1, "planned", order="n1"),
        event(1, "clients", connections=[1]),
        event(1, "sample", servers=[]),
    ],
)
def test_what_is_no_event_of_ours_is_passed_over(damaged: dict[str, Any]) -> None:
    one = roll()
    one.take(began())
    assert one.take(damaged) == []
