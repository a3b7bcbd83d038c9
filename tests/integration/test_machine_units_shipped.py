"""The units that NATS has shipped over the years: with each, clients are drained and the old version never starts again."""

from __future__ import annotations

from pathlib import Path

from tests.integration.faults import nothing_lost, playbook
from tests.integration.helpers import said
from tests.integration.machines import NEW, OLD, finishes, hosts, install_unit
from tests.lab.containers import ContainerCluster
from tests.lab.load_process import Load
from tests.lab.machine import ERAS, UNIT

OLDER = "2.14.5"
# Two rolls on one cluster: in each, every node has another unit.
ROLLS = (
    (OLDER, OLD, {"n1": "2.9 plain", "n2": "2.10.2 plain", "n3": "2.10.14 hardened"}),
    (OLD, NEW, {"n1": "2.10.28 plain", "n2": "2.10.28 hardened", "n3": "2.11.4 hardened"}),
)
# By the unit, whether systemd starts the server again and why the plan warns.
RESTARTS = {"2.10.14 hardened": "always", "2.10.28 hardened": "always", "2.11.4 hardened": "on-failure"}
DROPS = "sends SIGINT, so that systemctl stop drops every client at once"
ALWAYS = "Restart=always starts the old binary again after a lame duck by hand"


def test_units_of_every_era_are_upgraded_without_a_loss(mirror: Path, tmp_path: Path) -> None:
    with ContainerCluster(OLDER, namespaces=True) as cluster, Load(cluster.urls, tmp_path / "load.json", rate=20) as load:
        for before, target, eras in ROLLS:
            for name, era in eras.items():
                install_unit(cluster, name, ERAS[era])
                cluster.wait_ready()
            inventory_file = hosts(cluster, mirror)
            _is_warned_of(inventory_file, target, eras)
            finishes(cluster, inventory_file, target)
            for name, era in eras.items():
                _is_upgraded(cluster, name, era, before, target)
        nothing_lost(load)


def _is_warned_of(inventory_file: Path, target: str, eras: dict[str, str]) -> None:
    done = playbook("plan", inventory_file, nats_upgrade_version=target)
    assert done.returncode == 0, done.stdout[-3000:]
    for name, era in eras.items():
        warning = said(done).partition(f"unsafe_unit: {name}: unit {UNIT}: ")[2].partition("unsafe_unit:")[0]
        stops_at_once = era.startswith(("2.9", "2.10.2 ", "2.10.14"))
        assert (DROPS in warning, ALWAYS in warning) == (stops_at_once, RESTARTS.get(era) == "always"), (era, warning)


def _is_upgraded(cluster: ContainerCluster, name: str, era: str, before: str, target: str) -> None:
    lines = cluster.journal(name, 1000).splitlines()
    assert [line.split()[-1] for line in lines if " Version: " in line][-2:] == [before, target]
    # Since this unit has started the old version.
    ours = lines[max(number for number, line in enumerate(lines) if line.endswith(f" {before}") and " Version: " in line) :]
    assert [line for line in ours if "Entering lame duck mode" in line]
    unit = cluster.unit(name)
    assert (unit["Restart"], unit["NRestarts"]) == (RESTARTS.get(era, "no"), "0")
    # The filter of system calls, which only a hardened unit has.
    seccomp = cluster.shell(name, f"sed -n 's/^Seccomp:[[:space:]]*//p' /proc/{unit['MainPID']}/status")
    assert seccomp == ("2" if "hardened" in era else "0")
