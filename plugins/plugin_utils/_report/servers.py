# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What became of each server in a run. Pure."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.plugin_utils._report import values as _values
from ansible_collections.natsops.cluster.plugins.plugin_utils._report.timeline import Span, turns
from ansible_collections.natsops.cluster.plugins.plugin_utils._report.values import Event, Events


def plan(events: Events) -> dict[str, Any] | None:
    """The plan as it was made last; null where the run did not come so far."""
    last = events.last("planned")
    if not last:
        return None
    clusters = _values.mapping(last.data.get("clusters"))
    return {
        "clusters": [{"name": _values.short(name), "hosts": _values.texts(of)} for name, of in clusters.items()],
        "order": _values.texts(last.data.get("order")),
        "estimated_seconds": _values.duration(last.data.get("estimate")),
    }


def hosts(events: Events, planned: Mapping[str, Any] | None) -> list[str]:
    """Every host that the run speaks of, in the order of the plan."""
    found: dict[str, None] = {}
    for event in events.of("planned"):
        found.update(dict.fromkeys(_values.texts(event.data.get("order"))))
    if planned:
        found.update(dict.fromkeys(host for cluster in planned["clusters"] for host in cluster["hosts"]))
    found.update(dict.fromkeys(_values.texts(events.value("run_began", "hosts"))))
    for event in events.of("phase", "node_done", "put_back", "sample"):
        if event.host:
            found[event.host] = None
        found.update(dict.fromkeys(_values.mapping(event.data.get("servers"))))
    return [_values.short(host) for host in found if host]


def servers(events: Events, planned: Mapping[str, Any] | None, found: Sequence[Span]) -> list[dict[str, Any]]:
    """One entry for each host."""
    before = _first_seen(events)
    last_sample = _last_seen(events)
    done = {event.host: event for event in events.of("node_done")}
    put_back = {event.host: event for event in events.of("put_back")}
    in_cluster = {host: cluster["name"] for cluster in (planned or {"clusters": []})["clusters"] for host in cluster["hosts"]}
    ordered = {
        host for event in events.of("planned") for key in ("order", "later") for host in _values.texts(event.data.get(key))
    }
    state_of = _States(events, found, ordered)
    when = turns(found)
    result = []
    for host in hosts(events, planned):
        known, now = before.get(host, {}), last_sample.get(host, {})
        finished = done[host].data if host in done else {}
        old = _values.short(finished.get("old_version") or known.get("version"))
        result.append(
            {
                "host": host,
                "server_name": _values.short(known.get("server_name")),
                "cluster": in_cluster.get(host, ""),
                "state": state_of(host),
                "version_before": old or None,
                "version_after": _version_after(done.get(host), put_back.get(host))
                or _values.short(now.get("version"))
                or old
                or None,
                "meta_leader": known.get("meta_leader") is True,
                "connections_before": _first(finished.get("connections_before"), known.get("connections")),
                "connections_after": _first(finished.get("connections_after")),
                "connections_last": _first(now.get("connections")),
                "turn": _turn(when.get(host), finished, events),
            }
        )
    return result


class _States:
    """C(done), C(failed), C(put_back), C(under_way) (in mid-turn), C(left) (in the plan, not begun) or C(not_in_plan)."""

    def __init__(self, events: Events, found: Sequence[Span], ordered: set[str]) -> None:
        self._ordered = ordered
        self._begun = set(turns(found))
        # What came last counts: a node that failed may have been done by the run that resumed.
        self._last: dict[str, str] = {}
        for event in events.of("node_done", "put_back", "failed"):
            if event.host and not (event.kind == "failed" and self._last.get(event.host) == "put_back"):
                self._last[event.host] = "done" if event.kind == "node_done" else event.kind

    def __call__(self, host: str) -> str:
        state = self._last.get(host)
        # What fails before a node's turn, such as a check, leaves its server as it was.
        if state and (state != "failed" or host in self._begun):
            return state
        return "under_way" if host in self._begun else "left" if host in self._ordered else "not_in_plan"


def _first_seen(events: Events) -> dict[str, Mapping[str, Any]]:
    """What the first plan that knows a host says of its server: a run that resumes sees some upgraded already."""
    found: dict[str, Mapping[str, Any]] = {}
    for event in events.of("planned"):
        for host, about in _values.mapping(event.data.get("servers")).items():
            found.setdefault(_values.short(host), _values.mapping(about))
    return found


def _last_seen(events: Events) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for event in events.of("sample"):
        for host, about in _values.mapping(event.data.get("servers")).items():
            if isinstance(about, dict) and about.get("reachable", True):
                found[host] = about
    return {_values.short(host): about for host, about in found.items()}


def _version_after(done: Event | None, put_back: Event | None) -> str:
    """Of the two, what came last."""
    if put_back and (not done or put_back.second >= done.second):
        return _values.short(put_back.data.get("version"))
    return _values.short(done.data.get("new_version")) if done else ""


def _turn(when: tuple[float, float] | None, finished: Mapping[str, Any], events: Events) -> dict[str, Any] | None:
    """How long it took does not count the time between two runs; of the turn, the last of them has measured its own part only."""
    if when is None:
        return None
    took, worked = _values.duration(finished.get("seconds")), events.worked(*when)
    whole = worked == round(when[1] - when[0], 3)
    return {"begin": when[0], "end": when[1], "seconds": took if took is not None and whole else worked}


def _first(*candidates: Any) -> int | None:
    return next((found for found in map(_values.count, candidates) if found is not None), None)
