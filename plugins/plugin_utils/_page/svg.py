# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The timeline of a report: lanes that are as wide as the page, drawn in per cent so that their text keeps its size. Pure."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Any, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.plugin_utils._page.markup import Clock, Element, el, join, seconds

# In the order in which a node goes through them: the names that people read.
PHASES: Mapping[str, str] = {
    "stage": "stage",
    "surge_join": "surge join",
    "gate": "gate",
    "hold": "hold",
    "drain": "drain",
    "swap": "swap",
    "start": "start",
    "catch_up": "catch-up",
    "soak": "soak",
    "put_back": "put back",
    "verify": "verify",
    "surge_leave": "surge leave",
    "rebalance": "rebalance",
}
STATES: Mapping[str, str] = {
    "ended": "",
    "failed": "failed",
    "open": "no end recorded",
    "interrupted": "broke off",
}
# Widths of the plot for which style.py has a rule that shows what fits there, and about how wide a letter is.
_WIDTHS = (280, 480, 700, 940)
_LETTER = 6.2
# What is shorter than this could not be seen.
_THINNEST = 0.18
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_MOST_TICKS = 8


def percent(second: float, total: float) -> str:
    return f"{100 * min(max(second / total, 0.0), 1.0) if total > 0 else 0:.2f}%"


def shown_from(text: str, share: float) -> str | None:
    """The class under which a text shows only where a part of the plot that wide has room for it; None where none has."""
    for width in _WIDTHS:
        if share * width >= len(text) * _LETTER + 6:
            return f"from{width}"
    return None


def phase_name(phase: str) -> str:
    return PHASES.get(phase, phase.replace("_", " "))


def phase_class(phase: str) -> str:
    return f"p-{phase}" if phase in PHASES else "p-other"


def ticks(total: float, clock: Clock) -> Iterator[tuple[float, str]]:
    """Round times of day, not more than fit."""
    step = next((step for step in _STEPS if total / step <= _MOST_TICKS), math.ceil(total / _MOST_TICKS / 86400) * 86400)
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86400 else "%m-%d"
    for begin, end, epoch in clock.stretches(total):
        first = math.ceil((epoch + begin) / step) * step - epoch
        for number in range(_MOST_TICKS + 1):
            second = first + number * step
            if second <= end:
                yield second, clock.at(second, form)


def axis(total: float, clock: Clock, top: float, bottom: float) -> Element:
    """Lines from top to bottom at round times, with the times below."""
    drawn = []
    for number, (second, label) in enumerate(ticks(total, clock)):
        x = percent(second, total)
        share = second / total if total else 0
        anchor = "start" if share < 0.07 else "end" if share > 0.93 else "middle"
        drawn.append(el("line", x1=x, x2=x, y1=top, y2=bottom, class_="tick"))
        drawn.append(el("text", label, x=x, y=bottom + 14, text_anchor=anchor, class_=None if number % 2 == 0 else "from700"))
    return join(drawn)


def phase_bar(
    span: Mapping[str, Any], total: float, top: float, height: float, clock: Clock, *, at: float | None = None
) -> Element:
    """A phase. Besides its colour it has its name where there is room, and a frame and stripes where it did not end well.

    It is drawn from its begin to its end, or at another second, C(at), and as long as it took.
    """
    begin, length = (span["begin"], span["end"] - span["begin"]) if at is None else (at, span["seconds"])
    share = max(length / total if total else 0, _THINNEST / 100)
    left, width = percent(begin, total), f"{100 * share:.2f}%"
    name, state = phase_name(span["phase"]), STATES.get(span["state"], "")
    told = ", ".join(part for part in (f"{name} {seconds(span['seconds'])}", state, span["detail"]) if part)
    place = {"x": left, "y": top, "width": width, "height": height}
    drawn = [
        el("title", f"{clock.at(span['begin'])} to {clock.at(span['end'])} UTC: {told}"),
        el("rect", **place, class_=f"{phase_class(span['phase'])} {span['state']}"),
    ]
    if span["state"] in ("failed", "open", "interrupted"):
        drawn.append(el("rect", **place, class_="hatch" if span["state"] != "failed" else "cross"))
    room = shown_from(name, share)
    if room and height >= 13:
        middle = percent(begin + length / 2, total)
        drawn.append(el("text", name, x=middle, y=top + height / 2 + 3.6, class_=f"in-bar {room} t-{span['phase']}"))
    return el("g", *drawn)


def timeline(report: Mapping[str, Any], total: float, clock: Clock) -> Element:
    """All lanes in one picture; their names stand beside it, in the page."""
    lanes, moves = report["timeline"]["lanes"], report["timeline"]["leader_moves"]
    row, height = lane_size(len(lanes))
    head = 22 if moves or report["resumed"] else 4
    bottom = head + row * len(lanes)
    drawn = [axis(total, clock, head, bottom)]
    for index, lane in enumerate(lanes):
        top = head + index * row + (row - height) / 2
        drawn.append(el("line", x1=0, x2="100%", y1=top + height / 2, y2=top + height / 2, class_="lane"))
        drawn += [phase_bar(span, total, top, height, clock) for span in lane["spans"]]
        drawn += [_outage(outage, total, top + height + 1) for outage in report["r1_outages"] if outage["host"] == lane["host"]]
        failures = [one for one in report["failures"] if one["host"] and one["host"] == lane["host"]]
        drawn += [_failure(failure, total, top + height / 2, clock) for failure in failures]
    drawn += [_restart(one, total, head, bottom, clock) for one in report["resumed"]]
    drawn += [_leader_move(number, move, total, bottom, clock) for number, move in enumerate(moves, 1)]
    return el(
        "svg",
        join(drawn),
        width="100%",
        height=bottom + 20,
        role="img",
        aria_label=f"Timeline: {len(lanes)} lanes over {seconds(total)}. The table of servers has the same in words.",
    )


def lane_size(lanes: int) -> tuple[int, int]:
    """Height of a lane, and of what is drawn in it."""
    return (30, 20) if lanes <= 8 else (24, 16) if lanes <= 16 else (18, 12)


def _outage(outage: Mapping[str, Any], total: float, top: float) -> Element:
    took = outage.get("drawn_seconds", outage["seconds"]) or 0
    left = percent(outage["begin"], total)
    return el(
        "g",
        el("title", f"without a replica for {seconds(outage['seconds'])}: {', '.join(outage['assets'])}"),
        el("rect", x=left, y=top, width=f"{max(100 * took / total if total else 0, _THINNEST):.2f}%", height=3, class_="outage"),
    )


def _failure(failure: Mapping[str, Any], total: float, middle: float, clock: Clock) -> Element:
    """A cross where it failed."""
    return el(
        "svg",
        el("title", f"{clock.at(failure['second'])} UTC: failed: {failure['step']}"),
        el("circle", r=9, class_="failure"),
        el("path", d="M-3.5-3.5L3.5 3.5M3.5-3.5L-3.5 3.5", class_="failure-cross"),
        x=percent(failure["second"], total),
        y=middle,
        overflow="visible",
    )


def _leader_move(number: int, move: Mapping[str, Any], total: float, bottom: float, clock: Clock) -> Element:
    """A line through all lanes with a number, which the list below the picture explains."""
    return el(
        "svg",
        el(
            "title",
            f"{clock.at(move['second'])} UTC: the meta leader moved from {move['from'] or 'none'} to {move['to'] or 'none'}",
        ),
        el("line", x1=0, x2=0, y1=18, y2=bottom, class_="leader"),
        el("circle", cx=0, cy=9, r=8.5, class_="leader-number"),
        el("text", number, x=0, y=12.5, text_anchor="middle", class_="leader-text"),
        x=percent(move["second"], total),
        y=0,
        overflow="visible",
    )


def _restart(resumed: Mapping[str, Any], total: float, top: float, bottom: float, clock: Clock) -> Element:
    x = percent(resumed["second"], total)
    return el(
        "g",
        el("title", f"{clock.at(resumed['second'])} UTC: the run was started again"),
        el("line", x1=x, x2=x, y1=top, y2=bottom, class_="again"),
        el(
            "text",
            "started again",
            x=x,
            y=13,
            text_anchor="end" if resumed["second"] > 0.7 * total else "start",
            class_="again-text",
        ),
    )


def turn(spans: Sequence[Mapping[str, Any]], longest: float, clock: Clock) -> Element:
    """The phases of one node's turn behind each other: the bars of all nodes have the same scale.

    What lies between them is nobody's: a run that broke off may have been resumed a day later.
    """
    begins = accumulate((span["seconds"] for span in spans), initial=0.0)
    return el(
        "svg",
        [phase_bar(span, longest, 0, 12, clock, at=begin) for span, begin in zip(spans, begins)],
        width="100%",
        height=12,
        role="img",
        aria_label="The phases of this turn, to scale: how long each took follows",
    )
