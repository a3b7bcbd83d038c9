"""What is wrong on machines before a node is stopped, or while one is: it is said, nothing is touched, and it can be mended."""

from __future__ import annotations

import re
from pathlib import Path

from tests.integration.faults import Background, playbook
from tests.integration.helpers import adhoc, said, upgrade
from tests.integration.machines import (
    BLOCK,
    BLOCKABLE,
    NEW,
    OLD,
    PUT_HOLD,
    STATE,
    finishes_alone,
    first_and_others,
    has_hold,
    hosts,
    is_held,
    left_nothing,
    message,
    not_touched,
    step,
    stopped_in,
    until_step,
)
from tests.lab.containers import ContainerCluster
from tests.lab.machine import UNIT

DISK_MIB, BALLAST_MIB = 90, 40
# What is still being started at the end of a boot changes by itself.
LOOK = f"""
systemctl is-system-running --wait > /dev/null || true
systemctl show --all {UNIT} | grep -vE '^(CPU|Memory|IO|IP|Tasks|Effective|ExecStart|ExecReload|ExecStop)'
find /run/systemd/system {STATE} /opt/nats -printf '%p %s %T@ %i\\n' 2>&1 || true
"""


def test_a_check_changes_nothing_and_a_full_disk_is_refused_until_there_is_room(mirror: Path) -> None:
    with ContainerCluster(OLD, small_disk=DISK_MIB) as cluster:
        inventory_file = hosts(cluster, mirror)
        before, starts = looked_at(cluster), cluster.starts()
        plan = playbook("plan", inventory_file, nats_upgrade_version=NEW)
        check = upgrade(inventory_file, NEW, "--check")
        assert (plan.returncode, check.returncode) == (0, 0), check.stdout[-3000:]
        after = looked_at(cluster)
        assert {name: sorted(after[name] ^ before[name]) for name in after} == {name: [] for name in before}

        ballast = f"{Path(cluster.binary).parent}/ballast"
        cluster.shell("n2", f"fallocate --length={BALLAST_MIB}M {ballast}")
        text = message(upgrade(inventory_file, NEW, "--limit", "n2"))
        free = int(cluster.shell("n2", f"df --output=avail --block-size=1 {ballast} | tail -1")) >> 20
        assert f"refused: there is no room for the new version: n2 has {free} MiB free in /opt/nats." in text, text[-3000:]
        assert "and 32 MiB have to be left. Make room and run again. Nothing was touched" in text
        assert cluster.shell("n2", "ls /opt/nats").split() == ["ballast", "nats-server"]
        assert (cluster.starts(), [step(cluster, name) for name in cluster.nodes]) == (starts, ["", "", ""])
        cluster.shell("n2", f"rm {ballast}")
        finishes_alone(cluster, inventory_file, "n2")


def looked_at(cluster: ContainerCluster) -> dict[str, set[str]]:
    """Return all that an upgrade may change on each machine."""
    return {name: set(cluster.shell(name, LOOK).splitlines()) for name in cluster.nodes}


def test_leftovers_are_told_and_removed_and_a_blocked_route_holds_the_run(mirror: Path) -> None:
    with ContainerCluster(OLD, unit=BLOCKABLE) as cluster:
        inventory_file = hosts(cluster, mirror)
        first, others = first_and_others(cluster)
        _leave(cluster, inventory_file, hold=first, turn=others[0])
        _are_told(cluster, inventory_file, hold=first, turn=others[0])
        # What others say of a server whose turn broke off refuses nothing: the turn is to mend that.
        _route_is_blocked_before(cluster, inventory_file, first, others[1])
        _route_is_blocked_while_a_node_is_away(cluster, inventory_file, others[0], [first, others[1]])
        finishes_alone(cluster, inventory_file, first, others[0])
        _hold_of_a_node_that_is_done(cluster, inventory_file, first)


def _leave(cluster: ContainerCluster, inventory_file: Path, *, hold: str, turn: str) -> None:
    """Leave what dead runs leave: a hold alone, and a turn that broke off while its restarts were held."""
    cluster.shell(hold, PUT_HOLD)
    cluster.shell(turn, PUT_HOLD)
    expectation = {"server_name": turn}
    noted = {"binary_path": cluster.binary, "config_path": "/etc/nats-server.conf", "expectation": expectation}
    begun = {"state": "began", "run_id": "dead", "require_lock": False, "target": NEW, "old_version": OLD, "data": noted}
    assert adhoc(inventory_file, turn, "nats_journal", **begun)[turn]["journal"]["unfinished"]


def _are_told(cluster: ContainerCluster, inventory_file: Path, *, hold: str, turn: str) -> None:
    plan, status = playbook("plan", inventory_file, nats_upgrade_version=NEW), playbook("status", inventory_file)
    assert (plan.returncode, status.returncode) == (0, 0), plan.stdout[-3000:]
    # YAML doubles quotes where it needs some.
    planned, told = (said(done).replace("''", "'") for done in (plan, status))
    let_go = "automatic restarts are still held by an earlier run that broke off; this run lets go of them"
    assert f"warning: leftover_hold: {hold}: {let_go}" in planned
    assert f"1. {turn} {OLD} -> {NEW}" in planned
    assert "resumed: it broke off at 'began'" in planned
    assert re.search(rf"{hold} {OLD} up \S+( \S)? automatic restarts are held", told), told
    assert f"its turn broke off at 'began' (to {NEW}" in told
    assert has_hold(cluster, hold)
    assert has_hold(cluster, turn)


def _route_is_blocked_before(cluster: ContainerCluster, inventory_file: Path, one: str, other: str) -> None:
    starts = cluster.starts()
    cluster.block_route(one, other)
    text = message(upgrade(inventory_file, NEW))
    assert "refused: missing_route: servers of the cluster do not see each other" in text, text[-3000:]
    assert "Nothing was touched." in text
    assert cluster.starts() == starts
    cluster.unblock_route(one, other)
    cluster.wait_ready()


def _route_is_blocked_while_a_node_is_away(cluster: ContainerCluster, inventory_file: Path, away: str, others: list[str]) -> None:
    starts = cluster.starts()
    cluster.shell(away, f"touch {BLOCK}")
    with Background(inventory_file, NEW, nats_upgrade_health_timeout_seconds=5) as roll:
        until_step(roll, cluster, away, "starting")
        cluster.block_route(*others)
        cluster.shell(away, f"rm {BLOCK}")
        text = message(roll.wait())
    stopped_in(text, away)
    assert f"What failed: Wait until it is really back and current, {away}:" in text
    assert "routes: " in text
    assert f"{away}: it answers with {NEW} and was left running." in text
    assert "Next: mend what failed, and run the same playbook again." in text
    not_touched(cluster, starts, *others)
    cluster.unblock_route(*others)
    cluster.wait_ready()


def _hold_of_a_node_that_is_done(cluster: ContainerCluster, inventory_file: Path, name: str) -> None:
    starts = cluster.starts()
    cluster.shell(name, PUT_HOLD)
    assert is_held(cluster, name)
    for changed in (1, 0):
        done = upgrade(inventory_file, NEW, "--limit", name)
        assert (done.returncode, done.changed) == (0, changed), done.stdout[-4000:]
        left_nothing(cluster)
    assert cluster.starts() == starts
