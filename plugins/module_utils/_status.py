# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# This module util is PRIVATE to the collection: it may change in any release.
"""What a roll has left behind, and the commands that finish it or take it back. Pure."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils import _checks_nodes, _policy, _versions
from ansible_collections.natsops.cluster.plugins.module_utils._policy import Policy
from ansible_collections.natsops.cluster.plugins.module_utils._situation import Situation

UPGRADE, RESTART = "natsops.cluster.upgrade", "natsops.cluster.restart"
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
        restart, unfinished = _checks_nodes.is_restart(journal), situation.unfinished(host)
        if unfinished or (journal and not restart and len(versions) > 1 and {old, target} & versions):
            return Roll(old, target, tuple((journal.get("data") or {}).get("waive") or ()), restart)
    return None


def status(situation: Situation, policy: Policy, inventory: Sequence[str], group: str) -> dict[str, Any]:
    """The state of the cluster as data, with C(lines) for people and the two C(commands)."""
    roll = roll_of(situation)
    commands = _commands(situation, policy, roll, inventory, group) if roll else {}
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
        "commands": commands,
        "lines": list(_lines(situation, roll, commands)),
    }


def _commands(situation: Situation, policy: Policy, roll: Roll, inventory: Sequence[str], group: str) -> dict[str, str]:
    if roll.restart:
        return {"finish": _command(RESTART, "", roll.waive, inventory, group)}
    running = {server.host: server.facts.version for server in situation.servers}
    running.update({reading.name: roll.target for reading in situation.silent if situation.unfinished(reading.name)})
    old = _versions.parse_or_none(roll.old)
    needed = [f.name for f in _policy.judge_way(policy, running, old) if f.refuses and f.waivable] if old else []
    return {
        "finish": _command(UPGRADE, roll.target, roll.waive, inventory, group),
        "take_back": _command(UPGRADE, roll.old, sorted({*roll.waive, *needed}), inventory, group),
    }


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


def _lines(situation: Situation, roll: Roll | None, commands: Mapping[str, str]) -> Iterator[str]:
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
    yield from _lock_lines(situation)
    missing = [f"{v.reading.name}: {m}" for v in situation.verdicts for m in v.missing if m.condition != "reachable"]
    for line in missing[:SHOWN]:
        yield f"not well: {line}"
    if len(missing) > SHOWN:
        yield f"not well: and {len(missing) - SHOWN} more"
    if roll is None:
        yield "no roll is under way"
        return
    yield "a rolling restart is under way" if roll.restart else f"a roll from {roll.old} to {roll.target} is under way"
    yield f"finish it: {commands['finish']}"
    if "take_back" in commands:
        yield f"take it back: {commands['take_back']}"


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


def _lock_lines(situation: Situation) -> Iterator[str]:
    """The same lock lies on every host of a cluster: said once, with the hosts."""
    by_run: dict[str, list[str]] = {}
    told: dict[str, str] = {}
    for host, node in sorted(situation.nodes.items()):
        lock = node.get("lock")
        if lock:
            run = str(lock.get("run_id", "?"))
            by_run.setdefault(run, []).append(host)
            told[run] = str(lock.get("said") or f"run {run}, {lock.get('state', '')}")
    for run, hosts in by_run.items():
        yield f"locked: {', '.join(hosts)}: {told[run]}"
