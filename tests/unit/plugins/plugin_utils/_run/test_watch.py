from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._judge import health as _health
from ansible_collections.natsops.cluster.plugins.module_utils._judge.health import Missing, Verdict
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import watch as _watch
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Log
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.watch import Screen, Waiting
from tests.unit.clock import Clock
from tests.unit.recorded import read

WELL = tuple(_health.judge(read("2.15.1", ""), {}, max_lag=100))
LEADER = "n2"


def late(lag: int = 0, condition: str = "jsz") -> list[Verdict]:
    """Of the recorded three, n3 is not back yet."""
    return [
        replace(v, missing=(Missing(condition, "not there yet"),), lags={"APP > ORDERS": lag} if lag else {})
        if v.reading.name == "n3"
        else v
        for v in WELL
    ]


def led_by(name: str) -> list[Verdict]:
    return [
        replace(v, reading=replace(v.reading, facts=replace(v.reading.facts, meta_leader=name)))
        for v in WELL
        if v.reading.facts is not None
    ]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(_watch.display, "display", lambda msg, **_unused: said.append(msg))
    monkeypatch.setattr(_watch.display, "columns", 60)
    return said


def poll(waiting: Waiting, clock: Clock, *polls: tuple[float, list[Verdict]]) -> None:
    begin = clock.moment
    for second, verdicts in polls:
        clock.moment = begin + second
        waiting(verdicts)


def test_a_node_that_catches_up_tells_its_lag_and_then_what_else_is_missing(shown: list[str]) -> None:
    clock = Clock()
    waiting = Waiting("n3", "catch_up", Screen("lines", clock.now), None, clock.now)
    polls = [
        (0.0, late(20_000)),
        (1.0, late(18_000)),
        (2.0, late(16_000)),
        (3.0, late(14_000)),
        (4.5, late()),
        (14.6, list(WELL)),
    ]
    poll(waiting, clock, *polls)
    assert shown == [
        "n3 catching up  APP > ORDERS lags 16 000, -2 000/s, about 8 s",
        "n3 catching up  jsz: not there yet  4 s",
    ]


@pytest.mark.parametrize(
    ("phase", "line"),
    [
        ("gate", "n1 waits to leave  n3 healthz: not there yet  2 s"),
        ("verify", "cluster is verified  n3 healthz: not there yet  2 s"),
        ("put_back", "n1 coming back  n3 healthz: not there yet  2 s"),
    ],
)
def test_the_line_says_what_is_waited_for(shown: list[str], phase: str, line: str) -> None:
    clock = Clock()
    waiting = Waiting("n1", phase, Screen("lines", clock.now), None, clock.now)
    poll(waiting, clock, (0.0, late(condition="healthz")), (2.0, late(condition="healthz")))
    assert shown == [line]


def test_on_a_terminal_a_bar_is_written_anew_in_its_place_and_wiped_at_the_end(shown: list[str]) -> None:
    clock, screen = Clock(), Screen("bar")
    poll(Waiting("n3", "catch_up", screen, None, clock.now), clock, (0.0, late(100)), (0.1, late(25)), (0.2, late(25)))
    screen.close()
    screen.close()
    assert shown == [
        "\r\x1b[K[--------------------] n3 catching up  APP > ORDERS lags 100"[: 4 + 59],
        "\r\x1b[K[###############-----] n3 catching up  APP > ORDERS lags 25"[: 4 + 59],
        "\r\x1b[K",
    ]


def test_clients_that_move_have_a_bar_of_how_many_are_no_longer_too_many(shown: list[str]) -> None:
    with _watch.rebalance(Screen("bar")) as watch:
        # Even from the beginning: there is nothing to say.
        watch(0, 0)
        assert shown == []
        watch(0, 20)
        watch(15, 5)
    drawn = [line.removeprefix("\r\x1b[K") for line in shown]
    assert drawn[0].startswith(f"[{'-' * 20}] clients  0 asked to move, 20 too")
    assert drawn[1].startswith(f"[{'#' * 15}{'-' * 5}] clients  15 asked to move, 5 too")
    assert drawn[2:] == [""]


def test_off_is_silent(shown: list[str]) -> None:
    clock, screen = Clock(), Screen("off")
    poll(Waiting("n3", "catch_up", screen, None, clock.now), clock, (0.0, late(9)), (30.0, late(8)))
    screen.say_now("cluster c1  1/3 done")
    screen.close()
    assert shown == []


@pytest.mark.parametrize(
    ("terminal", "logged", "callback", "mode"),
    [
        (True, False, "default", "bar"),
        (True, True, "awx_display", "lines"),
        (False, False, "default", "lines"),
        (True, False, "ansible.posix.json", "off"),
    ],
)
def test_by_itself_it_is_a_bar_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, logged: bool, callback: str, mode: str
) -> None:
    monkeypatch.setattr(_watch, "_TERMINAL", terminal)
    monkeypatch.setattr(_watch, "_LOGGED", logged)
    monkeypatch.setattr(_watch.constants, "DEFAULT_STDOUT_CALLBACK", callback)
    assert Screen("auto")._mode == Screen(mode)._mode


def samples(tmp_path: Path, *polls: tuple[float, list[Verdict]]) -> tuple[Log, list[dict[str, Any]]]:
    clock, log = Clock(), Log(tmp_path, "r1")
    log.write("planned", servers={"h2": {"server_name": LEADER, "meta_leader": True}})
    poll(Waiting("n3", "catch_up", Screen("off"), log, clock.now), clock, *polls)
    return log, [event for event in log.read() if event["kind"] == "sample"]


def test_what_polls_have_seen_is_written_once_a_second_and_less_often_where_nothing_changes(tmp_path: Path) -> None:
    changing = [(second / 4, late(1000 - second)) for second in range(9)]
    _log, seen = samples(tmp_path, *changing)
    assert [sample["largest_lag"]["lag"] for sample in seen] == [1000, 996, 992]
    assert seen[0]["largest_lag"] == {"group": "APP > ORDERS", "host": "n3", "lag": 1000}
    assert (seen[0]["not_current"], seen[0]["meta_leader"]) == (1, LEADER)
    assert set(seen[0]["servers"]) == {"n1", "n2", "n3"}


def test_what_does_not_change_is_written_every_ten_seconds(tmp_path: Path) -> None:
    _log, seen = samples(tmp_path, *[(float(second), list(WELL)) for second in range(25)])
    assert len(seen) == 3


def test_a_leader_that_moves_is_told_once_also_where_it_moved_between_two_waits(tmp_path: Path) -> None:
    log, _seen = samples(tmp_path, (0.0, led_by("n3")), (0.1, led_by("n3")), (0.2, led_by("n1")))
    moves = [(event["from"], event["to"]) for event in log.read() if event["kind"] == "leader_moved"]
    assert moves == [(LEADER, "n3"), ("n3", "n1")]


@pytest.fixture
def in_a_roll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_watch.constants, "DEFAULT_STDOUT_CALLBACK", "natsops.cluster.roll")
    monkeypatch.setattr(_watch, "moment", lambda _seconds: "2026-11-30T21:59:32.123Z")


@pytest.mark.usefixtures("in_a_roll")
def test_under_the_callback_of_a_roll_a_wait_is_one_line_every_ten_seconds_in_its_columns(
    shown: list[str], tmp_path: Path
) -> None:
    clock, log = Clock(), Log(tmp_path, "r1")
    log.write("planned", order=["n1", "n3"], clusters={}, servers={}, later=[], done=[])
    log.write("node_done", host="n1")
    waiting = Waiting("n3", "catch_up", Screen("auto", clock.now, log), None, clock.now)
    poll(waiting, clock, *[(float(second), late(20_000 - 100 * second)) for second in range(10)], (21.0, late()), (24.0, late()))
    assert shown == ["21:59:32  2/2 n3  back    waiting 21 s: jsz: not there yet"]
    poll(waiting, clock, (35.0, late(18_000)), (35.1, list(WELL)))
    assert len(shown) == 2
    assert "APP > ORDERS lags 18 000" in shown[1]


@pytest.mark.usefixtures("in_a_roll")
@pytest.mark.parametrize("terminal", [True, False])
def test_under_the_callback_of_a_roll_a_log_has_no_bar(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setattr(_watch, "_TERMINAL", terminal)
    assert Screen("auto")._mode == "lines"
    assert Screen("bar")._mode == ("bar" if terminal else "lines")


def test_what_a_wait_ends_with_is_always_written(tmp_path: Path) -> None:
    _log, seen = samples(tmp_path, (0.0, late(3)), (0.2, list(WELL)), (0.4, list(WELL)))
    assert [sample["not_current"] for sample in seen] == [1, 0]
    assert seen[-1]["groups"] == seen[-1]["servers"]["n3"]["groups"] > 0
    assert seen[-1]["servers"]["n3"]["routes"] == 2
