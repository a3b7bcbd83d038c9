# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who is in the fleet: hosts that do not answer, or answer as somebody else, and servers that no host is known to run. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import Iterator, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._audit.fleet import Fleet
from ansible_collections.natsops.cluster.plugins.module_utils._core.text import named
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Server
from ansible_collections.natsops.cluster.plugins.module_utils._values import known as _known


def judge(fleet: Fleet) -> Iterator[Finding]:
    """Every finding about who is there and who is not."""
    yield from _silent(fleet)
    yield from _same_server(fleet)
    yield from _wrong_server(fleet)
    yield from _duplicate_names(fleet)
    yield from _cluster_names(fleet)
    if fleet.whole:
        yield from _unlisted(fleet)
        yield from _not_in_cluster(fleet)
        yield from _no_cluster(fleet)


def _silent(fleet: Fleet) -> Iterator[Finding]:
    for reading in fleet.silent:
        over_nats = reading.monitor_url.startswith("nats:")
        if reading.lasting:
            name = "unreadable_server"
            todo = "Give the host the address of its monitoring port: nats_upgrade_monitor_url"
        elif over_nats:
            name = "silent_server"
            todo = "Start it, see that it has routes to the others, or set nats_upgrade_server_name to its server_name"
        else:
            name = "silent_server"
            todo = "See whether its server runs and its monitoring port can be reached from here, or take it out of the inventory"
        yield Finding(
            name,
            f"{reading.name} {reading.monitor_url}: {reading.error}. Nothing is known of its version",
            next=todo,
            seen=(reading.name,),
            details={"error": reading.error, "monitor_url": reading.monitor_url},
        )


def _same_server(fleet: Fleet) -> Iterator[Finding]:
    for same in fleet.by_id.values():
        if len(same) > 1:
            name = same[0].facts.server_name
            ways = ", ".join(f"{server.host} ({server.reading.monitor_url})" for server in same)
            yield Finding(
                "same_server",
                f"{ways} lead to one server, {name} (id {same[0].facts.server_id}), so that nobody looks at the others. It "
                f"counts once, for {same[0].host}",
                next="Give each of these hosts its own nats_upgrade_monitor_url",
                cluster=same[0].facts.cluster,
                seen=tuple(server.host for server in same),
            )


def _wrong_server(fleet: Fleet) -> Iterator[Finding]:
    owners = {name: reading.name for reading in fleet.readings for name in fleet.names_of(reading.name)}
    for server in fleet.servers:
        name = server.facts.server_name
        owner = owners.get(name, server.host)
        if owner != server.host and name not in fleet.names_of(server.host):
            yield Finding(
                "wrong_server",
                f"{server.host} ({server.reading.monitor_url}) answers as {name}, which is the server of {owner}",
                next=f"Correct nats_upgrade_monitor_url of {server.host}, or the server_name in its configuration",
                cluster=server.facts.cluster,
                seen=(server.host,),
                details={"server_name": name, "owner": owner},
            )


def _duplicate_names(fleet: Fleet) -> Iterator[Finding]:
    by_name: dict[str, list[Server]] = defaultdict(list)
    for server in fleet.servers:
        by_name[server.facts.server_name].append(server)
    for name, servers in by_name.items():
        if len(servers) > 1:
            yield Finding(
                "duplicate_name",
                f"{named(server.host for server in servers)} run different servers that are all called {name}: routes and "
                "JetStream tell servers apart by their names",
                next="Give each server a server_name of its own",
                cluster=servers[0].facts.cluster,
                seen=tuple(server.host for server in servers),
            )


def _cluster_names(fleet: Fleet) -> Iterator[Finding]:
    for cluster, servers in fleet.clusters.items():
        by_name: dict[str, list[str]] = defaultdict(list)
        for server in servers if cluster else ():
            by_name[_known.said_cluster(server.reading)].append(server.host)
        if len(by_name) > 1:
            which = "; ".join(f"{named(hosts)}: {name}" for name, hosts in sorted(by_name.items(), key=lambda one: one[1]))
            yield Finding(
                "cluster_names",
                f"the servers of one cluster, told by their routes, call it by several names ({which}), as they do where no name "
                "is configured: each start makes up another. It counts as one cluster",
                next="Give it a name in the configuration of every server: cluster { name: NAME }",
                cluster=cluster,
                seen=tuple(server.host for server in servers),
            )


def _unlisted(fleet: Fleet) -> Iterator[Finding]:
    known = {server.facts.server_name for server in fleet.servers} | fleet.expected
    maybe = [reading.name for reading in fleet.silent]
    known |= {name for host in maybe for name in (*fleet.names_of(host), _known.unnamed(host))}
    routed: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    joined: dict[str, set[str]] = defaultdict(set)
    for server in fleet.servers:
        for peer in server.reading.peers - known:
            routed[server.facts.cluster][peer].add(server.host)
        for cluster in {*server.facts.configured_gateways, *server.reading.gateways, *server.reading.gateway_ids}:
            joined[cluster] |= server.reading.gateway_ids.get(cluster, frozenset()) - set(fleet.by_id)
    # A server of ours that does not answer may have a name that nobody told us.
    or_silent = f". It may be the server of {named(maybe)}, which does not answer" if maybe else ""
    for cluster, peers in sorted(routed.items()):
        for peer, seen_by in sorted(peers.items()):
            yield Finding(
                "unlisted_server",
                f"{peer} is in {cluster or 'a cluster'} (seen by {named(sorted(seen_by), 3)}) and not in the inventory, so that "
                f"nobody upgrades or judges it{or_silent}",
                next="Add it to the group, or take it out of the cluster",
                cluster=cluster,
                seen=(peer,),
            )
    for cluster, ids in sorted(joined.items()):
        yield from _beyond_gateways(fleet, cluster, sorted(ids), or_silent)


def _beyond_gateways(fleet: Fleet, cluster: str, ids: Sequence[str], or_silent: str) -> Iterator[Finding]:
    if cluster not in fleet.clusters:
        yield Finding(
            "unlisted_cluster",
            f"{cluster} is joined by gateways, and none of its servers is in the inventory or answers",
            next="Add its servers to the group, or give nats_upgrade_group a group that has them",
            cluster=cluster,
        )
    elif ids and not or_silent:
        yield Finding(
            "unlisted_server",
            f"{cluster} has {len(ids)} more server{'s' if len(ids) > 1 else ''} than the inventory, seen over gateways (id "
            f"{named(ids, 2)})",
            next="Add them to the group, or take them out of the cluster",
            cluster=cluster,
            seen=tuple(ids),
        )


def _not_in_cluster(fleet: Fleet) -> Iterator[Finding]:
    for cluster, servers in fleet.clusters.items():
        names = {server.facts.server_name for server in servers}
        for server in servers:
            others = names - {server.facts.server_name}
            if cluster and others and not others & server.reading.peers:
                yield Finding(
                    "not_in_cluster",
                    f"{server.host} says that it is of {cluster}, and has no route to {named(sorted(others), 3)}: its clients "
                    "are cut off from theirs",
                    next="Look at the log of both, the firewall between them (port 6222), and the routes in its configuration",
                    cluster=cluster,
                    seen=(server.host,),
                )


def _no_cluster(fleet: Fleet) -> Iterator[Finding]:
    alone = [server.host for server in fleet.clusters.get("", ())]
    if alone and len(fleet.clusters) > 1:
        yield Finding(
            "no_cluster",
            f"{named(alone)} {'are' if len(alone) > 1 else 'is'} in no cluster, while other hosts of the group are",
            next="If that is not meant, add cluster {} to the configuration",
            seen=tuple(alone),
        )
