# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The turns of a roll: what each costs, and which clusters and hosts they touch. Pure."""

from __future__ import annotations

from typing import Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import assets as _assets
from ansible_collections.natsops.cluster.plugins.module_utils._plan.plan import Step
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import (
    Server,
    Situation,
    is_meta_leader,
    written_since,
)

# What a node takes besides its clients: hold, swap, start, two gates. Measured with the demo, 2 cores, local connection.
STEP_SECONDS = 9.0
# A server waits this long for its leaders to move, where it leads anything (measured, 2.10.26 to 2.15.1).
LEADERS_SECONDS = 1.0
# Clients are closed one by one, on average three quarters of a second apart (server.go, lameDuckMode).
CLIENT_SECONDS = 0.75
DEFAULT_LAME_DUCK = (120.0, 10.0)


def step_of(situation: Situation, server: Server, to: str, yields_to: tuple[str, ...]) -> Step:
    assets = [asset for asset in server.reading.assets if asset.leader == server.facts.server_name and _assets.fragile(asset)]
    leads = sum(1 for group in server.reading.groups if group.state == "LEADER")
    duration, grace = _lame_duck(situation, server.host)
    clients = server.facts.connections
    resumes, health = situation.unfinished(server.host), server.reading.health
    drain = min(duration, grace + clients * CLIENT_SECONDS) if clients else 0.0
    return Step(
        host=server.host,
        server_name=server.facts.server_name,
        cluster=server.facts.cluster,
        version=server.facts.version,
        to=to,
        leads=leads,
        leader=is_meta_leader(server),
        clients=clients,
        fragile=tuple(asset.label for asset in assets),
        seconds=STEP_SECONDS + (LEADERS_SECONDS if leads else 0.0) + drain,
        resumes=str(situation.journal(server.host).get("step", "")) if resumes else "",
        away=resumes and bool(health and health.draining_or_starting),
        stale=resumes and written_since(server.facts, situation.nodes.get(server.host) or {}),
        yields_to=yields_to,
    )


def _lame_duck(situation: Situation, host: str) -> tuple[float, float]:
    node = situation.nodes.get(host) or {}
    return (
        float(node.get("lame_duck_duration_seconds") or DEFAULT_LAME_DUCK[0]),
        float(node.get("lame_duck_grace_period_seconds") or DEFAULT_LAME_DUCK[1]),
    )


def steps_of_the_down(situation: Situation, target: str = "") -> list[Step]:
    """Nodes that a run left with their server down: it can only be better for the cluster to bring them back."""
    steps = []
    for reading in situation.silent:
        if situation.unfinished(reading.name):
            journal = situation.journal(reading.name)
            expected = journal.get("expectation") or {}
            steps.append(
                Step(
                    host=reading.name,
                    server_name=expected.get("server_name") or reading.name,
                    cluster=situation.cluster_away(reading.name),
                    version=str(journal.get("old_version", "")),
                    to=target
                    or str((situation.nodes.get(reading.name) or {}).get("binary_version") or journal.get("target", "")),
                    leads=0,
                    leader=False,
                    clients=0,
                    fragile=(),
                    seconds=STEP_SECONDS,
                    resumes=str(journal.get("step", "")),
                    away=True,
                )
            )
    return steps


def clusters_of(ordered: Sequence[Server], steps: Sequence[Step]) -> dict[str, tuple[str, ...]]:
    clusters: dict[str, list[str]] = {}
    for server in ordered:
        clusters.setdefault(server.facts.cluster, []).append(server.host)
    _join(clusters, steps)
    return {name: tuple(hosts) for name, hosts in clusters.items()}


def _join(clusters: dict[str, list[str]], steps: Sequence[Step]) -> None:
    """Put nodes that are down into the cluster that they were of: the one there is, where there is one."""
    for step in steps:
        if not any(step.host in hosts for hosts in clusters.values()):
            name = step.cluster if step.cluster in clusters or len(clusters) != 1 else next(iter(clusters))
            clusters.setdefault(name, []).insert(0, step.host)


def domains_of(situation: Situation) -> tuple[tuple[str, ...], ...]:
    return tuple(domain.hosts for domain in situation.domains)


def left_out_of(situation: Situation) -> tuple[str, ...]:
    """Hosts that nothing is done on: their servers do not answer, and no turn of ours has brought that about."""
    return tuple(reading.name for reading in situation.silent if not situation.unfinished(reading.name))
