"""The fault is the node's own: a server that never joins its cluster, a hook that fails; and when hooks and soaks are done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.integration.faults import NEW, OLD, finished, finishes_alone, first_and_others, locked, nothing_lost, says, steps
from tests.integration.helpers import starts, upgrade, write_hosts
from tests.integration.releases import pack, publish, script
from tests.lab.binaries import server_binary
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_process import Load


@pytest.fixture
def cluster() -> Iterator[LoopbackCluster]:
    with LoopbackCluster(OLD) as running:
        yield running


def test_a_server_that_answers_and_never_joins_is_put_back_by_lame_duck_while_the_others_keep_their_quorum(
    cluster: LoopbackCluster, mirror: Path, tmp_path: Path
) -> None:
    # It is the new version in all it says, and of another cluster. The name of the program stays that of the node.
    stranger = f'exec bash -c \'exec -a "$0" "{server_binary(NEW)}" "$@" --cluster_name elsewhere\' "$0" "$@"'
    source = publish(tmp_path, NEW, pack(NEW, script(NEW, stranger)))
    first, others = first_and_others(cluster)
    before = starts(cluster)
    with Load(cluster.urls, cluster.base / "load.json", rate=20) as load:
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
        finishes_alone(cluster, write_hosts(cluster, mirror), first)
        nothing_lost(load)


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
    first, _others = first_and_others(cluster)
    hold = tmp_path / "held"
    commands = {"nats_upgrade_hold_command": ["touch", str(hold)], "nats_upgrade_release_command": ["rm", "-f", str(hold)]}
    broken = {"name": "Take it out of the load balancer", "ansible.builtin.fail": {"msg": "the load balancer said no"}}
    before = starts(cluster)
    refused = upgrade(
        write_hosts(cluster, mirror, **commands), NEW, nats_upgrade_hooks={"before_node": hook(tmp_path, "broken", broken)}
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
    leader = cluster.known_leader()
    order = [*(name for name in cluster.nodes if name != leader), leader]
    done = upgrade(write_hosts(cluster, mirror, **commands), NEW, nats_upgrade_hooks=hooks, nats_upgrade_soak_seconds=1)
    assert done.returncode == 0, done.stdout[-5000:]
    finished(cluster, NEW)
    told = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert told == [f"{when} {name}" for name in order for when in ("before", "after")]
    soaks = re.findall(r"Watch the cluster for a while after (\w+)|Do what was asked for (\w+) each node", done.stdout)
    seen = [name or when for name, when in soaks]
    assert seen == ["before", "after", order[0], "before", "after", order[1], "before", "after"]


def test_a_server_that_ends_by_itself_in_its_turn_is_started_again_and_one_that_is_back_stays_whatever_fails_after_it(
    cluster: LoopbackCluster, mirror: Path, tmp_path: Path
) -> None:
    first, _others = first_and_others(cluster)
    before, hosts = starts(cluster), write_hosts(cluster, mirror)
    crash = {"name": "Crash", "ansible.builtin.shell": {"cmd": f"kill -KILL $(cat {cluster.nodes[first].pid_file})"}}
    broken = {"name": "Put it back into the load balancer", "ansible.builtin.fail": {"msg": "the load balancer said no"}}
    crashing = {"before_node": hook(tmp_path, "crash", {**crash, "changed_when": True}, broken)}
    with Load(cluster.urls, cluster.base / "load.json", rate=20) as load:
        ended = upgrade(hosts, NEW, "--limit", first, nats_upgrade_hooks=crashing)
        assert ended.returncode != 0
        says(ended, f"{first}: its server had ended by itself, without a signal of this run. It was started again")
        assert [name for name in cluster.nodes if starts(cluster)[name] != before[name]] == [first]
        assert steps(cluster, first) == ["began", "put_back"]
        finished(cluster, OLD)

        failed = upgrade(hosts, NEW, "--limit", first, nats_upgrade_hooks={"after_node": hook(tmp_path, "after", broken)})
        assert failed.returncode != 0
        says(
            failed,
            f"What failed: Put it back into the load balancer: the load balancer said no {first}: its server runs {NEW}",
            f"Next: mend what failed, and run the same playbook again; it does the rest of the turn of {first}",
        )
        upgraded = starts(cluster)[first]
        assert cluster.versions()[first] == NEW
        assert not locked(cluster)
        finishes_alone(cluster, hosts, first)
        assert starts(cluster)[first] == upgraded
        nothing_lost(load)
