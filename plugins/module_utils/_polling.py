# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# This module util is PRIVATE to the collection: it may change in any release.
"""Waiting: one loop for the whole collection. Time comes in as arguments, so that tests take none."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Callable, Generic, Mapping, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Polled(Generic[T]):
    """How a wait ended: the last value read, whether it was what was waited for, and what it took."""

    value: T
    satisfied: bool
    elapsed_seconds: float
    polls: int


@dataclass
class Progress:
    """Tells whether a set of distances (lags, things missing) still shrinks. Zero everywhere is arrival.

    A distance that is seen for the first time, or more than doubles its highest value, starts afresh: a leader learns
    only some moments after the restart how far behind a replica is. Otherwise only a new lowest value is progress,
    so that a lag that goes up and down under load for ever does not count as movement.
    """

    _lowest: dict[str, int] = field(default_factory=dict)
    _highest: dict[str, int] = field(default_factory=dict)

    def moved(self, distances: Mapping[str, int]) -> bool:
        moved = False
        for name, distance in distances.items():
            if name not in self._highest or distance > 2 * self._highest[name]:
                moved = True
                self._highest[name] = self._lowest[name] = distance
            elif distance < self._lowest[name]:
                moved = True
                self._lowest[name] = distance
        return moved


def poll_until(
    read: Callable[[], T],
    satisfied: Callable[[T], bool],
    *,
    timeout_seconds: float,
    consecutive: int = 1,
    give_up: Callable[[T], bool] | None = None,
    moved: Callable[[T], bool] | None = None,
    shortest_interval_seconds: float = 0.1,
    longest_interval_seconds: float = 2.0,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Polled[T]:
    """Read until C(satisfied) holds C(consecutive) times in a row.

    Reads at least once. Polls start fast and back off to a tenth of the time waited so far, between the two intervals;
    while it holds, the shortest is used. The timeout counts from the start, or from the last poll for which C(moved)
    was true. C(give_up) ends the wait at once.
    """
    start = deadline_from = now()
    polls = held = 0
    while True:
        value = read()
        polls += 1
        held = held + 1 if satisfied(value) else 0
        moment = now()
        if moved is not None and moved(value):
            deadline_from = moment
        left = deadline_from + timeout_seconds - moment
        # A row that has begun may come to its end.
        out_of_time = left <= 0 and not held
        if held >= consecutive or out_of_time or (give_up is not None and give_up(value)):
            return Polled(value, held >= consecutive, moment - start, polls)
        backed_off = (moment - start) / 10
        interval = shortest_interval_seconds if held else backed_off
        interval = min(max(interval, shortest_interval_seconds), longest_interval_seconds)
        sleep(interval if held else min(interval, left))
