# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What was measured while the run went on, in as many points as a chart can show. Pure."""

from __future__ import annotations

from typing import Any, Sequence

from ansible_collections.natsops.cluster.plugins.plugin_utils._report import values as _values
from ansible_collections.natsops.cluster.plugins.plugin_utils._report.values import Event

# More than this cannot be told apart on a screen.
MOST_POINTS = 240
_MOST_POINTS_OF_ALL = 720


def series(events: Sequence[Event]) -> dict[str, Any]:
    """Connections of each server and of all, the largest lag with its peak, and how many conditions are missing.

    A point is a list of two: seconds after the begin, and the value, null where it was not known.
    """
    connections: dict[str, list[Any]] = {}
    total: list[Any] = []
    lag: list[Any] = []
    not_current: list[Any] = []
    peak: dict[str, Any] | None = None
    for sample in events:
        if sample.kind == "draining":
            # The server is looked at on its own node meanwhile, and no other is.
            count = _values.count(sample.data.get("connections"))
            connections.setdefault(sample.host or "", []).append([sample.second, count])
            continue
        total.append([sample.second, _connections(sample, connections)])
        missing = _values.count(sample.data.get("not_current"))
        if missing is not None:
            not_current.append([sample.second, missing])
        if "largest_lag" in sample.data:
            here = _lag(sample)
            lag.append([sample.second, here["lag"]])
            peak = here if here["lag"] and (peak is None or here["lag"] > peak["lag"]) else peak
    return {
        "connections": {_values.short(host): thin(points) for host, points in connections.items()},
        "all_connections": thin(total, _MOST_POINTS_OF_ALL),
        "largest_lag": thin(lag, _MOST_POINTS_OF_ALL),
        "peak_lag": peak,
        "not_current": thin(not_current, _MOST_POINTS_OF_ALL),
    }


def _connections(sample: Event, into: dict[str, list[Any]]) -> int | None:
    """Add those of each server; return their sum, None where no server says anything."""
    known = None
    for host, about in _values.mapping(sample.data.get("servers")).items():
        value = _values.count(about.get("connections")) if isinstance(about, dict) and about.get("reachable", True) else None
        if value is not None:
            known = value + (known or 0)
        into.setdefault(host, []).append([sample.second, value])
    return known


def _lag(sample: Event) -> dict[str, Any]:
    said = _values.mapping(sample.data.get("largest_lag"))
    return {
        "at": sample.at,
        "second": sample.second,
        "lag": max(0, _values.count(said.get("lag")) or 0),
        "group": _values.short(said.get("group")),
        "host": _values.short(said.get("host")),
    }


def thin(points: list[Any], most: int = MOST_POINTS) -> list[Any]:
    """At most so many points that show the same steps: lows, highs and gaps stay, and so do the first and the last."""
    steps = [point for index, point in enumerate(points) if index in (0, len(points) - 1) or point[1] != points[index - 1][1]]
    if len(steps) <= most:
        return steps
    # Of each part up to three stay: its lowest, its highest, and one where nothing was known.
    size = -(-len(steps) * 3 // (most - 2))
    kept = {0, len(steps) - 1}
    for begin in range(1, len(steps) - 1, size):
        part = range(begin, min(begin + size, len(steps) - 1))
        known = [(steps[index][1], index) for index in part if steps[index][1] is not None]
        kept |= {min(known)[1], max(known)[1]} if known else set()
        kept |= set([index for index in part if steps[index][1] is None][:1])
    return [steps[index] for index in sorted(kept)]
