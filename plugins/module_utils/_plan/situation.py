# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""All that a plan is judged by, as one value. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _versions
from ansible_collections.natsops.cluster.plugins.module_utils._core.versions import ServerVersion
from ansible_collections.natsops.cluster.plugins.module_utils._judge import health as _health
from ansible_collections.natsops.cluster.plugins.module_utils._judge import watch_groups as _watch_groups
from ansible_collections.natsops.cluster.plugins.module_utils._judge.agreement import Difference
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._judge.health import Cluster, Missing, Verdict
from ansible_collections.natsops.cluster.plugins.module_utils._judge.watch_groups import Domain
from ansible_collections.natsops.cluster.plugins.module_utils._values import known as _known
from ansible_collections.natsops.cluster.plugins.module_utils._values.assets import Asset
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading, ServerFacts


@dataclass(frozen=True)
class Server:
    """A server that was read, by the name of its host. C(uptime_seconds) is None where it does not say, or nobody asked."""

    host: str
    facts: ServerFacts
    reading: Reading
    uptime_seconds: float | None = None

    @property
    def version(self) -> ServerVersion | None:
        return _versions.parse_or_none(self.facts.version)


def is_meta_leader(server: Server) -> bool:
    return bool(server.facts.meta_leader) and server.facts.meta_leader == server.facts.server_name


def written_since(facts: ServerFacts, node: Mapping[str, Any]) -> bool:
    """Whether the configuration on a node was written after its server has read it, as far as times tell."""
    modified = str(node.get("config_modified") or "")
    return bool(modified) and _health.is_later(modified, facts.config_load_time or facts.start)


@dataclass(frozen=True)
class Surge:
    """A temporary server: its host, what was found out there (or why nothing was), and a reading, silent where it does not run.

    C(command) is what a person can have it drained by.
    """

    host: str
    node: Mapping[str, Any]
    error: str
    reading: Reading
    command: str = ""

    @property
    def access(self) -> Mapping[str, Any]:
        """Who may connect to it, by its configuration; empty where that could not be found out."""
        return self.node.get("access") or {}

    @property
    def running(self) -> bool:
        return self.reading.facts is not None

    @property
    def server_name(self) -> str:
        if self.reading.facts:
            return self.reading.facts.server_name
        return str(self.access.get("server_name") or (_known.unnamed(self.host) if self.access else self.host))

    @property
    def cluster(self) -> str:
        return self.reading.facts.cluster if self.reading.facts else str(self.access.get("cluster") or "")


@dataclass(frozen=True)
class Trouble:
    """A finding, and the keys (see Missing) of what may go on being missing where it is waived."""

    finding: Finding
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Situation:
    """One reading of every host of the group, what was found out on the nodes, and what persisted of what is missing.

    C(nodes) is C(nats_node) of M(natsops.cluster.nats_node_facts) by host, where it is known; C(foreign) says by host where the
    facts that were given for it were read instead. Those are not among C(nodes): nothing is to be judged by them.
    """

    readings: tuple[Reading, ...]
    verdicts: tuple[Verdict, ...]
    nodes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    surge: tuple[Surge, ...] = ()
    # Clients are to be asked to move in the end, and not every host has a system account to ask them by.
    asks_without_account: bool = False
    foreign: Mapping[str, str] = field(default_factory=dict)
    # Replicas that hold something else than their leaders, and stayed so.
    diverged: tuple[Difference, ...] = ()

    @classmethod
    def of(
        cls, readings: Sequence[Reading], nodes: Mapping[str, Mapping[str, Any]] | None = None, *, max_lag: int = 100
    ) -> Situation:
        """The situation of one poll: everything that is missing in it counts."""
        own, foreign = apart(nodes or {})
        return cls(tuple(readings), tuple(_health.judge(readings, {}, max_lag=max_lag)), own, foreign=foreign)

    @cached_property
    def servers(self) -> tuple[Server, ...]:
        return tuple(Server(reading.name, reading.facts, reading) for reading in self.readings if reading.facts)

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of the servers that answer."""
        return frozenset(server.facts.server_name for server in self.servers)

    @cached_property
    def surge_names(self) -> frozenset[str]:
        """Names of the temporary servers."""
        return frozenset(surge.server_name for surge in self.surge)

    def surge_of(self, cluster: str) -> tuple[Surge, ...]:
        """The temporary servers that are of a cluster, or are to join it."""
        return tuple(surge for surge in self.surge if cluster and surge.cluster == cluster)

    @cached_property
    def silent(self) -> tuple[Reading, ...]:
        return tuple(reading for reading in self.readings if not reading.facts)

    @cached_property
    def cluster(self) -> Cluster:
        return Cluster(self.readings)

    @cached_property
    def assets(self) -> tuple[Asset, ...]:
        return tuple(asset for reading in self.readings for asset in reading.assets)

    @cached_property
    def missing(self) -> tuple[Missing, ...]:
        return tuple(missing for verdict in self.verdicts for missing in verdict.missing)

    def journal(self, host: str) -> Mapping[str, Any]:
        """What the node itself remembers of its last turn; empty where it remembers none."""
        return (self.nodes.get(host) or {}).get("journal") or {}

    def unfinished(self, host: str) -> bool:
        """Whether the turn of this node began and did not end."""
        return bool(self.journal(host).get("unfinished"))

    @cached_property
    def clusters_beyond(self) -> frozenset[str]:
        """Names of clusters that servers have gateways to, and of which none is read."""
        joined = {name for server in self.servers for name in (*server.facts.configured_gateways, *server.reading.gateways)}
        return frozenset(joined - {server.facts.cluster for server in self.servers})

    @cached_property
    def domains(self) -> tuple[Domain, ...]:
        """The hosts that are watched together, each host that answers or whose turn broke off in one of them."""
        away = {}
        for reading in self.silent:
            if self.unfinished(reading.name):
                journal = self.journal(reading.name)
                expected = journal.get("expectation") or {}
                names = {expected.get("server_name") or reading.name, *(expected.get("peers") or ())}
                away[reading.name] = (frozenset(names), self.cluster_away(reading.name))
        return _watch_groups.domains(self.readings, away)

    def cluster_away(self, host: str) -> str:
        """The cluster of a server that is down since its turn broke off: that of its peers, or what was written down of it."""
        journal = self.journal(host)
        peers = (journal.get("expectation") or {}).get("peers") or ()
        found = (server.facts.cluster for server in self.servers if server.facts.server_name in peers)
        return str(next(found, (journal.get("data") or {}).get("cluster") or ""))

    def domain_of(self, host: str) -> Domain:
        """The domain of a host; one of its own where it is in none."""
        return next((domain for domain in self.domains if host in domain.hosts), Domain((host,), 0))

    @cached_property
    def resumed(self) -> frozenset[str]:
        """Names, of hosts and of their servers, whose trouble is the turn that broke off on them."""
        names = set()
        for host in self.nodes:
            if self.unfinished(host):
                expected = self.journal(host).get("expectation") or {}
                names |= {host, expected.get("server_name") or host}
        return frozenset(names)


def apart(nodes: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Mapping[str, Any]], dict[str, str]]:
    """The facts of nodes that were read on the host they are given for; and by host, where the others were read.

    Facts that name no host, because they were put together by hand, are taken as they are given.
    """
    places = {host: node.get("read_on") for host, node in nodes.items()}
    foreign = {
        host: f"{place['host']} (host name {place.get('hostname') or '?'}, machine id {place.get('machine_id') or '?'})"
        for host, place in places.items()
        if isinstance(place, Mapping) and place.get("host") not in (None, "", host)
    }
    return {host: node for host, node in nodes.items() if host not in foreign}, foreign
