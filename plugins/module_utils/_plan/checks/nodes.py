# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reasons not to begin that lie in how a node runs its server: its unit, its configuration, what an earlier run left. Pure."""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.text import named
from ansible_collections.natsops.cluster.plugins.module_utils._core.versions import ServerVersion
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import containers as _containers
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import shared as _shared
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import trust as _trust
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation, Trouble
from ansible_collections.natsops.cluster.plugins.module_utils._values import known as _known

# Between the end of the drain and the exit, JetStream is shut down.
STOP_MARGIN_SECONDS = 30
NO_SPACES_FROM = ServerVersion(2, 11, 0)
_SIGINT = re.compile(r"\b(?:SIG)?INT\b|\s-2\b")


def judge(situation: Situation, target: ServerVersion | None) -> Iterator[Trouble]:
    """Every reason that lies in how nodes run their servers. A rolling restart has no target."""
    yield from _foreign_facts(situation)
    running = {server.host: server.facts.version for server in situation.servers}
    for host, node in sorted(situation.nodes.items()):
        unit = node.get("unit")
        if unit:
            yield from _unsafe_unit(host, node, unit)
        if node.get("container"):
            # A restart starts the same container again, but for a unit of podman, which makes another one.
            stays = target is None and not unit
            yield from _containers.judge(situation, host, node["container"], stays=stays)
        yield from _trust.judge(host, node)
        yield from _lame_duck_settings(host, node)
        yield from _leftover(situation, host, node)
        if target and host in running and not situation.unfinished(host):
            yield from _replaced_binary(host, node, running[host], target)
        yield from _damaged_journal(host, node)
    yield from _shared.judge(situation, target)
    yield from _other_processes(situation)
    yield from _others_in_its_place(situation)
    if target:
        yield from _spaces(situation, target)
        yield from _target_changed(situation, target)
    yield from _other_kind_of_roll(situation, restart=target is None)


def _foreign_facts(situation: Situation) -> Iterator[Trouble]:
    """Journal, lock, unit, paths and architecture of one host, given for another. Ports that all have show nothing."""
    for host, place in sorted(situation.foreign.items()):
        yield Trouble(
            Finding(
                "foreign_facts",
                f"{host}: the facts given for this host were read on {place}. They decide which process is drained and what is "
                "switched and put back, so nothing is done by them. From ansible-core 2.21 on, all hosts share one set of "
                "ansible_facts after a task with run_once that returned facts: give the registered result of "
                "nats_node_facts (as_facts: false) of each host, and not its ansible_facts",
                seen=(host,),
            )
        )


def _unsafe_unit(host: str, node: Mapping[str, Any], unit: Mapping[str, Any]) -> Iterator[Trouble]:
    drain = node.get("lame_duck_duration_seconds") or 0
    stop = unit.get("timeout_stop_seconds")
    exec_stop = " ".join(unit.get("exec_stop") or [])
    said = []
    if stop is not None and stop < drain + STOP_MARGIN_SECONDS:
        said.append(
            f"TimeoutStopSec is {stop:g} s and a drain may take {drain:g} s, so that systemctl stop kills it in the middle: set "
            f"{drain + STOP_MARGIN_SECONDS:g} s or more"
        )
    if _SIGINT.search(exec_stop):
        said.append(f"ExecStop ({exec_stop}) sends SIGINT, so that systemctl stop drops every client at once: use SIGUSR2")
    if unit.get("restart") == "always":
        said.append("Restart=always starts the old binary again after a lame duck by hand; for the roll it is held")
    if unit.get("need_daemon_reload"):
        said.append(
            "its files were edited and not loaded (NeedDaemonReload): the hold reloads them and makes that edit take effect"
        )
    if said:
        lines = "; ".join(said)
        yield Trouble(Finding("unsafe_unit", f"{host}: unit {unit.get('name')}: {lines}", refuses=False, seen=(host,)))


def _lame_duck_settings(host: str, node: Mapping[str, Any]) -> Iterator[Trouble]:
    duration, grace = node.get("lame_duck_duration_seconds"), node.get("lame_duck_grace_period_seconds")
    if duration is not None and grace is not None and grace >= duration:
        yield Trouble(
            Finding(
                "lame_duck_settings",
                f"{host}: lame_duck_grace_period is {grace:g} s and lame_duck_duration {duration:g} s in "
                f"{node.get('config_path')}. A server starts only where the grace period is the shorter one, and nats-server -t "
                "does not look at that: the server would not come up again. Mend the configuration",
                seen=(host,),
            )
        )


def _leftover(situation: Situation, host: str, node: Mapping[str, Any]) -> Iterator[Trouble]:
    if node.get("hold") and not situation.unfinished(host):
        yield Trouble(
            Finding(
                "leftover_hold",
                f"{host}: automatic restarts are still held by an earlier run that broke off; this run lets go of them in the "
                "node's turn",
                refuses=False,
                seen=(host,),
            )
        )
    if node.get("package_guard"):
        yield Trouble(
            Finding(
                "leftover_hold",
                f"{host}: packages are still kept from starting or stopping the server (policy-rc.d) by an earlier run that "
                "broke off; this run puts that right",
                refuses=False,
                seen=(host,),
            )
        )


def _replaced_binary(host: str, node: Mapping[str, Any], running: str, target: ServerVersion) -> Iterator[Trouble]:
    version = node.get("binary_version")
    if version and version != running:
        then = (
            "in its turn the node is drained and started, and that is all"
            if version == str(target)
            else f"in its turn the node goes to {target}"
        )
        yield Trouble(
            Finding(
                "replaced_binary",
                f"{host}: {node.get('binary_path')} is nats-server {version}, and {running} runs: it was replaced, as by "
                f"an upgrade of its package, and the server was not restarted. Whatever restarts it meanwhile starts {version}; "
                f"{then}",
                refuses=False,
                seen=(host,),
            )
        )


def _damaged_journal(host: str, node: Mapping[str, Any]) -> Iterator[Trouble]:
    reason = (node.get("journal") or {}).get("unreadable")
    if reason:
        yield Trouble(
            Finding(
                "damaged_journal",
                f"{host}: what an earlier run wrote down cannot be read ({reason}), so that a turn which broke off there is not "
                "known of. This run begins anew and writes over it",
                refuses=False,
                seen=(host,),
            )
        )


_NAMED_BY = {"pid_file": "nats_upgrade_pid_file", "service": "nats_upgrade_service_name"}


def _other_processes(situation: Situation) -> Iterator[Trouble]:
    """Several servers on one machine: the process that was found has to be the one that answers."""
    for server in situation.servers:
        node = situation.nodes.get(server.host) or {}
        ports, monitor_port = node.get("listening_ports"), server.facts.monitor_port
        # A server that is read over NATS may have no monitoring port at all.
        port = monitor_port or server.facts.client_port
        if ports is not None and port and port not in ports:
            variable = _NAMED_BY.get(node.get("found_by", ""), "nats_upgrade_pid_file")
            does = "is monitored" if monitor_port else "has its clients"
            own = "nats_upgrade_monitor_url" if monitor_port else "nats_upgrade_server_name"
            yield Trouble(
                Finding(
                    "other_process",
                    f"{server.host}: the server that answers for this host {does} on port {port}, and the process that was "
                    f"found there ({node.get('program')}, pid {node.get('pid')}) listens on {named(map(str, ports)) or 'none'}. "
                    f"That is another server, and draining it would take the wrong one away: set {variable}, or "
                    f"{own}",
                    seen=(server.host,),
                )
            )


def _others_in_its_place(situation: Situation) -> Iterator[Trouble]:
    """Where a turn broke off and the server is down, a stale pid file may name another server by now, not to be touched."""
    for reading in situation.silent:
        node, journal = situation.nodes.get(reading.name) or {}, situation.journal(reading.name)
        own, found = journal.get("config_path"), _config_that_runs(node)
        if situation.unfinished(reading.name) and node.get("running") and own and found != own:
            yield Trouble(
                Finding(
                    "other_process",
                    f"{reading.name}: its server does not answer, since a turn that broke off, and the process that was found "
                    f"there ({node.get('program')}, pid {node.get('pid')}) runs with {found or 'no configuration file'}, not "
                    f"{own}. That is another server, and draining it would take the wrong one away: remove the pid file if it "
                    "is stale",
                    seen=(reading.name,),
                )
            )


def _config_that_runs(node: Mapping[str, Any]) -> Any:
    """The configuration that the process names, where a start would take another one too."""
    runs = [one["runs"] for one in node.get("differs") or () if one["what"] == "configuration"]
    return runs[0] if runs else node.get("config_path")


def _spaces(situation: Situation, target: ServerVersion) -> Iterator[Trouble]:
    if target < NO_SPACES_FROM:
        return
    said = {(s.host, name) for s in situation.servers for name in (_known.said_name(s.reading), _known.said_cluster(s.reading))}
    names = {(host, name) for host, name in said if " " in name}
    if names:
        which = named(f"{host}: '{name}'" for host, name in sorted(names))
        yield Trouble(
            Finding(
                "names_with_spaces",
                f"{which}: from 2.11 a server with a space in server_name, cluster or gateway name does not start. Rename it "
                "first",
                seen=tuple(sorted({host for host, _unused in names})),
            )
        )


def _target_changed(situation: Situation, target: ServerVersion) -> Iterator[Trouble]:
    """A roll that is under way, to another version than this one: finish it, or take it back."""
    versions = {server.facts.version for server in situation.servers}
    for host in sorted(situation.nodes):
        journal = situation.journal(host)
        begun, old = journal.get("target"), journal.get("old_version")
        midway = situation.unfinished(host) or (len(versions) > 1 and begun in versions and old in versions)
        if begun and midway and not is_restart(journal) and str(target) not in (begun, old):
            yield Trouble(
                Finding(
                    "target_changed",
                    f"{host}: a roll from {old} to {begun} is under way (last step there: {journal.get('step')}), and this run "
                    f"wants {target}: the cluster would run three versions. Finish it first with -e "
                    f"nats_upgrade_version={begun}, or take it back with -e nats_upgrade_version={old}",
                    seen=(host,),
                )
            )
            return


def is_restart(journal: Mapping[str, Any]) -> bool:
    """Whether the turn that a node remembers is one of a rolling restart."""
    return (journal.get("data") or {}).get("mode") == "restart"


def _other_kind_of_roll(situation: Situation, *, restart: bool) -> Iterator[Trouble]:
    """A turn of a rolling restart is not to be ended by an upgrade, nor the other way round: what they put back differs."""
    for host in sorted(situation.nodes):
        journal = situation.journal(host)
        if not situation.unfinished(host) or is_restart(journal) == restart:
            continue
        if restart:
            begun, old = journal.get("target"), journal.get("old_version")
            said = (
                f"a roll from {old} to {begun} broke off here (last step: {journal.get('step')}). Finish it first with "
                f"natsops.cluster.upgrade -e nats_upgrade_version={begun}, or take it back with -e nats_upgrade_version={old}"
            )
        else:
            said = (
                f"a rolling restart broke off here (last step: {journal.get('step')}). Finish it first with the playbook "
                "natsops.cluster.restart"
            )
        yield Trouble(Finding("target_changed", f"{host}: {said}", seen=(host,)))
        return
