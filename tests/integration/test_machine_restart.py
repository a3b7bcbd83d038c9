"""A rolling restart that reboots the hosts: the server drains, its machine boots, and the unit starts it again."""

from __future__ import annotations

from pathlib import Path

from tests.integration.faults import Background, nothing_lost, playbook, says
from tests.integration.helpers import PLAYBOOK
from tests.integration.machines import OLD, finished, first_and_others, hosts, not_touched, step, until_step
from tests.lab.containers import BOOT_SECONDS, ContainerCluster
from tests.lab.docker import docker
from tests.lab.load_process import Load
from tests.lab.machine import UNIT
from tests.lab.processes import wait_until

# The default of Ansible asks logind, which the machines of the lab do not have.
REBOOT = {"nats_upgrade_restart_reboot": True, "nats_upgrade_restart_reboot_command": "systemctl reboot"}


def test_hosts_are_rebooted_one_at_a_time_after_their_server_has_drained(mirror: Path, tmp_path: Path) -> None:
    with ContainerCluster(OLD) as cluster, Load(cluster.urls, tmp_path / "load.json", rate=20) as load:
        for machine in cluster.nodes.values():
            # The engine switches a machine on again that has switched itself off.
            docker("update", "--restart=always", machine.container)
        inventory_file = hosts(cluster, mirror)
        first, others = first_and_others(cluster)
        _refuses_a_unit_that_is_not_started_at_boot(cluster, inventory_file, first)
        _goes_on_where_the_controller_was_killed(cluster, inventory_file, first, others)
        _reboots(cluster, inventory_file, others[0])
        nothing_lost(load)


def _refuses_a_unit_that_is_not_started_at_boot(cluster: ContainerCluster, inventory_file: Path, first: str) -> None:
    cluster.shell(first, f"systemctl disable {UNIT}")
    done = playbook("plan", inventory_file, nats_upgrade_mode="restart", **REBOOT)
    says(done, f"refused: not_started_at_boot: {first}: {UNIT} is disabled: the host would come back from its reboot without")
    cluster.shell(first, f"systemctl enable {UNIT}")


def _goes_on_where_the_controller_was_killed(
    cluster: ContainerCluster, inventory_file: Path, first: str, others: list[str]
) -> None:
    before, booted = cluster.starts(), _booted(cluster, first)
    restart = PLAYBOOK.with_name("restart.yml")
    with Background(inventory_file, None, "--limit", first, playbook=restart, **REBOOT) as roll:
        until_step(roll, cluster, first, "rebooting")
        roll.kill()
    cluster.close_connections()
    # What the run has told the machine it does without it: the reboot may be on its way.
    assert wait_until(lambda: _is_at_rest(cluster, first), BOOT_SECONDS)
    if _booted(cluster, first) != booted:
        cluster.wait_ready()
    done = playbook("restart", inventory_file, "--limit", first, **REBOOT)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    says(done, f"1. {first} {OLD} ", "resumed: it broke off at")
    assert (step(cluster, first), _booted(cluster, first) != booted) == ("done", True)
    not_touched(cluster, before, *others)


def _is_at_rest(cluster: ContainerCluster, name: str) -> bool:
    """Whether nobody who came over ssh is about to reboot the machine, and it is neither off, nor on its way up or down."""
    # The brackets keep it from finding itself.
    at_work = cluster.exec(name, "pgrep", "--full", "sshd: [r]oot|[s]ystemctl reboot").stdout.strip()
    # Asked afterwards: what has ended meanwhile has taken effect.
    state = cluster.exec(name, "systemctl", "is-system-running").stdout.strip()
    return not at_work and state in ("running", "degraded")


def _reboots(cluster: ContainerCluster, inventory_file: Path, name: str) -> None:
    booted = {name: _booted(cluster, name) for name in cluster.nodes}
    done = playbook("restart", inventory_file, "--limit", name, **REBOOT)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    says(done, f". {name} {OLD} ", "asked for")
    assert [other for other in cluster.nodes if _booted(cluster, other) != booted[other]] == [name]
    finished(cluster, OLD)


def _booted(cluster: ContainerCluster, name: str) -> str:
    """When the machine has booted; empty while it is off."""
    return cluster.exec(name, "systemctl", "show", "--property=UserspaceTimestampMonotonic").stdout
