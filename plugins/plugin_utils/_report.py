# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""The report of a run, made of nothing but its events: docs/report.md says what is in it, docs/report.schema.json how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.plugin_utils import (
    _report_outcome,
    _report_series,
    _report_servers,
    _report_timeline,
)
from ansible_collections.natsops.cluster.plugins.plugin_utils import _report_values as values
from ansible_collections.natsops.cluster.plugins.plugin_utils._report_timeline import Span
from ansible_collections.natsops.cluster.plugins.plugin_utils._report_values import Event, Events

# Goes up when a part gets another meaning, or goes away. More parts may be added without.
SCHEMA = 1
# The place of a line that is no event, in what read_events returns.
UNREADABLE = "unreadable"


def read_events(path: str | Path) -> list[dict[str, Any]]:
    """The events in a file. A run that is killed may leave half a line at the end: that is no event, and no fault.

    A damaged line elsewhere becomes an event of the kind C(unreadable), so that the report can say that something is missing.
    """
    *whole, rest = Path(path).read_bytes().split(b"\n")
    events = [_event(line, at) for at, line in enumerate(whole, 1) if line.strip()]
    last = _event(rest, 0)
    return events if last["kind"] == UNREADABLE else [*events, last]


def _event(line: bytes, at: int) -> dict[str, Any]:
    try:
        event = json.loads(line.decode("utf-8", errors="replace"))
    except (ValueError, RecursionError):
        event = None
    return {"kind": "", **event} if isinstance(event, dict) else {"kind": UNREADABLE, "line": at}


def build(events: Iterable[Any]) -> dict[str, Any]:
    """Return the report. Whatever is in the events, it has every part, and can be written as JSON."""
    read = values.read(events)
    asked = _asked(read)
    plan = _report_servers.plan(read)
    spans = _report_timeline.spans(read)
    servers = _report_servers.servers(read, plan, spans)
    outcome = _report_outcome.outcome(read, asked, spans, servers)
    order = [server["host"] for server in servers]
    return {
        "schema": SCHEMA,
        "run": values.text(next((event.data["run"] for event in read.all if event.data.get("run")), ""), values.LONGEST_LINE),
        "began": read.began,
        "ended": read.all[-1].at if read.all and outcome["state"] != _report_outcome.NOT_ENDED else None,
        "last_event": read.all[-1].at if read.all else None,
        "seconds": read.seconds,
        "outcome": outcome,
        "asked": asked,
        "resumed": _resumed(read),
        "plan": plan,
        "refusals": _findings(read, "refusals"),
        "waived": _findings(read, "waived"),
        "warnings": _findings(read, "warnings"),
        "servers": servers,
        "timeline": _report_timeline.timeline(spans, order, read),
        "series": _report_series.series(read.of("sample", "draining")),
        "r1_outages": [_outage(event, spans) for event in read.of("r1_outage")],
        "client_view": [_client_view(event) for event in read.of("client_probe")],
        "put_back": [_told(event, "detail", version=values.short(event.data.get("version"))) for event in read.of("put_back")],
        "notes": [*(_told(event, "text") for event in read.of("note")), *_own_notes(read)],
        "failures": [_failure(event) for event in read.of("failed")],
    }


def _asked(events: Events) -> dict[str, Any]:
    """What the run was told, by the last who started it."""
    last = events.last("run_began")
    said: Mapping[str, Any] = last.data if last else {}
    controller = values.mapping(said.get("controller"))
    words = ("mode", "target", "group", "artifact", "service", "collection_version", "ansible_version")
    return {
        **{word: values.short(said.get(word)) for word in words},
        "limit": _as_text(said.get("limit")),
        "hosts": values.texts(said.get("hosts")),
        "waive": values.texts(said.get("waive")),
        "max_nodes": values.count(said.get("max_nodes")),
        "check_mode": said.get("check_mode") is True,
        "controller": {
            "host": values.short(controller.get("host")),
            "user": values.short(controller.get("user")),
            "pid": values.count(controller.get("pid")),
        },
        "resumes": said.get("resumes") is True,
    }


def _as_text(limit: Any) -> str:
    return ", ".join(values.texts(limit)) if isinstance(limit, (list, tuple)) else values.short(limit)


def _resumed(events: Events) -> list[dict[str, Any]]:
    """When somebody started the run again, in the same file."""
    return [{"at": event.at, "second": event.second} for event in events.of("run_began")[1:]]


def _findings(events: Events, key: str) -> list[dict[str, Any]]:
    found = []
    for given in values.sequence(events.value("planned", key)):
        finding = given if isinstance(given, Mapping) else {"name": given}
        found.append(
            {
                "name": values.short(finding.get("name")),
                "message": values.text(finding.get("message")),
                "waivable": finding.get("waivable") is True,
                "seen": values.texts(finding.get("seen"), 1000),
                "source": values.short(finding.get("source")),
            }
        )
    return found


def _told(event: Event, key: str, **more: Any) -> dict[str, Any]:
    return {"at": event.at, "second": event.second, "host": event.host, "text": values.text(event.data.get(key)), **more}


def _own_notes(events: Events) -> list[dict[str, Any]]:
    """What is not certain of the report itself."""
    damaged = [event for event in events.of(UNREADABLE) if "line" in event.data]
    told = []
    if damaged:
        numbers = ", ".join(values.text(event.data["line"], 20) for event in damaged[:10])
        told.append(f"{len(damaged)} damaged line{'s' if len(damaged) > 1 else ''} of events.jsonl could not be read: {numbers}")
    return [{"at": "", "second": events.seconds, "host": None, "text": one} for one in told]


def _outage(event: Event, spans: Sequence[Span]) -> dict[str, Any]:
    """It is told when the node is done, and began with the drain: a server in lame duck serves no stream."""
    seconds = values.duration(event.data.get("seconds"))
    drains = [span.begin for span in spans if (span.host, span.phase) == (event.host, "drain") and span.begin <= event.second]
    begin = drains[-1] if drains else round(max(0.0, event.second - (seconds or 0.0)), 3)
    return {
        "at": event.at,
        "begin": begin,
        "host": event.host,
        "assets": values.texts(event.data.get("assets"), 1000),
        "seconds": seconds,
    }


def _client_view(event: Event) -> dict[str, Any]:
    gaps = values.mapping(event.data.get("longest_gap_seconds"))
    counts = ("published", "received", "lost", "duplicated", "failed_requests")
    return {
        "host": event.host,
        "since": values.short(event.data.get("since")),
        "until": values.short(event.data.get("until")),
        "longest_gap_seconds": {of: values.duration(gaps.get(of)) for of in ("publish", "consume", "request", "deliver")},
        **{of: values.count(event.data.get(of)) for of in counts},
    }


def _failure(event: Event) -> dict[str, Any]:
    return {
        "at": event.at,
        "second": event.second,
        "host": event.host,
        "step": values.short(event.data.get("step")),
        "message": values.text(event.data.get("msg")),
        "refusal": values.short(event.data.get("refusal")),
        "server_log": values.lines(event.data.get("server_log")),
    }
