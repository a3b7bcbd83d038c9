# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Phases from their begin to their end, one lane per node. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.plugin_utils._report import values as _values
from ansible_collections.natsops.cluster.plugins.plugin_utils._report.values import Event, Events

# What is not part of a node's own turn: all nodes stage at once, and some things are about the whole cluster.
OUTSIDE_OF_TURNS = frozenset(["stage", "verify", "surge_join", "surge_leave", "rebalance"])


@dataclass
class Span:
    """A phase of a node. It is C(open) until its end is seen; C(interrupted) when it began anew without one."""

    host: str | None
    phase: str
    begin: float
    end: float
    state: str = "open"
    detail: str = ""
    # As it was measured where it was done: what the controller sees takes a little longer.
    took: float | None = None

    @property
    def seconds(self) -> float:
        length = round(self.end - self.begin, 3)
        return length if self.took is None else min(self.took, length)

    def as_dict(self) -> dict[str, Any]:
        return {
            "phase": self.phase,
            "begin": self.begin,
            "end": self.end,
            "seconds": self.seconds,
            "state": self.state,
            "detail": self.detail,
        }


def spans(events: Events) -> list[Span]:
    """Every phase in the order in which it began. What is open at the end of the events ends with them."""
    found: list[Span] = []
    running: dict[tuple[str | None, str], Span] = {}
    for event in events.of("phase", "failed", "run_began", "run_ended"):
        if event.kind == "phase":
            _take(event, found, running)
        elif event.kind == "failed":
            for key in [key for key in running if event.host is not None and key[0] == event.host]:
                _close(running.pop(key), event.second, "failed")
        else:
            # Whatever the run before left open did not go on in this one.
            for span in running.values():
                _close(span, event.second if event.kind == "run_ended" else _last_sign(events, span, event), "interrupted")
            running.clear()
    for span in running.values():
        span.end = max(span.begin, events.seconds)
    return found


def _take(event: Event, found: list[Span], running: dict[tuple[str | None, str], Span]) -> None:
    phase, state = _values.short(event.data.get("phase")), event.data.get("state")
    detail = _values.short(event.data.get("detail"))
    key = (event.host, phase)
    if not phase or state not in ("began", "ended", "failed"):
        return
    open_span = running.pop(key, None)
    if state == "began":
        if open_span:
            _close(open_span, event.second, "interrupted")
        span = Span(event.host, phase, event.second, event.second, detail=detail)
        running[key] = span
        found.append(span)
        return
    if not open_span:
        # Its begin was not written: how long it took may be known all the same.
        took = _values.duration(event.data.get("seconds")) or 0.0
        open_span = Span(event.host, phase, round(max(0.0, event.second - took), 3), event.second)
        found.append(open_span)
    open_span.detail = detail or open_span.detail
    open_span.took = _values.duration(event.data.get("seconds"))
    _close(open_span, event.second, state)


def _close(span: Span, second: float, state: str) -> None:
    span.end, span.state = max(span.begin, second), state


def _last_sign(events: Events, span: Span, of_next: Event) -> float:
    """When a run that was killed wrote its last event: the time until the next was started is not part of the phase."""
    return max(span.begin, next((since for since, until in events.pauses if until == of_next.second), span.begin))


def timeline(found: Sequence[Span], hosts: Sequence[str], events: Events) -> dict[str, Any]:
    """Lanes in the order of the hosts; what is about the whole cluster is in a last one, whose host is null."""
    by_host: dict[str | None, list[dict[str, Any]]] = {host: [] for host in hosts}
    for span in found:
        if span.host is not None:
            by_host.setdefault(span.host, []).append(span.as_dict())
    whole = [span.as_dict() for span in found if span.host is None]
    lanes = [{"host": host, "spans": of_host} for host, of_host in by_host.items()]
    if whole:
        lanes.append({"host": None, "spans": whole})
    moves = [
        {
            "at": event.at,
            "second": event.second,
            "from": _values.short(event.data.get("from")),
            "to": _values.short(event.data.get("to")),
        }
        for event in events.of("leader_moved")
    ]
    return {"lanes": lanes, "leader_moves": moves}


def turns(found: Sequence[Span]) -> Mapping[str, tuple[float, float]]:
    """By host, from when to when it was its turn."""
    result: dict[str, tuple[float, float]] = {}
    for span in found:
        if span.host is not None and span.phase not in OUTSIDE_OF_TURNS:
            begin, end = result.get(span.host, (span.begin, span.end))
            result[span.host] = (min(begin, span.begin), max(end, span.end))
    return result
