"""The way to a machine is cut in mid-turn, or the controller dies: the server goes on alone, the next run finishes the job."""

from __future__ import annotations

from pathlib import Path

from tests.integration.faults import Background, nothing_lost, playbook
from tests.integration.helpers import phases, reported, runs, said, upgrade
from tests.integration.machines import (
    LONG_LAME_DUCK,
    NEW,
    OLD,
    clients,
    end_drain,
    finishes_alone,
    first_and_others,
    has_hold,
    hosts,
    is_held,
    kept,
    left_nothing,
    message,
    not_touched,
    step,
    stopped_in,
    until_step,
)
from tests.lab.containers import ContainerCluster
from tests.lab.load_process import Load
from tests.lab.processes import wait_until

LAME_DUCK = "Lame duck until the server has exited, then start the new version on"
FATAL = {"ANSIBLE_ANY_ERRORS_FATAL": "True"}
ALONE_SECONDS = 60.0


def test_cuts_in_mid_turn(mirror: Path, tmp_path: Path) -> None:
    with ContainerCluster(OLD, settings=LONG_LAME_DUCK) as cluster, Load(cluster.urls, tmp_path / "load.json", rate=20) as load:
        inventory_file = hosts(cluster, mirror)
        first = _cut(cluster, inventory_file, silent=False)
        _status_of_a_stalled_roll(cluster, inventory_file, first)
        second = _cut(cluster, inventory_file, first, silent=True)
        last = upgrade(inventory_file, NEW, "--limit", second)
        assert last.returncode == 0, (last.stdout + last.stderr)[-4000:]
        report = reported(runs(cluster)[-1], "part_done", last)
        assert len(report["resumed"]) == len(runs(cluster)) - 1
        assert [server["host"] for server in report["servers"] if server["state"] == "done"] == [first, second]
        assert sorted(cluster.versions().values()) == [OLD, NEW, NEW]
        left_nothing(cluster)
        nothing_lost(load)


def _cut(cluster: ContainerCluster, inventory_file: Path, *done: str, silent: bool) -> str:
    """Cut ssh while the next node drains, with any_errors_fatal where the cut is the loud one. Return the node."""
    todo = [name for name in cluster.nodes if name not in done]
    before = cluster.starts()
    with clients(cluster, *todo), Background(inventory_file, NEW, env={} if silent else FATAL) as roll:
        roll.until(lambda: "draining" in [step(cluster, name) for name in todo], "a node drains")
        name = next(name for name in todo if step(cluster, name) == "draining")
        cluster.cut_ssh(name, silent=silent)
        ended = roll.wait()
    text = message(ended)
    stopped_in(text, name)
    assert phases(reported(runs(cluster)[-1], "failed", ended), name)[-1] == ("drain", "failed")
    assert f"What failed: {name} was lost in the step '{LAME_DUCK} {name}': it cannot be reached" in text
    assert f"{name}: it cannot be reached. Automatic restarts may still be held there." in text
    assert f"Next: bring {name} back, and run the same playbook again; it goes on with {name}." in text
    not_touched(cluster, before, *[other for other in cluster.nodes if other != name])
    # What was begun on the machine comes to its end there.
    assert (cluster.starts()[name], step(cluster, name)) == (before[name], "draining")
    end_drain(cluster, name)
    assert wait_until(lambda: cluster.versions()[name] == NEW, ALONE_SECONDS)
    assert (step(cluster, name), is_held(cluster, name)) == ("starting", True)
    cluster.heal(name)
    cluster.close_connections()
    cluster.wait_ready()
    return name


def _status_of_a_stalled_roll(cluster: ContainerCluster, inventory_file: Path, name: str) -> None:
    before = cluster.starts()
    done = playbook("status", inventory_file)
    assert done.returncode == 0, done.stdout[-3000:]
    text = said(done)
    journal, run = kept(cluster, name), kept(cluster, name, "lock")["run_id"]
    assert f"{name} {NEW} up " in text
    assert f"its turn broke off at 'starting' (to {NEW}, since {journal['since']}) automatic restarts are held" in text
    # The lock of the one host that could not be told.
    assert f"locked: {name}: held by " in text
    assert f"run {run})" in text
    assert f"a roll from {OLD} to {NEW} is under way" in text
    waived = '-e \'{"nats_upgrade_waive": ["stepping_stone"]}\''
    command = f"ansible-playbook natsops.cluster.upgrade -i {inventory_file} -e nats_upgrade_version"
    assert f"finish it: {command}={NEW} {waived}" in text.replace("''", "'"), text
    assert f"take it back: {command}={OLD} " in text
    assert (cluster.starts(), done.changed) == (before, 0)


def test_a_module_and_then_a_controller_that_are_killed_leave_the_hold_and_the_journal(mirror: Path) -> None:
    with ContainerCluster(OLD, settings=LONG_LAME_DUCK) as cluster:
        inventory_file, before = hosts(cluster, mirror), cluster.starts()
        first, others = first_and_others(cluster)
        with clients(cluster, first):
            _kill_the_module(cluster, inventory_file, first)
            _kill_the_controller(cluster, inventory_file, first)
            assert (cluster.starts(), step(cluster, first), is_held(cluster, first)) == (before, "draining", True)
            end_drain(cluster, first)
        finishes_alone(cluster, inventory_file, first)
        not_touched(cluster, before, *others)


def _kill_the_module(cluster: ContainerCluster, inventory_file: Path, name: str) -> None:
    """On the node: nobody answers any more."""
    with Background(inventory_file, NEW) as roll:
        until_step(roll, cluster, name, "draining")
        cluster.shell(name, "pkill -KILL -x python3")
        text = message(roll.wait())
    stopped_in(text, name)
    assert f"What failed: {LAME_DUCK} {name}: " in text
    assert f"{name}: the step that drains and replaces its server broke off without an answer" in text
    assert "Nothing more was done, and automatic restarts stay held." in text


def _kill_the_controller(cluster: ContainerCluster, inventory_file: Path, name: str) -> None:
    """While the next run waits for the same drain. Its module on the node goes on."""
    with Background(inventory_file, NEW, "--limit", name) as roll:
        roll.until(lambda: _drains(cluster, name) == 2, "the drain that is waited for")
        roll.kill()
    assert phases(reported(runs(cluster)[-1], "not_ended"), name)[-1] == ("drain", "open")
    assert has_hold(cluster, name)
    assert sorted(host for host in cluster.nodes if kept(cluster, host, "lock")) == sorted(cluster.nodes)


def _drains(cluster: ContainerCluster, name: str) -> int:
    return [one["step"] for one in kept(cluster, name).get("steps", [])].count("draining")
