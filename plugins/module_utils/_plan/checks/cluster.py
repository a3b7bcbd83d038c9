# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reasons not to begin that lie in the cluster: who is in it, who sees whom, what is not well already. Pure."""

from __future__ import annotations

import shlex
from collections import defaultdict
from dataclasses import replace
from typing import Collection, Container, Iterable, Iterator, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core.text import listed, named
from ansible_collections.natsops.cluster.plugins.module_utils._judge import client_balance as _client_balance
from ansible_collections.natsops.cluster.plugins.module_utils._judge import diverged as _diverged
from ansible_collections.natsops.cluster.plugins.module_utils._judge import feature_wedge as _feature_wedge
from ansible_collections.natsops.cluster.plugins.module_utils._judge import quorum as _quorum
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._judge.health import Missing
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import alike as _alike
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Server, Situation, Surge, Trouble
from ansible_collections.natsops.cluster.plugins.module_utils._values import known as _known
from ansible_collections.natsops.cluster.plugins.module_utils._values import peers as _peers
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import META_GROUP, Reading

# Who waives one of these goes on with less than the whole cluster.
_WEAKENED = ("degraded_group", "ghost_peer", "missing_gateway", "missing_route", "unhealthy_server")
_MAX_LAG = 100


def judge(situation: Situation) -> Iterator[Trouble]:
    """Every reason that lies in the cluster. No waiver is offered of what could cost a majority."""
    situation = _without_wedge(situation)
    troubles = list(_judge(situation))
    weakened = any(trouble.finding.name in _WEAKENED for trouble in troubles)
    if not (weakened and (_silent_hosts(situation) or _quorum.at_risk(situation.readings, max_lag=_MAX_LAG))):
        yield from troubles
        return
    for trouble in troubles:
        offered = trouble.finding.offered and trouble.finding.name not in _WEAKENED
        yield replace(trouble, finding=replace(trouble.finding, offered=offered))


def _judge(situation: Situation) -> Iterator[Trouble]:
    if situation.asks_without_account:
        yield Trouble(Finding("rebalance_account", _client_balance.NO_ACCOUNT))
    yield from _same_server_twice(situation.servers)
    yield from _silent(situation)
    yield from _membership(situation)
    for name, servers in clusters(situation).items():
        yield from _size(name, servers, situation)
        yield from _capacity(servers, situation.surge_of(name))
        yield from _alike.judge(name, servers, situation)
    yield from _alike.judge_versions(situation.servers)
    yield from _troubles(situation)
    if situation.diverged:
        seen = _diverged.seen(situation.diverged)
        yield Trouble(Finding("diverged_replica", _diverged.told(situation.diverged), seen=seen))


def clusters(situation: Situation) -> dict[str, list[Server]]:
    """The servers by the name of the cluster that they say they are of; one without a cluster is a cluster of its own."""
    found: dict[str, list[Server]] = defaultdict(list)
    for server in situation.servers:
        found[server.facts.cluster or f"{server.host} (no cluster)"].append(server)
    return dict(found)


def _same_server_twice(servers: Sequence[Server]) -> Iterator[Trouble]:
    seen: dict[str, Server] = {}
    for server in servers:
        # By its id too: one without a name has another here for each host that leads to it.
        names = (server.facts.server_name, server.facts.server_id)
        first = next((seen[name] for name in names if name and name in seen), server)
        seen.update(dict.fromkeys(names, first))
        if first is not server:
            yield Trouble(
                Finding(
                    "duplicate_name",
                    f"{first.host} ({first.reading.monitor_url}) and {server.host} ({server.reading.monitor_url}) both answer as "
                    f"{server.facts.server_name}: stopping one could stop the other. Give each host its own "
                    "nats_upgrade_monitor_url, and each server its own server_name",
                    seen=(first.host, server.host),
                )
            )


def _silent_hosts(situation: Situation) -> list[Reading]:
    return [reading for reading in situation.silent if reading.name not in situation.resumed]


def _silent(situation: Situation) -> Iterator[Trouble]:
    silent = _silent_hosts(situation)
    if not silent:
        return
    lines = "\n".join(f"  {reading.name} {reading.monitor_url}: {reading.error}" for reading in silent)
    yield Trouble(
        Finding(
            "missing_server",
            f"monitoring cannot be read of {len(silent)} of {len(situation.readings)} servers:\n{lines}\n"
            f"Without it nobody can tell whether the cluster can lose a node. {_to_be_read(silent)}{_up(situation, silent)}"
            f"{_dead(situation)}",
            # An address that leads to something else says nothing of the server: it is wrong, and no waiver makes it right.
            waivable=not any(reading.lasting for reading in silent),
            seen=tuple(reading.name for reading in silent),
            offered=False,
        ),
        # Who goes on without them goes on without their replicas.
        (
            *(Missing("reachable", "", reading.name).key for reading in silent),
            *_replica_keys(situation, _behind_silent(situation)),
        ),
    )


def _to_be_read(silent: Sequence[Reading]) -> str:
    if all(reading.monitor_url.startswith("nats:") for reading in silent):
        return "Start the server, see that it has routes to the others, or set nats_upgrade_server_name to its server_name"
    return (
        "Start the server, open its monitoring port (http: 8222 in its configuration) to the controller, set "
        "nats_upgrade_monitor_url to where it is, or nats_upgrade_probe_from: node where it is bound to loopback"
    )


def _up(situation: Situation, silent: Sequence[Reading]) -> str:
    """Servers that run, and that no host answers for: the wrong address of one that does not."""
    routed = {peer for server in situation.servers for peer in server.reading.peers}
    up = sorted(routed - situation.names - situation.resumed - situation.surge_names)
    if not up:
        return ""
    hosts = named(reading.name for reading in silent)
    return f". The others have routes to {named(up)}: if that is {hosts}, it runs, and its address here is wrong"


def _dead(situation: Situation) -> str:
    meta = any(server.facts.meta_cluster_size for server in situation.servers)
    peer = " and remove it from the meta group (nats server cluster peer-remove NAME, with the system account)" if meta else ""
    return f". If a server is dead for good, take its host out of the group{peer}"


def _membership(situation: Situation) -> Iterator[Trouble]:
    """Servers that the cluster knows and the inventory does not: those that are there, and those that have gone."""
    live, gone = _unknown(situation)
    if live:
        yield Trouble(
            Finding(
                "unlisted_server",
                f"{named(sorted(live))} {_is(live)} in the cluster and not in the inventory{_beyond(situation, live)}: what is "
                "left out stays on the old version, and nobody looks at it while nodes are stopped. Add it to the group, or take "
                "it out of the cluster",
                seen=tuple(sorted(live)),
            )
        )
    if gone:
        size = max((server.facts.meta_cluster_size for server in situation.servers), default=0)
        yield Trouble(
            Finding(
                "ghost_peer",
                f"the meta group counts {size} servers, and {named(map(_ghost, sorted(gone)))} {_is(gone)} offline and not in "
                "the inventory: "
                f"it needs {size // 2 + 1} of them for every decision, so each node that stops brings it nearer to a standstill. "
                f"If it never returns, remove it with the system account: {named(map(_removal, sorted(gone)))}",
                seen=tuple(sorted(gone)),
            ),
            tuple(_replica_keys(situation, gone)),
        )


def _ghost(name: str) -> str:
    nameless = _peers.id_in(name)
    return f"a server of which only the peer id is known ({nameless})" if nameless else name


def _removal(name: str) -> str:
    return f"nats server cluster peer-remove {shlex.quote(_peers.id_in(name) or name)}"


def _unknown(situation: Situation) -> tuple[set[str], set[str]]:
    """Names of servers that no host is known to run: those that are there, and those that have gone.

    Not those that hosts which do not answer may run: those are told as missing.
    """
    known = situation.names | situation.resumed | situation.surge_names
    in_meta = [replica for group in situation.cluster.led if group.raft_group == META_GROUP for replica in group.replicas]
    live = {peer for server in situation.servers for peer in server.reading.peers} - known
    live |= {replica.name for replica in in_meta if not replica.offline} - known
    gone = {replica.name for replica in in_meta if replica.offline} - known - live
    # The leader may be in a cluster that nobody reads: who counts is known to every member all the same.
    live |= {name for server in situation.servers for name in server.reading.meta_peers} - known - gone
    resumed = situation.resumed
    # Of one whose turn broke off the name is known, but where it has none.
    silent = [r.name for r in situation.silent if r.name not in resumed or _known.unnamed(r.name) in resumed]
    live -= {_known.unnamed(host) for host in silent}
    # A server whose name is not that of its host has some other name: it may be any of these.
    unnamed = [host for host in silent if not _may_be(host, live | gone)]
    named_after = {name for name in live | gone if any(_may_be(host, {name}) for host in silent)}
    live, gone = live - named_after, gone - named_after
    return (set(), set()) if len(live | gone) <= len(unnamed) else (live, gone)


def _beyond(situation: Situation, names: Collection[str]) -> str:
    """Where servers are that are not seen over routes: behind gateways or leaf node connections, and in the meta group."""
    routed = {peer for server in situation.servers for peer in server.reading.peers}
    if not set(names) - routed:
        return ""
    clusters = sorted(situation.clusters_beyond)
    behind = f"behind the gateways to {named(clusters)}, and " if clusters else ""
    return f" ({behind}in the meta group, where each counts for every decision of JetStream)"


def _behind_silent(situation: Situation) -> set[str]:
    """Names of servers that are taken for those of hosts that do not answer."""
    live, gone = _unknown(situation)
    return {name for group in situation.cluster.led for name in group.members} - situation.names - situation.resumed - live - gone


def _may_be(host: str, names: Iterable[str]) -> bool:
    return any(_peers.is_of(name, one) for name in names for one in _names_of(host))


def _names_of(host: str) -> tuple[str, str]:
    """What the server of a host may be called."""
    return host, host.split(".", 1)[0]


def _replica_keys(situation: Situation, names: Container[str]) -> Iterator[str]:
    """Keys of replicas on these servers, whatever their leaders call them: another leader, later, may know only their id."""
    silent = [name for reading in situation.silent for name in _names_of(reading.name)]
    for group in situation.cluster.led:
        for replica in group.replicas:
            if replica.name in names:
                for name in sorted(_peers.called(replica.name, silent)):
                    yield Missing("jsz", "", f"replica {name} of {group.label}").key


def _size(name: str, servers: Sequence[Server], situation: Situation) -> Iterator[Trouble]:
    hosts = tuple(server.host for server in servers)
    # Of a node whose turn broke off the server is down, and is brought back before any other is touched.
    coming = [r.name for r in situation.silent if situation.unfinished(r.name) and _is_of(situation, r.name, name)]
    with_jetstream = [server for server in servers if server.facts.jetstream]
    meta_size = max((server.facts.meta_cluster_size for server in servers), default=0)
    # A temporary server is a place for clients, and takes no part in JetStream.
    has_room = not with_jetstream and bool(situation.surge_of(name))
    if (
        len(servers) == 1
        and not coming
        and not servers[0].reading.peers - situation.surge_names
        and meta_size < 2
        and not has_room
    ):
        yield Trouble(
            Finding(
                "single_server",
                f"{hosts[0]} is alone in {name}: while it is replaced nothing serves its clients. Add servers to the cluster, or "
                "choose a time when that does no harm",
                seen=hosts,
            )
        )
    elif len(with_jetstream) == 2 and meta_size <= 2:
        yield Trouble(
            Finding(
                "two_node_cluster",
                f"{name} has two servers with JetStream ({', '.join(hosts)}), and needs both for every decision: while one is "
                "replaced no stream can be written that is replicated, and none created. Add a third server",
                seen=hosts,
            )
        )
    elif len(servers) == 2 and not with_jetstream and not has_room:
        yield Trouble(
            Finding(
                "two_node_cluster",
                f"{name} has two servers ({', '.join(hosts)}): while one is replaced the other is the only place for clients, "
                "and if it fails then, nothing serves them. A temporary server is a second place: put its host into the "
                "inventory group nats_surge",
                refuses=False,
                seen=hosts,
            )
        )


def _is_of(situation: Situation, host: str, cluster: str) -> bool:
    """Whether the server of this host was of the cluster when it was taken; without a cluster to tell, whether there is one."""
    was = (situation.journal(host).get("data") or {}).get("cluster") or ""
    return was == cluster if was else len(clusters(situation)) == 1


def _capacity(servers: Sequence[Server], surge: Sequence[Surge]) -> Iterator[Trouble]:
    # 65536 is the server's own default.
    temporary = sum(one.access.get("max_connections") or 65536 for one in surge)
    for leaving in servers:
        others = [server for server in servers if server is not leaving]
        if not others or any(not server.facts.max_connections for server in others):
            continue
        free = temporary + sum(max(0, server.facts.max_connections - server.facts.connections) for server in others)
        if free < leaving.facts.connections:
            yield Trouble(
                Finding(
                    "client_capacity",
                    f"{leaving.host} has {leaving.facts.connections} clients, and the others have room for {free} "
                    "(max_connections): the rest would find no server while it is away. Raise max_connections (a reload is "
                    "enough), or add a server",
                    seen=(leaving.host,),
                )
            )


# By the condition that is not met: what it is called, and what is said of it.
_NAMES = {
    "routes": "missing_route",
    "gateways": "missing_gateway",
    "healthz": "unhealthy_server",
    "raft_groups": "degraded_group",
    "jsz": "degraded_group",
}
_SAID = {
    "missing_route": "servers of the cluster do not see each other:\n{lines}\nA node that stops may take the only way between "
    "two others with it. Look at the log of both, the firewall between them (port 6222), and cluster_advertise",
    "missing_gateway": "clusters that are joined by gateways do not see each other:\n{lines}\nMessages between them, and the "
    "decisions of JetStream, go through these. Look at the log of both ends, the firewall between them (port 7222), and "
    "gateway.advertise",
    "unhealthy_server": "not every server is healthy, in several looks in a row:\n{lines}\nA node must not be stopped while "
    "another one is not well. Mend it first; what is known and old (a consumer that nobody misses) can be waived, and then only "
    "what is new stops the run",
    "degraded_group": "not every stream and consumer has all its replicas, in several looks in a row:\n{lines}\nStopping "
    "a node could take away what is left of them. Wait until they have caught up, or mend them",
}
_LEADERLESS = (
    ". What has no leader has lost its majority, and takes no writes: start the servers that are down, and see that all have "
    "routes to each other (port 6222)"
)


def _troubles(situation: Situation) -> Iterator[Trouble]:
    found: dict[str, list[tuple[str, Missing]]] = defaultdict(list)
    gone = _gone_replicas(situation)
    for verdict in situation.verdicts:
        for missing in verdict.missing:
            name = _NAMES.get(missing.condition)
            if name and missing.key not in gone and not _of_a_turn(situation, verdict.reading, missing):
                found[name].append((verdict.reading.name, missing))
    for name, entries in found.items():
        lines = [f"  {host}: {missing.seen}" for host, missing in entries]
        leaderless = name == "degraded_group" and any(missing.seen.endswith("has no leader") for _unused, missing in entries)
        yield Trouble(
            Finding(
                name,
                _SAID[name].format(lines=listed(lines)) + (_LEADERLESS if leaderless else ""),
                seen=tuple(dict.fromkeys(host for host, _unused in entries)),
            ),
            tuple(missing.key for _unused, missing in entries),
        )


def _gone_replicas(situation: Situation) -> frozenset[str]:
    """Keys of replicas on servers that are missing or gone: those are told as what they are, once."""
    every = {name for group in situation.cluster.led for name in group.members}
    return frozenset(_replica_keys(situation, every - situation.names))


def _of_a_turn(situation: Situation, reading: Reading, missing: Missing) -> bool:
    """Whether this is what a turn that broke off left, on its own node or in the routes of others to it."""
    names = situation.resumed
    return reading.name in names or any(missing.subject.endswith(f": {name}") for name in names)


def _is(names: Iterable[str]) -> str:
    return "is" if len(list(names)) == 1 else "are"


def _without_wedge(situation: Situation) -> Situation:
    """The situation without what the wedge explains, which is told as the wedge."""
    labels = [asset.label for asset, _unused in _feature_wedge.wedged(situation.readings)]
    if not labels:
        return situation
    verdicts = tuple(
        v.only(lambda missing: not any(_feature_wedge.is_about(missing.subject, label) for label in labels))
        for v in situation.verdicts
    )
    return replace(situation, verdicts=verdicts)
