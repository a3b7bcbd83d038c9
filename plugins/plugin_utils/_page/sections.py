# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The parts of the page of a report that are words and tables. Each is empty where there is nothing to say. Pure."""

from __future__ import annotations

import json
import shlex
from typing import Any, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._values import known as _known
from ansible_collections.natsops.cluster.plugins.plugin_utils._page import svg as _svg
from ansible_collections.natsops.cluster.plugins.plugin_utils._page.markup import (
    NONE,
    Clock,
    Element,
    counted,
    el,
    grouped,
    join,
    seconds,
)
from ansible_collections.natsops.cluster.plugins.plugin_utils._report.timeline import OUTSIDE_OF_TURNS

Report = Mapping[str, Any]
SERVER_STATES: Mapping[str, str] = {
    "done": "done",
    "failed": "failed",
    "put_back": "put back",
    "under_way": "broke off in mid-turn",
    "left": "left",
    "not_in_plan": "not touched",
}
_COUNTS: Mapping[str, str] = {
    "published": "Published",
    "received": "Received",
    "lost": "Lost",
    "duplicated": "Twice",
    "failed_requests": "Failed requests",
}
_BAD = frozenset(["lost", "failed_requests"])
# Rows of a table that fit on a screen.
_MANY = 12
_LONGEST_NAME = 16


def section(name: str, title: str, *content: Any, note: str = "", wide: bool = False) -> Element:
    body = join(*content)
    if not body:
        return body
    return el(
        "section",
        el("h2", title, id=f"{name}-title"),
        el("p", note, class_="note") if note else None,
        body,
        id=name,
        aria_labelledby=f"{name}-title",
        class_="wide" if wide else None,
    )


def failures(report: Report, clock: Clock) -> Element:
    """What the run said comes first: it says how the cluster is, and what to do."""
    title = "Why it was refused" if report["outcome"]["state"] == "refused" else "What failed"
    return section("failure", title, [_failure(one, clock) for one in report["failures"]])


def _failure(failure: Mapping[str, Any], clock: Clock) -> Element:
    at = f"{clock.at(failure['second'])} UTC" if clock.known else ""
    host = failure["host"] if failure["host"] and failure["host"] not in failure["step"] else ""
    place = ", ".join(part for part in (host, failure["step"], at) if part)
    log = failure["server_log"]
    return el(
        "div",
        el("p", place, class_="place") if place else None,
        el("pre", failure["message"], tabindex="0") if failure["message"] else None,
        el("h3", f"The server's own log, its last {counted(len(log), 'line')}") if log else None,
        el("pre", "\n".join(log), tabindex="0") if log else None,
        class_="failed-step",
    )


def next_step(report: Report) -> Element:
    said = report["outcome"]["next"]
    return section("next", "What to do next", el("p", said, class_="lines") if said else None, *_waiving(report))


def _waiving(report: Report) -> Iterator[Element]:
    """How to go on with what refuses, where that is offered. Extra variables replace the list that there is."""
    found = {one["name"]: one["risk"] for one in report["refusals"]}
    if not found or not all(one["risk"] for one in report["refusals"]):
        return
    if len(found) > 1:
        yield el("h3", "To proceed anyway, add each of these to nats_upgrade_waive, with its risk")
        yield el("ul", [el("li", el("code", name), f": {risk}") for name, risk in found.items()])
        return
    names = sorted({*report["asked"]["waive"], *found})
    yield el("h3", "To proceed anyway, with the same command and")
    yield el("pre", f"-e {shlex.quote(json.dumps({'nats_upgrade_waive': names}))}", tabindex="0")
    yield el("p", f"The risk: {', '.join(found.values())}.")


def figures(report: Report) -> Element:
    """The few numbers that matter."""
    found = [el("div", el("dt", label), el("dd", value), class_="figure") for label, value in _figures(report)]
    return el("dl", *found, class_="figures") if found else join()


def _figures(report: Report) -> Iterator[tuple[str, str]]:
    touched = [server for server in report["servers"] if server["turn"]]
    if not touched:
        return
    done, left = len(report["outcome"]["upgraded"]), len(report["outcome"]["left"])
    yield "Servers done", f"{done} of {done + left}"
    idle = sum(again["pause_seconds"] for again in report["resumed"])
    yield "The run took" if not idle else f"{counted(len(report['resumed']) + 1, 'run')} took", seconds(report["seconds"] - idle)
    yield "Longest turn", seconds(max(server["turn"]["seconds"] for server in touched))
    total = [value for _second, value in report["series"]["all_connections"] if value is not None]
    if total:
        yield "Connections", f"{grouped(total[0])} \u2192 {grouped(total[-1])}"
    if report["series"]["largest_lag"]:
        peak = report["series"]["peak_lag"]
        yield "Largest lag, messages", grouped(peak["lag"] if peak else 0)
    gaps = [gap for one in report["client_view"] for gap in one["longest_gap_seconds"].values() if gap is not None]
    if gaps:
        yield "Longest gap for a client", seconds(max(gaps))
    lost = [one["lost"] for one in report["client_view"] if one["lost"] is not None]
    if lost:
        yield "Messages lost", grouped(sum(lost))


def notes(report: Report, clock: Clock) -> Element:
    told = [("", one) for one in report["notes"]]
    told += [("" if "put back" in one["text"] else f"put back to {one['version']}", one) for one in report["put_back"]]
    items = [
        el(
            "li",
            el("b", one["host"]) if one["host"] else None,
            " " if one["host"] else None,
            ": ".join(part for part in (prefix, one["text"]) if part),
            el("span", f" {clock.at(one['second'])} UTC", class_="at") if one["at"] else None,
        )
        for prefix, one in told
    ]
    return section("notes", "What was not perfect", el("ul", items, class_="notes")) if items else join()


def findings(name: str, title: str, note: str, found: Sequence[Mapping[str, Any]]) -> Element:
    items = [
        el(
            "li",
            el("code", one["name"]),
            el("p", one["message"], class_="lines") if one["message"] else None,
            el("p", f"Seen: {', '.join(one['seen'][:12])}{' and more' if len(one['seen']) > 12 else ''}", class_="seen")
            if one["seen"] and not all(seen in one["message"] for seen in one["seen"])
            else None,
            el("p", f"Source: {one['source']}", class_="seen") if one["source"] else None,
        )
        for one in found
    ]
    return section(name, title, el("ul", items, class_="findings"), note=note) if items else join()


def servers(report: Report) -> Element:
    """One row each: before and after."""
    heads = ("Server", "State", "Version", "Connections")
    rows = [_server(server) for server in report["servers"]]
    moved = any(server["turn"] for server in report["servers"])
    note = "Connections: when the run began \u2192 after its own turn \u2192 at the end." if moved else ""
    return section("servers", "Servers", _table("servers", heads, rows), note=note) if rows else join()


def _table(name: str, heads: Sequence[str], rows: Sequence[Element]) -> Element:
    """Long ones are closer, so that they can be seen at once."""
    return el(
        "table",
        el("thead", el("tr", [el("th", head, scope="col") for head in heads])),
        el("tbody", rows),
        class_=f"{name} many" if len(rows) > _MANY else name,
    )


def _server(server: Mapping[str, Any]) -> Element:
    before, after = server["version_before"], server["version_after"]
    version = before or after or NONE if before == after or not (before and after) else f"{before} \u2192 {after}"
    name = [el("b", server["host"]), el("small", " meta leader at first") if server["meta_leader"] else None]
    if server["server_name"] == _known.unnamed(server["host"]):
        name.append(el("small", " without a server_name"))
    elif server["server_name"] not in ("", server["host"], server["host"].partition(".")[0]):
        name.append(el("small", f" as {server['server_name']}"))
    return el(
        "tr",
        el("th", *name, scope="row"),
        el("td", SERVER_STATES[server["state"]], data_label="State", class_=f"state s-{server['state']}"),
        el("td", version, data_label="Version", class_="number"),
        el("td", _connections(server), data_label="Connections", class_="number"),
    )


def _connections(server: Mapping[str, Any]) -> str:
    """Leave out what nobody knows, and what says the same again."""
    known = [server[f"connections_{when}"] for when in ("before", "after", "last")]
    if server["turn"] is None:
        known = [known[0], known[2]]
    return " \u2192 ".join(grouped(one) for one in known if one is not None) or NONE


def turns(report: Report, clock: Clock) -> Element:
    """Each node's turn phase by phase, drawn and in figures."""
    took = [server for server in report["servers"] if server["turn"]]
    if not took:
        return join()
    spans = {
        lane["host"]: [span for span in lane["spans"] if span["phase"] not in OUTSIDE_OF_TURNS]
        for lane in report["timeline"]["lanes"]
    }
    seen = {span["phase"] for server in took for span in spans.get(server["host"], [])}
    phases = [phase for phase in _svg.PHASES if phase in seen] + sorted(seen - set(_svg.PHASES))
    longest = max(sum(span["seconds"] for span in spans.get(server["host"], [])) for server in took)
    names = short_names(report)
    rows = [
        el(
            "tr",
            el("th", el("b", names[server["host"]], title=server["host"]), scope="row"),
            el("td", seconds(server["turn"]["seconds"]), data_label="in all", class_="number"),
            el("td", _svg.turn(spans.get(server["host"], []), longest, clock), class_="plot turn-bar"),
            [_took(phase, spans.get(server["host"], [])) for phase in phases],
        )
        for server in took
    ]
    heads = ["Server", "In all", "To one scale", *map(_svg.phase_name, phases)]
    note = "In all: from the begin of the first phase to the end, also what lies between two phases."
    return section("turns", "Turns", _table("turns", heads, rows), note=note)


def _took(phase: str, spans: Sequence[Mapping[str, Any]]) -> Element:
    """How long a phase took, and whether it ended as it should."""
    own = [span for span in spans if span["phase"] == phase]
    odd = next((_svg.STATES.get(span["state"], "") for span in reversed(own) if _svg.STATES.get(span["state"])), "")
    return el(
        "td",
        seconds(sum(span["seconds"] for span in own)) if own else None,
        el("small", f" {odd}") if odd else None,
        data_label=_svg.phase_name(phase) if own else None,
        class_="number bad" if odd == "failed" else "number" if own else "none",
    )


def client_view(report: Report) -> Element:
    """What an ordinary client saw meanwhile."""
    steps = report["client_view"]
    gaps = [of for of in ("publish", "consume", "request", "deliver") if any(_gap(one, of) is not None for one in steps)]
    heads = ["During", *(f"{of.capitalize()} gap" for of in gaps), *_COUNTS.values()]
    rows = [
        el(
            "tr",
            el("th", f"the turn of {one['host']}" if one["host"] else "no turn", scope="row"),
            [el("td", seconds(_gap(one, of)), data_label=f"{of.capitalize()} gap", class_="number") for of in gaps],
            [
                el("td", grouped(one[of]), data_label=label, class_="number bad" if of in _BAD and one[of] else "number")
                for of, label in _COUNTS.items()
            ],
        )
        for one in steps
    ]
    note = "An ordinary client published, consumed and asked all the while. A gap is the longest time without success."
    return section("clients", "What a client saw", _table("clients", heads, rows), note=note) if rows else join()


def _gap(step: Mapping[str, Any], of: str) -> float | None:
    found: float | None = step["longest_gap_seconds"][of]
    return found


def outages(report: Report, clock: Clock) -> Element:
    items = [
        el(
            "li",
            el("b", f"{'at most ' if one['at_most'] and one['over'] else ''}{seconds(one['seconds'])}"),
            f" while {one['host'] or 'a node'} was away, from {clock.at(one['begin'])} UTC",
            ": " if one["over"] else ", and when the run ended it was not known to be back: ",
            ", ".join(one["assets"][:20]),
            f" and {len(one['assets']) - 20} more" if len(one["assets"]) > 20 else None,
        )
        for one in report["r1_outages"]
    ]
    note = "Streams and consumers with one replica are down while its node is away."
    return section("r1", "Down meanwhile", el("ul", items), note=note) if items else join()


def asked(report: Report) -> Element:
    """What was asked, and what was planned."""
    given, plan = report["asked"], report["plan"]
    who = given["controller"]
    listed = [host for cluster in _clusters(plan) for host in cluster["hosts"]]
    rows = [
        ("Playbook", given["mode"] + (" (check mode: nothing is changed)" if given["check_mode"] else "")),
        ("Target version", given["target"]),
        ("Group", given["group"]),
        ("Hosts", ", ".join(given["hosts"]) if set(given["hosts"]) != set(listed) else ""),
        ("Limited to", given["limit"]),
        ("At most", counted(given["max_nodes"], "node") if given["max_nodes"] is not None else ""),
        ("Artifact and service", ", ".join(part for part in (given["artifact"], given["service"]) if part)),
        ("Waived by name", ", ".join(given["waive"])),
        ("Goes on with run", report["previous_run"]["run"] if report["previous_run"] else "yes" if given["resumes"] else ""),
        *(
            (f"Cluster {cluster['name']}" if cluster["name"] else "No cluster", ", ".join(cluster["hosts"]))
            for cluster in _clusters(plan)
        ),
        ("Planned order", _order(plan, listed)),
        ("Estimated", seconds(plan["estimated_seconds"]) if plan and plan["estimated_seconds"] else ""),
        ("Started by", f"{who['user']}@{who['host']}".strip("@") + (f", process {who['pid']}" if who["pid"] is not None else "")),
        ("Collection, ansible-core", ", ".join(part for part in (given["collection_version"], given["ansible_version"]) if part)),
        ("Run", report["run"]),
    ]
    return section(
        "asked",
        "What was asked, and planned",
        el("dl", [(el("dt", name), el("dd", said)) for name, said in rows if said], class_="asked"),
    )


def _order(plan: Mapping[str, Any] | None, listed: Sequence[str]) -> str:
    """Once is enough: clusters are listed in order already."""
    order = plan["order"] if plan else []
    return "as listed" if order == listed else " \u2192 ".join(order)


def _clusters(plan: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    clusters: Sequence[Mapping[str, Any]] = plan["clusters"] if plan else []
    return clusters


def short_names(report: Report) -> dict[str, str]:
    """Names for where there is little room: without a domain, and without their middle. They stay different."""
    hosts = [server["host"] for server in report["servers"]]
    # 10.0.0.1 has no domain.
    plain = {host: host if host.rpartition(".")[2].isdigit() else host.partition(".")[0] for host in hosts}
    plain = plain if len(set(plain.values())) == len(hosts) else {host: host for host in hosts}
    short = {host: f"{name[:4]}\u2026{name[-8:]}" if len(name) > _LONGEST_NAME else name for host, name in plain.items()}
    return short if len(set(short.values())) == len(hosts) else plain
