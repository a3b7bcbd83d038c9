# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""A roll as an operator reads it: the events of a run made into lines, one after the other. Pure."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.plugin_utils._report import outcome as _outcome
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import columns as _columns
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import event_keys as _event_keys
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import turns as _turns
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.columns import Line
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Event, seconds_of
from ansible_collections.natsops.cluster.plugins.plugin_utils._screen import planned_lines as _planned_lines
from ansible_collections.natsops.cluster.plugins.plugin_utils._screen import turn_lines as _turn_lines

_REPORT = "Report: {path}"
# Of each log of a server that is shown when its turn fails.
_LOG_LINES = 10


class Roll:
    """What has been shown of a run so far, and what its next event adds."""

    def __init__(self, run: str, report: str, columns: int) -> None:
        self._run, self._report, self._columns = run, report, columns
        self._events: list[Event] = []
        self._turn: _turn_lines.Turn | None = None
        self._ready = self._opened = False
        self._spaced = True
        # Lines that an ordinary task says as well: they are not to be shown again.
        self.said: set[str] = set()
        self._by_kind: Mapping[str, Callable[[Event], list[Line]]] = {
            "planned": self._planned,
            "resumed": self._resumed,
            "phase": self._phase,
            "note": self._note,
            "put_back": self._put_back,
            "node_done": self._node_done,
            "clients": self._clients,
            "failed": self._failed,
            "run_ended": self._ended,
        }

    @property
    def failed(self) -> int:
        """How many failures have ended the run so far."""
        return len(self._story.failures)

    @property
    def _story(self) -> _outcome.Story:
        return _outcome.story(self._events)

    def take(self, event: Event) -> list[Line]:
        """The lines of one more event. An event of another run, which this one goes on with, has none."""
        if not _event_keys.fits(event) or event.get("run") != self._run:
            return []
        self._events.append(event)
        # Everything is staged once something else begins.
        due = [] if event["kind"] == "phase" and event.get("phase") == "stage" else self._staged()
        if self._turn:
            self._turn.see(event)
        return self._without_gaps([*due, *self._by_kind.get(event["kind"], _nothing)(event)])

    def _without_gaps(self, lines: list[Line]) -> list[Line]:
        """One empty line between two blocks, whichever of them asks for it."""
        kept = []
        for line in lines:
            if line.text or not self._spaced:
                # Names of streams and clusters are other people's words.
                kept.append(Line(_text.line(line.text), line.tone))
            self._spaced = not line.text
        return kept

    def flush(self) -> list[Line]:
        """What is known and was not shown, because more could have come to it: all nodes are staged."""
        return self._without_gaps(self._staged())

    def _staged(self) -> list[Line]:
        if not self._ready:
            return []
        self._ready = False
        return [*_planned_lines.ready(self._events, self._columns), Line("")]

    def heard(self, result: Mapping[str, Any]) -> None:
        """What a result holds that a later task says again, and that is shown from the events."""
        plan = result.get("plan")
        if isinstance(plan, Mapping) and not self._story.looks_only:
            self.said.update(str(line) for key in ("lines", "note_lines") for line in plan.get(key) or ())
        if isinstance(result.get("connections"), Mapping):
            self.said.update(str(line) for line in result.get("lines") or ())

    def heard_lines(self, texts: Sequence[str]) -> list[Line]:
        """What a task says, without what was shown already; of a plan that was asked for, long lines in as many as they take."""
        new = [text for text in texts if text not in self.said]
        if not self._story.looks_only:
            return [Line(text) for text in _ends(new)]
        shown = []
        for text in new:
            indent = text[: len(text) - len(text.lstrip())]
            shown += _columns.wrapped(text.strip(), self._columns, indent, indent + "    ") if _is_prose(text) else [text]
        return [Line(line) for line in shown]

    def opening(self) -> list[Line]:
        """The first line, of a run that ends before there is a plan."""
        began = self._story.began
        if self._opened or not began:
            return []
        self._opened = True
        return self._without_gaps(_planned_lines.header(began, {}, self._run, self._columns))

    def _planned(self, event: Event) -> list[Line]:
        began = self._story.began
        first = _planned_lines.header(began, event, self._run, self._columns) if not self._opened else []
        self._opened = True
        # A plan that was asked for is shown whole, as the planner says it; before a roll it is a table.
        return first if began.get("check_mode") else [*first, *_planned_lines.plan(began, event, self._columns)]

    def _resumed(self, event: Event) -> list[Line]:
        found = "" if event.get("found") else ", of which nothing is left here"
        return [Line(_columns.head("RESUMED", f"goes on with run {event.get('previous_run')}{found}"))]

    def _phase(self, event: Event) -> list[Line]:
        phase, state, host = event["phase"], event["state"], event.get("host")
        if phase == "stage":
            self._ready = self._ready or state == "ended"
            return self._phase_failed(event) if state == "failed" else []
        if phase in _columns.HEADS:
            return self._of_all(event)
        gap = [Line("")] if self._turn and self._turn.is_silent else []
        if host and (self._turn is None or self._turn.host != host):
            self._turn = self._turn_of(str(host))
            gap = [Line("")]
        lines = self._turn.lines(event) if self._turn else []
        return [*gap, *lines] if lines else []

    def _turn_of(self, host: str) -> _turn_lines.Turn:
        story = self._story
        samples = [event for event in self._events if event["kind"] == "sample"]
        return _turn_lines.Turn(host, len(story.finished) + 1, story.planned, samples[-1] if samples else {})

    def _of_all(self, event: Event) -> list[Line]:
        phase, state = event["phase"], event["state"]
        if state == "failed":
            return self._phase_failed(event)
        if state != "ended" or phase == "rebalance":
            return []
        if phase == "verify":
            return [*([Line("")] if self._story.finished else []), *self._verified()]
        joins = phase == "surge_join"
        done = "have joined, and clients know them" if joins else "have been drained and stopped"
        return [Line(""), Line(_columns.head(_columns.HEADS[phase], f"temporary servers {done}"))]

    def _phase_failed(self, event: Event) -> list[Line]:
        where = f" on {event['host']}" if event.get("host") else ""
        return [Line(_columns.head(_columns.HEADS[event["phase"]], f"FAILED{where}, the reason follows"), "bad")]

    def _verified(self) -> list[Line]:
        story = self._story
        sample = next((event for event in reversed(self._events) if event["kind"] == "sample"), {})
        said = [_running(sample, str(story.began.get("target") or "")), _turn_lines.all_current(sample)]
        compared = {str(event.get("host")): event.get("damage") for event in self._events if event["kind"] == "compared"}
        if story.finished and all(compared.get(host) == [] for host in story.finished):
            said.append("same streams and consumers")
        return [Line(text) for text in _headed("VERIFY", ", ".join(filter(None, said)), self._columns)]

    def _note(self, event: Event) -> list[Line]:
        text = str(event.get("text") or "")
        if text in self.said:
            return []
        self.said.add(text)
        return [Line(line, "warn") for line in _columns.wrapped(f"note: {text}", self._columns, " " * 10, " " * 10)]

    def _put_back(self, event: Event) -> list[Line]:
        version = event.get("version")
        text = f"runs {version} again" if version else "runs what it ran before"
        return self._turn.told(event, "back", f"PUT BACK: {text}", "warn") if self._turn else []

    def _node_done(self, event: Event) -> list[Line]:
        if self._turn is None or self._turn.host != event["host"]:
            return []
        story = self._story
        left = _turns.seconds_left(story, story.planned.get("order") or ())
        lines = self._turn.done(event, left, self._columns)
        self._turn = None
        return [*lines, Line("")]

    def _clients(self, event: Event) -> list[Line]:
        counts = event.get("connections")
        if not self._story.finished or not isinstance(counts, Mapping):
            return []
        text = _clients_text({str(host): count for host, count in counts.items() if isinstance(count, Mapping)})
        asked = bool(event.get("asked"))
        # What was asked of clients, and what came of it; or that they could be asked.
        told = str(event.get("told") or "") if asked else "uneven: nats_upgrade_rebalance" if event.get("even") is False else ""
        lines = _headed("CLIENTS", text, self._columns)
        if told and not asked and len(lines) == 1 and len(lines[0]) + len(told) + 3 <= self._columns:
            lines = [f"{lines[0]}   {told}"]
        elif told:
            lines += _columns.wrapped(told, self._columns, " " * 8, " " * 8)
        return [Line(line) for line in lines]

    def _failed(self, _event: Event) -> list[Line]:
        # The message of the failed task says it all, and ends with the report. Here only what comes before it.
        return [*self.opening(), Line("")]

    def _ended(self, event: Event) -> list[Line]:
        story = self._story
        report = _REPORT.format(path=self._report)
        self.said.update([*story.lines, report])
        if story.failures or event.get("outcome") in ("failed", "refused"):
            return []
        first, *rest = story.lines or ["Done"]
        took = seconds_of(event["at"]) - seconds_of(story.began["at"]) if story.began and story.finished else None
        whole = event.get("outcome") == "done"
        if took is not None:
            first += f" in {_text.duration(took)}" if whole else f" ({_text.duration(took)})"
        tone = "good" if whole else ""
        return [
            Line(_columns.head("DONE", first), tone),
            *(Line(line) for text in rest for line in _columns.wrapped(text, self._columns, " " * 8, " " * 8)),
            Line(_columns.head("", report)),
        ]


def _ends(texts: Sequence[str]) -> list[str]:
    """Of logs the last lines each: the report has more."""
    parts: list[list[str]] = [[]]
    for text in texts:
        if text.startswith("==> "):
            parts.append([])
        parts[-1].append(text)
    first, *logs = parts
    return [*first, *(line for log in logs for line in _end(log))]


def _end(log: Sequence[str]) -> list[str]:
    title, *lines = log
    left = len(lines) - _LOG_LINES
    return [title, *([f"({left} more before these: see the report)"] if left > 0 else []), *lines[-_LOG_LINES:]]


def _is_prose(text: str) -> bool:
    # A table has its columns, and a command is copied as it is.
    return "  " not in text.strip()


def _nothing(_event: Event) -> list[Line]:
    return []


def _headed(word: str, text: str, columns: int) -> list[str]:
    first, *rest = _columns.wrapped(text, columns, " " * 8, " " * 8)
    return [_columns.head(word, first.strip()), *rest]


def _running(sample: Mapping[str, Any], target: str) -> str:
    servers: Sequence[Any] = [one for one in (sample.get("servers") or {}).values() if isinstance(one, Mapping)]
    if not servers:
        return ""
    if not target:
        return f"{sum(bool(one.get('reachable')) for one in servers)} of {len(servers)} answer"
    return f"{sum(one.get('version') == target for one in servers)} of {len(servers)} run {target}"


def _clients_text(counts: Mapping[str, Mapping[str, Any]]) -> str:
    """36 -> 36: n1 13 -> 0, n2 12 -> 19"""

    def both(before: Any, after: Any) -> str:
        return f"{'?' if before is None else before} -> {'?' if after is None else after}"

    before = [count.get("before") for count in counts.values()]
    after = [count.get("after") for count in counts.values()]
    sums = [sum(values) if all(isinstance(value, int) for value in values) else None for values in (before, after)]
    each = ", ".join(f"{host} {both(count.get('before'), count.get('after'))}" for host, count in counts.items())
    return f"{both(*sums)}: {each}"
