"""Questions that are true of every cluster after its upgrade."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conftest import Node

testinfra_hosts = ["ansible://nats"]


def test_every_server_runs_the_wanted_version(node: Node) -> None:
    assert node.read("/varz")["version"] == node.version_wanted != node.version_before


def test_every_server_is_healthy(node: Node) -> None:
    assert node.read("/healthz") == {"status": "ok"}


def test_every_server_has_a_route_to_all_others(cluster: dict[str, Node]) -> None:
    routes = {name: {route["remote_name"] for route in node.read("/routez")["routes"]} for name, node in cluster.items()}
    assert routes == {name: set(cluster) - {name} for name in cluster}


def test_every_server_sees_the_same_meta_leader_and_the_whole_group(cluster: dict[str, Node]) -> None:
    seen = [node.read("/jsz")["meta_cluster"] for node in cluster.values()]
    assert {meta["cluster_size"] for meta in seen} == {len(cluster)}
    assert {meta["leader"] for meta in seen} in [{name} for name in cluster]


def test_all_members_are_current_for_the_meta_leader(cluster: dict[str, Node]) -> None:
    leader = next(iter(cluster.values())).read("/jsz")["meta_cluster"]["leader"]
    replicas = cluster[leader].read("/jsz")["meta_cluster"]["replicas"]
    assert {replica["name"] for replica in replicas if is_current(replica)} == set(cluster) - {leader}


def test_all_replicas_are_current_for_the_leader_of_their_stream(cluster: dict[str, Node]) -> None:
    streams = streams_by_leader(cluster)
    assert streams
    late = [
        (stream["name"], replica)
        for stream in streams
        for replica in stream["cluster"].get("replicas", [])
        if not is_current(replica)
    ]
    assert not late


def test_every_stream_has_all_its_replicas(cluster: dict[str, Node]) -> None:
    found = {s["name"]: 1 + len(s["cluster"].get("replicas", [])) for s in streams_by_leader(cluster)}
    wanted = {s["name"]: s["config"]["num_replicas"] for s in streams_by_leader(cluster)}
    assert found == wanted


def is_current(replica: dict[str, Any]) -> bool:
    """Whether the leader of a group counts a replica as caught up."""
    return bool(replica["current"]) and not replica.get("offline", False) and not replica.get("lag", 0)


def streams_by_leader(cluster: dict[str, Node]) -> list[dict[str, Any]]:
    """Collect every stream as its leader describes it: only the leader knows how its replicas do."""
    return [
        stream
        for name, node in cluster.items()
        for account in node.read("/jsz?accounts=true&streams=true&config=true").get("account_details", [])
        for stream in account.get("stream_detail", [])
        if stream["cluster"].get("leader") == name
    ]
