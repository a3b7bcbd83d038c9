"""A machine loses its power in the turn of its server, at each step: the run stops, and the next one finishes the job."""

from __future__ import annotations

from pathlib import Path

from tests.integration.faults import Background, nothing_lost
from tests.integration.helpers import START_SECONDS, upgrade
from tests.integration.machines import (
    BLOCK,
    BLOCKABLE,
    NEW,
    OLD,
    SETTINGS,
    clients,
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
from tests.lab.load_process import Load

LAME_DUCK = "Lame duck until the server has exited, then start the new version on"
# So long the run waits for a server that is off, all of it. What it waits for longer ends before: a machine is switched off then.
SHORT = {"nats_upgrade_start_timeout_seconds": START_SECONDS, "nats_upgrade_health_timeout_seconds": 120}


def test_a_machine_that_is_rebooted_at_each_step_of_its_turn(mirror: Path, tmp_path: Path) -> None:
    lab = ContainerCluster(OLD, unit=BLOCKABLE, settings=SETTINGS)
    with lab as cluster, Load(cluster.urls, tmp_path / "load.json", rate=20) as load:
        inventory_file = hosts(cluster, mirror)
        _while_held(cluster, inventory_file)
        _while_draining(cluster, inventory_file)
        first = _before_the_new_version_starts(cluster, inventory_file)
        second = _while_returning(cluster, inventory_file, first)
        done = upgrade(inventory_file, NEW, "--limit", second)
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        assert {cluster.versions()[name] for name in (first, second)} == {NEW}
        left_nothing(cluster)
        nothing_lost(load)


def _while_held(cluster: ContainerCluster, inventory_file: Path) -> None:
    first, others = first_and_others(cluster)
    before = cluster.starts()
    with Background(inventory_file, NEW, **SHORT) as roll:
        roll.until(lambda: has_hold(cluster, first), f"{first} is held")
        cluster.switch_off(first)
        text = message(roll.wait())
    _is_lost(text, first)
    not_touched(cluster, before, *others)
    _comes_back(cluster, first, OLD, "began")
    # It was in /run.
    assert not is_held(cluster, first)


def _while_draining(cluster: ContainerCluster, inventory_file: Path) -> None:
    first, others = first_and_others(cluster)
    before = cluster.starts()
    with clients(cluster, first), Background(inventory_file, NEW, "--limit", first, **SHORT) as roll:
        until_step(roll, cluster, first, "draining")
        cluster.switch_off(first)
        text = message(roll.wait())
    _is_lost(text, first)
    _broke_off(text, first)
    not_touched(cluster, before, *others)
    _comes_back(cluster, first, OLD, "draining")


def _before_the_new_version_starts(cluster: ContainerCluster, inventory_file: Path) -> str:
    first, others = first_and_others(cluster)
    before = cluster.starts()
    cluster.shell(first, f"touch {BLOCK}")
    with Background(inventory_file, NEW, "--limit", first, **SHORT) as roll:
        until_step(roll, cluster, first, "starting")
        assert cluster.versions()[first] == "down"
        cluster.switch_off(first)
        text = message(roll.wait())
    _is_lost(text, first)
    _broke_off(text, first)
    not_touched(cluster, before, *others)
    # The machine starts what is the active version: the new one.
    _comes_back(cluster, first, NEW, "starting")
    return first


def _while_returning(cluster: ContainerCluster, inventory_file: Path, first: str) -> str:
    """The next run ends the turn of the first node, and has begun that of another one."""
    others = [name for name in cluster.nodes if name != first]
    for name in others:
        cluster.shell(name, f"touch {BLOCK}")
    before = cluster.starts()
    with Background(inventory_file, NEW, **SHORT) as roll:
        roll.until(lambda: "starting" in [step(cluster, name) for name in others], "a second node starts")
        second = next(name for name in others if step(cluster, name) == "starting")
        third = next(name for name in others if name != second)
        # It comes up, and is not well: the run waits.
        cluster.block_route(second, third)
        cluster.shell(second, f"rm {BLOCK}")
        roll.until(lambda: cluster.versions()[second] == NEW, f"{second} runs {NEW}")
        # That of this node: the first one was waited for in the same run.
        roll.until_task(f"Wait until it is really back and current, {second}")
        cluster.switch_off(second)
        text = message(roll.wait())
    _is_lost(text, second)
    assert f"What failed: Wait until it is really back and current, {second}:" in text
    assert f"Then, too: {second} was lost in the step" in text
    not_touched(cluster, before, first, third)
    assert step(cluster, first) == "done"
    cluster.shell(third, f"rm {BLOCK}")
    _comes_back(cluster, second, NEW, "starting")
    return second


def _is_lost(text: str, name: str) -> None:
    stopped_in(text, name)
    assert f"{name}: it cannot be reached. Automatic restarts may still be held there." in text, text[-3000:]
    assert f"Next: bring {name} back, and run the same playbook again; it goes on with {name}." in text


def _broke_off(text: str, name: str) -> None:
    """The module ends with its machine: by chance, ssh reports the one or the other."""
    task = f"{LAME_DUCK} {name}"
    assert (
        f"What failed: {name} was lost in the step '{task}': it cannot be reached" in text or f"What failed: {task}: " in text
    ), text


def _comes_back(cluster: ContainerCluster, name: str, version: str, at: str) -> None:
    cluster.switch_on(name)
    cluster.wait_ready()
    assert (cluster.versions()[name], step(cluster, name)) == (version, at)
