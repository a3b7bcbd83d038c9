"""The playbooks on every ansible-core that is supported, each on the Python that it needs, but for the one of all other tests.

A cell is the cheapest run that shows all: a roll of two nodes is killed in the middle of a turn, C(plan), C(status) and C(audit)
run then, and the roll runs again; then one node of another cluster is restarted. In the first cluster all nodes have the same
ports, as on machines, in the second each has its own.

The core of this environment has no cell: all other tests run on it, test_other_configurations.py with as old a Python on a node.
A restart, and runs that would do nothing, are tried at both ends: they are made of the same tasks as a roll, and in between the
roll shows what a core does to these.

NATSOPS_CORE is a release that has to do all of it, whichever it is: C(make newest).
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ansible.release import __version__ as ansible_version

from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import tested as _tested
from tests.integration.environments import programs
from tests.integration.faults import NEW, OLD, Background, in_turn, locked, says, steps, stop_at
from tests.integration.helpers import PLAYBOOK, PLAYBOOK_SECONDS, adhoc, run, starts, upgrade, write_hosts
from tests.integration.test_groups import EACH_WAY
from tests.lab import pythons
from tests.lab.binaries import ROOT
from tests.lab.cluster import LoopbackCluster
from tests.lab.playbook import PlaybookRun
from tests.lab.ports import free_ports

WITHOUT_HTTPX = "2.18"
# What else the controller needs, and since when.
NEEDED = dict(re.findall(r"^(httpx|packaging)>=(\S+)$", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE))
CORES = dict(_tested.CORES)
ENDS = [next(iter(CORES)), next(reversed(CORES))]
CELLS = [minor for minor in CORES if CORES[minor].release != ansible_version]
if other := os.environ.get("NATSOPS_CORE"):
    CORES = {other: replace(_tested.newest(), minor=_tested.minor_of(other), release=other)}
    CELLS = ENDS = [other]
WAIVE = ["stepping_stone", "two_node_cluster"]


@dataclass(frozen=True)
class Restart:
    """A restart of one node, and when each server was started, before and after it."""

    done: PlaybookRun
    before: dict[str, str]
    after: dict[str, str]


@dataclass(frozen=True)
class Cell:
    """What was run, and what it did. C(in_turn) is the node at which the first roll was killed, C(restart) there at the ends."""

    core: _tested.Core
    in_turn: str
    looked: PlaybookRun
    resumed: PlaybookRun
    left: dict[str, tuple[str, list[str]]]
    locked: list[str]
    read_on_nodes: dict[str, Any]
    restart: Restart | None


def programs_of(core: _tested.Core) -> Path:
    """With the oldest ansible-core the rest is as old as it may be too."""
    equals = "==" if core.minor == next(iter(_tested.CORES)) else ">="
    others = [name + equals + NEEDED[name] for name in NEEDED if (name, core.minor) != ("httpx", WITHOUT_HTTPX)]
    return programs(f"ansible-{core.release}", f"ansible-core=={core.release}", *others, python=pythons.provide(core.python))


def warning_of(core: _tested.Core) -> str:
    """The one warning that a run has where it has any."""
    if core.minor == WITHOUT_HTTPX:
        return "httpx cannot be imported on the controller"
    return "" if core.minor in _tested.CORES else f"ansible-core {core.release} is newer than any"


def playbooks(folder: Path, hosts: Path, *names: str, **variables: Any) -> PlaybookRun:
    """Run several in one call."""
    argv = [str(folder / "ansible-playbook"), "-i", str(hosts), *(str(PLAYBOOK.with_name(f"{name}.yml")) for name in names)]
    return run([*argv, "-e", json.dumps(variables)], seconds=PLAYBOOK_SECONDS)


@pytest.fixture(scope="module", params=CELLS)
def cell(request: pytest.FixtureRequest, mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Cell:
    core = CORES[request.param]
    folder = programs_of(core)
    with LoopbackCluster(OLD, 2, ports=free_ports(2, own_addresses=True)) as cluster:
        # One node has the oldest Python that may be there.
        old = {"n2": {"ansible_python_interpreter": str(pythons.oldest(core.node_python))}}
        hosts = write_hosts(cluster, mirror, old, nats_upgrade_waive=WAIVE)
        env, stopped = stop_at(tmp_path_factory.mktemp("killed"), "/journal.json", "draining")
        with Background(hosts, NEW, env=env, programs=folder) as roll:
            roll.until(stopped.exists, "draining")
            roll.kill()
        node = in_turn(cluster)
        looked = playbooks(folder, hosts, "plan", "status", "audit", nats_upgrade_version=NEW)
        resumed = upgrade(hosts, NEW, programs=folder)
        left = {name: (version, steps(cluster, name)[-1:]) for name, version in cluster.versions().items()}
        locks = locked(cluster)
        # Through connections of our own making. Nobody has to become root for it, and here nobody can.
        wanted = {"hosts": ["n1", "n2"], "probe_from": "node"}
        read = adhoc(hosts, "n1", "nats_version_facts", "-e", '{"ansible_become": true}', programs=folder, **wanted)
    restart = restarted(folder, mirror) if request.param in ENDS else None
    return Cell(core, node, looked, resumed, left, locks, read, restart)


def restarted(folder: Path, mirror: Path) -> Restart:
    with LoopbackCluster(NEW, 2) as cluster:
        hosts, begun = write_hosts(cluster, mirror, nats_upgrade_waive=WAIVE), starts(cluster)
        done = playbooks(folder, hosts, "restart", nats_upgrade_restart_all=True, nats_upgrade_max_nodes=1)
        return Restart(done, begun, starts(cluster))


def test_a_roll_that_was_killed_is_run_again_and_finishes(cell: Cell) -> None:
    assert cell.resumed.returncode == 0, cell.resumed.stdout[-5000:]
    says(cell.resumed, "resumed: it broke off at")
    assert cell.left == {"n1": (NEW, ["done"]), "n2": (NEW, ["done"])}
    assert cell.locked == []


def test_plan_and_status_tell_the_turn_of_one_node_alone(cell: Cell) -> None:
    assert cell.looked.returncode == 0, cell.looked.stdout[-5000:]
    says(cell.looked, f"1. {cell.in_turn} {OLD} -> {NEW}", f"{cell.in_turn} {OLD} up")
    # Each in its own words.
    assert (cell.looked.stdout.count("broke off at"), cell.looked.stdout.count("its turn broke off")) == (2, 1)


def test_an_audit_finds_both_servers_on_one_version(cell: Cell) -> None:
    says(cell.looked, "2 of 2 hosts answer, 1 cluster, 1 version", f"lab 2 servers {OLD} x2")


def test_servers_are_read_on_their_own_hosts(cell: Cell) -> None:
    servers = cell.read_on_nodes["n1"]["ansible_facts"]["nats_version"]["servers"]
    assert [(server["name"], server["version"]) for server in servers] == [("n1", NEW), ("n2", NEW)]


@pytest.mark.parametrize("cell", ENDS, indirect=True)
def test_a_restart_takes_one_node(cell: Cell) -> None:
    assert cell.restart
    restart = cell.restart
    assert restart.done.returncode == 0, restart.done.stdout[-5000:]
    assert sorted(restart.after[name] == restart.before[name] for name in restart.before) == [False, True]
    assert "down" not in restart.after.values()
    tells_only_what_is_meant(cell.core, restart.done)


@pytest.mark.parametrize("core", ENDS)
def test_a_run_that_would_do_nothing_is_an_error(core: str, tmp_path: Path) -> None:
    for case in EACH_WAY:
        case.fails(tmp_path, "status", programs_of(CORES[core]))


@pytest.mark.parametrize("which", ["looked", "resumed"])
def test_there_is_no_deprecation_and_no_warning_but_the_one_that_is_meant(cell: Cell, which: str) -> None:
    tells_only_what_is_meant(cell.core, getattr(cell, which))


def tells_only_what_is_meant(core: _tested.Core, done: PlaybookRun) -> None:
    output, warning = done.stdout + done.stderr, warning_of(core)
    assert "DEPRECATION" not in output
    assert output.count("[WARNING]: ") == bool(warning), output
    assert f"[WARNING]: {warning}" in output or not warning
