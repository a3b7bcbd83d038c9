# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The last message of a run that Ctrl-C or SIGTERM ends: the node in its turn, the lock, and what to do next. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.plugin_utils._report import outcome as _outcome
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Event

# Phases of a turn, of which a node is in its turn until it is done or put back.
_BEFORE, _REPLACED = ("gate", "hold"), ("drain", "swap", "start", "catch_up")
_MAY = "What was under way there may run to its end, or not: the next run finds out."


@dataclass(frozen=True)
class Place:
    """Where a run is: the step that was begun last, and what its message needs to know of it."""

    run: str
    folder: str
    host: str
    step: str
    lease: str = ""
    in_awx: bool = False


def message(by: str, place: Place, events: Sequence[Event], inventory: Sequence[str], page: str) -> str:
    """What to say of a run that is ended by C(by); empty where it has said all that there is to say.

    C(events) are also those of the runs that it goes on with.
    """
    own = [event for event in events if event.get("run") == place.run]
    run = _outcome.story(own)
    if not own or run.looks_only or any(event["kind"] == "run_ended" for event in own):
        return ""
    host = in_turn(events)
    next_ = "relaunch this job" if place.in_awx else "run the same playbook again"
    lines = [
        _where(by, host, place.step, run),
        "",
        f"{host}: {state_of(host, events)}" if host else _unstopped(run),
        f"Done: {', '.join(run.done) or 'none'}. Left: {', '.join(run.left) or 'none'}.",
        _lock(place),
        "",
        f"Next: {next_}{f'; it goes on with {host}' if host else ''}. Nodes that are done are not touched again.",
        *_status(place, run.began, inventory),
        f"Report: {page}",
    ]
    return "\n".join(lines)


def _where(by: str, host: str, step: str, run: _outcome.Story) -> str:
    if host:
        return f"INTERRUPTED by {by} in the turn of {host}, in the step '{step}'."
    if run.finished:
        return f"INTERRUPTED by {by} between two turns, in the step '{step}'."
    return f"INTERRUPTED by {by} before any turn, in the step '{step}'."


def in_turn(events: Sequence[Event]) -> str:
    """The host whose turn has begun and not ended; empty where there is none."""
    host = ""
    for event in events:
        if event["kind"] == "phase" and event.get("phase") in (*_BEFORE, *_REPLACED):
            host = str(event.get("host") or host)
        elif event.get("host") == host and _ends_turn(event):
            host = ""
    return host


def _ends_turn(event: Event) -> bool:
    return event["kind"] in ("node_done", "put_back") or event.get("stopped") is False


def state_of(host: str, events: Sequence[Event]) -> str:
    """What is known of the server of a node in its turn."""
    ended = [n for n, event in enumerate(events) if event.get("host") == host and _ends_turn(event)]
    own = [e for e in events[max(ended, default=-1) + 1 :] if e["kind"] == "phase" and e.get("host") == host]
    begun = {event["phase"] for event in own}
    held = " Automatic restarts may be held there until then." if begun - {"gate"} else ""
    if not begun & set(_REPLACED):
        return f"its server had not been stopped. {_MAY}{held}"
    if any(event["state"] == "failed" for event in own):
        return f"its turn had failed, and what puts that right has broken off: its server may run, drain or be down. {_MAY}{held}"
    if "catch_up" in begun:
        return f"its server was started again, and had not been seen to be current yet.{held}"
    return f"it was being drained and replaced: its server may run, drain or be down. {_MAY}{held}"


def _unstopped(run: _outcome.Story) -> str:
    return "No node was in its turn." if run.finished else "No server was stopped."


def _lock(place: Place) -> str:
    after = f", {place.lease} s after it was renewed last" if place.lease else ""
    return (
        "The lock of this run was not given back. It ends by itself with its lease "
        f"(nats_upgrade_lock_lease_seconds{after}); the next run from this machine takes it over at once."
    )


def _status(place: Place, began: Mapping[str, Any], inventory: Sequence[str]) -> list[str]:
    if place.in_awx:
        return ["What was left where, and how to finish it or take it back, says a job with playbooks/status.yml."]
    sources = "".join(f" -i {shlex.quote(source)}" for source in inventory)
    group = str(began.get("group") or "nats")
    given = "" if group == "nats" else f" -e {shlex.quote(f'nats_upgrade_group={group}')}"
    return [
        "What was left where, and the commands that finish it or take it back:",
        f"  ansible-playbook natsops.cluster.status{sources}{given}",
    ]
