# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The report of a run, made of nothing but its events: docs/report.md says what is in it, docs/report.schema.json how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.plugin_utils._report import outcome as _outcome
from ansible_collections.natsops.cluster.plugins.plugin_utils._report import series as _series
from ansible_collections.natsops.cluster.plugins.plugin_utils._report import servers as _servers
from ansible_collections.natsops.cluster.plugins.plugin_utils._report import timeline as _timeline
from ansible_collections.natsops.cluster.plugins.plugin_utils._report import values as _values
from ansible_collections.natsops.cluster.plugins.plugin_utils._report.timeline import Span
from ansible_collections.natsops.cluster.plugins.plugin_utils._report.values import Event, Events

# Goes up when a part gets another meaning, or goes away. More parts may be added without.
SCHEMA = 1
_NOT_FOUND = (
    "it goes on with run {run}, whose events are not in the folder beside this one (it ran on another controller, or its folder "
    "was taken away): what that run did is not in this report"
)
# The place of a line that is no event, in what read_events returns.
UNREADABLE = "unreadable"


def read_events(path: str | Path) -> list[dict[str, Any]]:
    """The events in a file. A run that is killed may leave half a line at the end: that is no event, and no fault.

    A damaged line elsewhere becomes an event of the kind C(unreadable), so that the report can say that something is missing.
    """
    *whole, rest = Path(path).read_bytes().split(b"\n")
    events = [event_of(line, at) for at, line in enumerate(whole, 1) if line.strip()]
    last = event_of(rest)
    return events if last["kind"] == UNREADABLE else [*events, last]


def event_of(line: bytes, at: int = 0) -> dict[str, Any]:
    """The event in a line, which is the one at C(at); one of the kind C(unreadable) where there is none in it."""
    try:
        event = json.loads(line.decode("utf-8", errors="replace"))
    except (ValueError, RecursionError):
        event = None
    return {"kind": "", **event} if isinstance(event, dict) else {"kind": UNREADABLE, "line": at}


def build(events: Iterable[Any]) -> dict[str, Any]:
    """Return the report. Whatever is in the events, it has every part, and can be written as JSON."""
    read = _values.read(events)
    asked = _asked(read)
    plan = _servers.plan(read)
    spans = _timeline.spans(read)
    servers = _servers.servers(read, plan, spans)
    outcome = _outcome.outcome(read, spans, servers)
    order = [server["host"] for server in servers]
    return {
        "schema": SCHEMA,
        "run": _run(read),
        "began": read.began,
        "ended": read.all[-1].at if read.all and outcome["state"] != _outcome.NOT_ENDED else None,
        "last_event": read.all[-1].at if read.all else None,
        "seconds": read.seconds,
        "outcome": outcome,
        "asked": asked,
        "resumed": _resumed(read),
        "previous_run": _previous_run(read),
        "next_run": read.taken_up_by or None,
        "plan": plan,
        "refusals": _findings(read, "refusals"),
        "waived": _findings(read, "waived"),
        "warnings": _findings(read, "warnings"),
        "servers": servers,
        "timeline": _timeline.timeline(spans, order, read),
        "series": _series.series(read.of("sample", "draining")),
        "r1_outages": _outages(read, spans),
        "client_view": [_client_view(event) for event in read.of("client_probe")],
        "put_back": [_told(event, "detail", version=_values.short(event.data.get("version"))) for event in read.of("put_back")],
        "notes": [*(_told(event, "text") for event in read.of("note")), *_own_notes(read)],
        # Of the runs before, what failed is a note: it did not stop this one.
        "failures": [_failure(event) for event in read.own("failed")],
    }


def _run(events: Events) -> str:
    """The id of the run, the last one where it goes on with others."""
    began = events.own("run_began")
    return _values.short(next((event.data["run"] for event in [*began, *events.all] if event.data.get("run")), ""))


def _asked(events: Events) -> dict[str, Any]:
    """What the run was told, by the last who started it."""
    last = events.last("run_began")
    said: Mapping[str, Any] = last.data if last else {}
    controller = _values.mapping(said.get("controller"))
    words = ("mode", "target", "group", "artifact", "service", "collection_version", "ansible_version")
    return {
        **{word: _values.short(said.get(word)) for word in words},
        "limit": _as_text(said.get("limit")),
        "hosts": _values.texts(said.get("hosts")),
        "waive": _values.texts(said.get("waive")),
        "max_nodes": _values.count(said.get("max_nodes")),
        "check_mode": said.get("check_mode") is True,
        "controller": {
            "host": _values.short(controller.get("host")),
            "user": _values.short(controller.get("user")),
            "pid": _values.count(controller.get("pid")),
        },
        "resumes": said.get("resumes") is True or bool(events.own("resumed")),
    }


def _as_text(limit: Any) -> str:
    return ", ".join(_values.texts(limit)) if isinstance(limit, (list, tuple)) else _values.short(limit)


def _resumed(events: Events) -> list[dict[str, Any]]:
    """When each run began after the first: they go on with one another."""
    begins = zip(events.of("run_began")[1:], events.pauses)
    return [
        {
            "at": event.at,
            "second": event.second,
            "run": _values.short(event.data.get("run")),
            "pause_seconds": round(until - since, 3),
        }
        for event, (since, until) in begins
    ]


def _previous_run(events: Events) -> dict[str, Any] | None:
    """The run that this one goes on with, and whether what it wrote is in here."""
    told = events.own("resumed")
    return (
        {"run": _values.short(told[-1].data.get("previous_run")), "found": told[-1].data.get("found") is True} if told else None
    )


def _findings(events: Events, key: str) -> list[dict[str, Any]]:
    found = []
    for given in _values.sequence(events.value("planned", key)):
        finding = given if isinstance(given, Mapping) else {"name": given}
        found.append(
            {
                "name": _values.short(finding.get("name")),
                "message": _values.text(finding.get("message")),
                "waivable": finding.get("waivable") is True,
                "risk": _values.text(finding.get("risk")),
                "seen": _values.texts(finding.get("seen"), 1000),
                "source": _values.short(finding.get("source")),
            }
        )
    return found


def _told(event: Event, key: str, **more: Any) -> dict[str, Any]:
    return {"at": event.at, "second": event.second, "host": event.host, "text": _values.text(event.data.get(key)), **more}


def _own_notes(events: Events) -> list[dict[str, Any]]:
    """What is not certain of the report itself, and what failed in the runs before."""
    told = [_told(event, "", text=_failed_before(event)) for event in events.before("failed")]
    previous = _previous_run(events)
    if previous and not previous["found"]:
        told.append(_note(events, _NOT_FOUND.format(**previous)))
    damaged = [event for event in events.of(UNREADABLE) if "line" in event.data]
    if damaged:
        numbers = ", ".join(_values.text(event.data["line"], 20) for event in damaged[:10])
        text = f"{len(damaged)} damaged line{'s' if len(damaged) > 1 else ''} of events.jsonl could not be read: {numbers}"
        told.append(_note(events, text))
    return told


def _note(events: Events, text: str) -> dict[str, Any]:
    return {"at": "", "second": events.seconds, "host": None, "text": text}


def _failed_before(event: Event) -> str:
    run, step = _values.short(event.data.get("run")), _values.short(event.data.get("step"))
    first = _values.short(_values.text(event.data.get("msg")).strip().split("\n", 1)[0])
    return f"run {run} failed before: {step}: {first}"


def _outages(events: Events, spans: Sequence[Span]) -> list[dict[str, Any]]:
    """Told of one more than once, by a run that broke off and by the one that saw its end, the last counts."""
    found: dict[tuple[str | None, float], dict[str, Any]] = {}
    for event in events.of("r1_outage"):
        outage = _outage(event, events, spans)
        found[outage["host"], outage["begin"]] = outage
    return list(found.values())


def _outage(event: Event, events: Events, spans: Sequence[Span]) -> dict[str, Any]:
    """It is told when the node is back, or the run ends without it, and began with the drain: a server in lame duck serves no
    stream."""
    seconds = _values.duration(event.data.get("seconds"))
    drains = [span.begin for span in spans if (span.host, span.phase) == (event.host, "drain") and span.begin <= event.second]
    begin = events.second_of(event.data.get("began"))
    if begin is None:
        begin = drains[-1] if drains else round(max(0.0, event.second - (seconds or 0.0)), 3)
    end = begin + (seconds or 0.0)
    return {
        "at": event.at,
        "begin": begin,
        "host": event.host,
        "assets": _values.texts(event.data.get("assets"), 1000),
        "seconds": seconds,
        "over": event.data.get("over") is not False,
        # It may have been shorter: nobody looked.
        "at_most": any(begin < until and since < end for since, until in events.pauses),
    }


def _client_view(event: Event) -> dict[str, Any]:
    gaps = _values.mapping(event.data.get("longest_gap_seconds"))
    counts = ("published", "received", "lost", "duplicated", "failed_requests")
    return {
        "host": event.host,
        "since": _values.short(event.data.get("since")),
        "until": _values.short(event.data.get("until")),
        "longest_gap_seconds": {of: _values.duration(gaps.get(of)) for of in ("publish", "consume", "request", "deliver")},
        **{of: _values.count(event.data.get(of)) for of in counts},
    }


def _failure(event: Event) -> dict[str, Any]:
    return {
        "at": event.at,
        "second": event.second,
        "host": event.host,
        "step": _values.short(event.data.get("step")),
        "message": _values.text(event.data.get("msg")),
        "refusal": _values.short(event.data.get("refusal")),
        "server_log": _values.lines(event.data.get("server_log")),
    }
