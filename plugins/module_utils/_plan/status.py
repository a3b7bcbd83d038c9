# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a roll has left behind, and the commands that finish it or take it back. Pure."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace
from typing import Any, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _versions
from ansible_collections.natsops.cluster.plugins.module_utils._judge import findings as _findings
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan import planner as _planner
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import nodes as _nodes
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._policy.judge import Policy

UPGRADE, RESTART = "natsops.cluster.upgrade", "natsops.cluster.restart"
# What a cluster gets over, or a user mends, and the same command then does what it says.
PASSING = frozenset(
    ("degraded_group", "ghost_peer", "missing_gateway", "missing_route", "missing_server", "unhealthy_server", "unlisted_server")
)
# What each of the ways on does.
SAID = {"finish": "finish it", "take_back": "take it back"}
# Of what is missing, so many lines; a cluster that is down has thousands.
SHOWN = 10


@dataclass(frozen=True)
class Roll:
    """A roll that has not ended: from which version to which, and what it was told to accept. A restart may change none."""

    old: str
    target: str
    waive: tuple[str, ...]
    restart: bool = False


def roll_of(situation: Situation) -> Roll | None:
    """The roll that is under way by what nodes remember and servers run; None where none is."""
    versions = {server.facts.version for server in situation.servers}
    hosts = sorted(situation.nodes, key=lambda host: not situation.unfinished(host))
    for host in hosts:
        journal = situation.journal(host)
        old, target = journal.get("old_version", ""), journal.get("target", "")
        restart, unfinished = _nodes.is_restart(journal), situation.unfinished(host)
        if unfinished or (journal and not restart and len(versions) > 1 and {old, target} & versions):
            return Roll(old, target, tuple((journal.get("data") or {}).get("waive") or ()), restart)
    return None


@dataclass(frozen=True)
class Way:
    """A way on: the command, and what the plan would refuse it for as things are."""

    command: str
    refusals: tuple[Finding, ...]

    @property
    def blocked(self) -> tuple[Finding, ...]:
        """What does not pass: the command would be refused whatever is mended first."""
        return tuple(finding for finding in self.refusals if finding.name not in PASSING)


def status(
    situation: Situation, policy: Policy, inventory: Sequence[str], group: str, holders: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The state of the cluster as data, with C(lines) for people and those C(commands) that a plan would not refuse.

    C(holders) says by run whether the process that holds a lock lives: lives, dead or unknown.
    """
    roll = roll_of(situation)
    if roll:
        # A name that an older version of the collection took is none that can be given.
        roll = replace(roll, waive=tuple(name for name in roll.waive if name in _findings.NAMES))
    ways = _ways(situation, policy, roll, inventory, group) if roll else {}
    return {
        "versions": {server.host: server.facts.version for server in situation.servers},
        "surge": [surge.host for surge in situation.surge if surge.running],
        "silent": {reading.name: reading.error for reading in situation.silent},
        "unfinished": {host: dict(situation.journal(host)) for host in sorted(situation.nodes) if situation.unfinished(host)},
        "damaged_journals": {
            host: str(situation.journal(host)["unreadable"])
            for host in sorted(situation.nodes)
            if situation.journal(host).get("unreadable")
        },
        "holds": [host for host, node in sorted(situation.nodes.items()) if node.get("hold")],
        "locks": {host: node["lock"] for host, node in sorted(situation.nodes.items()) if node.get("lock")},
        "unhealthy": {v.reading.name: [str(m) for m in v.missing] for v in situation.verdicts if v.missing},
        "roll": {"from": roll.old, "to": roll.target} if roll else None,
        "commands": {name: way.command for name, way in ways.items() if not way.blocked},
        "lines": list(_lines(situation, roll, ways, holders or {})),
    }


def _ways(situation: Situation, policy: Policy, roll: Roll, inventory: Sequence[str], group: str) -> dict[str, Way]:
    if roll.restart:
        plan = _planner.plan_restart(situation, policy, waive=roll.waive)
        return {"finish": Way(_command(RESTART, "", roll.waive, inventory, group), plan.settled.refusals)}

    def way(version: str, waive: Sequence[str]) -> Way:
        plan = _planner.plan_upgrade(situation, version, policy, waive=waive)
        return Way(_command(UPGRADE, version, waive, inventory, group), plan.settled.refusals)

    running = {server.host: server.facts.version for server in situation.servers}
    running.update({reading.name: roll.target for reading in situation.silent if situation.unfinished(reading.name)})
    old = _versions.parse_or_none(roll.old)
    needed = [f.name for f in _judge.judge_way(policy, running, old) if f.refuses and f.waivable] if old else []
    return {"finish": way(roll.target, roll.waive), "take_back": way(roll.old, sorted({*roll.waive, *needed}))}


def _command(playbook: str, version: str, waive: Sequence[str], inventory: Sequence[str], group: str) -> str:
    words = ["ansible-playbook", playbook]
    for source in inventory:
        words += ["-i", source]
    if version:
        words += ["-e", f"nats_upgrade_version={version}"]
    if group != "nats":
        # Ansible, too, takes NAME=VALUE apart at spaces and quotes.
        plain = shlex.quote(group) == group
        words += ["-e", f"nats_upgrade_group={group}" if plain else json.dumps({"nats_upgrade_group": group})]
    if waive:
        words += ["-e", json.dumps({"nats_upgrade_waive": list(waive)})]
    return " ".join(shlex.quote(word) for word in words)


def _lines(situation: Situation, roll: Roll | None, ways: Mapping[str, Way], holders: Mapping[str, str]) -> Iterator[str]:
    for server in situation.servers:
        yield f"{server.host}  {server.facts.version}  up {server.facts.uptime}{_left(situation, server.host)}"
    for reading in situation.silent:
        yield f"{reading.name}  does not answer: {reading.error}{_left(situation, reading.name)}"
    for surge in situation.surge:
        if surge.reading.facts:
            up = f"{surge.host}  a temporary server, up {surge.reading.facts.uptime}"
            yield f"{up}: the next run of the upgrade takes it away at its end, or: {surge.command}"
    for host, place in sorted(situation.foreign.items()):
        yield f"{host}  what was left there is not known: the facts given for it were read on {place}"
    yield from _lock_lines(situation, holders)
    missing = [f"{v.reading.name}: {m}" for v in situation.verdicts for m in v.missing if m.condition != "reachable"]
    yield from (f"not well: {line}" for line in missing[:SHOWN])
    if len(missing) > SHOWN:
        yield f"not well: and {len(missing) - SHOWN} more"
    yield from _roll_lines(roll, ways) if roll else ("no roll is under way",)


def _roll_lines(roll: Roll, ways: Mapping[str, Way]) -> Iterator[str]:
    yield "a rolling restart is under way" if roll.restart else f"a roll from {roll.old} to {roll.target} is under way"
    first = dict.fromkeys(f.name for way in ways.values() if not way.blocked for f in way.refusals)
    if first:
        yield f"fix first what is not well or does not answer: until then a run is refused ({', '.join(first)})"
    for name, said in SAID.items():
        if name in ways:
            yield f"{said}: {_said(ways[name])}"


def _said(way: Way) -> str:
    if not way.blocked:
        return way.command
    return "not possible as things are, a run would be refused: " + "; ".join(
        f"{finding.name}: {finding.message.splitlines()[0]}" for finding in way.blocked
    )


def _left(situation: Situation, host: str) -> str:
    node = situation.nodes.get(host) or {}
    said = ""
    if situation.unfinished(host):
        journal = situation.journal(host)
        said += f"  its turn broke off at '{journal.get('step')}' (to {journal.get('target')}, since {journal.get('since', '?')})"
    if situation.journal(host).get("unreadable"):
        said += f"  what an earlier run wrote down cannot be read ({situation.journal(host)['unreadable']})"
    if node.get("hold"):
        said += "  automatic restarts are held"
    if node.get("package_guard"):
        said += "  packages are kept from starting or stopping it (policy-rc.d)"
    return said


def _lock_lines(situation: Situation, holders: Mapping[str, str]) -> Iterator[str]:
    """The same lock lies on every host of a cluster: said once, with the hosts."""
    by_run: dict[str, list[str]] = {}
    told: dict[str, Mapping[str, Any]] = {}
    for host, node in sorted(situation.nodes.items()):
        lock = node.get("lock")
        if lock:
            run = str(lock.get("run_id", "?"))
            by_run.setdefault(run, []).append(host)
            told[run] = lock
    for run, hosts in by_run.items():
        said = told[run].get("said") or f"run {run}, {told[run].get('state', '')}"
        yield f"locked: {', '.join(hosts)}: {said}. {_about(told[run], holders.get(run, ''))}"


def _about(lock: Mapping[str, Any], holder: str) -> str:
    """Whether the holder of a lock lives, and what to do."""
    if lock.get("state") == "unreadable":
        return "Make sure that no run is under way, and delete lock.json in nats_upgrade_state_dir there"
    if lock.get("state") == "expired":
        return "The next run takes the lock over"
    ends = f"at {lock['expires_at']}" if lock.get("expires_at") else "with its lease"
    where = (lock.get("controller") or {}).get("host") or "its controller"
    if holder == "lives":
        return "Its process lives: that run is at work, or stands still. Wait for it, or end it there, and then run again"
    if holder == "dead":
        return f"Its process has gone: the next run from {where} takes the lock over at once; for any other it ends {ends}"
    then = f"Wait for it, or where it is dead until the lock ends by itself, {ends}"
    return f"Only {where} can tell whether its process lives. {then}"
