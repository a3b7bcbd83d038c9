# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the events of a run say of turns: how long one takes, what is down meanwhile, how far the cluster is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.plugin_utils._report import outcome as _outcome
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import progress as _progress
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Event, seconds_of

# The phases in which a node is without a server that can be relied on.
_AWAY = ("drain", "catch_up")


def turn_seconds(events: Sequence[Event], host: str, now: float) -> float:
    """How long the turn of a host has taken until now: since the first gate of it."""
    first = next((event for event in events if _is_phase(event, host, ("gate", *_AWAY))), None)
    return round(now - seconds_of(first["at"]), 3) if first else 0.0


@dataclass(frozen=True)
class Outage:
    """Assets with one replica on a server that went away: from the begin of its drain, at C(began), for so many seconds."""

    began: str
    seconds: float
    assets: Sequence[str]
    over: bool

    def as_dict(self) -> dict[str, Any]:
        told = {"began": self.began, "seconds": self.seconds, "assets": list(self.assets)}
        return told if self.over else {**told, "over": False}


def outage(events: Sequence[Event], host: str, now: float, back: bool = False) -> Outage | None:
    """What is down, or was, since a host's server went away the last time; nothing where it did not, or has no such assets.

    It is over when the server was current again, or C(back), now; the events are also those of a run that broke off before.
    """
    began = ended = ""
    planned: Mapping[str, Any] = {}
    assets: Sequence[str] = ()
    for event in events:
        if event["kind"] == "planned":
            planned = event.get("assets_down") or {}
        elif event.get("host") == host and (event["kind"] in ("node_done", "put_back") or event.get("stopped") is False):
            began = ended = ""
        elif _is_phase(event, host, ("drain",)) and event["state"] == "began" and (ended or not began):
            began, ended, assets = event["at"], "", planned.get(host) or ()
        elif began and _is_phase(event, host, ("catch_up", "gate")) and event["state"] == "ended":
            # The cluster can lose a server again that is there: another run has found it so.
            ended = ended or event["at"]
    if not began or not assets:
        return None
    until = seconds_of(ended) if ended else now
    return Outage(began, round(until - seconds_of(began), 3), assets, bool(ended) or back)


def _is_phase(event: Event, host: str, phases: Sequence[str]) -> bool:
    return event["kind"] == "phase" and event.get("host") == host and event.get("phase") in phases


def so_far(events: Sequence[Event]) -> str:
    """How far the cluster is, in a line: cluster c1  2/5 done, about 6 min left."""
    run = _outcome.story(events)
    last = run.upgraded[-1:]
    clusters = run.planned.get("clusters", {}).items()
    name, hosts = next(((name, hosts) for name, hosts in clusters if set(hosts) & set(last)), ("", []))
    if len(hosts) < 2:
        return ""
    return _progress.cluster(name, len(set(run.done) & set(hosts)), len(hosts), seconds_left(run, hosts) or None)


def seconds_left(run: _outcome.Story, hosts: Sequence[str]) -> float:
    """How long the turns will take that are still to come in this run on these hosts; 0 where there are none."""
    now = [host for host in run.planned.get("order", []) if host in run.left and host in hosts]
    expected = run.planned.get("seconds") or {}
    measured = sum(float(done.get("seconds") or 0) for done in run.finished.values())
    planned = sum(expected.get(host, 0) for host in run.finished)
    # What turns take here, against what was expected of them.
    rate = measured / planned if measured and planned else 1.0
    return float(rate * sum(expected.get(host, 0) for host in now))
