# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a roll shows before its first node: what is asked for, the plan, and that every node is ready. Pure."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core.text import duration, named
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import columns as _columns
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.columns import Line
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Event

_STAGED: Mapping[str, str] = {
    "archive": "staged beside the running one: runs here, accepts the configuration",
    "image": "have the image: runs here, accepts the configuration",
}
_STAGED_ELSE = "ready: what is to run accepts the configuration"


def header(began: Mapping[str, Any], planned: Mapping[str, Any], run: str, columns: int) -> list[Line]:
    """UPGRADE shop  2.12.8 -> 2.14.6   3 servers, one at a time, about 28 s   run 20261130T215921Z-7238e8"""
    verb = "restart" if began.get("mode") == "restart" else "upgrade"
    word = _columns.head("PLAN", verb) if began.get("check_mode") else verb.upper()
    clusters = planned.get("clusters") or {}
    name = ", ".join(map(str, filter(None, clusters))) or f"group {began.get('group')}"
    versions = f"{' '.join(_versions(planned))} -> {began['target']}".strip() if began.get("target") else ""
    parts = [f"{word} {name}", versions.removeprefix("-> "), _size(planned)]
    text, told = "  ".join(filter(None, parts)), f"run {run}"
    whole = f"{text}   {told}"
    return [Line(whole)] if len(whole) <= columns else [Line(text), Line(_columns.head("", told))]


def _versions(planned: Mapping[str, Any]) -> list[str]:
    """What the servers run that have a turn to come, or all of them run where there is none."""
    servers = planned.get("servers") or {}
    todo = [*(planned.get("order") or ()), *(planned.get("later") or ())]
    if not todo:
        return []
    return sorted({str(servers[host]["version"]) for host in todo if servers.get(host, {}).get("version")})


def _size(planned: Mapping[str, Any]) -> str:
    order = planned.get("order") or []
    if not order:
        return ""
    about = f", about {duration(planned['estimate'])}" if planned.get("estimate") else ""
    count = f"{len(order)} servers, one at a time" if len(order) > 1 else "1 server"
    return f"{count}{about}"


def plan(began: Mapping[str, Any], planned: Event, columns: int) -> list[Line]:
    """The order and the cost, and what to know before the first node."""
    order = planned.get("order") or []
    if not order and not planned.get("refusals"):
        done = planned.get("done") or []
        what = f"{'runs' if len(done) == 1 else 'run'} {began['target']} already" if began.get("target") else "need no restart"
        names = named(dict.fromkeys(str(one.get("name")) for one in planned.get("warnings") or () if isinstance(one, Mapping)))
        warned = [Line(f"  warnings: {names}: natsops.cluster.plan", "warn")] if names else []
        return [Line(_columns.head("PLAN", f"nothing to do: {named(done)} {what}")), *warned]
    return [
        Line(_columns.head("PLAN", "nothing has been touched" + ("" if planned.get("warnings") else ", no warnings"))),
        *map(Line, _columns.rows(_table(began, planned))),
        *_besides(planned, columns),
        *_findings(planned, columns),
        *(Line(text) for text in _foot(planned, columns) if text),
    ]


def _table(began: Mapping[str, Any], planned: Event) -> list[list[str]]:
    servers, about = planned.get("servers") or {}, planned.get("about") or {}
    clusters = {host: name for name, hosts in (planned.get("clusters") or {}).items() for host in hosts}
    several = len(set(clusters.values())) > 1
    table = []
    for number, host in enumerate(planned.get("order") or (), 1):
        server = servers.get(host) or {}
        version, target = str(server.get("version") or "?"), began.get("target")
        table.append(
            [
                f"{number}",
                host,
                *([clusters.get(host, "")] if several else []),
                f"{version} -> {target}" if target and target != version else version,
                _clients(server.get("connections")),
                "; ".join(map(str, about.get(host) or ())),
            ]
        )
    return table


def _clients(count: Any) -> str:
    return "" if count is None else f"{count} client{'' if count == 1 else 's'}"


def _besides(planned: Event, columns: int) -> list[Line]:
    told = [
        f"{named(planned['done'])}: done already" if planned.get("done") else "",
        f"{named(planned['later'])}: left for the next run (nats_upgrade_max_nodes)" if planned.get("later") else "",
        f"{named(planned['left_out'])}: left out, no answer" if planned.get("left_out") else "",
        f"temporary servers: {named(planned['surge'])}" if planned.get("surge") else "",
    ]
    return [Line(line) for text in told if text for line in _columns.wrapped(text, columns)]


def _findings(planned: Event, columns: int) -> list[Line]:
    """Warnings, and refusals that are waived. The message of the failed task says what is refused."""
    found = [("waived", one) for one in planned.get("waived") or ()] + [("warning", one) for one in planned.get("warnings") or ()]
    texts = [f"{kind}: {one.get('name')}: {one.get('message')}" for kind, one in found if isinstance(one, Mapping)]
    return [Line(line, "warn") for text in texts for line in _paragraphs(text, columns)]


def _paragraphs(text: str, columns: int) -> Iterator[str]:
    first, *rest = text.splitlines()
    yield from _columns.wrapped(first.strip(), columns)
    for line in rest:
        yield from _columns.wrapped(line.strip(), columns, _columns.GAP * 2, _columns.GAP * 2)


def _foot(planned: Event, columns: int) -> list[str]:
    ways: Sequence[str] = planned.get("ways_back") or ()
    notes: Sequence[str] = planned.get("notes") or ()
    minors = named(list(dict.fromkeys(str(note).partition(":")[0] for note in notes)))
    # Of a way back, what it costs is in the plan; where there is but one, it is that of every node.
    texts = [str(way).partition(" (" if len(ways) == 1 else ":")[0] for way in ways]
    if notes:
        texts.append(f"{len(notes)} note{'' if len(notes) == 1 else 's'} on {minors}: natsops.cluster.plan")
    line = _columns.GAP + "   ".join(texts)
    return [line.rstrip()] if len(line) <= columns else [one for text in texts for one in _columns.wrapped(text, columns)]


def ready(events: Sequence[Event], columns: int) -> list[Line]:
    """Every node has what it is to run."""
    began: Mapping[str, Any] = next((event for event in events if event["kind"] == "run_began"), {})
    staged = [e for e in events if e["kind"] == "phase" and e.get("phase") == "stage" and e["state"] == "ended" and e.get("host")]
    hosts = list(dict.fromkeys(str(event["host"]) for event in staged))
    planned: Mapping[str, Any] = next((event for event in reversed(events) if event["kind"] == "planned"), {})
    order = [str(host) for host in planned.get("order") or ()]
    hosts.sort(key=lambda host: order.index(host) if host in order else len(order))
    what = _STAGED.get(str(began.get("artifact")), _STAGED_ELSE)
    files = [f"{event.get('file')}, SHA-256 verified" for event in events if event["kind"] == "fetched" and event.get("file")]
    texts = [*(f"archive  {file}" for file in files), f"{' '.join(hosts)} {what}" if hosts else ""]
    return [
        Line(_columns.head("READY", "no server has been touched")),
        *(Line(line) for text in texts if text for line in _columns.wrapped(text, columns)),
    ]
