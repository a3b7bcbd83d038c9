from __future__ import annotations

import itertools
import math
from typing import Iterable

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.poll import Polled, Progress, poll_until
from tests.unit.clock import Clock


def poll(values: Iterable[object], clock: Clock, timeout_seconds: float = 60.0, **options: object) -> Polled[object]:
    """Poll until a true value comes, reading these values one after the other."""
    stream = iter(values)
    return poll_until(lambda: next(stream), bool, timeout_seconds=timeout_seconds, now=clock.now, sleep=clock.sleep, **options)


def test_what_holds_at_once_is_read_once_and_takes_no_time() -> None:
    clock = Clock()
    assert poll([True], clock) == Polled(True, True, 0.0, 1)
    assert clock.slept == []


@pytest.mark.parametrize("value", [True, False])
def test_a_timeout_of_nothing_still_reads_once(value: bool) -> None:
    clock = Clock()
    assert poll([value], clock, timeout_seconds=0) == Polled(value, value, 0.0, 1)
    assert clock.slept == []


@pytest.mark.parametrize("timeout_seconds", [0.05, 1.0, 59.7, 300.0])
def test_it_never_sleeps_past_its_deadline_and_reads_a_last_time_there(timeout_seconds: float) -> None:
    clock = Clock()
    polled = poll(itertools.repeat(False), clock, timeout_seconds=timeout_seconds)
    assert not polled.satisfied
    assert polled.elapsed_seconds == pytest.approx(timeout_seconds)
    assert polled.polls == len(clock.slept) + 1


def test_polls_back_off_to_a_tenth_of_the_time_waited_between_the_two_intervals() -> None:
    clock = Clock()
    poll(itertools.repeat(False), clock, timeout_seconds=100.0)
    waited = 0.0
    for slept in clock.slept[:-1]:
        assert slept == pytest.approx(min(max(waited / 10, 0.1), 2.0))
        waited += slept
    assert clock.slept[0] == pytest.approx(0.1)
    assert clock.slept[-2] == pytest.approx(2.0)


def test_the_intervals_can_be_chosen() -> None:
    clock = Clock()
    poll(itertools.repeat(False), clock, timeout_seconds=10.0, shortest_interval_seconds=0.02, longest_interval_seconds=0.5)
    assert (clock.slept[0], max(clock.slept)) == (pytest.approx(0.02), pytest.approx(0.5))


def test_a_condition_has_to_hold_several_times_in_a_row_where_that_is_asked_for() -> None:
    polled = poll([True, False, True, True, False, True, True, True], Clock(), consecutive=3)
    assert (polled.satisfied, polled.polls) == (True, 8)


def test_a_row_that_has_begun_at_the_deadline_may_come_to_its_end() -> None:
    clock = Clock()
    polled = poll([True, True, True], clock, timeout_seconds=0, consecutive=3)
    assert (polled.satisfied, polled.polls) == (True, 3)
    assert clock.slept == [pytest.approx(0.1), pytest.approx(0.1)]


def test_a_row_that_breaks_after_the_deadline_ends_the_wait() -> None:
    assert poll([True, True, False], Clock(), timeout_seconds=0, consecutive=3) == Polled(False, False, pytest.approx(0.2), 3)


def test_while_it_holds_the_next_look_comes_soon() -> None:
    clock = Clock()
    poll(itertools.chain(itertools.repeat(False, 30), itertools.repeat(True)), clock, consecutive=3)
    assert clock.slept[-3] > 0.5
    assert clock.slept[-2:] == [pytest.approx(0.1), pytest.approx(0.1)]


def test_giving_up_ends_the_wait_at_once() -> None:
    clock = Clock()
    polled = poll([0, 0, "", 0], clock, give_up=lambda value: value == "")
    assert polled == Polled("", False, pytest.approx(0.2), 3)


def test_what_is_satisfied_is_not_given_up() -> None:
    assert poll([True], Clock(), give_up=lambda _: True).satisfied


def test_progress_restarts_the_timeout() -> None:
    clock = Clock()
    polled = poll(itertools.repeat(False), clock, timeout_seconds=10.0, moved=lambda _: clock.now() < 1012.0)
    assert polled.elapsed_seconds == pytest.approx(22.0, abs=2.0)
    assert polled.since_moved_seconds == pytest.approx(10.0)


def test_however_much_progress_there_is_a_wait_ends_after_three_timeouts() -> None:
    polled = poll(itertools.repeat(False), Clock(), timeout_seconds=10.0, moved=lambda _: True)
    assert (polled.satisfied, polled.elapsed_seconds, polled.since_moved_seconds) == (False, pytest.approx(30.0), 0)


def test_another_bound_can_be_chosen() -> None:
    polled = poll(itertools.repeat(False), Clock(), timeout_seconds=10.0, moved=lambda _: True, longest_seconds=75.0)
    assert polled.elapsed_seconds == pytest.approx(75.0)


def test_without_progress_the_timeout_counts_from_the_start() -> None:
    polled = poll(itertools.repeat(False), Clock(), timeout_seconds=10.0, moved=lambda _: False)
    assert polled.elapsed_seconds == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("lags", "moved"),
    [
        pytest.param([100], "-", id="first-sight"),
        pytest.param([0], "-", id="first-sight-of-nothing"),
        pytest.param([900, 800], "-+", id="shrinking"),
        pytest.param([100, 90, 50, 1, 0], "-++++", id="shrinking-to-nothing"),
        pytest.param([100, 100, 100], "---", id="standing"),
        pytest.param([100, 60, 90, 60, 90, 60], "-+----", id="oscillating"),
        pytest.param([1000, 996, 1003, 992, 988, 1001, 984], "-------", id="noise-that-hits-a-new-low-now-and-then"),
        pytest.param([1000, 980, 960, 940, 920, 900], "---+--", id="slow-steps-add-up"),
        pytest.param([5, 4, 3], "-++", id="the-number-of-groups-that-lack-something"),
        pytest.param([100, 60, 90, 57], "-+-+", id="lower-than-ever-after-a-rise"),
        pytest.param([100, 150, 200], "---", id="growing-to-twice-as-much"),
        pytest.param([50, 120, 300, 700, 1500], "-----", id="doubling"),
        pytest.param([50, 120, 119, 250, 249, 510], "------", id="doubling-with-noise"),
        pytest.param([0, 0, 20000, 18000, 15000], "---++", id="the-leader-learns-late-how-far-behind"),
        pytest.param([0, 5, 0, 5, 0, 5], "--+---", id="back-and-forth-to-nothing"),
    ],
)
def test_only_what_comes_nearer_than_ever_is_progress(lags: list[int], moved: str) -> None:
    progress = Progress()
    assert "".join("+" if progress.moved({"n1 ORDERS": lag}) else "-" for lag in lags) == moved


def test_one_of_many_that_comes_nearer_is_progress() -> None:
    progress = Progress()
    progress.moved({"a": 10, "b": 10})
    assert progress.moved({"a": 10, "b": 9})
    assert not progress.moved({"a": 10, "b": 9})


def test_what_comes_nearer_together_is_noted_together() -> None:
    progress = Progress()
    progress.moved({"a": 10, "b": 10})
    assert progress.moved({"a": 9, "b": 9})
    assert not progress.moved({"a": 10, "b": 9})


def test_what_was_away_is_not_seen_for_the_first_time_when_it_returns() -> None:
    progress = Progress()
    progress.moved({"a": 10})
    progress.moved({})
    assert not progress.moved({"a": 10})


def wait_on(lag_at: object, clock: Clock) -> Polled[object]:
    """Wait for a lag of nothing that never comes."""
    progress = Progress()
    return poll_until(
        lambda: lag_at(clock.now() - 1000.0),  # type: ignore[operator]
        lambda lags: not any(lags.values()),
        timeout_seconds=300.0,
        moved=progress.moved,
        now=clock.now,
        sleep=clock.sleep,
    )


@pytest.mark.parametrize(
    ("lag_at", "longest_seconds"),
    [
        pytest.param(lambda _: {"n1 ORDERS": 1}, 301, id="standing"),
        pytest.param(lambda t: {"n1 ORDERS": 500 + int(49 * math.sin(t))}, 310, id="oscillating-under-load"),
        pytest.param(lambda t: {"n1 ORDERS": 1 + int(50 * t)}, 301, id="growing-for-ever"),
        pytest.param(lambda t: {"n1 ORDERS": 1 + int(50 * t) - 40 * (int(t) % 2)}, 310, id="growing-for-ever-with-noise"),
        pytest.param(lambda t: {"n1 ORDERS": max(50, 500 - int(5 * t))}, 400, id="shrinking-and-then-standing"),
        pytest.param(lambda t: {"n1 ORDERS": max(1, 50000 - int(10 * t))}, 901, id="shrinking-for-too-long"),
    ],
)
def test_a_wait_for_what_never_comes_ends(lag_at: object, longest_seconds: float) -> None:
    polled = wait_on(lag_at, Clock())
    assert not polled.satisfied
    assert 300 <= polled.elapsed_seconds <= longest_seconds


def test_a_lag_that_goes_on_shrinking_is_waited_for_after_the_timeout() -> None:
    polled = wait_on(lambda t: {"n1 ORDERS": max(0, 8000 - int(10 * t))}, Clock())
    assert polled.satisfied
    assert polled.elapsed_seconds == pytest.approx(800, abs=3)
