# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# This module util is PRIVATE to the collection: it may change in any release.
"""All that a plan is judged by, as one value. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Iterable, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils import _health
from ansible_collections.natsops.cluster.plugins.module_utils._assets import Asset
from ansible_collections.natsops.cluster.plugins.module_utils._findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._health import Cluster, Missing, Verdict
from ansible_collections.natsops.cluster.plugins.module_utils._servers import Reading, ServerFacts

# How many names a message lists before it counts the rest.
NAMED = 5


@dataclass(frozen=True)
class Server:
    """A server that was read, by the name of its host."""

    host: str
    facts: ServerFacts
    reading: Reading


@dataclass(frozen=True)
class Trouble:
    """A finding, and the keys (see Missing) of what may go on being missing where it is waived."""

    finding: Finding
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Situation:
    """One reading of every host of the group, what was found out on the nodes, and what persisted of what is missing.

    C(nodes) is C(ansible_facts.nats_node) by host, where it is known.
    """

    readings: tuple[Reading, ...]
    verdicts: tuple[Verdict, ...]
    nodes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, readings: Sequence[Reading], nodes: Mapping[str, Mapping[str, Any]] | None = None, *, max_lag: int = 100
    ) -> Situation:
        """The situation of one poll: everything that is missing in it counts."""
        return cls(tuple(readings), tuple(_health.judge(readings, {}, max_lag=max_lag)), nodes or {})

    @cached_property
    def servers(self) -> tuple[Server, ...]:
        return tuple(Server(reading.name, reading.facts, reading) for reading in self.readings if reading.facts)

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of the servers that answer."""
        return frozenset(server.facts.server_name for server in self.servers)

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
    def resumed(self) -> frozenset[str]:
        """Names, of hosts and of their servers, whose trouble is the turn that broke off on them."""
        names = set()
        for host in self.nodes:
            if self.unfinished(host):
                expected = self.journal(host).get("expectation") or {}
                names |= {host, expected.get("server_name") or host}
        return frozenset(names)


def named(names: Iterable[str], most: int = NAMED) -> str:
    """The first names, and how many more there are."""
    every = list(names)
    text = ", ".join(every[:most])
    return f"{text} and {len(every) - most} more" if len(every) > most else text
