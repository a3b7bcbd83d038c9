"""Several clusters of real servers on the loopback address, joined by gateways or leaf node connections."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tests.lab.binaries import LabError
from tests.lab.cluster import LoopbackCluster
from tests.lab.monitored import LEADER_SECONDS
from tests.lab.node import Node, config_text
from tests.lab.ports import HOST
from tests.lab.processes import wait_until


@dataclass(frozen=True)
class Part:
    """One cluster of a topology; its servers are numbered on from those of the part before it.

    C(gateways): joined to every other part that has them. C(leaf_of): the part that its servers connect to as leaf nodes,
    with the system account too where C(extends), which makes them members of that part's meta group. C(without_jetstream): how
    many of its servers have none, the first ones. C(extra): more text for each server's file; {mqtt} and {websocket} are ports.
    """

    name: str
    size: int
    gateways: bool = False
    leaf_of: str = ""
    extends: bool = False
    domain: str = ""
    without_jetstream: int = 0
    extra: str = ""


class Topology(LoopbackCluster):
    """All servers in one folder, with one set of names and ports, so that whatever serves one cluster serves this."""

    def __init__(self, version: str, *parts: Part, base: Path | None = None) -> None:
        super().__init__(version, sum(part.size for part in parts), base=base)
        self.parts: dict[str, Part] = {}
        self.names: dict[str, list[str]] = {}
        left = list(self.nodes)
        for part in parts:
            self.parts[part.name], self.names[part.name], left = part, left[: part.size], left[part.size :]

    def part_of(self, name: str) -> Part:
        return next(self.parts[part] for part, names in self.names.items() if name in names)

    def has_jetstream(self, name: str) -> bool:
        part = self.part_of(name)
        return self.names[part.name].index(name) >= part.without_jetstream

    def port(self, name: str, kind: str) -> int:
        """The port of a kind that an ordinary cluster does not have."""
        return self.ports.other(kind) + int(name[1:])

    def config_of(self, name: str) -> str:
        part = self.part_of(name)
        settings = replace(self.settings, cluster_name=part.name, domain=part.domain, jetstream=self.has_jetstream(name))
        blocks = [part.extra.format(mqtt=self.port(name, "MQTT"), websocket=self.port(name, "websocket"))]
        if part.gateways:
            blocks.append(self._gateways(name, part))
        if part.leaf_of:
            blocks.append(self._leaf_remotes(part))
        elif any(other.leaf_of == part.name for other in self.parts.values()):
            blocks.append(f'leafnodes {{ listen: "{HOST}:{self.port(name, "leaf nodes")}" }}')
        return config_text(self.nodes[name], self._nodes_of(part.name), settings, "\n".join(blocks))

    def _nodes_of(self, part: str) -> list[Node]:
        return [self.nodes[name] for name in self.names[part]]

    def _gateways(self, name: str, part: Part) -> str:
        others = [
            f"{{ name: {other.name}, urls: [{self._urls(other.name, 'nats', 'gateways')}] }}"
            for other in self.parts.values()
            if other.gateways and other != part
        ]
        return f'gateway {{ name: {part.name}, listen: "{HOST}:{self.port(name, "gateways")}", gateways: [{", ".join(others)}] }}'

    def _leaf_remotes(self, part: Part) -> str:
        accounts = [("APP", "app"), *([("SYS", "sys")] if part.extends else [])]
        remotes = [
            f"{{ urls: [{self._urls(part.leaf_of, f'nats-leaf://{user}:{user}@', 'leaf nodes')}], account: {account} }}"
            for account, user in accounts
        ]
        # Without a unit, as in many a documentation: -t refuses it, and a server starts with it.
        return f"leafnodes {{ reconnect: 1, remotes: [{', '.join(remotes)}] }}"

    def _urls(self, part: str, scheme: str, kind: str) -> str:
        scheme = scheme if "@" in scheme else f"{scheme}://"
        return ", ".join(f'"{scheme}{HOST}:{self.port(name, kind)}"' for name in self.names[part])

    def _what_cluster_is_missing(self) -> str:
        for part, names in self.names.items():
            for name in names:
                if missing := set(names) - self.routes(name) - {name}:
                    return f"{name} has no route to {', '.join(sorted(missing))}"
                if missing := self._joined_to(part) - self.gateways(name):
                    return f"{name} has no gateway to {', '.join(sorted(missing))}"
                if self.parts[part].leaf_of and not self.ask(name, "/leafz").field("leafs"):
                    return f"{name} has no connection as a leaf node"
        for name in self.nodes:
            meta = self.ask(name, "/jsz").field("meta_cluster") or {}
            if self.meta_size(name) > 1 and (not meta.get("leader") or meta.get("cluster_size") != self.meta_size(name)):
                return f"{name}: a meta group of {meta.get('cluster_size')}, led by {meta.get('leader')}"
        return ""

    def leader_of(self, name: str) -> str:
        """The leader of the meta group of this one, once it knows one."""
        found: list[str] = []

        def known() -> bool:
            found[:] = [str(self.ask(name, "/jsz").field("meta_cluster", "leader") or "")]
            return bool(found[0])

        if not wait_until(known, LEADER_SECONDS):
            raise LabError(f"{name} knows no meta leader within {LEADER_SECONDS:g} s")
        return found[0]

    def meta_size(self, name: str) -> int:
        """How many servers the meta group of this one has once all have found each other; 0 without JetStream."""
        own = self.part_of(name)
        joined = {own.name} | {p.name for p in self.parts.values() if p.gateways and own.gateways}
        joined |= {p.name for p in self.parts.values() if p.extends and p.leaf_of in joined and p.size > 1}
        joined |= {own.leaf_of} if own.extends and own.size > 1 else set()
        return sum(self.has_jetstream(one) for part in joined for one in self.names[part]) if self.has_jetstream(name) else 0

    def gateways(self, name: str) -> set[str]:
        """The parts that this server has an outbound gateway to."""
        return set(self.ask(name, "/gatewayz").field("outbound_gateways") or ())

    def _joined_to(self, part: str) -> set[str]:
        joined = {other.name for other in self.parts.values() if other.gateways}
        return joined - {part} if part in joined else set()
