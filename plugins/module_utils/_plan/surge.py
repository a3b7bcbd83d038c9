# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Temporary servers: whether one may join, whether it has joined or gone, and whether the cluster can do without it. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._config import client_access as _client_access
from ansible_collections.natsops.cluster.plugins.module_utils._core.text import listed, named
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Server, Situation, Surge, Trouble
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading


@dataclass(frozen=True)
class Place:
    """A temporary server in a plan.

    C(joins) says that a roll of its cluster uses it; one that runs and does not was left behind. C(advertised) says that clients
    learn of it.
    """

    host: str
    server_name: str
    cluster: str
    running: bool
    version: str
    joins: bool
    advertised: bool
    command: str

    def as_dict(self) -> dict[str, Any]:
        return dict(vars(self))


def places(situation: Situation, clusters: set[str]) -> tuple[Place, ...]:
    """The temporary servers; C(clusters) are the names of those in which something is to be done."""
    return tuple(
        Place(
            host=surge.host,
            server_name=surge.server_name,
            cluster=surge.cluster,
            running=surge.running,
            version=surge.reading.facts.version if surge.reading.facts else "",
            joins=surge.cluster in clusters,
            advertised=not _mute(situation, surge),
            command=surge.command,
        )
        for surge in situation.surge
    )


def judge(situation: Situation) -> Iterator[Trouble]:
    """Every reason why a temporary server may not join."""
    for surge in situation.surge:
        yield from map(Trouble, _judge_one(situation, surge))


def _judge_one(situation: Situation, surge: Surge) -> Iterator[Finding]:
    clusters = sorted({server.facts.cluster for server in situation.servers if server.facts.cluster})
    if surge.host in {reading.name for reading in situation.readings}:
        yield _final(surge, "is a host of the cluster, and of the group of temporary servers: take it out of one of them")
        return
    if surge.error or not surge.access:
        yield _final(
            surge, f"how its server is run, and with which configuration, cannot be found out: {surge.error or 'no facts'}"
        )
        return
    if surge.access["jetstream"] or (surge.reading.facts and surge.reading.facts.jetstream):
        yield Finding(
            "surge_jetstream",
            f"{surge.host}: the temporary server has JetStream on: it would join the meta group, which goes on counting it once "
            "it has gone. Take the block jetstream out of its configuration",
            seen=(surge.host,),
        )
    if not surge.cluster:
        yield _final(
            surge,
            "its configuration gives its cluster no name, so that nothing tells which cluster it is to join. Give the cluster a "
            "name on every server, and this one the same: cluster { name: NAME }",
        )
        return
    if surge.cluster not in clusters:
        yield _final(
            surge,
            f"its cluster is called '{surge.cluster}', and the cluster that is upgraded {named(clusters) or 'has no name'}: it "
            "would never join. Mend the name in its block cluster",
        )
        return
    yield from _same_access(situation, surge)


def _final(surge: Surge, why: str) -> Finding:
    return Finding("surge_server", f"{surge.host}: {why}", seen=(surge.host,))


def _same_access(situation: Situation, surge: Surge) -> Iterator[Finding]:
    """Clients have to find on it what they find on the others, and have to learn of it."""
    unlike: dict[str, list[str]] = defaultdict(list)
    for server in _of_cluster(situation, surge):
        access = (situation.nodes.get(server.host) or {}).get("access")
        if access:
            for difference in _client_access.differences(surge.access, access):
                unlike[difference].append(server.host)
    if unlike:
        lines = [f"  {difference} (compared with {named(hosts)})" for difference, hosts in unlike.items()]
        yield Finding(
            "surge_config",
            f"{surge.host}: clients that move to the temporary server would not find there what they have:\n{listed(lines)}\n"
            "They would be turned away, or cut off from each other. Give it the same accounts, users, permissions and TLS",
            seen=(surge.host,),
        )
    mute = _mute(situation, surge)
    if mute:
        yield Finding(
            "surge_config",
            f"{surge.host}: no_advertise is set on {named(mute)}, so that clients do not learn of the temporary server. Take it "
            "out of the block cluster; or waive this, if clients know of it otherwise (a name or a balancer in front)",
            seen=(surge.host,),
        )


def _mute(situation: Situation, surge: Surge) -> list[str]:
    """Hosts whose configuration keeps clients from learning of the temporary server."""
    nodes = {surge.host: surge.node, **{s.host: situation.nodes.get(s.host) or {} for s in _of_cluster(situation, surge)}}
    return [host for host, node in nodes.items() if not (node.get("access") or {}).get("advertises", True)]


def _of_cluster(situation: Situation, surge: Surge) -> list[Server]:
    return [server for server in situation.servers if server.facts.cluster == surge.cluster]


def own_urls(surge: Sequence[Reading]) -> dict[str, str]:
    """By name of the host, the address that a server tells clients for itself; none where it does not advertise."""
    return {r.name: r.facts.connect_urls[0] for r in surge if r.facts and r.facts.connect_urls}


def not_joined(cluster: Sequence[Reading], surge: Sequence[Reading], *, advertised: bool) -> list[str]:
    """What is missing until every server of the cluster has a route to each temporary one and tells clients of it."""
    found, urls = [], own_urls(surge)
    for temporary in surge:
        if temporary.facts is None:
            found.append(f"{temporary.name} {temporary.monitor_url} does not answer: {temporary.error}")
            continue
        name = temporary.facts.server_name
        same = [r for r in cluster if r.facts and r.facts.cluster == temporary.facts.cluster]
        if not same:
            found.append(f"{temporary.name} says that it is of the cluster '{temporary.facts.cluster}'")
        unrouted = [r.name for r in same if name not in r.peers]
        if unrouted:
            found.append(f"no route to {temporary.name} on {named(unrouted)}")
        if advertised and not urls.get(temporary.name):
            found.append(f"{temporary.name} tells clients no address of its own (no_advertise?)")
        elif advertised:
            mute = [
                r.name for r in same if r.name not in unrouted and r.facts and urls[temporary.name] not in r.facts.connect_urls
            ]
            if mute:
                found.append(
                    f"{urls[temporary.name]} of {temporary.name} is not told to clients by {named(mute)} (no_advertise?)"
                )
    return found


def joined_meta_group(surge: Sequence[Reading]) -> list[str]:
    """Hosts whose server turned out to have JetStream on."""
    return [reading.name for reading in surge if reading.facts and reading.facts.jetstream]


def still_there(cluster: Sequence[Reading], names: Sequence[str], urls: Sequence[str]) -> list[str]:
    """Where temporary servers have not gone yet."""
    found = []
    for reading in cluster:
        if reading.facts:
            left = [*sorted(reading.peers & set(names)), *(url for url in urls if url in reading.facts.connect_urls)]
            found += [f"{reading.name} still has {named(left)}"] if left else []
    return found


def needed(cluster: Sequence[Reading], names: Sequence[str]) -> list[str]:
    """Why clients need the temporary servers still: the cluster's own servers that do not serve clients, or see each other."""
    found = []
    by_cluster: Mapping[str, set[str]] = defaultdict(set)
    for reading in cluster:
        if reading.facts:
            by_cluster[reading.facts.cluster].add(reading.facts.server_name)
    for reading in cluster:
        if reading.facts is None or reading.health is None:
            found.append(f"{reading.name} does not answer")
        elif reading.health.draining_or_starting:
            found.append(f"{reading.name} takes no clients (it drains, or has just started)")
        else:
            lacking = by_cluster[reading.facts.cluster] - reading.peers - {reading.facts.server_name} - set(names)
            found += [f"{reading.name} has no route to {named(sorted(lacking))}"] if lacking else []
    return found
