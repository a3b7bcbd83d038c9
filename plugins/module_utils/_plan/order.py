# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""In which order nodes are taken: what is computed, and what a user wants instead. Pure."""

from __future__ import annotations

import json
from typing import Any, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _versions
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.text import named
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Server, Situation, Trouble, is_meta_leader

Order = Sequence[Sequence[str]]
_WANTED = "it has to be a list of groups of hosts, such as [[n4, n5], [n1, n2, n3]], or of inventory groups, such as [edge, core]"


def parse(wanted: Any, hosts: Sequence[str], groups: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Groups of hosts out of C(nats_upgrade_order), which given by -e is text. Raises NatsError for what is not exact.

    C(hosts) are those of the plan, C(groups) all groups of the inventory.
    """
    if isinstance(wanted, str):
        wanted = _parsed(wanted)
    if not isinstance(wanted, (list, tuple)):
        raise _wrong(f"it is {wanted!r}, and {_WANTED}")
    found = [tuple(_hosts_of(entry, hosts, groups)) for entry in wanted]
    every = [host for group in found for host in group]
    twice = sorted({host for host in every if every.count(host) > 1})
    if twice:
        raise _wrong(f"it names {named(twice)} more than once")
    return tuple(found)


def _parsed(text: str) -> Any:
    text = text.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            raise _wrong(f"{text!r} is not JSON (names need quotes there), and {_WANTED}") from None
    # A survey with several lines gives one name a line.
    return [name.strip() for line in text.splitlines() for name in line.strip().rstrip(",").split(",") if line.strip()]


def _hosts_of(entry: Any, hosts: Sequence[str], groups: Mapping[str, Sequence[str]]) -> Iterator[str]:
    if isinstance(entry, (list, tuple)):
        for name in entry:
            if isinstance(name, (list, tuple)):
                raise _wrong(f"{name!r} is a list in a list in a list, and {_WANTED}")
            yield from _hosts_of(name, hosts, groups)
    elif not isinstance(entry, str):
        raise _wrong(f"{entry!r} is no name, and {_WANTED}")
    elif entry in hosts:
        yield entry
    elif entry in groups:
        own = [host for host in hosts if host in groups[entry]]
        if not own:
            raise _wrong(f"the group {entry} has none of the hosts of this run: {named(hosts)}")
        yield from own
    else:
        raise _wrong(f"it names '{entry}', which is neither a host of this run ({named(hosts)}) nor a group of the inventory")


def _wrong(why: str) -> NatsError:
    return NatsError(f"refused: nats_upgrade_order: {why}. Nothing was touched")


def in_order(situation: Situation, order: Order = ()) -> list[Server]:
    """What broke off first; then the groups that a user wants; in each, hubs before their leaf nodes, and cluster by cluster.

    In a cluster servers without JetStream come first, for no quorum hangs on them, and the meta leader last; its cluster is
    the last of all that are joined to it. While the leader is old, features of the new version are refused cleanly; and
    leadership moves once instead of with every node.
    """
    leading = {server.facts.cluster for server in situation.servers if is_meta_leader(server)}
    domains = {host: domain for domain in situation.domains for host in domain.hosts}
    clusters = {server.host: server.facts.cluster for server in situation.servers}

    def place(server: Server) -> tuple[Any, ...]:
        domain, cluster = domains[server.host], server.facts.cluster
        members = {clusters[host] for host in domain.hosts if host in clusters}
        return (
            not situation.unfinished(server.host),
            _group(server.host, order),
            domain.depth,
            bool(members & leading),
            min(members),
            cluster in leading,
            cluster,
            server.facts.jetstream,
            is_meta_leader(server),
        )

    return sorted(situation.servers, key=place)


def _group(host: str, order: Order) -> int:
    """The number of the group that a host is in; of one that is not named, the one behind the last."""
    return next((number for number, group in enumerate(order) if host in group), len(order))


def after(situation: Situation, servers: Sequence[Server], number: int, order: Order) -> tuple[str, ...]:
    """The hosts that a server lets go first should it have become the meta leader: those behind it that share its quorum, but
    not those that a user wants behind it."""
    own = servers[number]
    domain, group = situation.domain_of(own.host), _group(own.host, order)
    return tuple(s.host for s in servers[number + 1 :] if s.host in domain.hosts and _group(s.host, order) == group)


def judge(situation: Situation, servers: Sequence[Server], order: Order) -> Iterator[Trouble]:
    """What there is to say of an order that a user wants."""
    if not order:
        return
    said = list(_against(situation, servers, order))
    unnamed = [server.host for server in servers if _group(server.host, order) == len(order)]
    if unnamed:
        said.append(f"{named(unnamed)}: not named in it, and taken last")
    if said:
        lines = "\n".join(f"  {line}" for line in said)
        yield Trouble(
            Finding(
                "custom_order",
                f"nats_upgrade_order is followed. To know of it:\n{lines}",
                refuses=False,
                seen=tuple(server.host for server in servers),
            )
        )


def _against(situation: Situation, servers: Sequence[Server], order: Order) -> Iterator[str]:
    for number, server in enumerate(servers):
        own = situation.domain_of(server.host)
        later = servers[number + 1 :]
        behind = [s.host for s in later if s.host in own.hosts and _group(s.host, order) > _group(server.host, order)]
        if behind and is_meta_leader(server):
            yield (
                f"{server.host} is the meta leader and comes before {named(behind)}: leadership moves to a node that is still to "
                "be restarted, and a new version that leads takes what older ones cannot serve"
            )
    for number, server in enumerate(servers):
        hubs = hub_servers(situation, server)
        behind = [s.host for s in servers[number + 1 :] if s.facts.server_name in hubs]
        if behind:
            yield f"{server.host} is a leaf node of {named(behind)} and comes before it"


def hub_servers(situation: Situation, server: Server) -> set[str]:
    """Names of the servers of the hub of a leaf node, wherever in it the leaf node is connected now."""
    hubs = {leaf.name for leaf in server.reading.leafs if leaf.outgoing}
    clusters = {s.facts.cluster for s in situation.servers if s.facts.server_name in hubs} - {""}
    own = situation.domain_of(server.host)
    return {
        s.facts.server_name
        for s in situation.servers
        if s.host not in own.hosts and (s.facts.server_name in hubs or s.facts.cluster in clusters)
    }


def is_downgrade(situation: Situation, target: _versions.ServerVersion) -> bool:
    """Whether a server would go to an older version."""
    versions = [_versions.parse_or_none(server.facts.version) for server in situation.servers]
    return any(version > target for version in versions if version)


def newest_first(situation: Situation, ordered: Sequence[Server]) -> list[Server]:
    """The same servers in the order of a downgrade: the newest version first, and in each cluster the meta leader as soon as
    there is an older server that can lead.

    While a new server leads, it takes streams that the older ones cannot serve, and those wedge the roll; an older one refuses
    them cleanly, so it should lead early. Taken first of all, the leader could only hand over to another new one.
    """
    begun = [server for server in ordered if situation.unfinished(server.host)]
    rest = [server for server in ordered if server not in begun]
    # As they come, the cluster of the meta leader is the last one.
    names = reversed(dict.fromkeys(server.facts.cluster for server in rest))
    return begun + [server for name in names for server in _leader_early([s for s in rest if s.facts.cluster == name], ordered)]


def _leader_early(cluster: Sequence[Server], every: Sequence[Server]) -> list[Server]:
    leader = next((server for server in cluster if is_meta_leader(server)), None)
    others = sorted((server for server in cluster if server is not leader), key=_age)
    if leader is None:
        return others
    newer = sum(1 for server in others if _age(server) < _age(leader))
    first = newer or (0 if any(_age(server) > _age(leader) for server in every) else 1)
    return [*others[:first], leader, *others[first:]]


def _age(server: Server) -> tuple[int, ...]:
    """Smaller for a newer version."""
    version = _versions.parse_or_none(server.facts.version)
    return (-version.major, -version.minor, -version.patch) if version else ()
