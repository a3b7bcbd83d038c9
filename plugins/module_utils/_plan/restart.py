# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which servers a rolling restart has to take, and why: those that would not start as they run. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _versions
from ansible_collections.natsops.cluster.plugins.module_utils._core.text import named
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan import surge as _surge
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import assets as _assets
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import cluster as _cluster
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import gateways as _gateways
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import nodes as _nodes
from ansible_collections.natsops.cluster.plugins.module_utils._plan.plan import Step
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Server, Situation, Trouble, written_since
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._policy.judge import Policy
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import ServerFacts

ASKED_FOR = "asked for"
# What systemd starts by itself at boot; enabled-runtime lies in /run, and is forgotten by then.
STARTED_AT_BOOT = ("enabled", "alias", "generated")


class Restart:
    """What a rolling restart is in a plan: of C(every) server, or of those that would not start as they run."""

    target = ""

    def __init__(self, *, every: bool, reboot: bool) -> None:
        self._every, self.reboot = every, reboot

    def is_downgrade(self, situation: Situation) -> bool:
        return False

    def reasons(self, situation: Situation, server: Server) -> tuple[str, ...] | None:
        """None where the server is left alone."""
        return reasons(server.facts, situation.nodes.get(server.host), every=self._every) or None

    def goes_to(self, situation: Situation, server: Server) -> str:
        return version_after(server.facts, situation.nodes.get(server.host))

    def is_known(self, situation: Situation, host: str) -> bool:
        """Whether the host may be called done: only its node says whether its server needs a restart."""
        return host in situation.nodes

    def troubles(self, situation: Situation, policy: Policy, steps: Sequence[Step], *, refuse_r1: bool) -> Iterator[Trouble]:
        """Of a restart that changes no version only what lies in the cluster, else what the rules say of that version too."""
        targets: dict[str, dict[str, str]] = {}
        for step in steps:
            if step.version != step.to:
                targets.setdefault(step.to, {})[step.host] = step.version
        parsed = []
        for text, running in targets.items():
            target = _versions.parse_or_none(text)
            if target is None:
                said = f"{named(running)}: the installed binary says {text}, of which nothing is known: find out what it is"
                yield Trouble(Finding("unknown_version", said, seen=tuple(running)))
                continue
            parsed.append(target)
            yield from map(Trouble, _judge.judge_target(policy, target))
            yield from map(Trouble, _judge.judge_bad_release(policy, target, _assets.used(situation)))
            yield from map(Trouble, _judge.judge_way(policy, running, target))
        runs = [version for version in (_versions.parse_or_none(s.facts.version) for s in situation.servers) if version]
        # Where no version is changed, what exists is served by what runs.
        lowest = min(parsed) if parsed else max(runs, default=None)
        if lowest:
            yield from _assets.judge(situation, policy, lowest, refuse_r1=refuse_r1)
            yield from _gateways.judge(situation, lowest)
        yield from _cluster.judge(situation)
        yield from _nodes.judge(situation, None)

    def of_source(self, situation: Situation, steps: Sequence[Step]) -> Iterator[Trouble]:
        yield from ()

    def of_steps(self, situation: Situation, steps: Sequence[Step]) -> Iterator[Trouble]:
        if steps:
            yield from _surge.judge(situation)
        if self.reboot:
            yield from judge_reboot(situation, [step.host for step in steps])

    def notes(self, situation: Situation, policy: Policy, steps: Sequence[Step]) -> tuple[_judge.Note, ...]:
        return ()

    def ways_back(self, left: Sequence[Server], policy: Policy) -> tuple[str, ...]:
        return ()


def with_digests(situation: Situation, digests: Mapping[str, str]) -> Situation:
    """The situation with what the configuration files are now."""
    nodes = {host: {**node, "config_digest": digests.get(host, "")} for host, node in situation.nodes.items()}
    return replace(situation, nodes=nodes)


def reasons(facts: ServerFacts, node: Mapping[str, Any] | None, *, every: bool) -> tuple[str, ...]:
    """Why this server has to be restarted; none where nothing is known of its node, and every server is not asked for."""
    found = tuple(_reasons(facts, node)) if node else ()
    return found or ((ASKED_FOR,) if every else ())


def _reasons(facts: ServerFacts, node: Mapping[str, Any]) -> Iterator[str]:
    installed = node.get("binary_version")
    if installed and installed != facts.version:
        yield f"{installed} is installed and does not run yet"
    digest = node.get("config_digest")
    if not node.get("config_path"):
        return
    if facts.config_digest and digest:
        if facts.config_digest != digest:
            yield "its configuration was changed"
    elif (node.get("container") or {}).get("config_replaced"):
        # Whatever its times are: the container goes on with the file that was there before, also when its server reloads.
        yield "its configuration was changed"
    elif not facts.config_load_time or not node.get("config_modified"):
        yield "nobody can tell whether its configuration was changed"
    elif written_since(facts, node):
        # A server before 2.11 does not say what it has loaded, only when.
        yield "its configuration was written after it was loaded"


def version_after(facts: ServerFacts, node: Mapping[str, Any] | None) -> str:
    """The version that a restart brings: that of the binary which lies there."""
    return str((node or {}).get("binary_version") or facts.version)


def judge_reboot(situation: Situation, hosts: Sequence[str]) -> Iterator[Trouble]:
    """Servers that a reboot of their host would not bring back."""
    # A unit of podman is held as any unit is.
    found_out = {host: situation.nodes.get(host) or {} for host in hosts}
    contained = [host for host, node in found_out.items() if node.get("container") and not node.get("unit")]
    if contained:
        yield Trouble(
            Finding(
                "not_started_at_boot",
                f"{named(contained)}: the server runs in a container, whose restarts docker holds until they are let go. A "
                "reboot does not end that, so that the host would come back without its server. "
                "Leave nats_upgrade_restart_reboot out, and reboot the host by other means with its server drained",
                waivable=False,
                seen=tuple(contained),
            )
        )
    known = [host for host in hosts if host in situation.nodes and host not in contained]
    units = {host: situation.nodes[host].get("unit") for host in known}
    lost = {
        host: f"{unit.get('name')} is {unit.get('enabled') or 'not known'}" if unit else "no unit of systemd starts it"
        for host, unit in units.items()
        if not unit or unit.get("enabled") not in STARTED_AT_BOOT
    }
    if lost:
        yield Trouble(
            Finding(
                "not_started_at_boot",
                f"{named(f'{host}: {what}' for host, what in lost.items())}: the host would come back from its reboot without "
                "its server. Enable the unit (systemctl enable), or leave nats_upgrade_restart_reboot out",
                seen=tuple(lost),
            )
        )
