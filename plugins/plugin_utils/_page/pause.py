# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The time between a run that broke off and the next one, cut short in pictures: it may be days, and the runs minutes. Pure."""

from __future__ import annotations

from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.plugin_utils._page.markup import Clock

# As much of a pause is left as shows that there was one: of the time at work, and at least so many seconds.
_LEFT, _LEAST_SECONDS = 0.05, 3.0
_PLACES = frozenset(["second", "begin", "end"])


def cut_short(report: Mapping[str, Any]) -> tuple[Mapping[str, Any], Clock]:
    """The report as pictures show it, its seconds moved together, and the clock that tells the time of day of them."""
    pauses = [(one["second"] - one["pause_seconds"], one["second"]) for one in report["resumed"]]
    left = max(_LEAST_SECONDS, _LEFT * (report["seconds"] - sum(until - since for since, until in pauses)))
    cuts = [(since + left, until) for since, until in pauses if until - since > 2 * left]
    if not cuts:
        return report, Clock(report["began"])

    def moved(second: float) -> float:
        return round(second - sum(max(0.0, min(second, until) - since) for since, until in cuts), 3)

    def place(value: Any, name: str = "") -> Any:
        if name in _PLACES:
            return moved(value)
        if isinstance(value, dict):
            return {key: place(one, key) for key, one in value.items()}
        return [place(one) for one in value] if isinstance(value, list) else value

    def points(value: Any) -> Any:
        if isinstance(value, dict):
            return {host: points(of_host) for host, of_host in value.items()}
        return [[moved(second), measured] for second, measured in value]

    series = {name: place(one) if name == "peak_lag" else points(one) for name, one in report["series"].items()}
    drawn = {**place({name: part for name, part in report.items() if name != "series"}), "series": series}
    drawn["seconds"] = moved(report["seconds"])
    for shown, outage in zip(drawn["r1_outages"], report["r1_outages"]):
        shown["drawn_seconds"] = moved(outage["begin"] + (outage["seconds"] or 0)) - shown["begin"]
    return drawn, Clock(report["began"], [(moved(until), until - since) for since, until in cuts])
