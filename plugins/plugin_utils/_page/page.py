# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The report of a run as one page, which needs nothing but itself: no network, no script, no font. Pure."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Iterator, Mapping, Sequence
from urllib.parse import quote

from ansible_collections.natsops.cluster.plugins.plugin_utils._page import charts as _charts
from ansible_collections.natsops.cluster.plugins.plugin_utils._page import sections as _sections
from ansible_collections.natsops.cluster.plugins.plugin_utils._page import svg as _svg
from ansible_collections.natsops.cluster.plugins.plugin_utils._page.markup import (
    Clock,
    Element,
    counted,
    el,
    grouped,
    join,
    seconds,
)
from ansible_collections.natsops.cluster.plugins.plugin_utils._page.pause import cut_short
from ansible_collections.natsops.cluster.plugins.plugin_utils._page.sections import section
from ansible_collections.natsops.cluster.plugins.plugin_utils._page.style import STYLE

_STATES: Mapping[str, tuple[str, str]] = {
    "done": ("Done", "M-5 .5L-1.5 4L5.5-3.5"),
    "part_done": ("Part done", "M-5 0H5M2-3.5L5.5 0L2 3.5"),
    "nothing_to_do": ("Nothing to do", "M-4.5-2H4.5M-4.5 2.5H4.5"),
    "refused": ("Refused", "M-5 0H5"),
    "failed": ("Failed", "M-4-4L4 4M4-4L-4 4"),
    "not_ended": ("Not ended", "M0-5V1M0 4.5V5"),
}
# So many small charts may be larger.
_FEW = 5


def render(report: Mapping[str, Any]) -> str:
    """Return the page. Every text of the report is escaped, and the page may load or run nothing."""
    clock = Clock(report["began"])
    title = " \u00b7 ".join(part for part in (report["outcome"]["headline"], clock.date()) if part)
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_policy()),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", title),
        el("style", Element(STYLE)),
    )
    body = el("body", _patterns(), el("main", _header(report, clock), *_parts(report, clock)), _footer(report))
    return f'<!DOCTYPE html>\n<html lang="en">{head}{body}</html>\n'


def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _parts(report: Mapping[str, Any], clock: Clock) -> list[Element]:
    """In the order in which somebody under stress asks."""
    refused = report["outcome"]["state"] == "refused"
    drawn, drawn_clock = cut_short(report)
    failures = join() if refused and report["refusals"] else _sections.failures(report, clock)
    return [
        failures,
        _sections.findings("refused", "Why it was refused", "", report["refusals"]),
        _sections.next_step(report),
        _sections.figures(report),
        _sections.notes(report, clock),
        _timeline(drawn, drawn_clock),
        _sections.servers(report),
        _sections.turns(report, clock),
        _sections.client_view(report),
        _measured(drawn, drawn_clock),
        _connections(drawn, drawn_clock),
        _sections.outages(report, clock),
        _sections.findings("warnings", "Warnings", "Said before the first node, and no reason to stop.", report["warnings"]),
        _sections.findings("waived", "Waived", "Reasons to refuse that whoever started the run has accepted.", report["waived"]),
        _sections.asked(report),
    ]


def _header(report: Mapping[str, Any], clock: Clock) -> Element:
    outcome = report["outcome"]
    word, path = _STATES[outcome["state"]]
    what = {"upgrade": "Rolling upgrade", "restart": "Rolling restart"}.get(report["asked"]["mode"], "Run")
    clusters = [cluster["name"] for cluster in (report["plan"] or {"clusters": []})["clusters"] if cluster["name"]]
    of = f" of {', '.join(clusters[:4])}{' and more' if len(clusters) > 4 else ''}" if clusters else ""
    icon = el(
        "svg",
        el("circle", r=11, class_="disc"),
        el("path", d=path, class_="sign"),
        viewBox="-12 -12 24 24",
        width=34,
        height=34,
        role="img",
        aria_label=word,
    )
    return el(
        "header",
        el("p", f"NATS \u00b7 {what}{of} \u00b7 {word.lower()}", class_="kicker"),
        el("h1", icon, el("span", outcome["headline"])),
        el("p", outcome["sentence"], class_="sentence") if outcome["sentence"] else None,
        el("p", *_when(report, clock), class_="when"),
        [el("p", *told, class_="when") for told in _other_runs(report)],
        class_=f"top o-{outcome['state']}",
    )


def _when(report: Mapping[str, Any], clock: Clock) -> list[Any]:
    if not clock.known:
        return ["At an unknown time."]
    end = report["seconds"]
    began = el("time", f"{clock.date()} {clock.at(0)}", datetime=report["began"])
    last = clock.at(end) if clock.date() == clock.date(end) else f"{clock.date(end)} {clock.at(end)}"
    by = f"{report['asked']['controller']['user']}@{report['asked']['controller']['host']}".strip("@")
    ended = "to" if report["ended"] else "to at least"
    return [began, f" {ended} {last} UTC, {seconds(end)}", f" \u00b7 started by {by}" if by else None]


def _other_runs(report: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Which run this one goes on with, and which has gone on with it: their folders are beside this one's."""
    previous, after = report["previous_run"], report["next_run"]
    if previous and previous["found"]:
        yield ["Goes on with run ", _run(previous["run"]), ": what that one did is in this report, too."]
    elif previous:
        yield [f"Goes on with run {previous['run']}, whose report is not beside this one."]
    if after:
        yield ["Run ", _run(after), " has gone on with it."]


def _run(run: str) -> Element:
    return el("a", run, href=f"../{quote(run, safe='')}/report.html")


def _timeline(report: Mapping[str, Any], clock: Clock) -> Element:
    lanes, moves = report["timeline"]["lanes"], report["timeline"]["leader_moves"]
    spans = [span for lane in lanes for span in lane["spans"]]
    if not spans:
        return join()
    total = max(report["seconds"], 0.001)
    row, _height = _svg.lane_size(len(lanes))
    names = _sections.short_names(report)
    labels = [
        el("li", names.get(lane["host"], "all") if lane["host"] else "all", title=lane["host"] or "the whole cluster")
        for lane in lanes
    ]
    picture = el(
        "div",
        el("ol", labels, class_=f"names row{row} {'with-head' if moves or report['resumed'] else ''}"),
        el("div", _svg.timeline(report, total, clock), class_="plot"),
        class_="lanes",
    )
    note = f"One lane per server, {clock.date()} UTC." if clock.known else "One lane per server."
    note += " The time between two runs is cut short." if any(one["pause_seconds"] for one in report["resumed"]) else ""
    return section("timeline", "Timeline", _legend(report, spans), picture, _moves(moves, clock), note=note)


def _legend(report: Mapping[str, Any], spans: Sequence[Mapping[str, Any]]) -> Element:
    seen = {span["phase"] for span in spans}
    states = {span["state"] for span in spans}
    known = [phase for phase in _svg.PHASES if phase in seen] + sorted(seen - set(_svg.PHASES))
    items = [(_svg.phase_class(phase), _svg.phase_name(phase)) for phase in known]
    items += [("k-failed", "failed")] if "failed" in states else []
    items += [("k-open", "no end recorded, or broke off")] if states & {"open", "interrupted"} else []
    items += [("k-outage", "assets of one replica are down")] if report["r1_outages"] else []
    return el("ul", [el("li", el("i", class_=f"dot {kind}", aria_hidden="true"), name) for kind, name in items], class_="legend")


def _moves(moves: Sequence[Mapping[str, Any]], clock: Clock) -> Element:
    items = [
        el("li", f"{clock.at(move['second'])} meta leader {move['from'] or 'none'} \u2192 {move['to'] or 'none'}")
        for move in moves
    ]
    return el("ol", items, class_="moves") if items else join()


def _measured(report: Mapping[str, Any], clock: Clock) -> Element:
    """What was missing over time, for all servers together."""
    series, total = report["series"], max(report["seconds"], 0.001)
    bands = _charts.turn_bands(report["servers"], _sections.short_names(report))
    peak = series["peak_lag"]
    told = [
        (
            "Largest lag of a replica or consumer, messages",
            series["largest_lag"],
            f"Highest: {grouped(peak['lag'])}, {peak['group']} on {peak['host']}, {clock.at(peak['second'])} UTC."
            if peak
            else "None was seen.",
        ),
        ("Conditions that were not met", series["not_current"], "Of all servers: health, routes, Raft groups, replicas."),
        ("Connections of all servers", series["all_connections"], ""),
    ]
    drawn = [
        el(
            "figure",
            el("figcaption", el("b", title), f" {more}" if more else None),
            el("div", _charts.chart(title, points, total, clock, bands=bands), class_="plot"),
        )
        for title, points, more in told
        if points and (_charts.highest(points) or points is series["all_connections"])
    ]
    return section("measured", "Measured meanwhile", drawn, note="Grey: whose turn it was.")


def _connections(report: Mapping[str, Any], clock: Clock) -> Element:
    """Small multiples on one scale."""
    series, total = report["series"]["connections"], max(report["seconds"], 0.001)
    top = _charts.nice_top(max((_charts.highest(points) for points in series.values()), default=0))
    names = _sections.short_names(report)
    drawn = []
    for server in report["servers"]:
        points = series.get(server["host"])
        known = [value for _second, value in points or [] if value is not None]
        if not points or not known:
            continue
        own = (server["turn"]["begin"], server["turn"]["end"]) if server["turn"] else None
        drawn.append(
            el(
                "figure",
                el(
                    "figcaption",
                    el("b", names[server["host"]], title=server["host"]),
                    f" {grouped(known[0])} \u2192 {grouped(known[-1])}",
                ),
                el("div", _charts.small(server["host"], points, total, top, clock, own=own), class_="plot"),
            )
        )
    when = f"{clock.at(0)} to {clock.at(report['seconds'])} UTC" if clock.known else "over the run"
    note = f"All from 0 to {grouped(top)} connections, {when}. Grey: its own turn; hatched: not reachable."
    kind = "multiples few" if len(drawn) <= _FEW else "multiples"
    return section("connections", "Connections of each server", el("div", drawn, class_=kind), note=note) if drawn else join()


def _patterns() -> Element:
    """What marks more than a colour does: stripes for what has no end, and a finer weave for what failed."""
    stripe = el("path", d="M-1 7L7-1M-1 1L1-1M5 7L7 5", class_="stripe")
    weave = el("path", d="M-1 7L7-1M-1 1L1-1M5 7L7 5M-1-1L7 7", class_="stripe")
    size = {"width": 6, "height": 6, "patternUnits": "userSpaceOnUse"}
    return el(
        "svg",
        el("defs", el("pattern", stripe, id="stripes", **size), el("pattern", weave, id="weave", **size)),
        width=0,
        height=0,
        aria_hidden="true",
        class_="patterns",
    )


def _footer(report: Mapping[str, Any]) -> Element:
    version = report["asked"]["collection_version"]
    made = f"Made by natsops.cluster{f' {version}' if version else ''} from the events of run {report['run'] or '(unknown)'}."
    servers = counted(len(report["servers"]), "server")
    return el("footer", el("p", f"{made} {servers}; all times in UTC. The same is in report.json (schema {report['schema']})."))
