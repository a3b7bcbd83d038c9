# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is. Pure.

1. A host that was lost, or whose turn failed, is followed by no other one.
2. A node that runs what it has to run, and left no turn open, is done. In a restart that is a node that is not in the plan's
   order, and one that has another start than the one its open turn began with.
3. A node that has become the meta leader is deferred while others that yield to it are still to be taken: what is new in a
   version is then refused cleanly until the end. Not one whose turn is open: its restarts may be held still.
4. Any other node takes its turn. A first run, a run that takes a turn up and one after a node was put back differ in nothing
   but in what is seen.
"""

from __future__ import annotations

from typing import Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.plugin_utils._turn.values import Journaled, Outcome, Server, Wanted


def arrived(server: Server, wanted: Wanted, journaled: Journaled) -> bool:
    """Whether the server runs what its turn is to bring it to."""
    if not server.version or server.version != wanted.target:
        return False
    if not wanted.restarts:
        return True
    before = server.start if journaled.started_after is None else journaled.started_after
    return journaled.unfinished and server.start != before


def outcome(server: Server, wanted: Wanted, journaled: Journaled) -> Outcome:
    """Whether it is this node's turn."""
    over = not wanted.in_order if wanted.restarts else arrived(server, wanted, journaled)
    if over and not journaled.unfinished:
        return "done"
    leads = server.reachable and server.meta_leader == server.server_name and wanted.leader_last
    if leads and not journaled.unfinished and wanted.others_first and wanted.leader_waits:
        return "later"
    return "unfinished"


def lost(host: str, queue: Sequence[str], ready: Mapping[str, bool], outcomes: Mapping[str, str]) -> list[str]:
    """Hosts because of which this one must not be taken, in the order of the queue.

    One that was not made ready, one before this that has no outcome, and one whose turn began and has not ended. C(outcomes)
    has the hosts that have one.
    """
    before = queue[: queue.index(host)]
    return [
        *(one for one in queue if not ready.get(one)),
        *(one for one in before if one not in outcomes),
        *(one for one in queue if outcomes.get(one) == "unfinished"),
    ]


def stopped_before(host: str, lost_hosts: Sequence[str], joined: Sequence[str]) -> str:
    """Why the run ends before this node. C(joined): temporary servers that this run has started."""
    temporary = (
        f" Temporary servers that have joined ({', '.join(joined)}) go on running, for clients may need them." if joined else ""
    )
    return (
        f"Stopped before {host}, which was not touched: {', '.join(dict.fromkeys(lost_hosts))} was lost or has failed, and the "
        "cluster may be without it. See what became of it, repair it, and run the playbook again." + temporary
    )


def unread(host: str, why: str) -> str:
    return f"Stopped before {host}, which was not touched: {why or 'its server cannot be read'}"
