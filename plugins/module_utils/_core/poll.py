# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Waiting: one loop for the whole collection. Time comes in as arguments, so that tests take none."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Callable, Generic, Mapping, TypeVar

T = TypeVar("T")
# However much progress there is, a wait ends after so many timeouts.
TIMEOUTS_AT_MOST = 3


@dataclass(frozen=True)
class Polled(Generic[T]):
    """How a wait ended: the last value read, whether it was what was waited for, and what it took.

    C(since_moved_seconds) is the time since the last progress, or since the start where there was none.
    """

    value: T
    satisfied: bool
    elapsed_seconds: float
    polls: int
    since_moved_seconds: float = field(default=0.0, compare=False)


@dataclass
class Progress:
    """Tells whether one of several named distances (lags, things missing) comes nearer to zero.

    Only a new best is progress, and only one that is better by a twentieth: what goes up and down under load hits a slightly
    lower value now and then. A distance that more than doubles its highest value is measured anew from there, because a leader
    learns only some moments after a restart how far behind a replica is. That alone is not progress: the lag of a server that
    hangs doubles too.
    """

    _best: dict[str, int] = field(default_factory=dict)
    _highest: dict[str, int] = field(default_factory=dict)

    def moved(self, distances: Mapping[str, int]) -> bool:
        # Each is noted, also after the first that came nearer.
        nearer = [self._nearer(name, distance) for name, distance in distances.items()]
        return any(nearer)

    def _nearer(self, name: str, distance: int) -> bool:
        if name not in self._highest and not distance:
            return False  # not yet known, or nothing to wait for
        if name not in self._highest or distance > 2 * self._highest[name]:
            self._highest[name] = self._best[name] = distance
            return False
        better = self._best[name] - distance
        if better <= 0 or better * 20 < self._best[name]:
            return False
        self._best[name] = distance
        return True


def poll_until(
    read: Callable[[], T],
    satisfied: Callable[[T], bool],
    *,
    timeout_seconds: float,
    consecutive: int = 1,
    give_up: Callable[[T], bool] | None = None,
    moved: Callable[[T], bool] | None = None,
    longest_seconds: float | None = None,
    shortest_interval_seconds: float = 0.1,
    longest_interval_seconds: float = 2.0,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Polled[T]:
    """Read until C(satisfied) holds C(consecutive) times in a row.

    Reads at least once. Polls start fast and back off to a tenth of the time waited so far, between the two intervals;
    while it holds, the shortest is used. The timeout counts from the start, or from the last poll for which C(moved)
    was true, until C(longest_seconds) have passed: three times the timeout where that is not given. C(give_up) ends the wait
    at once.
    """
    start = moved_at = now()
    end = start + (TIMEOUTS_AT_MOST * timeout_seconds if longest_seconds is None else longest_seconds)
    polls = held = 0
    while True:
        value = read()
        polls += 1
        held = held + 1 if satisfied(value) else 0
        moment = now()
        if moved is not None and moved(value):
            moved_at = moment
        left = min(moved_at + timeout_seconds, end) - moment
        # A row that has begun may come to its end.
        out_of_time = left <= 0 and not held
        if held >= consecutive or out_of_time or (give_up is not None and give_up(value)):
            return Polled(value, held >= consecutive, moment - start, polls, moment - moved_at)
        backed_off = (moment - start) / 10
        interval = shortest_interval_seconds if held else backed_off
        interval = min(max(interval, shortest_interval_seconds), longest_interval_seconds)
        sleep(interval if held else min(interval, left))
