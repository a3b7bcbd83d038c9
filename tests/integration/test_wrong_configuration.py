"""One wrong variable, or one wrong line in a node's configuration: no healthy server is lost, and put right, the run finishes."""

from __future__ import annotations

from pathlib import Path

from tests.integration.faults import (
    NEW,
    OLD,
    finishes_alone,
    first_and_others,
    locked,
    nothing_lost,
    playbook,
    says,
    steps,
)
from tests.integration.helpers import starts, touched_by, upgrade, write_hosts
from tests.integration.releases import pack, publish, script
from tests.lab.binaries import server_binary
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_process import Load
from tests.lab.node import Node


def test_what_is_wrong_in_the_inventory_or_in_a_configuration_costs_no_node_and_can_be_put_right(mirror: Path) -> None:
    with LoopbackCluster(OLD) as cluster, Load(cluster.urls, cluster.base / "load.json", rate=20) as load:
        first, others = first_and_others(cluster)
        before = {name: starts(cluster)[name] for name in others}
        _another_path_is_refused(cluster, mirror, first)
        _another_program_is_left_running(cluster, mirror, first)
        _does_not_join(cluster, mirror, first)
        hosts = write_hosts(cluster, mirror)
        again = finishes_alone(cluster, hosts, first)
        says(again, f"See whether it has come back since its turn broke off, {first}")
        assert {name: starts(cluster)[name] for name in others} == before
        nothing_lost(load)


def _another_path_is_refused(cluster: LoopbackCluster, mirror: Path, first: str) -> None:
    """A typo in the path of the binary: both paths are named, and no folder is made."""
    node, before = cluster.nodes[first], touched_by(cluster)
    wrong = node.folder / "binn" / "nats-server"
    hosts = write_hosts(cluster, mirror, hosts={first: {"nats_upgrade_binary_path": str(wrong)}})
    for refused in (playbook("plan", hosts, nats_upgrade_version=NEW), upgrade(hosts, NEW)):
        assert refused.returncode != 0
        says(refused, f"refused: other_program: {first}: ", str(wrong), str(node.binary), "nats_upgrade_binary_path")
    assert touched_by(cluster) == before
    assert not wrong.parent.exists()
    assert not locked(cluster)


def _another_program_is_left_running(cluster: LoopbackCluster, mirror: Path, first: str) -> None:
    """What starts the server goes on starting the old version: that is seen at once, and the server is left alone."""
    node, before = cluster.nodes[first], starts(cluster)
    wrapper = node.folder / "start"
    wrapper.write_bytes(
        script(OLD, f"exec -a {node.binary} {server_binary(OLD)} -c {node.config}").replace(b"#!/bin/sh", b"#!/bin/bash")
    )
    wrapper.chmod(0o755)
    wrong = {"nats_upgrade_start_command": [str(wrapper)], "nats_upgrade_binary_path": str(node.binary)}
    done = upgrade(write_hosts(cluster, mirror, hosts={first: wrong}), NEW)
    assert done.returncode != 0
    says(
        done,
        f"STOPPED in the turn of {first}. No other node was touched after it.",
        f"{first} was started again, with {OLD}: what starts it does not take the program that was put in its place.",
        f"{first}: it answers with {OLD} and was left running.",
    )
    cluster.wait_ready()
    assert [name for name in cluster.nodes if starts(cluster)[name] != before[name]] == [first]
    assert node.log.read_text(encoding="utf-8").count("Starting nats-server") == 2
    assert not locked(cluster)


def _does_not_join(cluster: LoopbackCluster, mirror: Path, first: str) -> None:
    """Routes that nobody accepts, so that the old version does not come back either."""
    node = cluster.nodes[first]
    right = node.config.read_text(encoding="utf-8")
    node.config.write_text(_without_routes(right, node), encoding="utf-8")
    done = upgrade(write_hosts(cluster, mirror), NEW, nats_upgrade_health_timeout_seconds=8)
    assert done.returncode != 0
    says(
        done,
        f"STOPPED in the turn of {first}. No other node was touched after it.",
        f"{first}: it could NOT be put back to {OLD}",
    )
    assert steps(cluster, first)[-1] not in ("done", "put_back")
    node.config.write_text(right, encoding="utf-8")


def _without_routes(config: str, node: Node) -> str:
    """Nobody is where its routes lead, and it lets nobody in."""
    begin = config.index("cluster {")
    rest = config[config.index("\n", begin) :]
    own = f'listen: "{node.host}:{node.route_port}", routes: ["nats://{node.host}:1"]'
    return f"{config[:begin]}cluster {{ name: lab, {own}, authorization {{ user: other, password: other }} }}{rest}"


def test_a_server_is_not_ended_where_nothing_is_there_to_be_put_back(tmp_path: Path) -> None:
    """A release that starts another version than it says, and takes away what was kept: what serves then is left running."""
    named = "2.15.9"
    with LoopbackCluster(OLD, size=1) as alone:
        node = alone.nodes["n1"]
        kept = node.binary.with_name(f"nats-server-{OLD}")
        other = f"rm -f {kept}; exec -a {node.binary} {server_binary(NEW)} -c {node.config}"
        release = pack(named, script(named, other).replace(b"#!/bin/sh", b"#!/bin/bash"))
        waive = ["stepping_stone", "single_server"]
        hosts = write_hosts(alone, publish(tmp_path, named, release), nats_upgrade_start_timeout_seconds=10)
        done = upgrade(hosts, named, nats_upgrade_waive=waive)
        assert done.returncode != 0
        says(
            done,
            f"n1: it could NOT be put back to {OLD}: Prove that the old version can be switched to on n1: ",
            f"nats-server {OLD} is not staged at {kept}: nothing was ended or switched for it. "
            "Its server runs and was left running.",
        )
        alone.wait_ready()
        assert alone.versions() == {"n1": NEW}
        assert not locked(alone)
