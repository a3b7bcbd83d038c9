# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What was written down, as values that are safe to build on, whatever was written. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from operator import itemgetter
from typing import Any, Iterable, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._state import files as _files

# A message may hold the whole output of a command: what is longer than this is cut, and says so.
LONGEST_TEXT = 20_000
LONGEST_LINE = 2_000
MOST_LINES = 400
# No count and no duration comes near: what is beyond is damaged, and could not be drawn.
_MOST = 1e15
_YEAR_9000 = 221_845_392_000
TAKEN_UP = "taken_up"
# Colours of a terminal, and what no page may hold. Line ends and tabs stay; what else is not seen is written out.
_NOT_TEXT = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def text(value: Any, longest: int = LONGEST_TEXT) -> str:
    """As text that can be shown: empty for what is not there."""
    if value is None or isinstance(value, (dict, list)):
        return ""
    shown = str(value)
    cut = f" [cut: {len(shown) - longest} more characters]" if len(shown) > longest else ""
    return _text.message(_NOT_TEXT.sub("", shown[:longest])) + cut


def short(value: Any) -> str:
    """A name, or a line: not more than can be read at once."""
    return text(value, LONGEST_LINE)


def texts(value: Any, most: int | None = None) -> list[str]:
    return [short(one) for one in sequence(value)[:most] if one is not None]


def lines(value: Any) -> list[str]:
    """Of a log, the last lines: they say why it ended."""
    given = value.splitlines() if isinstance(value, str) else sequence(value)
    return [text(one, LONGEST_LINE) for one in given[-MOST_LINES:]]


def number(value: Any) -> float | int | None:
    """A number that can be one; None for anything else, also for a boolean."""
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and -_MOST < value < _MOST
    return value if known else None


def count(value: Any) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def duration(value: Any) -> float | None:
    """Seconds that something took: a clock that was put back makes negative ones, which say nothing."""
    found = number(value)
    return None if found is None or found < 0 else round(float(found), 3)


def sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else []


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class Event:
    """One event, at so many seconds after the begin of the run."""

    second: float
    at: str
    kind: str
    host: str | None
    data: Mapping[str, Any]


@dataclass
class Events:
    """The events of a run in the order in which they happened, each kind also by itself."""

    all: list[Event] = field(default_factory=list)
    began: str | None = None
    # The run that has gone on with this one.
    taken_up_by: str = ""
    # When nobody was at work, because a run had broken off: until the next one began.
    pauses: list[tuple[float, float]] = field(default_factory=list)
    # Seconds since 1970 of the first second.
    epoch: float = 0.0

    def __post_init__(self) -> None:
        self._kinds: dict[str, list[Event]] = {}
        self._own: dict[str, list[Event]] = {}

    def append(self, event: Event) -> None:
        if event.kind == "run_began" and self.of("run_began"):
            self.pauses.append((self.seconds, event.second))
            self._own.clear()
        self.all.append(event)
        self._kinds.setdefault(event.kind, []).append(event)
        self._own.setdefault(event.kind, []).append(event)

    def of(self, *kinds: str) -> list[Event]:
        if len(kinds) == 1:
            return self._kinds.get(kinds[0], [])
        return [event for event in self.all if event.kind in kinds]

    def own(self, kind: str) -> list[Event]:
        """Those since the last begin: not those of the runs before that this one goes on with."""
        return self._own.get(kind, [])

    def before(self, kind: str) -> list[Event]:
        """Those of the runs before."""
        return self.of(kind)[: len(self.of(kind)) - len(self.own(kind))]

    def second_of(self, at: Any) -> float | None:
        """The second of a time as events have it."""
        epoch = _epoch(at)
        return None if epoch is None else round(max(0.0, epoch - self.epoch), 3)

    def worked(self, begin: float, end: float) -> float:
        """How long a run was at work from one second to another."""
        idle = sum(max(0.0, min(end, until) - max(begin, since)) for since, until in self.pauses)
        return round(end - begin - idle, 3)

    def last(self, kind: str) -> Event | None:
        return self.of(kind)[-1] if self.of(kind) else None

    def value(self, kind: str, key: str) -> Any:
        """What the last event of this kind says."""
        last = self.last(kind)
        return last.data.get(key) if last else None

    @property
    def seconds(self) -> float:
        return self.all[-1].second if self.all else 0.0


def read(events: Iterable[Any]) -> Events:
    """Put events in the order in which they happened: of a step on a node much is told only when it is over, with its own time.

    The first second is that of the first C(run_began), also of the runs that were taken up. An event without a time that can be
    read is as old as the one before it.
    """
    given = [event for event in events if isinstance(event, dict)]
    # Said by another run, when this one was over.
    taken_up = [event for event in given if event.get("kind") == TAKEN_UP]
    given = [event for event in given if event.get("kind") != TAKEN_UP]
    epochs = [_epoch(event.get("at")) for event in given]
    known = [at for at in epochs if at is not None]
    begins = [at for event, at in zip(given, epochs) if at is not None and event.get("kind") == "run_began"]
    first = min(begins or known, default=0.0)
    found = Events(
        began=_files.utc_text(first, "milliseconds") if known else None,
        taken_up_by=short(taken_up[-1].get("by")) if taken_up else "",
        epoch=first,
    )
    last, timed = first, []
    for event, at in zip(given, epochs):
        last = last if at is None else at
        timed.append((max(0.0, last - first), event))
    for second, event in sorted(timed, key=itemgetter(0)):
        found.append(
            Event(round(second, 3), text(event.get("at")), text(event.get("kind")), short(event.get("host")) or None, event)
        )
    return found


def _epoch(at: Any) -> float | None:
    """Seconds since 1970 of an RFC 3339 time; None where it is none, or of no time in which there are computers."""
    if not isinstance(at, str):
        return None
    try:
        parsed = datetime.fromisoformat(at[:-1] + "+00:00" if at.endswith(("Z", "z")) else at)
        epoch = (parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None
    return epoch if 0 <= epoch < _YEAR_9000 else None
