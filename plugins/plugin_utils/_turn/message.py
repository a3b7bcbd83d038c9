# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The message of a turn that failed: what failed, how the node and the cluster are now, and what to do next. Pure."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from typing import Iterator, Mapping

from ansible_collections.natsops.cluster.plugins.plugin_utils._turn.values import Server, Stage, Stopped

# What is seen of a cluster this large is counted: what to do has to stand within the last lines of a job's log.
MANY = 8
# A line from further up would be of another start.
_LAST_LINES = 6
# How a server is left, by how far its turn had come; of one that was stopped or has ended more may be known.
ENDINGS: Mapping[Stage, str] = {
    "lost": "it cannot be reached. Automatic restarts may still be held there.",
    "untouched": "its server was not stopped and goes on running {old}.",
    "unknown": (
        "the step that drains and replaces its server broke off without an answer: the server may run, drain or be down. "
        "Nothing more was done, and automatic restarts stay held."
    ),
    "draining": (
        "its server is still draining. A drain cannot be called back; nothing more was sent, and automatic restarts stay held."
    ),
    "away": "its server is as an earlier run left it, down or draining.",
    "stopped": "its server is down.",
    "ended": "its server has ended by itself.",
    "returned": "its server runs {target}, and is up and current; what comes after that in its turn has failed.",
    "back": "its server runs {target} and was left running.",
    "upgraded": "its server runs {target}; its own turn was over.",
}
_SAID = re.compile(r"\[FTL\]|nats-server: ")


def stopped(turn: Stopped) -> str:
    """The whole message, with a line end at its end."""
    return "\n".join(_lines(turn)) + "\n"


def _lines(turn: Stopped) -> Iterator[str]:
    host = turn.wanted.host
    own = next((server for server in turn.servers if server.name == host), None)
    own_answers = own.reachable if own else True
    yield f"STOPPED in the turn of {host}. No other node was touched after it."
    yield ""
    yield f"What failed: {turn.failure.strip()}"
    if turn.besides:
        yield f"Then, too: {turn.besides.strip()}"
    yield ""
    yield f"{host}: {_state(turn)}"
    said = _said(turn, own_answers)
    if said:
        yield f"The server said: {said}"
    if turn.clients is not None:
        yield from ["", f"Still connected to {host}:", *(f"  {line}" for line in turn.clients)]
    if turn.client_saw:
        yield from ["", "What a client saw:", *(f"  {line}" for line in turn.client_saw)]
    if turn.temporary:
        yield from ["", turn.temporary.strip()]
    yield from ["", "The cluster now:", *_cluster(turn), ""]
    yield _next(turn, own_answers)
    yield _again(turn)
    yield from _status(turn)


def _state(turn: Stopped) -> str:
    ending = ENDINGS[turn.stage].format(old=turn.wanted.old_version, target=turn.wanted.target)
    return turn.put_back or ending if turn.stage in ("stopped", "ended") else ending


def _said(turn: Stopped, own_answers: bool) -> str:
    """What the version that did not come up said last."""
    words = [line for line in turn.log if _SAID.search(line)]
    did_not_start = turn.wanted.restarts and not own_answers
    is_its_own = turn.stage in ("stopped", "ended") and bool(words) and words[-1] in turn.log[-_LAST_LINES:]
    return words[-1] if words and (did_not_start or is_its_own) else ""


def _cluster(turn: Stopped) -> Iterator[str]:
    many = len(turn.servers) > MANY
    host = turn.wanted.host
    told = [server for server in turn.servers if not many or not server.reachable or server.name == host]
    yield from (f"  {server.name}  {_how(server)}" for server in told)
    if not told:
        yield f"  its servers could not be read: {turn.unread or 'no reason is known'}"
    if many:
        alike = Counter(server.version for server in turn.servers if server.reachable and server.name != host)
        yield from (f"  {count} more  {version}  up" for version, count in sorted(alike.items()))


def _how(server: Server) -> str:
    return f"{server.version}  up {server.uptime_seconds} s" if server.reachable else f"does not answer: {server.error}"


def _next(turn: Stopped, own_answers: bool) -> str:
    host = turn.wanted.host
    if turn.stage == "draining":
        return "Next: run the same playbook again; it waits on for the drain and then goes on."
    if turn.stage == "lost":
        return f"Next: bring {host} back, and run the same playbook again; it goes on with {host}."
    if turn.stage == "returned":
        return (
            f"Next: mend what failed, and run the same playbook again; it does the rest of the turn of {host}, whose server is "
            "not stopped for it."
        )
    goes_on = "" if own_answers else f"; it goes on with {host}"
    return f"Next: mend what failed, and run the same playbook again{goes_on}."


def _again(turn: Stopped) -> str:
    if turn.wanted.restarts and (turn.wanted.restart_all or turn.wanted.reboots) and turn.finished:
        return (
            "A run for all nodes takes those again that are done. To leave them out: "
            f"--limit '{turn.group}:!{':!'.join(turn.finished)}'"
        )
    return "Nodes that are done are not touched again."


def _status(turn: Stopped) -> Iterator[str]:
    if turn.in_awx:
        yield (
            "To run it again, relaunch this job. What was left where, and how to finish it or take it back, says a job with "
            "playbooks/status.yml."
        )
        return
    yield "What was left where, and the commands that finish it or take it back:"
    sources = "".join(f" -i {shlex.quote(source)}" for source in turn.inventory)
    group = "" if turn.group == "nats" else f" -e nats_upgrade_group={turn.group}"
    yield f"  ansible-playbook natsops.cluster.status{sources}{group}"
