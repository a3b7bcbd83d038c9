# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What speaks against single versions that run, and what differs beside the version: builds, configurations, disks. Pure.

For the controller only, as _policy/judge.py is.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Callable, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._audit.fleet import Fleet
from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _versions
from ansible_collections.natsops.cluster.plugins.module_utils._core.text import named
from ansible_collections.natsops.cluster.plugins.module_utils._core.versions import ServerVersion
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Server
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._policy.judge import Policy
from ansible_collections.natsops.cluster.plugins.module_utils._policy.rules import BadRelease

# What a server tells of itself, and what is known once its configuration was looked at on the node.
_TOLD = frozenset({"gateways", "leafnodes", "mqtt", "standalone", "websocket"})
_TOLD_ON_NODE = frozenset({"auth_callout", "encryption"})


def judge(fleet: Fleet, policy: Policy) -> Iterator[Finding]:
    """Every finding about a version, a build, a configuration or a disk."""
    for text, servers in _grouped(fleet.servers, lambda server: server.facts.version).items():
        version = servers[0].version
        if version is None:
            yield _incomparable(text, servers)
        else:
            yield from _of_version(policy, version, servers)
            yield from _bad_releases(fleet, policy, version, servers)
        yield from _builds(text, servers)
    for cluster, members in fleet.clusters.items():
        if cluster:
            yield from _configs(fleet, cluster, members)
    yield from _disks(fleet)


def _grouped(servers: Sequence[Server], key: Callable[[Server], str]) -> Mapping[str, list[Server]]:
    found: dict[str, list[Server]] = defaultdict(list)
    for server in servers:
        found[key(server)].append(server)
    return found


def _hosts(servers: Sequence[Server]) -> tuple[str, ...]:
    return tuple(server.host for server in servers)


def _runs(servers: Sequence[Server]) -> str:
    return f"{named(_hosts(servers))} {'run' if len(servers) > 1 else 'runs'}"


def _incomparable(text: str, servers: Sequence[Server]) -> Finding:
    return Finding(
        "unknown_version",
        f"{_runs(servers)} {text or 'no version'}, which is no version of nats-server that can be compared",
        next="Find out what it was built from",
        seen=_hosts(servers),
        details={"version": text},
    )


def _of_version(policy: Policy, version: ServerVersion, servers: Sequence[Server]) -> Iterator[Finding]:
    said = _judge.judge_target(policy, version)
    for one in said:
        message = f"{_runs(servers)} {version}: {one.message}"
        yield replace(one, message=message, seen=_hosts(servers), details={"version": str(version)})
    latest = _judge.latest_patch(policy, version)
    if latest and version < latest and not said:
        yield Finding(
            "patch_available",
            f"{_runs(servers)} {version}, and {latest} is the latest patch of it",
            next=f"See what it takes: ansible-playbook natsops.cluster.plan -i INVENTORY -e nats_upgrade_version={latest}",
            seen=_hosts(servers),
            details={"version": str(version), "latest": str(latest)},
        )


def _bad_releases(fleet: Fleet, policy: Policy, version: ServerVersion, servers: Sequence[Server]) -> Iterator[Finding]:
    for rule in policy.bad_releases:
        if version not in rule.versions:
            continue
        certain = [server for server in servers if _concerns(fleet, rule, server)]
        if certain:
            yield _bad_release(fleet, policy, rule, version, certain)


def _concerns(fleet: Fleet, rule: BadRelease, server: Server) -> bool:
    """Whether nothing that can be seen says that a fault is of what is not in use here."""
    return rule.when & _seen(fleet, server) <= _used(fleet, server)


def _seen(fleet: Fleet, server: Server) -> frozenset[str]:
    return _TOLD | (_TOLD_ON_NODE if server.host in fleet.nodes else frozenset())


def _used(fleet: Fleet, server: Server) -> frozenset[str]:
    return server.facts.used | frozenset(fleet.nodes.get(server.host, {}).get("used") or ())


def _bad_release(fleet: Fleet, policy: Policy, rule: BadRelease, version: ServerVersion, servers: Sequence[Server]) -> Finding:
    # What streams have is not read: the reader knows whether it is theirs.
    unseen = sorted(rule.when - frozenset.intersection(*(_seen(fleet, server) for server in servers)))
    here = f" It matters where you use {' and '.join(unseen)}." if unseen else ""
    newest = _judge.better_release(policy, rule, version)
    mended = f"Mended in {rule.fixed_in}: go to {newest}" if rule.fixed_in and newest else "It is not known to be mended"
    return Finding(
        "bad_release" if rule.severity == "refuse" and not unseen else "known_fault",
        f"{_runs(servers)} {version}: {rule.why}.{here}",
        next=mended,
        seen=_hosts(servers),
        source=rule.source,
        details={
            "version": str(version),
            "rule": rule.id,
            "why": rule.why,
            "when": unseen,
            "advisories": list(rule.advisories),
            "fixed_in": rule.fixed_in,
        },
    )


def _builds(text: str, servers: Sequence[Server]) -> Iterator[Finding]:
    commits = _grouped([server for server in servers if server.facts.git_commit], lambda server: server.facts.git_commit)
    if len(commits) > 1:
        alike = "; ".join(f"{commit}: {named(_hosts(of_commit))}" for commit, of_commit in sorted(commits.items()))
        yield Finding(
            "mixed_builds",
            f"{text} runs in {len(commits)} builds, from different commits ({alike}): the version alone does not tell them apart",
            next="Install the same release on all of them",
            seen=_hosts(servers),
            details={"version": text, "commits": {commit: list(_hosts(found)) for commit, found in commits.items()}},
        )


def _configs(fleet: Fleet, cluster: str, members: Sequence[Server]) -> Iterator[Finding]:
    told = [server for server in members if server.facts.config_digest]
    digests = _grouped(told, lambda server: server.facts.config_digest)
    if len(digests) < 2:
        return
    # Looked at on the nodes, what is a server's own (names, addresses) can be left out.
    common = _grouped(told, lambda server: str(fleet.nodes.get(server.host, {}).get("config_common") or ""))
    looked_at = "" not in common
    if looked_at:
        digests = common
        if len(digests) < 2:
            return
    details = {"digests": {digest: list(_hosts(servers)) for digest, servers in digests.items()}}
    if len(digests) == len(told) and not looked_at:
        yield Finding(
            "own_configs",
            f"every server of {cluster} has a configuration of its own, natural where its server_name is in it: whether they "
            "differ in more cannot be told",
            next="To have them compared, look at the nodes too (nats_audit_disk), or give server_name as a variable ($NAME)",
            cluster=cluster,
            seen=_hosts(told),
            details=details,
        )
        return
    most = max(digests.values(), key=len)
    others = [server for server in told if server not in most]
    yield Finding(
        "config_mismatch",
        f"{named(_hosts(others))} {'have' if len(others) > 1 else 'has'} another configuration than {len(most)} of {len(told)} "
        f"servers of {cluster}: clients may find other accounts, permissions or limits there",
        next=f"Compare the files with that of {most[0].host}, deploy one, and reload",
        cluster=cluster,
        seen=_hosts(others),
        details=details,
    )


def _disks(fleet: Fleet) -> Iterator[Finding]:
    for host, error in {**fleet.unlooked, **dict(_without_version(fleet))}.items():
        todo = "See that Ansible can log in there and is told how the server is run, or leave nats_audit_disk off"
        yield Finding("disk_unknown", f"{host}: {error}", next=todo, seen=(host,))
    found: dict[tuple[str, str, bool], list[Server]] = defaultdict(list)
    for server in fleet.servers:
        node = fleet.nodes.get(server.host, {})
        lies = _versions.parse_or_none(str(node.get("binary_version") or ""))
        if lies and server.version and lies != server.version:
            found[str(lies), str(server.version), lies > server.version].append(server)
    for (lies_there, runs, newer), servers in found.items():
        where = fleet.nodes[servers[0].host].get("binary_path")
        yield Finding(
            "newer_on_disk" if newer else "older_on_disk",
            f"{_runs(servers)} {runs}, and {where} is nats-server {lies_there}: the next start brings that, planned or not",
            next="Restart them one at a time: ansible-playbook natsops.cluster.restart -i INVENTORY"
            if newer
            else "Find out who put it there, and install what runs, before a crash or a reboot goes back to it",
            seen=_hosts(servers),
            details={"version": runs, "on_disk": lies_there},
        )


def _without_version(fleet: Fleet) -> Iterator[tuple[str, str]]:
    """Hosts that were looked at in vain. What a container runs is said by its image, and not by a file."""
    for host, node in fleet.nodes.items():
        if not node.get("binary_version") and not node.get("container"):
            binary = node.get("binary_path")
            yield host, f"{binary} does not say its version" if binary else node.get("absence") or "there is no server there"
