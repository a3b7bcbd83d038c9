# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""In what the servers of a cluster differ, and what one of them knows of the others by its configuration. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import Iterator, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core.text import named
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Server, Situation, Trouble


def judge(name: str, servers: Sequence[Server], situation: Situation) -> Iterator[Trouble]:
    """Every warning about the configurations of one cluster."""
    yield from _configs(name, servers, situation)
    yield from _single_routes(servers)


def _configs(name: str, servers: Sequence[Server], situation: Situation) -> Iterator[Trouble]:
    digests = {server.host: server.facts.config_digest for server in servers if server.facts.config_digest}
    if len(set(digests.values())) < 2:
        return
    common = {host: str((situation.nodes.get(host) or {}).get("config_common") or "") for host in digests}
    # What is a server's own makes no difference to clients.
    seen_through = all(common.values())
    by_digest: dict[str, list[str]] = defaultdict(list)
    for host, digest in (common if seen_through else digests).items():
        by_digest[digest].append(host)
    if len(by_digest) < 2:
        return
    alike = "; ".join(named(hosts) for hosts in by_digest.values())
    same = "see that clients find the same accounts and permissions on every server"
    yield Trouble(
        Finding(
            "mixed_configs",
            f"the configurations in {name} differ in more than each server's own names and addresses ({alike}): {same}"
            if seen_through
            else f"the configurations in {name} differ ({alike}): natural where each has its own server_name in it; else {same}",
            refuses=False,
            seen=tuple(server.host for server in servers),
        )
    )


def _single_routes(servers: Sequence[Server]) -> Iterator[Trouble]:
    if len(servers) < 3:
        return
    for server in servers:
        routes = set(server.facts.configured_routes)
        if len(routes) == 1:
            yield Trouble(
                Finding(
                    "single_route",
                    f"{server.host} has one configured route, {routes.pop()}: if it restarts while that server is away it does "
                    "not find the cluster again. Configure at least two routes",
                    refuses=False,
                    seen=(server.host,),
                )
            )


def judge_versions(servers: Sequence[Server]) -> Iterator[Trouble]:
    by_version: dict[str, list[Server]] = defaultdict(list)
    for server in servers:
        by_version[server.facts.version].append(server)
    if len(by_version) > 1:
        which = "; ".join(
            f"{version}: {', '.join(f'{s.host} (up {s.facts.uptime})' for s in found)}"
            for version, found in sorted(by_version.items())
        )
        yield Trouble(
            Finding(
                "mixed_versions",
                f"the servers run several versions already, as after a roll that has not ended: {which}. What does not run the "
                "target yet is taken; natsops.cluster.status tells what an earlier run has left",
                refuses=False,
                seen=tuple(server.host for server in servers),
            )
        )
