"""Units that NATS has shipped over the years, and a wrapper: clients are drained, and the old version never starts again."""

from __future__ import annotations

from pathlib import Path

from tests.integration.faults import nothing_lost, playbook
from tests.integration.helpers import adhoc, said, upgrade
from tests.integration.machines import NEW, OLD, hosts, install_unit, left_nothing
from tests.lab.containers import ContainerCluster
from tests.lab.load_process import Load
from tests.lab.machine import BINARY, ERAS, UNIT, UNITS, WRAPPER

OLDER = "2.14.5"
# Two rolls on one cluster: in each, every node that is taken has another unit.
ROLLS = (
    (OLDER, OLD, {"n1": "2.9 plain", "n2": "2.10.2 plain", "n3": "2.10.14 hardened", "n4": "wrapper"}),
    (OLD, NEW, {"n1": "2.10.28 plain", "n2": "2.10.28 hardened", "n3": "2.11.4 hardened"}),
)
TEXTS = {**ERAS, "wrapper": UNITS["wrapper"]}
# By the unit, whether systemd starts the server again and why the plan warns.
RESTARTS = {"2.10.14 hardened": "always", "2.10.28 hardened": "always", "2.11.4 hardened": "on-failure", "wrapper": "on-failure"}
DROPS = "ExecStop (/bin/kill -s SIGINT $MAINPID) sends SIGINT, so that systemctl stop drops every client at once: use SIGUSR2"
ALWAYS = "Restart=always starts the old binary again after a lame duck by hand; for the roll it is held"


def test_units_of_every_era_are_upgraded_without_a_loss(mirror: Path, tmp_path: Path) -> None:
    lab = ContainerCluster(OLDER, 4, namespaces=True)
    with lab as cluster, Load(cluster.urls, tmp_path / "load.json", rate=20) as load:
        # The unit stays active for a while after its server has exited: starting it does nothing until then.
        cluster.shell("n4", f"sed -i 's/^exit/sleep 2; exit/' {WRAPPER}")
        inventory_file = hosts(cluster, mirror, nats_upgrade_binary_path=BINARY)
        for before, target, eras in ROLLS:
            for name, era in eras.items():
                install_unit(cluster, name, TEXTS[era])
                cluster.wait_ready()
            _is_warned_of(inventory_file, target, eras)
            _wrapper_says_nothing_of_what_it_runs(inventory_file, target, eras)
            done = upgrade(inventory_file, target, "--limit", ",".join(eras))
            assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
            left_nothing(cluster)
            for name, era in eras.items():
                _is_upgraded(cluster, name, era, before, target)
        nothing_lost(load)
        _is_not_signalled_without_a_hold(cluster, inventory_file, "n2")


def _is_warned_of(inventory_file: Path, target: str, eras: dict[str, str]) -> None:
    done = playbook("plan", inventory_file, nats_upgrade_version=target)
    assert done.returncode == 0, done.stdout[-3000:]
    for name, era in eras.items():
        warning = said(done).partition(f"warning: unsafe_unit: {name}: unit {UNIT}: ")[2].partition("unsafe_unit:")[0]
        stops_at_once = era.startswith(("2.9", "2.10.2 ", "2.10.14"))
        assert (DROPS in warning, ALWAYS in warning) == (stops_at_once, RESTARTS.get(era) == "always"), (era, warning)


def _wrapper_says_nothing_of_what_it_runs(inventory_file: Path, target: str, eras: dict[str, str]) -> None:
    """And the process is another user's than root, so that its own word is not taken for it."""
    for name in (name for name, era in eras.items() if era == "wrapper"):
        unknown = said(playbook("plan", inventory_file, nats_upgrade_version=target, nats_upgrade_binary_path=""))
        assert f"refused: other_program: {name}: which program a start runs is not known: ExecStart of unit" in unknown


def _is_upgraded(cluster: ContainerCluster, name: str, era: str, before: str, target: str) -> None:
    assert cluster.versions()[name] == target
    lines = cluster.journal(name, 1000).splitlines()
    started = [line.split()[-1] for line in lines if " Version: " in line]
    assert (started[-2:], started.count(target)) == ([before, target], 1)
    # Since this unit has started the old version.
    ours = lines[max(number for number, line in enumerate(lines) if line.endswith(f" {before}") and " Version: " in line) :]
    assert [line for line in ours if "Entering lame duck mode" in line]
    unit = cluster.unit(name)
    assert (unit["Restart"], unit["NRestarts"]) == (RESTARTS.get(era, "no"), "0")
    # The filter of system calls, which only a hardened unit has.
    status = cluster.shell(name, f"sed -n 's/^Name:[[:space:]]*//p; s/^Seccomp:[[:space:]]*//p' /proc/{unit['MainPID']}/status")
    assert status.split() == ["run-nats-server" if era == "wrapper" else "nats-server", "2" if "hardened" in era else "0"]


def _is_not_signalled_without_a_hold(cluster: ContainerCluster, inventory_file: Path, name: str) -> None:
    starts = cluster.starts()
    what = {"service": UNIT, "start_unit": UNIT, "path": BINARY, "running_version": NEW, "version": OLD}
    result = adhoc(inventory_file, name, "nats_swap", **what)[name]
    assert f"systemd says Restart=always for {UNIT}: its restarts are not held, or not any more" in result["msg"]
    assert "Nothing was signalled" in result["msg"]
    assert cluster.starts() == starts
