# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""How a run ends: what was done and what is left, in a line, in the message of a failure, in the headline of its report. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.plugin_utils._report import values as _values
from ansible_collections.natsops.cluster.plugins.plugin_utils._report.timeline import Span
from ansible_collections.natsops.cluster.plugins.plugin_utils._report.values import Event, Events

NOT_ENDED = "not_ended"
STATES = ("done", "part_done", "nothing_to_do", "refused", "failed", NOT_ENDED)
_STATUS = "To see what it left: ansible-playbook natsops.cluster.status -i INVENTORY"
_UNKNOWN = "It was killed or its controller was lost, unless it is still at work"
_TAKEN_UP = "It was killed or its controller was lost"
_GO_ON = "If it is not at work any more, run the same playbook again: it goes on where this one broke off. " + _STATUS
_REFUSED = re.compile(r"^(\S+: )?refused: ")
_AGAIN = "run the same playbook again"
# One of these is in a message that says what became of the cluster.
_SAYS_STATE = ("the cluster now:", "nothing was", "not touched", "no server was stopped")
# What a story is made of: there may be thousands of other events.
_TOLD_BY = ("run_began", "planned", "phase", "node_done", "failed", "run_ended")


def story(events: Sequence[Mapping[str, Any]]) -> Story:
    """Fold the events of one run, as they are in its file."""
    return Story(_values.read(event for event in events if event["kind"] in _TOLD_BY))


@dataclass(frozen=True)
class Story:
    """The last run of some events. Hosts by what became of them: C(done) ran what they should when the run began, or do now;
    of the plan, some are for another run (C(later)), because this one takes only so many."""

    events: Events = field(default_factory=Events)

    @cached_property
    def began(self) -> Mapping[str, Any]:
        return self._last("run_began")

    @cached_property
    def planned(self) -> Mapping[str, Any]:
        return self._last("planned")

    @cached_property
    def ended(self) -> Mapping[str, Any]:
        return self._last("run_ended")

    def _last(self, kind: str) -> Mapping[str, Any]:
        return next((event.data for event in reversed(self.events.own(kind))), {})

    def _planned(self, key: str) -> list[str]:
        return _values.texts(self.planned.get(key))

    @cached_property
    def finished(self) -> Mapping[str, Mapping[str, Any]]:
        return {event.host: event.data for event in self.events.own("node_done") if event.host}

    @property
    def failures(self) -> Sequence[Event]:
        return self.events.own("failed")

    @property
    def upgraded(self) -> list[str]:
        return list(self.finished)

    @property
    def left(self) -> list[str]:
        planned = [*self._planned("order"), *self._planned("later")]
        todo = planned if self.planned else _values.texts(self.began.get("hosts"))
        return [host for host in todo if host not in self.finished]

    @property
    def done(self) -> list[str]:
        return [*self._planned("done"), *self.finished]

    @property
    def staged(self) -> list[str]:
        """The hosts on which the new version lies since this run."""
        ended = [event for event in self.events.own("phase") if event.data.get("state") == "ended"]
        return list(dict.fromkeys(event.host for event in ended if event.host and event.data.get("phase") == "stage"))

    @property
    def looks_only(self) -> bool:
        return bool(self.began.get("check_mode"))

    @property
    def versions(self) -> dict[str, str]:
        servers = {host: _values.mapping(told) for host, told in _values.mapping(self.planned.get("servers")).items()}
        before = {host: server["version"] for host, server in servers.items() if "version" in server}
        return {**before, **{host: str(done.get("new_version")) for host, done in self.finished.items()}}

    @property
    def did(self) -> str:
        """What was done to its servers."""
        target = _values.short(self.began.get("target"))
        return "restarted" if self.began.get("mode") == "restart" else f"upgraded to {target}" if target else "upgraded"

    @property
    def refusals(self) -> list[str]:
        """Why it was refused, by the plan or by what failed."""
        planned = [_name(one) for one in _values.sequence(self.planned.get("refusals"))]
        names = planned or [_values.short(event.data.get("refusal")) for event in self.failures[-1:]]
        return list(dict.fromkeys(name for name in names if name))

    @property
    def outcome(self) -> str:
        """Of a run that ends now."""
        if self.failures:
            return "refused" if _REFUSED.match(self._failure) and not self.finished else "failed"
        if self.planned.get("refusals"):
            return "refused"
        if not self._planned("order") and not self._planned("later"):
            return "nothing_to_do"
        return "part_done" if self.left and not self.looks_only else "done"

    @property
    def _failure(self) -> str:
        return str(self.failures[-1].data.get("msg", "")) if self.failures else ""

    def next(self, outcome: str = "") -> str:
        """What to do next after this outcome, where there is anything to do."""
        outcome = outcome or self.outcome
        if outcome == "failed":
            said = [line[6:] for line in self._failure.splitlines() if line.startswith("Next: ")]
            return " ".join(said) or f"mend what failed, and {_AGAIN}; nodes that are done are not touched again"
        if outcome == "refused":
            touched = "no server was touched" if self.staged else "nothing was touched"
            return f"{touched}: mend what is said, or waive it where it can be waived, and {_AGAIN}"
        if self.looks_only:
            return "run it for real: nothing was touched" if self.left else ""
        return self._go_on() if outcome == "part_done" else ""

    def _go_on(self) -> str:
        limit, first = "", next(iter(self.left), "what is left")
        if self.began.get("restarts_all"):
            limit = f" with --limit '{self.began.get('group', 'nats')}:!{':!'.join(self.done)}'"
        return f"{_AGAIN}{limit} to go on with {first}"

    @property
    def lines(self) -> list[str]:
        """The end of a run that ends well."""
        out = self._planned("left_out")
        return [*self._end, *([f"Left out: {', '.join(out)}, which did not answer"] if out else [])]

    @property
    def _end(self) -> list[str]:
        every, done = len(self.left) + len(self.done), len(self.done)
        if self.looks_only:
            return [f"{len(self.left)} of {every} to do. Nothing was touched"]
        if self.outcome == "nothing_to_do":
            return [f"Nothing to do: {done} of {every} done"]
        if self.outcome == "part_done" and not self.began.get("restarts_all"):
            return [f"{done} of {every} done, run again to go on. Left: {', '.join(self.left)}"]
        if self.outcome == "part_done":
            return [f"{done} of {every} done. Left: {', '.join(self.left)}", f"Next: {self.next()}"]
        verb, to, target = self.did.partition(" to ")
        with_earlier = "" if done == len(self.upgraded) else f", and with those before {done} of {every} are done"
        return [f"{verb.capitalize()} {len(self.upgraded)} of {every}{to}{target}{with_earlier}"]

    def last_words(self, msg: str) -> str:
        """The message of a failure with what it does not say of itself: what the run did to the cluster, and what to do.

        Whoever reads but the end of a job's log has to know.
        """
        said, lines = msg.lower(), []
        phases = {_values.short(event.data.get("phase")) for event in self.events.own("phase")}
        if self.staged and not phases - {"stage", ""}:
            lines.append(f"Staged on {', '.join(self.staged)}: it stays beside the running version, for the next run.")
        if not any(word in said for word in _SAYS_STATE):
            done = f"Done: {', '.join(self.done) or 'none'}. Left: {', '.join(self.left) or 'none'}."
            lines.append(done if "drain" in phases else "No server was stopped.")
        if "next: " not in said:
            lines.append(f"Next: {self.next().partition('touched: ')[2] or self.next()}.")
        return "\n".join([msg, *lines])

    def as_event(self) -> dict[str, Any]:
        return {"outcome": self.outcome, "upgraded": self.upgraded, "left": self.left, "next": self.next()}

    def summary(self, outcome: str, report: str) -> dict[str, Any]:
        next_ = self.next() if outcome == self.outcome else f"see what failed in the report, mend it, and {_AGAIN}"
        return {**self.as_event(), "outcome": outcome, "versions": self.versions, "report": report, "next": next_}


def outcome(events: Events, found: Sequence[Span], servers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The state, what it means in a sentence or two, who is upgraded, who is left, and what to do next."""
    run = Story(events)
    ended = run.ended
    state = _values.short(ended.get("outcome")) if ended else NOT_ENDED
    if state not in STATES:
        state = "failed" if run.failures else "done"
    # A run that resumes another adds to what that one has done.
    done = [server["host"] for server in servers if server["state"] == "done"]
    upgraded = list(dict.fromkeys([*done, *_values.texts(ended.get("upgraded"))]))
    in_plan = [server["host"] for server in servers if server["state"] != "not_in_plan"]
    left = [host for host in (_values.texts(ended["left"]) if "left" in ended else in_plan) if host not in upgraded]
    headline, sentence = _words(state, run, found, upgraded, left)
    next_ = _values.text(ended.get("next")) or run.next(state) if ended else _GO_ON
    if events.taken_up_by:
        next_ = f"Nothing here: run {events.taken_up_by} has gone on with it, and its report says what became of it."
    return {
        "state": state,
        "headline": headline,
        "sentence": sentence,
        "upgraded": upgraded,
        "left": left,
        "next": _sentence(next_, servers),
    }


def _words(state: str, run: Story, found: Sequence[Span], upgraded: Sequence[str], left: Sequence[str]) -> tuple[str, str]:
    of = len(upgraded) + len(left)
    several = f"{len(upgraded)} of {_servers(of)}" if left else f"All {of} servers" if of > 1 else _servers(of)
    done = f"{several if of else 'No server'} {run.did}"
    if not run.events.all:
        return "Nothing was recorded", "There is no event in this run."
    if state == NOT_ENDED:
        headline, why = _broken_off(run.events)
        return headline, _last_sign(run.events, found, f"{done} so far. " if upgraded else "", why)
    if state == "failed":
        return _failed(run), f"{done}."
    if state == "refused":
        touched = "No server was touched." if any(span.phase == "stage" for span in found) else "Nothing was touched."
        return f"Refused: {', '.join(run.refusals)}" if run.refusals else "Refused", touched
    if state == "nothing_to_do":
        target = _values.short(run.began.get("target"))
        return (
            f"Nothing to do: {f'every server runs {target} already' if target else 'no server needs it'}",
            "Nothing was touched.",
        )
    if run.looks_only:
        return f"Plan: {_servers(len(left))} to take", "It was only looked at: nothing was touched."
    return done, f"{named(left)} left for the next run." if state == "part_done" and left else ""


def _broken_off(events: Events) -> tuple[str, str]:
    """Of a run that has no end: the headline, and why that is."""
    by = [f"It was ended by {_values.short(event.data.get('by'))}" for event in events.own("interrupted")]
    if events.taken_up_by:
        return "The run broke off", [_TAKEN_UP, *by][-1]
    return ("The run was interrupted", by[-1]) if by else ("The run has not ended", _UNKNOWN)


def _servers(number: int) -> str:
    return f"{number} server{'' if number == 1 else 's'}"


def _failed(run: Story) -> str:
    if not run.failures:
        return "Failed"
    failure = run.failures[-1]
    step = _values.short(failure.data.get("step"))
    # Most steps name their host already.
    where = f" at {failure.host}" if failure.host and failure.host not in step else ""
    return f"Failed{where}{': ' if step else ''}{step}"


def _last_sign(events: Events, found: Sequence[Span], done: str, why: str) -> str:
    """A run that is still at work looks the same: say what was last seen of it."""
    running = [f"'{span.phase}'{f' of {span.host}' if span.host else ''}" for span in found if span.state == "open"]
    during = f", during {named(running)}" if running else ""
    at = events.all[-1].at
    when = f"{at[:10]} {at[11:19]} UTC" if at.endswith("Z") else at or "an unknown time"
    return f"{done}{why}: its last event is of {when}{during}."


def _name(finding: Any) -> str:
    return _values.short(finding.get("name") if isinstance(finding, Mapping) else finding)


def _sentence(said: str, servers: Sequence[Mapping[str, Any]]) -> str:
    """What follows a colon in a message stands by itself here. Names keep their case."""
    first = said.partition(" ")[0]
    return said[:1].upper() + said[1:] if first.isalpha() and first not in [server["host"] for server in servers] else said


def named(names: Sequence[str], most: int = 5) -> str:
    """Some names as a person says them: n1, n2 and 3 more."""
    if len(names) <= most:
        return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
