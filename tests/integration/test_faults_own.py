"""The fault is the node's own: a server that never joins, or dies, a hook that fails; and when hooks and soaks are done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.integration.faults import (
    NEW,
    OLD,
    Background,
    finished,
    finishes_alone,
    first_and_others,
    locked,
    nothing_lost,
    says,
    steps,
)
from tests.integration.helpers import START_SECONDS, starts, upgrade, write_hosts
from tests.integration.releases import pack, publish, script
from tests.lab.binaries import server_binary
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_process import Load
from tests.lab.node import Settings

BROKEN = {"name": "Take it out of the load balancer", "ansible.builtin.fail": {"msg": "the load balancer said no"}}


def test_a_node_whose_own_fault_it_is_is_put_back_or_kept_and_the_same_playbook_finishes_its_turn(
    mirror: Path, tmp_path: Path
) -> None:
    with LoopbackCluster(OLD) as cluster, Load(cluster.urls, cluster.base / "load.json", rate=20) as load:
        first, others = first_and_others(cluster)
        before, hosts = starts(cluster), write_hosts(cluster, mirror)
        _answers_and_never_joins(cluster, tmp_path, first, others)
        _is_killed_while_it_catches_up(cluster, hosts, first)
        _ends_by_itself_in_its_turn(cluster, hosts, tmp_path, first)
        _fails_after_it_is_back(cluster, hosts, tmp_path, first)
        upgraded = starts(cluster)[first]
        finishes_alone(cluster, hosts, first)
        assert starts(cluster) == {**before, first: upgraded}
        nothing_lost(load)


def _answers_and_never_joins(cluster: LoopbackCluster, folder: Path, first: str, others: list[str]) -> None:
    """It is put back by lame duck, while the others keep their quorum."""
    # It is the new version in all it says, and of another cluster. The name of the program stays that of the node.
    stranger = f'exec bash -c \'exec -a "$0" "{server_binary(NEW)}" "$@" --cluster_name elsewhere\' "$0" "$@"'
    source = publish(folder, NEW, pack(NEW, script(NEW, stranger)))
    before = starts(cluster)
    done = upgrade(write_hosts(cluster, source), NEW, nats_upgrade_health_timeout_seconds=8)
    assert done.returncode != 0
    says(
        done,
        f"STOPPED in the turn of {first}. No other node was touched after it.",
        f"What failed: Wait until it is really back and current, {first}: ",
        f"routes: no route to {others[0]}",
        f"Drain the server that does not catch up on {first}",
        f"{first}: it was put back to {OLD}, and is up and current.",
    )
    assert {name: starts(cluster)[name] for name in others} == {name: before[name] for name in others}
    assert "Entering lame duck mode" in cluster.nodes[first].log.read_text(encoding="utf-8").partition(f"Version:  {NEW}")[2]
    finished(cluster, OLD)


def _is_killed_while_it_catches_up(cluster: LoopbackCluster, hosts: Path, first: str) -> None:
    old = cluster.process(first)
    with Background(hosts, NEW, "--limit", first, nats_upgrade_start_timeout_seconds=START_SECONDS) as roll:
        roll.until(lambda: cluster.process(first) not in (None, old), "the start")
        cluster.kill_node(first)
        done = roll.wait()
    assert done.returncode != 0
    says(done, f"STOPPED in the turn of {first}.", f"{first}: it was put back to {OLD}, and is up and current.")
    finished(cluster, OLD)
    assert steps(cluster, first)[-1] == "put_back"


def _ends_by_itself_in_its_turn(cluster: LoopbackCluster, hosts: Path, folder: Path, first: str) -> None:
    """Before it is signalled: it is started again."""
    before = starts(cluster)
    crash = {"name": "Crash", "ansible.builtin.shell": {"cmd": f"kill -KILL $(cat {cluster.nodes[first].pid_file})"}}
    hooks = {"before_node": hook(folder, "crash", {**crash, "changed_when": True}, BROKEN)}
    ended = upgrade(hosts, NEW, "--limit", first, nats_upgrade_hooks=hooks)
    assert ended.returncode != 0
    says(ended, f"{first}: its server had ended by itself, without a signal of this run. It was started again")
    assert [name for name in cluster.nodes if starts(cluster)[name] != before[name]] == [first]
    assert steps(cluster, first)[-2:] == ["began", "put_back"]
    finished(cluster, OLD)


def _fails_after_it_is_back(cluster: LoopbackCluster, hosts: Path, folder: Path, first: str) -> None:
    """What fails then is no reason to stop it."""
    failed = upgrade(hosts, NEW, "--limit", first, nats_upgrade_hooks={"after_node": hook(folder, "after", BROKEN)})
    assert failed.returncode != 0
    says(
        failed,
        f"What failed: Take it out of the load balancer: the load balancer said no {first}: its server runs {NEW}",
        f"Next: mend what failed, and run the same playbook again; it does the rest of the turn of {first}",
    )
    assert cluster.versions()[first] == NEW
    assert not locked(cluster)


@pytest.fixture
def cluster() -> Iterator[LoopbackCluster]:
    with LoopbackCluster(OLD, 2, settings=Settings(jetstream=False)) as running:
        yield running


def hook(folder: Path, name: str, *more: dict[str, object]) -> str:
    """A task file that writes the name and the host to a log, and then does more."""
    line = f"echo {name} {{{{ inventory_hostname }}}} >> {folder / 'log'}"
    task = {"name": "Remember", "ansible.builtin.command": {"argv": ["sh", "-c", line]}, "changed_when": False}
    path = folder / f"{name}.yml"
    path.write_text(yaml.safe_dump([task, *more]), encoding="utf-8")
    return str(path)


def test_hooks_run_once_for_each_node_in_order_a_soak_lies_between_and_a_hook_that_fails_leaves_the_server_alone(
    cluster: LoopbackCluster, mirror: Path, tmp_path: Path
) -> None:
    first, _other = cluster.nodes
    hold = tmp_path / "held"
    commands = {"nats_upgrade_hold_command": ["touch", str(hold)], "nats_upgrade_release_command": ["rm", "-f", str(hold)]}
    before = starts(cluster)
    refused = upgrade(
        write_hosts(cluster, mirror, **commands), NEW, nats_upgrade_hooks={"before_node": hook(tmp_path, "broken", BROKEN)}
    )
    assert refused.returncode != 0
    says(refused, f"What failed: Take it out of the load balancer: the load balancer said no {first}: its server was not stopped")
    assert starts(cluster) == before
    assert not hold.exists()
    assert not locked(cluster)
    assert steps(cluster, first) == ["began", "put_back"]
    assert (tmp_path / "log").read_text(encoding="utf-8").splitlines() == [f"broken {first}"]

    (tmp_path / "log").unlink()
    hooks = {name: hook(tmp_path, name.partition("_")[0]) for name in ("before_node", "after_node")}
    done = upgrade(write_hosts(cluster, mirror, **commands), NEW, nats_upgrade_hooks=hooks, nats_upgrade_soak_seconds=1)
    assert done.returncode == 0, done.stdout[-5000:]
    finished(cluster, NEW)
    told = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert told == [f"{when} {name}" for name in cluster.nodes for when in ("before", "after")]
    soaks = re.findall(r"Watch the cluster for a while after (\w+)|Do what was asked for (\w+) each node", done.stdout)
    seen = [name or when for name, when in soaks]
    assert seen == ["before", "after", first, "before", "after"]
