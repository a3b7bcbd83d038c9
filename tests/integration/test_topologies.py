"""Clusters that are joined to others, and clusters of unlike servers, are upgraded for real and under load."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.helpers import said, starts, upgrade, write_hosts
from tests.lab.binaries import ROOT, LabError
from tests.lab.load_assets import make_stream
from tests.lab.load_process import Load
from tests.lab.load_report import LoadReport
from tests.lab.other_clients import mqtt_session, websocket_status
from tests.lab.playbook import PlaybookRun
from tests.lab.processes import wait_until
from tests.lab.topology import Part, Topology

SUPERCLUSTER = ROOT / "docs" / "inventories" / "supercluster.yml"
LEAFNODES = ROOT / "docs" / "inventories" / "leafnodes.yml"
# The inventories in the documentation are of machines where one becomes root.
HERE = {"ansible_become": False}
# Written beside the listeners of {mqtt} and {websocket}, which JetStream and a name of the server make possible.
LISTENERS = 'mqtt {{ listen: "127.0.0.1:{mqtt}" }}\nwebsocket {{ listen: "127.0.0.1:{websocket}", no_tls: true }}'
MQTT_SECONDS = 120.0


@dataclass
class Rolled:
    """What an upgrade under load came to: the nodes in the order in which they were started, and what clients saw."""

    done: PlaybookRun
    order: list[str]
    load: LoadReport


@contextmanager
def loaded(topology: Topology, part: str) -> Iterator[Load]:
    urls = [topology.nodes[name].client_url for name in topology.names[part] if topology.has_jetstream(name)]
    with Load(urls, topology.base / "load.json", rate=20) as load:
        yield load


def roll(topology: Topology, hosts: Path, load: Load, *options: str, **variables: Any) -> Rolled:
    done = upgrade(hosts, "2.15.1", *options, **HERE, **variables)
    begun = starts(topology)
    rolled = Rolled(done, sorted(topology.nodes, key=lambda name: begun[name]), load.stop())
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert set(topology.versions().values()) == {"2.15.1"}
    assert rolled.load.acknowledged > 50
    assert (rolled.load.lost, rolled.load.duplicates_in_stream, rolled.load.never_delivered) == (0, 0, 0)
    return rolled


def test_a_super_cluster_is_taken_as_a_whole_and_the_cluster_of_the_meta_leader_last(mirror: Path) -> None:
    with Topology("2.14.6", Part("east", 3, gateways=True), Part("west", 2, gateways=True)) as topology:
        hosts, documented = write_hosts(topology, mirror), ("-i", str(SUPERCLUSTER))
        half = upgrade(hosts, "2.15.1", *documented, "--check", **HERE, nats_upgrade_group="east")
        assert half.returncode != 0
        assert "unlisted_server: n4, n5 are in the cluster and not in the inventory (behind the gateways to west" in said(half)
        asyncio.run(make_stream([topology.nodes["n4"].client_url], "WEST", "west.>", placement={"cluster": "west"}))
        with loaded(topology, "east") as load:
            leader = topology.leader_of("n1")
            rolled = roll(topology, hosts, load, *documented)
        assert ": joined, so that one node of them all is away at a time" in said(rolled.done)
        last = topology.names[topology.part_of(leader).name]
        assert (rolled.order[-1], set(rolled.order[-len(last) :])) == (leader, set(last))
        # What was looked at just before a server in the east was stopped.
        (before,) = (topology.base / "reports").glob("*/before-n1.json")
        assert "APP > WEST" in json.loads(before.read_text(encoding="utf-8"))["assets"]
        assert {name: topology.gateways(name) for name in ("n1", "n4")} == {"n1": {"west"}, "n4": {"east"}}


def test_a_hub_is_taken_before_its_leaf_node_which_is_connected_again_each_time(mirror: Path) -> None:
    with Topology("2.14.6", Part("hub", 3, domain="hub"), Part("edge", 1, leaf_of="hub", domain="edge")) as topology:
        hosts = write_hosts(topology, mirror)
        with loaded(topology, "hub") as load:
            rolled = roll(topology, hosts, load, "-i", str(LEAFNODES), nats_upgrade_waive=["single_server", "stepping_stone"])
        assert rolled.order[-1] == "n4"
        assert "leaf nodes that were connected before are not connected" not in said(rolled.done)
        assert topology.ask("n4", "/leafz").field("leafs")


def test_five_servers_with_jetstream_and_one_without_in_an_order_of_the_users_own(mirror: Path) -> None:
    with Topology("2.14.6", Part("lab", 6, without_jetstream=1, extra=LISTENERS)) as topology:
        asyncio.run(make_stream([topology.nodes["n2"].client_url], "FIVE", "five.>", num_replicas=5))
        assert wait_until(lambda: _has_mqtt_session(topology.port("n3", "MQTT")), MQTT_SECONDS)
        leader = topology.leader_of("n2")
        first = next(name for name in ("n3", "n4") if name != leader)
        with loaded(topology, "lab") as load:
            order = json.dumps([[first], ["n1", leader]])
            rolled = roll(topology, write_hosts(topology, mirror), load, "-e", f"nats_upgrade_order={order}".replace(" ", ""))
        assert rolled.order[:3] == [first, "n1", leader]
        assert f"{leader} is the meta leader and comes before" in said(rolled.done)
        assert ": not named in it, and taken last" in said(rolled.done)
        assert _members(topology, "n2", "FIVE") == {"n2", "n3", "n4", "n5", "n6"}
        # The session is what a stream keeps: a server that has been replaced knows it.
        assert mqtt_session(topology.port("n5", "MQTT")).was_known
        assert websocket_status(topology.port("n1", "websocket")) == 101


def _has_mqtt_session(port: int) -> bool:
    """Begin a session. The server makes its streams for the first one, which a cluster that is new may not do at once."""
    with suppress(OSError, LabError):
        return bool(mqtt_session(port))
    return False


def _members(topology: Topology, seen_by: str, stream: str) -> set[str]:
    """Names of the servers that have a replica of the stream, as one of them sees it: the others, with the leader, and itself."""
    (app,) = [account for account in topology.jsz(seen_by)["account_details"] if account["name"] == "APP"]
    (cluster,) = [one["cluster"] for one in app["stream_detail"] if one["name"] == stream]
    return {seen_by, cluster["leader"], *(replica["name"] for replica in cluster["replicas"])}
