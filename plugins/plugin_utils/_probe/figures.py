# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a client sees, in figures: clocks that find the longest interruption, and counts of what was lost or came twice. Pure.

Every length is of a clock that nobody sets. An interruption is the time in which something was wanted and did not come; a pause
in which nothing was wanted is none.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Callable, Mapping, Sequence

MOST_EVENTS = 500
# The kinds of interruption, and what a client waits for in each.
KINDS: Mapping[str, str] = {
    "publish": "the acknowledgement of a message published to a stream",
    "consume": "the next message of a stream",
    "request": "the answer to a request",
    "deliver": "a message that was published without a stream",
}
_JETSTREAM = ("publish", "consume")


def utc_text() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Longest:
    """The longest interruption so far, and when it ended."""

    seconds: float = 0.0
    at: str | None = None

    def offer(self, seconds: float) -> None:
        if seconds > self.seconds:
            self.seconds, self.at = round(seconds, 3), utc_text()


@dataclass
class Clock:
    """How long something was wanted and did not come: from the first attempt since the last success to the next success."""

    longest: Longest = field(default_factory=Longest)
    now: Callable[[], float] = time.monotonic
    _since: float | None = None
    _in_step: float = 0.0

    @property
    def is_waiting(self) -> bool:
        return self._since is not None

    def wanted(self) -> None:
        if self._since is None:
            self._since = self.now()

    def came(self) -> None:
        self.close()
        self._since = None

    def close(self) -> None:
        """Count what is being waited for now: it came, or nobody looks any longer."""
        if self._since is not None:
            seconds = self.now() - self._since
            self.longest.offer(seconds)
            self._in_step = max(self._in_step, seconds)

    def take_step(self) -> float:
        """The longest interruption since the last call. One that goes on counts in full here, and in the next step again."""
        self.close()
        seconds, self._in_step = round(self._in_step, 3), 0.0
        return seconds


@dataclass
class DeliveryClock(Clock):
    """How long messages that are there were not delivered.

    The time between two deliveries alone would blame the consumer for a pause of the publisher.
    """

    _sent: int = -1
    _delivered: int = -1

    def acknowledged(self, sequence: int) -> None:
        self._sent = max(self._sent, sequence)
        if self._sent > self._delivered:
            self.wanted()

    def delivered(self, sequence: int) -> None:
        self._delivered = max(self._delivered, sequence)
        self.came()
        if self._sent > self._delivered:
            self.wanted()


class Numbers:
    """A set of numbers that are given out one after the other; it takes no room for those without a gap."""

    def __init__(self) -> None:
        self._floor, self._above = 0, set[int]()

    def add(self, number: int) -> bool:
        """Put a number in; return whether it is new."""
        if number in self:
            return False
        self._above.add(number)
        while self._floor in self._above:
            self._above.remove(self._floor)
            self._floor += 1
        return True

    def __contains__(self, number: int) -> bool:
        return number < self._floor or number in self._above

    def __len__(self) -> int:
        return self._floor + len(self._above)

    def without(self, other: Numbers) -> set[int]:
        """Those that the other set does not have."""
        below = {number for number in range(other._floor, self._floor) if number not in other}
        return below | {number for number in self._above if number not in other}


@dataclass
class Flow:
    """Messages of one way, by number: those that count as sent, those that were received, and how many came again.

    C(waiting) has the sequence in the stream of each that was acknowledged and has not come.
    """

    sent: Numbers = field(default_factory=Numbers)
    received: Numbers = field(default_factory=Numbers)
    duplicated: int = 0
    redelivered: int = 0
    last_sequence: int = -1
    waiting: dict[int, int] = field(default_factory=dict)

    def acknowledged(self, number: int, sequence: int) -> None:
        """A stream has stored a message."""
        self.sent.add(number)
        if number not in self.received:
            self.waiting[number] = sequence

    def take(self, number: int, sequence: int) -> None:
        """Receive a message. A stream gives one again under its own sequence; under a later one it was stored twice."""
        self.waiting.pop(number, None)
        if not self.received.add(number):
            if sequence > self.last_sequence:
                self.duplicated += 1
            else:
                self.redelivered += 1
        self.last_sequence = max(self.last_sequence, sequence)

    @property
    def missing(self) -> set[int]:
        return self.sent.without(self.received)


@dataclass
class Tally:
    """The counts and clocks of a running load."""

    stream: Flow = field(default_factory=Flow)
    plain: Flow = field(default_factory=Flow)
    deduplicated: int = 0
    publish_failed: int = 0
    fetch_failed: int = 0
    requests_ok: int = 0
    requests_failed: int = 0
    # Connections that were moved, by the name of the server that they left.
    left: Counter[str] = field(default_factory=Counter)
    publish: Clock = field(default_factory=Clock)
    consume: DeliveryClock = field(default_factory=DeliveryClock)
    request: Clock = field(default_factory=Clock)
    deliver: DeliveryClock = field(default_factory=DeliveryClock)
    events: list[dict[str, Any]] = field(default_factory=list)

    def note(self, kind: str, detail: object) -> None:
        """Remember that something went wrong. A long outage repeats itself, the first entries tell the story."""
        if len(self.events) < MOST_EVENTS:
            text = f"{type(detail).__name__}: {detail}" if isinstance(detail, Exception) else str(detail)
            self.events.append({"at": utc_text(), "kind": kind, "detail": text})

    def _counts(self) -> dict[str, int]:
        return {
            "published": len(self.stream.sent),
            "received": len(self.stream.received),
            "duplicated": self.stream.duplicated,
            "redelivered": self.stream.redelivered,
            "deduplicated": self.deduplicated,
            "failed_publishes": self.publish_failed,
            "requests": self.requests_ok + self.requests_failed,
            "failed_requests": self.requests_failed,
            "delivered_without_stream": len(self.plain.received),
        }


class Steps:
    """Cuts what a tally counts into steps. C(jetstream) says whether there is a stream at all."""

    def __init__(self, tally: Tally, *, jetstream: bool) -> None:
        self._tally, self._jetstream = tally, jetstream
        self._counted = tally._counts()
        self._since = utc_text()
        # The messages that were waited for in vain, in any step.
        self.lost: set[int] = set()
        self.lost_plain: set[int] = set()
        self._left: Counter[str] = Counter()

    def take(self, missing: set[int], missing_plain: set[int]) -> dict[str, Any]:
        """The figures since the last step, of which C(missing) are the messages that were waited for in vain.

        Each is counted as lost once, in the first step in which it is missing.
        """
        counts, until = self._tally._counts(), utc_text()
        clocks = {"publish": self._tally.publish, "consume": self._tally.consume}
        clocks.update(request=self._tally.request, deliver=self._tally.deliver)
        gaps = {kind: None if kind in _JETSTREAM and not self._jetstream else clock.take_step() for kind, clock in clocks.items()}
        figures = {
            "since": self._since,
            "until": until,
            "jetstream": self._jetstream,
            "longest_gap_seconds": gaps,
            **{name: count - self._counted[name] for name, count in counts.items()},
            "lost": len(missing - self.lost),
            "lost_without_stream": len(missing_plain - self.lost_plain),
            "reconnects": dict(self._tally.left - self._left),
            "events": list(self._tally.events),
        }
        self._tally.events.clear()
        self._counted, self._since = counts, until
        self._left = Counter(self._tally.left)
        self.lost |= missing
        self.lost_plain |= missing_plain
        return figures


def total(steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of all steps together."""
    gaps = [step["longest_gap_seconds"] for step in steps]
    added = [name for name, value in steps[0].items() if isinstance(value, int) and not isinstance(value, bool)]
    return {
        "since": steps[0]["since"],
        "until": steps[-1]["until"],
        "jetstream": steps[0]["jetstream"],
        "longest_gap_seconds": {kind: max((gap[kind] for gap in gaps if gap[kind] is not None), default=None) for kind in KINDS},
        **{name: sum(step[name] for step in steps) for name in added},
        "reconnects": dict(sum((Counter(step["reconnects"]) for step in steps), Counter())),
    }


def exceeded(step: Mapping[str, Any], max_gap_seconds: float) -> list[str]:
    """What a client saw in a step that is more than is accepted. A limit of 0 is none; a lost message always counts."""
    gaps = step["longest_gap_seconds"]
    waits = [
        f"{gaps[kind]:.2f} s for {what}"
        for kind, what in KINDS.items()
        if max_gap_seconds > 0 and gaps[kind] is not None and gaps[kind] > max_gap_seconds
    ]
    lost = [f"were not given {step['lost']} messages that had been acknowledged"] if step["lost"] else []
    return [*([f"waited {', '.join(waits)}"] if waits else []), *lost]


def table(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """The figures of all steps for people: in seconds the longest wait of each kind, and counts."""
    if not steps:
        return []
    rows = [("wait s", *KINDS, "stored", "lost", "twice", "unanswered")]
    named = [(step["host"] or "before", step) for step in steps]
    for name, step in [*named, *([("all", total(steps))] if len(steps) > 1 else [])]:
        gaps = [step["longest_gap_seconds"][kind] for kind in KINDS]
        counts = [step[key] for key in ("published", "lost", "duplicated")] if step["jetstream"] else ["-"] * 3
        waits = ["-" if gap is None else f"{gap:.2f}" for gap in gaps]
        rows.append((name, *waits, *map(str, counts), f"{step['failed_requests']}/{step['requests']}"))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  ".join(cell.rjust(width) if index else cell.ljust(width) for index, (cell, width) in enumerate(zip(row, widths)))
        for row in rows
    ]
