# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a person reads while a run waits: one line, how fast it goes, and when it is time for the next. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.text import duration
from ansible_collections.natsops.cluster.plugins.module_utils._judge.health import Missing, Verdict, spaced

MODES = ("auto", "lines", "bar", "off")
# How a rate is measured: over so much of the past, and not before so much of it is known.
_WINDOW_SECONDS, _LEAST_SECONDS = 10.0, 1.0
_BAR = 20


def mode_of(wanted: object) -> str:
    """The mode that a user wants. Raises NatsError for one that does not exist."""
    # Without quotes YAML reads off as false.
    text = "off" if wanted is False else str(wanted).strip().lower()
    if text not in MODES:
        raise NatsError(
            f"refused: nats_upgrade_progress is {wanted!r}, and has to be one of {', '.join(MODES)}. Nothing was touched."
        )
    return text


def draining(host: str, first: int | None, clients: int | None, seconds: float) -> str:
    """n2 draining  812 -> 417 clients  38 s"""
    if first is None:
        return f"{host} draining  {duration(seconds)}"
    return f"{host} draining  {clients_left(first, clients)}  {duration(seconds)}"


def clients_left(first: int, clients: int | None) -> str:
    """812 -> 417 clients"""
    # A server that has just exited has none any more.
    now = clients or 0
    return f"{spaced(first)} -> {spaced(now)} client{'' if first == now == 1 else 's'}"


def lagging(host: str, group: str, lag: int, rate: float | None) -> str:
    """n2 catching up  APP > ORDERS lags 18 204, -2 100/s, about 9 s"""
    return f"{host} catching up  {behind(group, lag, rate)}"


def behind(group: str, lag: int, rate: float | None) -> str:
    """APP > ORDERS lags 18 204, -2 100/s, about 9 s"""
    return f"{group} lags {spaced(lag)}{_speed(lag, rate)}"


def _speed(lag: int, rate: float | None) -> str:
    if rate is None:
        return ""
    rounded = two_digits(abs(rate))
    if not rounded:
        return ", does not move"
    if rate > 0:
        return f", +{spaced(rounded)}/s"
    return f", -{spaced(rounded)}/s, about {duration(max(1.0, lag / -rate))}"


def two_digits(number: float) -> int:
    """Of a rate more digits are noise."""
    whole = round(number)
    unit = 10 ** max(0, len(str(whole)) - 2)
    return round(whole / unit) * unit


def cluster(name: str, done: int, every: int, seconds_left: float | None) -> str:
    """cluster c1  2/5 done, about 6 min left"""
    left = f", about {duration(seconds_left)} left" if seconds_left else ""
    return f"cluster {name}  {done}/{every} done{left}"


def rebalancing(asked: int, over: int, seconds: float) -> str:
    """clients  412 asked to move, 95 too many where they are  38 s"""
    return f"clients  {spaced(asked)} asked to move, {spaced(over)} too many where they are  {duration(seconds)}"


def waiting(host: str, doing: str, verdicts: Sequence[Verdict], seconds: float) -> str:
    """What is missing, where no lag says it better: n2 catching up  healthz: 503 ...  12 s"""
    missing = lacking(host, verdicts)
    return f"{host} {doing}  {missing}{'  ' if missing else ''}{duration(seconds)}"


def lacking(host: str, verdicts: Sequence[Verdict]) -> str:
    """healthz: 503 JetStream is not current with the meta leader and 3 more; empty where nothing is missing"""
    late = [verdict for verdict in verdicts if verdict.missing]
    late.sort(key=lambda verdict: verdict.reading.name != host)
    if not late:
        return ""
    first = late[0]
    whose = "" if first.reading.name == host else f"{first.reading.name} "
    more = sum(len(verdict.missing) for verdict in late) - 1
    return f"{whose}{_said(first.missing[0])}{f' and {more} more' if more else ''}"


def _said(missing: Missing, longest: int = 100) -> str:
    text = "does not answer yet" if missing.condition == "reachable" else " ".join(str(missing).split())
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def filled_bar(done: float) -> str:
    filled = round(_BAR * min(1.0, max(0.0, done)))
    return f"[{'#' * filled}{'-' * (_BAR - filled)}]"


@dataclass
class Rate:
    """How fast a number changes, by what was seen of it of late."""

    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def of(self, now: float, value: int) -> float | None:
        """Take what is seen now, and return the change per second; None while too little is known."""
        self._seen.append((now, value))
        while len(self._seen) > 2 and now - self._seen[1][0] >= _WINDOW_SECONDS:
            self._seen.popleft()
        then, before = self._seen[0]
        return (value - before) / (now - then) if now - then >= _LEAST_SECONDS else None


@dataclass
class Pace:
    """When to say something again: when it has changed, but not too often, and now and then in any case."""

    # What is over within this is not worth a line.
    first_after: float = 2.0
    shortest: float = 2.0
    longest: float = 10.0
    _begin: float | None = None
    _said_at: float | None = None
    _said: object = None

    def every(self, now: float) -> bool:
        """Whether the longest time has passed since the begin, or since it was said last."""
        if self._begin is None:
            self._begin = now
        since = self._begin if self._said_at is None else self._said_at
        if now - since < self.longest:
            return False
        self._said_at = now
        return True

    def due(self, now: float, what: object) -> bool:
        if self._begin is None:
            self._begin = now
        if self._said_at is None:
            due = now - self._begin >= self.first_after
        else:
            passed = now - self._said_at
            due = passed >= self.longest or (passed >= self.shortest and what != self._said)
        if due:
            self._said_at, self._said = now, what
        return due
