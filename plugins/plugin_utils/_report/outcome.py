# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""How a run ended, in words: the headline of its report. Pure."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.plugin_utils._report import values as _values
from ansible_collections.natsops.cluster.plugins.plugin_utils._report.timeline import Span
from ansible_collections.natsops.cluster.plugins.plugin_utils._report.values import Events

NOT_ENDED = "not_ended"
STATES = ("done", "part_done", "nothing_to_do", "refused", "failed", NOT_ENDED)
_STATUS = "To see what it left: ansible-playbook natsops.cluster.status -i INVENTORY"
_UNKNOWN = "It was killed or its controller was lost, unless it is still at work"
_TAKEN_UP = "It was killed or its controller was lost"
_NEXT = {
    "part_done": "Run the same playbook again: it goes on with {left}.",
    "refused": "Mend what is refused, or waive it by its name (nats_upgrade_waive), and run the same playbook again.",
    "failed": "Mend what failed, and run the same playbook again: servers that are done are skipped.",
    NOT_ENDED: "If it is not at work any more, run the same playbook again: it goes on where this one broke off. " + _STATUS,
}


def outcome(
    events: Events, asked: Mapping[str, Any], found: Sequence[Span], servers: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The state, what it means in a sentence or two, who is upgraded, who is left, and what to do next."""
    ended = _end_of_last_run(events)
    state = _values.short(ended.get("outcome")) if ended else NOT_ENDED
    if state not in STATES:
        state = "failed" if events.own("failed") else "done"
    # A run that resumes another adds to what that one has done.
    done = [server["host"] for server in servers if server["state"] == "done"]
    upgraded = list(dict.fromkeys([*done, *_values.texts(ended.get("upgraded"))]))
    in_plan = [server["host"] for server in servers if server["state"] != "not_in_plan"]
    left = [host for host in (_values.texts(ended["left"]) if "left" in ended else in_plan) if host not in upgraded]
    headline, sentence = _words(state, events, asked, found, upgraded, left)
    given_next = _sentence(_values.text(ended.get("next")), servers)
    if events.taken_up_by:
        given_next = f"Nothing here: run {events.taken_up_by} has gone on with it, and its report says what became of it."
    return {
        "state": state,
        "headline": headline,
        "sentence": sentence,
        "upgraded": upgraded,
        "left": left,
        "next": given_next or _NEXT.get(state, "").format(left=named(left) or "what is left"),
    }


def _end_of_last_run(events: Events) -> Mapping[str, Any]:
    for event in reversed(events.all):
        if event.kind == "run_ended":
            return event.data
        if event.kind == "run_began":
            break
    return {}


def _words(
    state: str, events: Events, asked: Mapping[str, Any], found: Sequence[Span], upgraded: Sequence[str], left: Sequence[str]
) -> tuple[str, str]:
    done = _done(asked, upgraded, len(upgraded) + len(left))
    if not events.all:
        return "Nothing was recorded", "There is no event in this run."
    if state == NOT_ENDED:
        headline, why = _broken_off(events)
        return headline, _last_sign(events, found, f"{done} so far. " if upgraded else "", why)
    if state == "failed":
        return _failed(events), f"{done}."
    if state == "refused":
        names = list(dict.fromkeys(refusal for refusal in _refused(events) if refusal))
        touched = "No server was touched." if any(span.phase == "stage" for span in found) else "Nothing was touched."
        return f"Refused: {', '.join(names)}" if names else "Refused", touched
    if state == "nothing_to_do":
        runs = f"every server runs {asked['target']} already" if asked["target"] else "no server needs it"
        return f"Nothing to do: {runs}", "Nothing was touched."
    if asked["check_mode"]:
        return f"Plan: {_servers(len(left))} to take", "It was only looked at: nothing was touched."
    return done, f"{named(left)} left for the next run." if state == "part_done" and left else ""


def _broken_off(events: Events) -> tuple[str, str]:
    """Of a run that has no end: the headline, and why that is."""
    by = [f"It was ended by {_values.short(event.data.get('by'))}" for event in events.own("interrupted")]
    if events.taken_up_by:
        return "The run broke off", [_TAKEN_UP, *by][-1]
    return ("The run was interrupted", by[-1]) if by else ("The run has not ended", _UNKNOWN)


def _done(asked: Mapping[str, Any], upgraded: Sequence[str], of: int) -> str:
    what = "restarted" if asked["mode"] == "restart" else f"upgraded to {asked['target']}" if asked["target"] else "upgraded"
    several = f"{len(upgraded)} of {_servers(of)}" if of > len(upgraded) else f"All {of} servers" if of > 1 else _servers(of)
    return f"{several if of else 'No server'} {what}"


def _servers(number: int) -> str:
    return f"{number} server{'' if number == 1 else 's'}"


def _failed(events: Events) -> str:
    if not events.own("failed"):
        return "Failed"
    failure = events.own("failed")[-1]
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


def _refused(events: Events) -> list[str]:
    planned = [_name(one) for one in _values.sequence(events.value("planned", "refusals"))]
    return planned or [_values.short(event.data.get("refusal")) for event in events.own("failed")[-1:]]


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
