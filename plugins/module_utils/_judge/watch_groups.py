# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which servers have to be watched together, because a node that stops weakens all of them. Pure.

Clusters that are joined by gateways have one meta group. So has a cluster of leaf nodes that shares the system account and the
JetStream domain of its hub; any other leaf node has its own (measured on 2.10.26, 2.14.6 and 2.15.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading

# Leaf nodes of leaf nodes: deeper than this is a ring.
_DEEPEST = 10


@dataclass(frozen=True)
class Domain:
    """Hosts that are watched together. C(depth) is 0 for a hub, and for what has no leaf nodes; 1 for its leaf nodes."""

    hosts: tuple[str, ...]
    depth: int


def domains(readings: Sequence[Reading], away: Mapping[str, tuple[frozenset[str], str]]) -> tuple[Domain, ...]:
    """The domains of servers that were read, and of hosts that are C(away), by the names that they and their peers had, and
    their cluster."""
    marks = {reading.name: _marks(reading) for reading in readings if reading.facts}
    found: list[tuple[set[str], set[str]]] = []
    for host, own in marks.items():
        _add(found, host, own)
    for host, (names, cluster) in away.items():
        own = {f"server {name}" for name in names} | ({f"cluster {cluster}"} if cluster else set())
        known = any(own & theirs for _unused, theirs in found)
        # What was written down by an older version, or by hand: the one domain that there is.
        _add(found, host, own if known or len(found) != 1 else own | found[0][1])
    domain_of = {host: number for number, (hosts, _unused) in enumerate(found) for host in hosts}
    hubs, place = _hubs(readings, domain_of), [*away, *marks]
    return tuple(
        Domain(tuple(sorted(hosts, key=place.index)), _depth(number, hubs)) for number, (hosts, _unused) in enumerate(found)
    )


def _marks(reading: Reading) -> set[str]:
    """What servers of one domain have in common."""
    facts = reading.facts
    if facts is None:
        return set()
    members = {facts.server_name, *reading.meta_peers, *([facts.meta_leader] if facts.meta_leader else [])}
    clusters = {facts.cluster, *facts.configured_gateways} - {""}
    return {f"server {name}" for name in members} | {f"cluster {name}" for name in clusters}


def _add(found: list[tuple[set[str], set[str]]], host: str, marks: set[str]) -> None:
    hosts, theirs = {host}, set(marks)
    for domain in [domain for domain in found if domain[1] & marks]:
        found.remove(domain)
        hosts |= domain[0]
        theirs |= domain[1]
    found.append((hosts, theirs))


def _hubs(readings: Sequence[Reading], domain_of: Mapping[str, int]) -> dict[int, set[int]]:
    """By domain, the other domains that its servers are leaf nodes of."""
    host_of = {reading.facts.server_name: reading.name for reading in readings if reading.facts}
    hubs: dict[int, set[int]] = {}
    for reading in readings:
        for leaf in reading.leafs:
            if leaf.outgoing and leaf.name in host_of and reading.name in domain_of:
                own, hub = domain_of[reading.name], domain_of[host_of[leaf.name]]
                if own != hub:
                    hubs.setdefault(own, set()).add(hub)
    return hubs


def _depth(domain: int, hubs: Mapping[int, set[int]], deepest: int = _DEEPEST) -> int:
    if not deepest:
        return 0
    return max((1 + _depth(hub, hubs, deepest - 1) for hub in hubs.get(domain, ())), default=0)
