# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Charts of what was measured while a run went on. They step, because between two looks nothing is known. Pure."""

from __future__ import annotations

import math
from typing import Any, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.plugin_utils._page.markup import Clock, Element, el, grouped, join
from ansible_collections.natsops.cluster.plugins.plugin_utils._page.svg import axis, percent, shown_from

Points = Sequence[Sequence[Any]]
Bands = Sequence[tuple[float, float, str]]
_WIDE = 1000


def nice_top(value: float) -> float:
    """The round number at the top of an axis that has room for a value."""
    if value <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return float(next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value))


def highest(points: Points) -> float:
    return max((float(value) for _second, value in points if value is not None), default=0.0)


def chart(title: str, points: Points, total: float, clock: Clock, *, bands: Bands = (), height: int = 84) -> Element:
    """A chart as wide as the page, with both axes."""
    top = nice_top(highest(points))
    head = 6
    bottom = head + height
    levels = [(bottom - height * value / top, value) for value in (top, top / 2, 0) if value == int(value)]
    return el(
        "svg",
        [_band(band, total, head, height, "odd" if number % 2 else "even") for number, band in enumerate(bands)],
        axis(total, clock, head, bottom),
        [el("line", x1=0, x2="100%", y1=y, y2=y, class_="grid" if value else "base") for y, value in levels],
        [_gap(gap, total, head, height, clock) for gap in gaps(points)],
        _line(points, total, top, head, height),
        [el("text", grouped(value), x=2, y=y + 11, class_="value") for y, value in levels if value],
        width="100%",
        height=bottom + 20,
        role="img",
        aria_label=f"{title}: at most {grouped(highest(points))}",
    )


def small(name: str, points: Points, total: float, top: float, clock: Clock, *, own: tuple[float, float] | None) -> Element:
    """A small chart of one server; all of them have the same axes, which is said once above them."""
    height = 40
    return el(
        "svg",
        [_band((*own, ""), total, 0, height, "even")] if own else None,
        [_gap(gap, total, 0, height, clock) for gap in gaps(points)],
        _line(points, total, top, 0, height),
        el("line", x1=0, x2="100%", y1=height, y2=height, class_="base"),
        width="100%",
        height=height + 1,
        role="img",
        aria_label=f"Connections of {name}: at most {grouped(highest(points))}",
    )


def gaps(points: Points) -> Iterator[tuple[float, float]]:
    """From when to when nothing was known."""
    since = None
    for second, value in points:
        if value is None and since is None:
            since = second
        elif value is not None and since is not None:
            yield since, second
            since = None
    if since is not None:
        yield since, points[-1][0]


def _band(band: tuple[float, float, str], total: float, top: float, height: float, kind: str) -> Element:
    begin, end, name = band
    share = (end - begin) / total if total else 0
    room = shown_from(name, share) if name else None
    return join(
        el("rect", x=percent(begin, total), y=top, width=f"{100 * share:.2f}%", height=height, class_=f"band {kind}"),
        el("text", name, x=percent((begin + end) / 2, total), y=top + 11, class_=f"band-name {room}") if room else None,
    )


def _gap(gap: tuple[float, float], total: float, top: float, height: float, clock: Clock) -> Element:
    begin, end = gap
    width = f"{max(100 * (end - begin) / total if total else 0, 0.3):.2f}%"
    return el(
        "g",
        el("title", f"{clock.at(begin)} to {clock.at(end)} UTC: not reachable"),
        el("rect", x=percent(begin, total), y=top, width=width, height=height, class_="hatch"),
    )


def _line(points: Points, total: float, top: float, head: float, height: float) -> Element:
    """The line, and the area under it, stretched to the width of the plot."""
    lines, areas = [], []
    for run in _runs(points):
        path = _steps(run, total, top, height)
        lines.append(path)
        first, last = (f"{_WIDE * second / total if total else 0:.1f}" for second in (run[0][0], run[-1][0]))
        areas.append(f"{path}L{last} {height}H{first}Z")
    return el(
        "svg",
        el("path", d="".join(areas), class_="area"),
        el("path", d="".join(lines), class_="line", vector_effect="non-scaling-stroke"),
        y=head,
        width="100%",
        height=height,
        viewBox=f"0 0 {_WIDE} {height}",
        preserveAspectRatio="none",
        overflow="visible",
    )


def _runs(points: Points) -> Iterator[list[tuple[float, float]]]:
    """Parts without a gap. A part lasts until the gap that ends it."""
    run: list[tuple[float, float]] = []
    for second, value in points:
        if value is not None:
            run.append((second, value))
        elif run:
            yield [*run, (second, run[-1][1])]
            run = []
    if run:
        yield run


def _steps(run: Sequence[tuple[float, float]], total: float, top: float, height: float) -> str:
    parts = []
    previous = None
    for second, value in run:
        x, y = _WIDE * second / total if total else 0, height * (1 - min(value / top, 1.0))
        parts.append(f"M{x:.1f} {y:.1f}" if previous is None else f"H{x:.1f}" + (f"V{y:.1f}" if value != previous else ""))
        previous = value
    return "".join(parts)


def turn_bands(servers: Sequence[Mapping[str, Any]], short: Mapping[str, str]) -> list[tuple[float, float, str]]:
    """When whose turn it was, for the background of a chart."""
    return [(one["turn"]["begin"], one["turn"]["end"], short[one["host"]]) for one in servers if one["turn"]]
