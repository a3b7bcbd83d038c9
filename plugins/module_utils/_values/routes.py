# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a server calls itself, and whom it has routes to, parsed once from JSON. Pure.

Shapes measured on nats-server 2.10.26 to 2.15.1. A server without server_name gives its id for its name, in /varz and, as the
other end of a route, in /routez. A cluster without a name gets one made up at the start of each server; what each server makes
of those of the others depends on versions, and they may differ for as long as all routes are up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._values.checked import text


@dataclass(frozen=True)
class Peer:
    """The server at the other end of a route. C(name) is its id where it has no name; C(address) is an IP address."""

    id: str
    name: str
    address: str

    @property
    def has_name(self) -> bool:
        return self.name != self.id


@dataclass(frozen=True)
class Said:
    """What a server calls itself and its cluster in /varz, and where it listens for routes, as HOST:PORT."""

    server_name: str = ""
    cluster: str = ""
    route_address: str = ""


def parse_said(varz: Mapping[str, Any]) -> Said:
    """Of an answer that C(parse_varz) takes for one."""
    cluster = varz.get("cluster") or {}
    port = int(cluster.get("cluster_port") or 0)
    return Said(
        server_name=text(varz, "server_name"),
        cluster=text(cluster, "name"),
        route_address=f"{text(cluster, 'addr')}:{port}" if port else "",
    )


def parse_routez(body: Any) -> tuple[Peer, ...]:
    """The servers that this one has a route to, each once, by name. A peer has several routes, in any order."""
    if not isinstance(body, dict):
        raise NatsError(f"/routez is not what a NATS server answers: {str(body)[:80]!r}")
    found: dict[str, Peer] = {}
    for route in body.get("routes") or ():
        one = text(route, "remote_id")
        name = text(route, "remote_name") or one
        if name:
            peer = Peer(one, name, text(route, "ip"))
            found[one or name] = min(found.get(one or name, peer), peer, key=lambda known: known.address)
    return tuple(sorted(found.values(), key=lambda peer: (peer.name, peer.id)))
