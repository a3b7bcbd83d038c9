"""Clusters on which an upgrade does not begin: each reason by its name, before anything is touched, and what may be waived."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.faults import NEW, OLD, playbook, says, state
from tests.integration.helpers import events, runs, said, starts, touched_by, upgrade, write_hosts
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_assets import create_assets, make_stream
from tests.lab.playbook import PlaybookRun
from tests.lab.processes import wait_until

OFFLINE_SECONDS = 90.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[LoopbackCluster]:
    """Three servers with a replicated stream ORDERS and a stream LOCAL of one replica."""
    with LoopbackCluster(OLD) as running:
        asyncio.run(create_assets(running.urls))
        running.wait_ready()
        yield running


def plan(hosts: Path, *options: str, **variables: Any) -> PlaybookRun:
    return playbook("plan", hosts, "-e", f"nats_upgrade_version={NEW}", *options, **variables)


def untouched(cluster: LoopbackCluster, done: PlaybookRun, before: object) -> PlaybookRun:
    assert done.returncode != 0, done.stdout[-3000:]
    assert touched_by(cluster) == before
    assert not [name for name in cluster.nodes if state(cluster, name).exists()]
    says(done, "Nothing was touched.")
    run = runs(cluster)[-1]
    says(done, f"Report: {run}/report.html")
    assert events(run, "run_ended")[-1]["outcome"] == "refused"
    assert "Traceback" not in said(done)
    return done


def test_plan_and_check_leave_nothing_behind_and_give_the_plan_to_the_workflow(cluster: LoopbackCluster, mirror: Path) -> None:
    hosts, before = write_hosts(cluster, mirror), touched_by(cluster)
    stats = {"ANSIBLE_SHOW_CUSTOM_STATS": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    planned = plan(hosts, env=stats)
    checked = upgrade(hosts, NEW, "--check", env=stats)
    for done in (planned, checked):
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        assert done.changed == 0 or done is checked
        custom = done.stdout.partition("CUSTOM STATS")[2]
        given = json.JSONDecoder().raw_decode(custom, custom.index("{"))[0]["nats_upgrade_plan"]
        assert (given["target"], sorted(given["order"]), given["refused"]) == (NEW, ["n1", "n2", "n3"], False)
    assert touched_by(cluster) == before
    assert not [name for name in cluster.nodes if state(cluster, name).exists()]
    for run, line in zip(runs(cluster)[-2:], (planned, checked), strict=True):
        assert [(e["outcome"], e["left"]) for e in events(run, "run_ended")] == [("done", given["order"])]
        says(line, "3 of 3 to do. Nothing was touched", f"Report: {run}/report.html")
    says(planned, f"not checked until staged: what is in the file of {NEW}")


def test_a_stream_without_a_second_replica_is_a_warning_and_a_refusal_where_that_is_wanted(
    cluster: LoopbackCluster, mirror: Path
) -> None:
    hosts, before = write_hosts(cluster, mirror), touched_by(cluster)
    warned = plan(hosts)
    assert warned.returncode == 0
    says(warned, "warning: r1_assets: streams and consumers that are down while their node is away")
    says(warned, "1: APP > LOCAL (R1)")
    done = plan(hosts, nats_upgrade_refuse_r1=True)
    says(untouched(cluster, done, before), "refused: r1_assets: ", "APP > LOCAL (R1)")


def test_waivers_are_taken_as_text_and_an_unknown_one_lists_those_that_exist(cluster: LoopbackCluster, mirror: Path) -> None:
    hosts, before = write_hosts(cluster, mirror), touched_by(cluster)
    done = plan(hosts, "-e", "nats_upgrade_waive=stepping_stone,r1_assets")
    assert done.returncode == 0, done.stdout[-3000:]
    says(done, "waived: r1_assets: ")
    says(done, "waived: stepping_stone: ")
    unknown = plan(hosts, "-e", "nats_upgrade_waive=steping_stone")
    assert unknown.returncode != 0
    says(
        unknown,
        "nats_upgrade_waive names 'steping_stone', which does not exist (did you mean stepping_stone?). Known are ",
        "bad_release, client_capacity, ",
    )
    assert touched_by(cluster) == before


def test_a_server_that_is_in_the_cluster_and_not_in_the_inventory_is_named(cluster: LoopbackCluster, mirror: Path) -> None:
    before = touched_by(cluster)
    hosts = write_hosts(cluster, mirror)
    listed = yaml.safe_load(hosts.read_text(encoding="utf-8"))
    del listed["nats"]["hosts"]["n3"]
    hosts.write_text(yaml.safe_dump(listed), encoding="utf-8")
    says(
        untouched(cluster, upgrade(hosts, NEW), before),
        "refused: unlisted_server: n3 is in the cluster and not in the inventory",
    )


def test_a_server_that_is_alone_is_refused(mirror: Path) -> None:
    with LoopbackCluster(OLD, 1) as alone:
        says(
            untouched(alone, upgrade(write_hosts(alone, mirror), NEW), touched_by(alone)),
            "refused: single_server: n1 is alone in ",
            # What was waived before stays so.
            'To proceed anyway: -e \'{"nats_upgrade_waive": ["single_server", "stepping_stone"]}\'',
            "The risk: no service for the length of a drain and a start",
        )


def test_a_cluster_of_two_is_refused(mirror: Path) -> None:
    with LoopbackCluster(OLD, 2) as two:
        says(
            untouched(two, upgrade(write_hosts(two, mirror), NEW), touched_by(two)),
            "refused: two_node_cluster: lab has two servers with JetStream (n1, n2), and needs both for every decision",
        )


def test_a_server_that_has_gone_for_good_is_named_and_waived_until_the_quorum_would_be_lost(mirror: Path) -> None:
    with LoopbackCluster(OLD, 5) as cluster:
        asyncio.run(create_assets(cluster.urls[:3]))
        cluster.wait_ready()
        lose_for_good(cluster, "n5")
        hosts, before = write_hosts(cluster, mirror), touched_by(cluster)
        says(
            untouched(cluster, upgrade(hosts, NEW), before),
            "refused: ghost_peer: the meta group counts 5 servers, and n5 is offline and not in the inventory",
            "it needs 3 of them for every decision",
            "nats server cluster peer-remove n5",
        )

        waive = ["ghost_peer", "stepping_stone"]
        first = next(name for name in cluster.nodes if name != meta_leader(cluster))
        done = upgrade(hosts, NEW, "--limit", first, nats_upgrade_waive=waive)
        assert done.returncode == 0, done.stdout[-5000:]
        assert cluster.versions()[first] == NEW

        lose_for_good(cluster, next(name for name in cluster.nodes if name not in (first, meta_leader(cluster))))
        begun = starts(cluster)
        stopped = upgrade(write_hosts(cluster, mirror), NEW, nats_upgrade_waive=waive, nats_upgrade_health_timeout_seconds=3)
        assert stopped.returncode != 0
        says(stopped, "needs 3 of its 5 members, and without ")
        says(stopped, "its server was not stopped and goes on running")
        assert starts(cluster) == begun


def test_a_dead_server_on_a_living_host_is_left_out_where_that_is_waived_and_the_others_are_taken(mirror: Path) -> None:
    with LoopbackCluster(OLD, 5) as cluster:
        asyncio.run(make_stream(cluster.urls, "FIVE", "five.>", num_replicas=5))
        cluster.wait_ready()
        # Its pid file stays, and names a process that is no more.
        cluster.kill_node("n5")
        assert wait_until(lambda: others_lead(cluster, "n5"), OFFLINE_SECONDS)
        waived = write_hosts(cluster, mirror, nats_upgrade_waive=["missing_server", "stepping_stone"])
        before = touched_by(cluster)
        alone = untouched(cluster, upgrade(waived, NEW, "--limit", "n5"), before)
        says(alone, "refused: no server on a host of this run answers (n5), so that nothing would be done.")

        done = upgrade(waived, NEW, nats_upgrade_health_timeout_seconds=60)
        assert done.returncode == 0, done.stdout[-5000:]
        says(done, "left out: n5 does not answer, and stays as it is")
        says(done, f"Upgraded 4 of 4 to {NEW}", "Left out: n5, which did not answer")
        assert {name: version for name, version in cluster.versions().items() if name != "n5"} == dict.fromkeys(
            ("n1", "n2", "n3", "n4"), NEW
        )
        assert touched_by(cluster)["n5"] == before["n5"]
        assert not state(cluster, "n5").exists()
        assert cluster.process("n5") is None


def others_lead(cluster: LoopbackCluster, dead: str) -> bool:
    """Whether the others have no route to a server any more, and agree on a leader that is another one."""
    others = [name for name in cluster.nodes if name != dead]
    leaders = {cluster.ask(name, "/jsz").field("meta_cluster", "leader") for name in others}
    return len(leaders) == 1 and not leaders & {dead, None} and not any(dead in cluster.routes(name) for name in others)


def lose_for_good(cluster: LoopbackCluster, name: str) -> None:
    """Stop a server that never comes back and that nobody lists any more, and wait until the leader has noticed."""
    cluster.terminate(name)
    del cluster.nodes[name]

    def noticed() -> bool:
        leader = meta_leader(cluster)
        replicas = cluster.ask(leader, "/jsz").field("meta_cluster", "replicas") if leader else None
        return any(replica["name"] == name and replica.get("offline") for replica in replicas or [])

    assert wait_until(noticed, OFFLINE_SECONDS)


def meta_leader(cluster: LoopbackCluster) -> str:
    return cluster.leader() or ""


def test_a_stream_that_older_servers_left_out_is_named(mirror: Path) -> None:
    """A stream of 2.14 on servers that were taken back to 2.12 by hand: they say healthy, and do not serve it."""
    with LoopbackCluster("2.14.6") as cluster:
        asyncio.run(make_stream(cluster.urls, "BATCHED", "b.>", allow_batched=True))
        for name in cluster.nodes:
            cluster.terminate(name)
        with LoopbackCluster("2.12.8", base=cluster.base, ports=cluster.ports) as older:
            done = playbook("plan", write_hosts(older, mirror), nats_upgrade_version="2.14.6")
            assert done.returncode != 0
            says(done, "refused: offline_assets: streams are stored and not served: ", ": APP > BATCHED")
