# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether the clients of a cluster sit evenly on its servers, and how many of them would have to move. Pure.

Even is judged at the top only: a server that carries too much can fail, one that carries little cannot, and where a client
goes is the client's choice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Sequence

NO_ACCOUNT = (
    "clients are asked to move over the system account, and not every host has one: set nats_upgrade_system_account, or leave "
    "nats_upgrade_rebalance out"
)


@dataclass(frozen=True)
class Load:
    """What a server carries: clients of ordinary accounts, those of them that may be asked to move (their ids, oldest
    first), and all connections, which count against its limit (0 is none)."""

    host: str
    clients: int
    movable: tuple[int, ...] = ()
    connections: int = 0
    max_connections: int = 0

    @property
    def room(self) -> float:
        return max(0, self.max_connections - self.connections) if self.max_connections > 0 else math.inf


def most_allowed(clients: Sequence[int], tolerance_percent: int) -> int:
    """The most clients that one of these servers may have: the mean and the tolerance; clients cannot be divided."""
    total, servers = sum(clients), len(clients)
    return max(-(-total // servers), total * (100 + tolerance_percent) // (100 * servers))


def surplus(clients: Mapping[str, int], tolerance_percent: int) -> dict[str, int]:
    """How many clients each overfull server of one cluster has too many; a server that stands alone cannot have any."""
    if len(clients) < 2:
        return {}
    most = most_allowed(list(clients.values()), tolerance_percent)
    return {host: count - most for host, count in clients.items() if count > most}


def batch_size(total_surplus: int, percent: int) -> int:
    return max(1, -(-total_surplus * percent // 100))


def moves(loads: Sequence[Load], tolerance_percent: int, batch: int) -> dict[str, tuple[int, ...]]:
    """The ids of the clients to be asked next, by host: no more than a batch, and than the other servers have room for.

    The fullest server is relieved first. Those who have been connected longest are asked first, so that nobody who comes back to
    the same server is asked again before all others there were.
    """
    over = surplus({load.host: load.clients for load in loads}, tolerance_percent)
    left = min(batch, sum(load.room for load in loads if load.host not in over))
    asked: dict[str, tuple[int, ...]] = {}
    for load in sorted(loads, key=lambda load: -over.get(load.host, 0)):
        chosen = load.movable[: int(min(over.get(load.host, 0), left))]
        if chosen:
            asked[load.host] = chosen
            left -= len(chosen)
    return asked


def load_of(
    host: str, system_account: str, connections: Iterable[Mapping[str, Any]], all_connections: int, max_connections: int
) -> Load:
    """What a server carries by its answer to CONNZ with C(auth).

    Asked to move are NATS clients over TCP and WebSocket. Not MQTT: those know one address, and a broken connection makes the
    server publish their last wills. What does not say whose it is, is left alone.
    """
    ordinary = [
        one
        for one in connections
        if one.get("kind", "Client") == "Client" and one.get("account") and one["account"] != system_account
    ]
    movable = sorted(int(one["cid"]) for one in ordinary if "cid" in one and one.get("type", "nats") != "mqtt")
    return Load(host, len(ordinary), tuple(movable), all_connections, max_connections)


def lines(connections: Mapping[str, Mapping[str, int | None]]) -> list[str]:
    """One line for each server, for people."""
    width = max(map(len, connections), default=0)
    return [
        f"{host:<{width}}  {_shown(count['before'])} -> {_shown(count['after'])} client{'' if count['after'] == 1 else 's'}"
        for host, count in connections.items()
    ]


def _shown(count: int | None) -> str:
    return "?" if count is None else str(count)


def uneven(clusters: Mapping[str, Mapping[str, int]], tolerance_percent: int) -> list[str]:
    """A sentence for each cluster whose clients sit unevenly."""
    return [
        _sentence(clients, over, tolerance_percent)
        for clients in clusters.values()
        if (over := surplus(clients, tolerance_percent))
    ]


def _sentence(clients: Mapping[str, int], over: Mapping[str, int], tolerance_percent: int) -> str:
    total = sum(clients.values())
    full = ", ".join(f"{host} has {clients[host]}" for host in over)
    return f"{full} of {total} clients; evenly, each would have {total / len(clients):.0f} (within {tolerance_percent} %)"
