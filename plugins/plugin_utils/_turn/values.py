# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is known of one node's turn, as values: what is wanted of it, what was seen, and how a step of it failed. Pure.

The role gives these from its variables and from what its tasks have registered, see _action/turn_values.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Mapping

# Whether a node's turn is to be taken now.
Outcome = Literal["done", "later", "unfinished"]
# How far a turn had come when it failed; the words of each are in message.py.
Stage = Literal[
    "lost", "untouched", "unknown", "draining", "away", "stopped", "ended", "returned", "back", "upgraded"
]  # fmt: skip


@dataclass(frozen=True)
class Server:
    """A server as M(natsops.cluster.nats_version_facts) tells of it; C(name) is that of its host."""

    name: str = ""
    reachable: bool = False
    version: str = ""
    server_name: str = ""
    meta_leader: str = ""
    start: str = ""
    uptime_seconds: Any = None
    error: str = ""

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Server:
        texts = {key: str(told.get(key) or "") for key in ("name", "version", "server_name", "meta_leader", "start", "error")}
        return cls(**texts, reachable=told.get("reachable") is True, uptime_seconds=told.get("uptime_seconds"))


@dataclass(frozen=True)
class Wanted:
    """What a run wants of this node, by the variables of its user and by the plan.

    C(old_version) is what the server ran when its turn began, in this run or in one that broke off. C(restarts): the roll
    changes no version. C(others_first): hosts that are still to be taken before this one if it leads.
    """

    host: str
    target: str
    old_version: str = ""
    in_order: bool = True
    leader_last: bool = False
    leader_waits: bool = False
    others_first: bool = False
    restarts: bool = False
    reboots: bool = False
    restart_all: bool = False
    rollback: bool = True


@dataclass(frozen=True)
class Journaled:
    """What the node remembers of a turn that broke off: whether there is one, and the start that its server had before it."""

    unfinished: bool = False
    started_after: str | None = None


@dataclass(frozen=True)
class Failed:
    """How a turn had come along when one of its steps failed.

    C(swapped) is the result of the step that drains, switches and starts, None where it was not begun. C(away): the server
    is as an earlier run left it. C(unwell): it has not come back since then, and was to be started again.
    """

    lost: bool = False
    upgraded: bool = False
    returned: bool = False
    has_target: bool = False
    unwell: bool = False
    away: bool = False
    swapped: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Seen:
    """What is seen of a server that was stopped and has not come back.

    C(server) is None where it could not be read at all, because nobody lets us in; C(process_runs) is what its node says.
    C(can_be_lost): the cluster can lose it once more.
    """

    server: Server | None = None
    process_runs: bool = False
    can_be_lost: bool = False


@dataclass(frozen=True)
class Stopped:
    """All that the message of a turn that failed is made of. Empty is what is not known, or not to be told."""

    wanted: Wanted
    stage: Stage
    failure: str
    besides: str = ""
    put_back: str = ""
    servers: tuple[Server, ...] = ()
    unread: str = ""
    log: tuple[str, ...] = ()
    clients: tuple[str, ...] | None = None
    client_saw: tuple[str, ...] = ()
    temporary: str = ""
    finished: tuple[str, ...] = ()
    group: str = "nats"
    in_awx: bool = False
    inventory: tuple[str, ...] = field(default=())
