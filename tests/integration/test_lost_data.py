"""Files that a server loses, behind its back: the run stops, says what is lost and where more of it is, and goes no further."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import yaml

from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import assets as _assets
from tests.integration.faults import playbook, says
from tests.integration.helpers import said, starts, upgrade, write_hosts
from tests.lab import damage
from tests.lab.cluster import LoopbackCluster
from tests.lab.processes import wait_until

OLD, NEW = "2.12.8", "2.14.6"
FULL, LOST = "40 messages (1 to 40)", "29 messages (12 to 40)"


def losing(hosts: Path, cluster: LoopbackCluster, name: str, *files: Path) -> Path:
    """An inventory by which a server finds these files gone when it is started in its turn."""
    text = yaml.safe_load(hosts.read_text(encoding="utf-8"))
    start = f"rm {' '.join(map(str, files))}; exec {' '.join(cluster.nodes[name].argv)}"
    text["nats"]["hosts"][name]["nats_upgrade_start_command"] = ["sh", "-c", start]
    path = hosts.with_name(f"losing-{name}.yml")
    path.write_text(yaml.safe_dump(text), encoding="utf-8")
    return path


def first_block(cluster: LoopbackCluster, name: str, stream: str) -> Path:
    return damage.stream_folder(cluster.nodes[name], stream) / "msgs" / "1.blk"


def held(cluster: LoopbackCluster, stream: str) -> list[int]:
    """How many messages of a stream each server has that has it."""
    accounts = [account for name in cluster.nodes for account in cluster.jsz(name)["account_details"]]
    found = [s for account in accounts for s in account.get("stream_detail", ()) if s["name"] == stream]
    return [one["state"]["messages"] for one in found]


def test_what_a_server_loses_stops_the_run_and_is_never_made_worse(mirror: Path) -> None:
    with LoopbackCluster(OLD) as cluster:
        leader = cluster.known_leader()
        first, second, third = sorted(cluster.nodes, key=lambda name: (name == leader, name))
        asyncio.run(damage.make_blocks(cluster.urls, "BLOCKS"))
        made = time.monotonic()
        single = asyncio.run(damage.make_single_blocks(cluster.urls, second))
        cluster.wait_ready()
        hosts = write_hosts(cluster, mirror)
        _a_replica(cluster, hosts, first, [second, third])
        _a_stream_and_a_consumer_of_one_replica(cluster, hosts, second, third, single)
        # What is younger may be on its way to the disk still. On a quick machine all of the above takes less.
        old = _assets._ON_ITS_WAY_SECONDS
        assert wait_until(lambda: time.monotonic() - made > old, 2 * old)
        _a_whole_store(cluster, hosts, third)


def _a_replica(cluster: LoopbackCluster, hosts: Path, first: str, others: list[str]) -> None:
    before = starts(cluster)
    stopped = upgrade(losing(hosts, cluster, first, first_block(cluster, first, "BLOCKS")), NEW)

    assert stopped.returncode != 0
    says(stopped, f"STOPPED in the turn of {first}.", f"replica {first} of APP > BLOCKS holds {LOST}, its leader ")
    says(stopped, "refused: diverged_replica: ", "nats stream edit BLOCKS --replicas 1", "It cannot be waived")
    assert {name: starts(cluster)[name] for name in others} == {name: before[name] for name in others}

    plan = playbook("plan", hosts, nats_upgrade_version=NEW)
    assert plan.returncode != 0
    says(plan, "refused: diverged_replica: ", f"replica {first} of APP > BLOCKS holds {LOST}", "Nothing was touched.")

    asyncio.run(damage.make_anew(cluster.urls, "BLOCKS", others[0]))
    assert wait_until(lambda: held(cluster, "BLOCKS") == [40, 40, 40], 60.0), held(cluster, "BLOCKS")
    cluster.wait_ready()


def _a_stream_and_a_consumer_of_one_replica(cluster: LoopbackCluster, hosts: Path, second: str, third: str, single: str) -> None:
    before = starts(cluster)[third]
    progress = damage.stream_folder(cluster.nodes[second], single) / "obs" / damage.CONSUMER / "o.dat"
    stopped = upgrade(losing(hosts, cluster, second, first_block(cluster, second, single), progress), NEW)

    assert stopped.returncode != 0
    says(stopped, f"STOPPED in the turn of {second}.", "refused: missing_assets: ")
    says(stopped, f"APP > {single} holds {LOST}, and held {FULL}: its settings remove none of these")
    says(stopped, f"the ack floor of APP > {single} > {damage.CONSUMER} fell from 20 to ")
    assert starts(cluster)[third] == before


def _a_whole_store(cluster: LoopbackCluster, hosts: Path, third: str) -> None:
    before = starts(cluster)
    damage.lose_store(cluster.nodes[third])
    refused = upgrade(hosts, NEW)

    assert refused.returncode != 0
    says(refused, "refused: missing_store: streams are served and not stored:", f"{third}: ", "APP > BLOCKS")
    assert "STOPPED" not in said(refused)
    assert starts(cluster) == before
