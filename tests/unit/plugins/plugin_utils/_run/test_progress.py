from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._judge import health as _health
from ansible_collections.natsops.cluster.plugins.module_utils._judge.health import Missing
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import progress as _progress
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.progress import Pace, Rate
from tests.unit.recorded import read


@pytest.mark.parametrize(
    ("first", "now", "seconds", "line"),
    [
        (812, 417, 38, "n2 draining  812 -> 417 clients  38 s"),
        (18204, 1000, 3.4, "n2 draining  18 204 -> 1 000 clients  3 s"),
        (1, 1, 2, "n2 draining  1 -> 1 client  2 s"),
        (1, 0, 9, "n2 draining  1 -> 0 clients  9 s"),
        # A server that has exited does not answer.
        (812, None, 130, "n2 draining  812 -> 0 clients  2 min"),
        (None, None, 38, "n2 draining  38 s"),
    ],
)
def test_a_drain_tells_clients_then_and_now(first: int | None, now: int | None, seconds: float, line: str) -> None:
    assert _progress.draining("n2", first, now, seconds) == line


@pytest.mark.parametrize(
    ("lag", "rate", "rest"),
    [
        (18204, -2104.2, "lags 18 204, -2 100/s, about 9 s"),
        (18204, -49.6, "lags 18 204, -50/s, about 6 min"),
        (10, -2100, "lags 10, -2 100/s, about 1 s"),
        (18204, 310.4, "lags 18 204, +310/s"),
        (18204, 0.2, "lags 18 204, does not move"),
        (18204, None, "lags 18 204"),
    ],
)
def test_a_lag_tells_how_fast_it_goes_and_how_long_it_will_take(lag: int, rate: float | None, rest: str) -> None:
    assert _progress.lagging("n2", "APP > ORDERS", lag, rate) == f"n2 catching up  APP > ORDERS {rest}"


@pytest.mark.parametrize(
    ("exact", "said"), [(0, 0), (0.4, 0), (7, 7), (99, 99), (104, 100), (105.5, 110), (2104, 2100), (98765, 99000)]
)
def test_of_a_rate_two_digits_are_said(exact: float, said: int) -> None:
    assert _progress.two_digits(exact) == said


@pytest.mark.parametrize(
    ("left", "line"),
    [
        (360.0, "cluster c1  2/5 done, about 6 min left"),
        (24.0, "cluster c1  2/5 done, about 24 s left"),
        (None, "cluster c1  2/5 done"),
        (0.0, "cluster c1  2/5 done"),
    ],
)
def test_a_cluster_tells_how_many_are_done(left: float | None, line: str) -> None:
    assert _progress.cluster("c1", 2, 5, left) == line


def test_clients_that_move_are_told_with_how_many_are_still_too_many_somewhere() -> None:
    assert _progress.rebalancing(1412, 95, 38.4) == "clients  1 412 asked to move, 95 too many where they are  38 s"


def test_a_rate_is_known_after_a_second_and_is_that_of_the_last_ten() -> None:
    rate = Rate()
    assert rate.of(100.0, 20_000) is None
    assert rate.of(100.9, 19_000) is None
    assert rate.of(102.0, 16_000) == pytest.approx(-2000)
    # It slows down: what was long ago does not count.
    for second in range(3, 31):
        slow = rate.of(100.0 + second, 16_000 - 100 * (second - 2))
    assert slow == pytest.approx(-100)


def test_a_rate_outlives_a_long_silence() -> None:
    rate = Rate()
    rate.of(0.0, 1000)
    assert rate.of(60.0, 400) == pytest.approx(-10)


def said_at(pace: Pace, seen: dict[float, object]) -> list[float]:
    return [moment for moment, what in seen.items() if pace.due(moment, what)]


def test_what_is_over_soon_is_not_said() -> None:
    assert said_at(Pace(), {0.0: 1, 0.5: 2, 1.9: 3}) == []


def test_what_does_not_change_is_said_every_ten_seconds() -> None:
    assert said_at(Pace(), {float(second): "same" for second in range(40)}) == [2.0, 12.0, 22.0, 32.0]


def test_what_changes_is_said_but_not_more_often_than_every_two_seconds() -> None:
    assert said_at(Pace(), {second / 2: second for second in range(16)}) == [2.0, 4.0, 6.0]
    assert said_at(Pace(), {0.0: 1, 3.0: 1, 6.0: 1, 7.0: 2, 7.5: 3}) == [3.0, 7.0]


@pytest.mark.parametrize(
    ("done", "drawn"), [(0, "-" * 20), (0.5, "#" * 10 + "-" * 10), (1, "#" * 20), (7, "#" * 20), (-1, "-" * 20)]
)
def test_a_bar_is_always_as_long(done: float, drawn: str) -> None:
    assert _progress.filled_bar(done) == f"[{drawn}]"


def verdicts(**missing: list[Missing]) -> list[Any]:
    """Of three servers that are well but for these."""
    found = _health.judge(read("2.15.1", ""), {}, max_lag=100)
    return [replace(verdict, missing=tuple(missing.get(verdict.reading.name, ()))) for verdict in found]


@pytest.mark.parametrize(
    ("missing", "rest"),
    [
        ({}, "6 s"),
        ({"n2": [Missing("reachable", "connection refused")]}, "does not answer yet  6 s"),
        (
            {"n1": [Missing("healthz", "503 x")], "n2": [Missing("routes", "no route to n1")]},
            "routes: no route to n1 and 1 more  6 s",
        ),
        ({"n3": [Missing("healthz", "503\nnot current")]}, "n3 healthz: 503 not current  6 s"),
        ({"n2": [Missing("healthz", "x" * 200)]}, f"healthz: {'x' * 88}...  6 s"),
    ],
)
def test_without_a_lag_it_tells_what_is_missing_first_of_the_node_itself(missing: Any, rest: str) -> None:
    assert _progress.waiting("n2", "catching up", verdicts(**missing), 6.2) == f"n2 catching up  {rest}"


@pytest.mark.parametrize(("wanted", "mode"), [("auto", "auto"), ("BAR", "bar"), (False, "off"), (" lines ", "lines")])
def test_a_mode_is_taken_as_people_write_it(wanted: object, mode: str) -> None:
    assert _progress.mode_of(wanted) == mode


@pytest.mark.parametrize("wanted", ["on", "", True, 3, ["bar"]])
def test_another_mode_is_refused_with_those_that_exist(wanted: object) -> None:
    with pytest.raises(NatsError, match=r"^refused: nats_upgrade_progress is .*, and has to be one of auto, lines, bar, off"):
        _progress.mode_of(wanted)
