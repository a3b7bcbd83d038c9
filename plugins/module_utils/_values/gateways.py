# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What joins a server to other clusters: gateways and leaf node connections, parsed once from JSON. Pure.

Shapes measured on nats-server 2.10.26, 2.14.6 and 2.15.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._values.checked import text, texts


@dataclass(frozen=True)
class Leaf:
    """One leaf node connection (/leafz): C(name) is the server at the other end, C(outgoing) where this one is the leaf."""

    name: str
    account: str
    outgoing: bool

    def __str__(self) -> str:
        return f"{self.name} ({self.account})"


def parse_gatewayz(body: Any) -> frozenset[str]:
    """Names of the clusters that this server has an outbound gateway to: one each, to whichever server it found.

    Inbound gateways are not looked at: they lie wherever the servers of other clusters have found this one, so that a healthy
    server may have none. Each is the outbound gateway of another server.
    """
    return frozenset(texts(_answer(body).get("outbound_gateways") or (), "outbound_gateways"))


def parse_gateway_ids(body: Any) -> dict[str, frozenset[str]]:
    """Ids of the servers at the other ends of its gateways, by the name of their cluster. Their names it does not tell."""
    answer = _answer(body)
    found: dict[str, set[str]] = {}
    for name, gateway in (answer.get("outbound_gateways") or {}).items():
        found.setdefault(_text.name(name), set()).add(text(gateway.get("connection") or {}, "name"))
    for name, gateways in (answer.get("inbound_gateways") or {}).items():
        found.setdefault(_text.name(name), set()).update(text(one.get("connection") or {}, "name") for one in gateways)
    return {name: frozenset(ids - {""}) for name, ids in found.items()}


def parse_leafz(body: Any) -> tuple[Leaf, ...]:
    """The leaf node connections of this server, in both directions."""
    leafs = _answer(body).get("leafs") or ()
    return tuple(Leaf(text(leaf, "name"), text(leaf, "account"), bool(leaf.get("is_spoke"))) for leaf in leafs)


def _answer(body: Any) -> Mapping[str, Any]:
    return body if isinstance(body, dict) else {}
