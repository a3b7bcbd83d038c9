# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reasons not to begin that lie in what joins clusters: gateways and leaf node connections. Pure."""

from __future__ import annotations

from typing import Iterator

from ansible_collections.natsops.cluster.plugins.module_utils._core.text import named
from ansible_collections.natsops.cluster.plugins.module_utils._core.versions import ServerVersion, parse_or_none
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan import order as _order
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Server, Situation, Trouble


def judge(situation: Situation, target: ServerVersion) -> Iterator[Trouble]:
    """Every reason that lies in what joins clusters."""
    yield from _unlisted_clusters(situation)
    yield from _leafnode_min_version(situation, target)


def _unlisted_clusters(situation: Situation) -> Iterator[Trouble]:
    """Told of clusters that take no part in JetStream: servers of the others are told one by one, as unlisted or silent."""
    counted = {name for server in situation.servers for name in server.reading.meta_peers} - situation.names
    if situation.clusters_beyond and not counted and not situation.silent:
        yield Trouble(
            Finding(
                "unlisted_cluster",
                f"there are gateways to {named(sorted(situation.clusters_beyond))}, of which no server is in the inventory: what "
                "is left out stays on the old version, and nobody looks at it while nodes are stopped. It has no part in "
                "JetStream, so that no majority hangs on it",
                refuses=False,
                seen=tuple(sorted(situation.clusters_beyond)),
            )
        )


def _leafnode_min_version(situation: Situation, target: ServerVersion) -> Iterator[Trouble]:
    """Leaf nodes that a hub takes no more once it is restarted with the configuration that is deployed there."""
    for leaf in situation.servers:
        hubs = _order.hub_servers(situation, leaf)
        for hub in situation.servers:
            oldest = (situation.nodes.get(hub.host) or {}).get("leafnode_min_version")
            if hub.facts.server_name in hubs and oldest:
                yield from _too_old(leaf, hub, oldest, target)
                break


def _too_old(leaf: Server, hub: Server, oldest: str, target: ServerVersion) -> Iterator[Trouble]:
    needed, running = parse_or_none(oldest.lstrip("v")), parse_or_none(leaf.facts.version)
    if needed is None or running is None or not min(running, target) < needed:
        return
    until = "until it is upgraded itself" if not target < needed else "for good"
    yield Trouble(
        Finding(
            "leafnode_min_version",
            f"{leaf.host} is a leaf node of {hub.host} and runs {leaf.facts.version}, and the configuration of {hub.host} takes "
            f"{oldest} or later (leafnodes.min_version): once {hub.host} has been restarted {leaf.host} is cut off, {until}. "
            "Lower it or take it out of the configuration, and put it back after the roll",
            seen=(leaf.host, hub.host),
        )
    )
