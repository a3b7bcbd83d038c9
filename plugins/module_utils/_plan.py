# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# This module util is PRIVATE to the collection: it may change in any release.
"""Which nodes an upgrade has to touch, in which order, and what stops it before it begins. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils import _versions
from ansible_collections.natsops.cluster.plugins.module_utils._errors import NatsError

ServerFacts = Mapping[str, Any]


@dataclass(frozen=True)
class Refusal:
    """A reason not to begin: its name, and what was seen, where, why it matters and what to do."""

    name: str
    message: str


@dataclass(frozen=True)
class Plan:
    """Names of hosts: those to upgrade in order, and those that run the target already."""

    order: tuple[str, ...]
    done: tuple[str, ...]
    clusters: Mapping[str, tuple[str, ...]]
    refusals: tuple[Refusal, ...]
    lines: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "order": list(self.order),
            "done": list(self.done),
            "clusters": {name: list(hosts) for name, hosts in self.clusters.items()},
            "lines": list(self.lines),
        }


def make_plan(servers: Sequence[ServerFacts], version: str) -> Plan:
    """Plan the way of these servers (facts as by nats_version_facts) to a version."""
    refusals = tuple(_refusals(servers, version))
    ordered = _in_order([server for server in servers if server["reachable"]])
    clusters: dict[str, list[str]] = {}
    for server in ordered:
        clusters.setdefault(server["cluster"], []).append(server["name"])
    return Plan(
        order=tuple(server["name"] for server in ordered if server["version"] != version),
        done=tuple(server["name"] for server in ordered if server["version"] == version),
        clusters={name: tuple(hosts) for name, hosts in clusters.items()},
        refusals=refusals,
        lines=tuple(_line(server, version) for server in ordered),
    )


def refused(plan: Plan) -> NatsError:
    """The error of a plan with refusals."""
    return NatsError(
        "\n".join(refusal.message for refusal in plan.refusals), refusals=[refusal.name for refusal in plan.refusals]
    )


def _refusals(servers: Sequence[ServerFacts], version: str) -> Iterator[Refusal]:
    try:
        _versions.require_exact(version)
    except NatsError as exc:
        yield Refusal("not_exact", str(exc))
    silent = [server for server in servers if not server["reachable"]]
    if silent:
        seen = "\n".join(f"  {server['name']} {server['monitor_url']}: {server['error']}" for server in silent)
        yield Refusal(
            "unreachable_monitoring",
            f"refused: monitoring cannot be read of {len(silent)} of {len(servers)} servers:\n{seen}\n"
            "Without it nobody can tell whether the cluster can lose a node. Start the server, open its monitoring port "
            "(http: 8222 in its configuration) to the controller, or set nats_upgrade_monitor_url to where it is",
        )
    yield from _same_server_twice([server for server in servers if server["reachable"]])


def _same_server_twice(servers: Sequence[ServerFacts]) -> Iterator[Refusal]:
    seen: dict[str, ServerFacts] = {}
    for server in servers:
        first = seen.setdefault(server["server_name"], server)
        if first is not server:
            yield Refusal(
                "duplicate_name",
                f"refused: {first['name']} ({first['monitor_url']}) and {server['name']} ({server['monitor_url']}) both "
                f"answer as {server['server_name']}: stopping one could stop the other. Give each host its own "
                "nats_upgrade_monitor_url, and each server its own server_name",
            )


def _is_meta_leader(server: ServerFacts) -> bool:
    return bool(server["meta_leader"]) and server["meta_leader"] == server["server_name"]


def _in_order(servers: Sequence[ServerFacts]) -> list[ServerFacts]:
    """Cluster by cluster, in each the meta leader last, and its cluster last of all.

    While the leader is old, features of the new version are refused cleanly; and leadership moves once instead of with
    every node.
    """
    leading = {server["cluster"] for server in servers if _is_meta_leader(server)}
    return sorted(servers, key=lambda s: (s["cluster"] in leading, s["cluster"], _is_meta_leader(s)))


def _line(server: ServerFacts, version: str) -> str:
    where = f"{server['cluster'] or 'no cluster'}  {server['name']}"
    last = "  (meta leader, last)" if _is_meta_leader(server) else ""
    if server["version"] == version:
        return f"{where}  {version}  runs it already{last}"
    return f"{where}  {server['version']} -> {version}{last}"
