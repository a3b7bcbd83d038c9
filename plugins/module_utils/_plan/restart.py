# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which servers a rolling restart has to take, and why: those that would not start as they run. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _versions
from ansible_collections.natsops.cluster.plugins.module_utils._core.text import named
from ansible_collections.natsops.cluster.plugins.module_utils._judge import findings as _findings
from ansible_collections.natsops.cluster.plugins.module_utils._judge import health as _health
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan import order as _order
from ansible_collections.natsops.cluster.plugins.module_utils._plan import plan as _plan
from ansible_collections.natsops.cluster.plugins.module_utils._plan import surge as _surge
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import assets as _assets
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import cluster as _cluster
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import gateways as _gateways
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import identity as _identity
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import nodes as _nodes
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation, Trouble
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._policy.judge import Policy
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import ServerFacts

ASKED_FOR = "asked for"
# A guess: virtual machines take less, and large hosts several minutes.
REBOOT_SECONDS = 60.0
# What systemd starts by itself at boot; enabled-runtime lies in /run, and is forgotten by then.
STARTED_AT_BOOT = ("enabled", "alias", "generated")


def make_plan(
    situation: Situation,
    policy: Policy,
    *,
    every: bool = False,
    reboot: bool = False,
    waive: Sequence[str] = (),
    refuse_r1: bool = False,
    order: _order.Order = (),
) -> _plan.Plan:
    """Plan a rolling restart of what would not start as it runs, or of every server; each goes to what is installed there."""
    waived = _findings.require_known(waive)
    ordered = _order.in_order(situation, order)
    why = {server.host: reasons(server.facts, situation.nodes.get(server.host), every=every) for server in ordered}
    left = [server for server in ordered if why[server.host] or situation.unfinished(server.host)]
    steps = _plan.steps_of_the_down(situation)
    for number, server in enumerate(left):
        to = version_after(server.facts, situation.nodes.get(server.host))
        step = _plan.step_of(situation, server, to, _order.after(situation, left, number, order))
        steps.append(replace(step, why=why[server.host]))
    if reboot:
        steps = [replace(step, seconds=step.seconds + REBOOT_SECONDS) for step in steps]
    troubles = [*_troubles(situation, policy, steps, refuse_r1), *_order.judge(situation, ordered, order)]
    troubles += _identity.judge(situation, [server.host for server in left])
    if steps:
        troubles += _surge.judge(situation)
    if reboot:
        troubles += judge_reboot(situation, [step.host for step in steps])
    taken = {step.host for step in steps}
    return _plan.Plan(
        target="",
        steps=tuple(steps),
        done=tuple(s.host for s in ordered if s.host not in taken and s.host in situation.nodes),
        left_out=_plan.left_out_of(situation),
        clusters=_plan.clusters_of(ordered, steps),
        domains=_plan.domains_of(situation),
        **_plan.settled_of(troubles, waived),
        notes=(),
        ways_back=(),
        versions={**{s.host: s.facts.version for s in ordered}, **{step.host: step.to for step in steps}},
        reboot=reboot,
        surge=_surge.places(situation, {step.cluster for step in steps}),
    ).seen()


def with_digests(situation: Situation, digests: Mapping[str, str]) -> Situation:
    """The situation with what the configuration files are now."""
    nodes = {host: {**node, "config_digest": digests.get(host, "")} for host, node in situation.nodes.items()}
    return replace(situation, nodes=nodes)


def _troubles(situation: Situation, policy: Policy, steps: Sequence[_plan.Step], refuse_r1: bool) -> Iterator[Trouble]:
    """Of a restart that changes nothing, only what lies in the cluster; the rules about versions where one is changed by it."""
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
    yield from _cluster.judge(_plan.without_wedge(situation))
    yield from _nodes.judge(situation, None)


def reasons(facts: ServerFacts, node: Mapping[str, Any] | None, *, every: bool) -> tuple[str, ...]:
    """Why this server has to be restarted; none where nothing is known of its node, and every server is not asked for."""
    found = tuple(_reasons(facts, node)) if node else ()
    return found or ((ASKED_FOR,) if every else ())


def _reasons(facts: ServerFacts, node: Mapping[str, Any]) -> Iterator[str]:
    installed = node.get("binary_version")
    if installed and installed != facts.version:
        yield f"{installed} is installed and does not run yet"
    digest, modified = node.get("config_digest"), node.get("config_modified")
    if not node.get("config_path"):
        return
    if facts.config_digest and digest:
        if facts.config_digest != digest:
            yield "its configuration was changed"
    elif (node.get("container") or {}).get("config_replaced"):
        # Whatever its times are: the container goes on with the file that was there before, also when its server reloads.
        yield "its configuration was changed"
    elif not facts.config_load_time or not modified:
        yield "nobody can tell whether its configuration was changed"
    elif _health.is_later(modified, facts.config_load_time):
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
