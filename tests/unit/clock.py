"""A clock that tests move: waiting takes no time."""

from __future__ import annotations


class StillWaitingError(Exception):
    """A wait went on for longer than any wait may."""


class Clock:
    """Stands still but for C(sleep), and keeps how long each sleep was. Ends a wait that never ends."""

    def __init__(self, end_seconds: float = 1e6) -> None:
        self.moment = 1000.0
        self.slept: list[float] = []
        self._end = self.moment + end_seconds

    def now(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        assert seconds > 0, "a sleep of no time makes a busy loop"
        self.slept.append(seconds)
        self.moment += seconds
        if self.moment > self._end:
            raise StillWaitingError(f"still waiting after {sum(self.slept):.0f} s")
