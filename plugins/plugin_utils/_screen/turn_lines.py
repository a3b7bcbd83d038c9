# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a roll shows of one node: that the cluster can lose it, its drain, its start, that it is back. Pure."""

from __future__ import annotations

from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.text import duration
from ansible_collections.natsops.cluster.plugins.module_utils._judge.health import spaced
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import columns as _columns
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.columns import Line
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Event, seconds_of

# Below this a tenth of a second matters.
_SHORT_SECONDS = 10.0
# How many counts of clients show that they leave.
_COUNTS = 4


class Turn:
    """One node's part of a roll."""

    def __init__(self, host: str, number: int, planned: Mapping[str, Any], sample: Mapping[str, Any]) -> None:
        self.host = host
        self._planned, self._sample = planned, sample
        self._turns = _columns.Turns(planned.get("order") or ())
        self._who: str = self._turns.who(host, number)
        self._first = True
        self._gated = False
        self._draining: list[int] = []
        self._exited = self._started = self._back = ""

    @property
    def is_silent(self) -> bool:
        """Whether nothing has been said of it yet."""
        return self._first

    def see(self, event: Event) -> None:
        """What later lines of this turn are made of."""
        if event["kind"] == "sample":
            self._sample = event
        elif event["kind"] == "draining" and event.get("host") == self.host and isinstance(event.get("connections"), int):
            self._draining.append(event["connections"])

    def lines(self, event: Event) -> list[Line]:
        """Those of an event of this turn."""
        phase, state = event["phase"], event["state"]
        if state == "failed":
            return self.told(event, _columns.STEPS.get(phase, phase), f"FAILED{_after(event)}, the reason follows", "bad")
        made = getattr(self, f"_{phase}", None) if state == "ended" else None
        return made(event) if made else []

    def told(self, event: Event, step: str, text: str, tone: str = "") -> list[Line]:
        who, self._first = (self._who if self._first or tone else ""), False
        return [Line(self._turns.line(event["at"], who, step, text), tone)]

    def _gate(self, event: Event) -> list[Line]:
        # Before anything is done, and once more just before the drain: that one is told where it has to wait.
        if self._gated:
            return []
        self._gated = True
        servers = len(self._sample.get("servers") or ())
        return self.told(event, "gate", f"cluster can lose it: {all_current(self._sample, servers)}")

    def _drain(self, event: Event) -> list[Line]:
        self._exited = event["at"]
        return self.told(event, "drain", f"{self._clients()}exited{_after(event)}")

    def _clients(self) -> str:
        """12 clients: 12 .. 4 .. 0,"""
        counts = [count for n, count in enumerate(self._draining) if not n or count != self._draining[n - 1]]
        first = counts[0] if counts else self._about.get("connections")
        if first is None:
            return ""
        # The first and the last, and some in between.
        step = max(1, -(-(len(counts) - 1) // (_COUNTS - 1)))
        shown = [*counts[:-1][::step], *counts[-1:]]
        seen = f": {' .. '.join(map(spaced, shown))}" if len(shown) > 1 else ""
        return f"{spaced(first)} client{'' if first == 1 else 's'}{seen}, "

    @property
    def _about(self) -> Mapping[str, Any]:
        """What was seen of its server last."""
        one = (self._sample.get("servers") or {}).get(self.host)
        return one if isinstance(one, Mapping) else {}

    def _start(self, event: Event) -> list[Line]:
        self._started = event["at"]
        known = (self._planned.get("servers") or {}).get(self.host) or {}
        version = self._planned.get("target") or known.get("version") or "started"
        return self.told(event, "start", f"{version}, pid {event['pid']}" if event.get("pid") else str(version))

    def _catch_up(self, event: Event) -> list[Line]:
        self._back = event["at"]
        about = self._about
        after = f" after {_seconds(seconds_of(self._back) - seconds_of(self._started))}" if self._started else ""
        parts = []
        if about.get("routes") is not None:
            parts.append(f"{about['routes']} route{'' if about['routes'] == 1 else 's'}")
        if about.get("groups"):
            parts.append(f"{about['groups']} of {about['groups']} groups")
        lag = self._sample.get("largest_lag")
        parts.append(f"lag {spaced(lag['lag'])}" if isinstance(lag, Mapping) and lag.get("lag") else "no lag")
        return self.told(event, "back", f"healthy{after}: {', '.join(parts)}")

    def _soak(self, event: Event) -> list[Line]:
        return self.told(event, "soak", f"watched for {_seconds(float(event.get('seconds') or 0))}")

    def done(self, event: Event, left: float, columns: int) -> list[Line]:
        """2.14.6, down 1.1 s, turn 4.8 s   about 10 s left"""
        parts = [str(event["new_version"])] if event.get("new_version") else []
        if self._exited and self._back:
            parts.append(f"down {_seconds(seconds_of(self._back) - seconds_of(self._exited))}")
        parts.append(f"turn {_seconds(float(event.get('seconds') or 0))}")
        text = ", ".join(parts)
        if left:
            told = f"about {duration(left)} left"
            taken = len(self._turns.line(event["at"], self._who, "DONE", text))
            text += " " * max(3, columns - 1 - taken - len(told)) + told
        return self.told(event, "DONE", text, "good")


def all_current(sample: Mapping[str, Any], servers: int = 0) -> str:
    """7 of 7 groups current, 3 servers"""
    on = f", {servers} server{'' if servers == 1 else 's'}" if servers else ""
    groups, missing = sample.get("groups"), sample.get("not_current")
    if missing:
        return f"{missing} known problem{'' if missing == 1 else 's'} tolerated{on}"
    if not isinstance(groups, int):
        return f"every Raft group current{on}"
    return f"{groups} of {groups} groups current{on}" if groups else f"healthy{on}, no Raft groups"


def _after(event: Event) -> str:
    return f" after {_seconds(float(event['seconds']))}" if event.get("seconds") is not None else ""


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds:.2g} s"
    return f"{seconds:.1f} s" if seconds < _SHORT_SECONDS else duration(seconds)
