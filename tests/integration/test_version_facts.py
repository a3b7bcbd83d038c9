"""nats_version_facts, ad hoc over a group as people type it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.helpers import adhoc, write_hosts
from tests.lab.cluster import LoopbackCluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[LoopbackCluster]:
    with LoopbackCluster("2.14.6") as running:
        yield running


@pytest.fixture(scope="module")
def hosts(cluster: LoopbackCluster, mirror: Path) -> Path:
    return write_hosts(cluster, mirror)


def test_every_host_of_a_group_tells_the_facts_of_its_own_server(cluster: LoopbackCluster, hosts: Path) -> None:
    results = adhoc(hosts, "nats", "nats_version_facts")
    assert sorted(results) == ["n1", "n2", "n3"]
    for name, result in results.items():
        facts = result["ansible_facts"]["nats_version"]
        assert (result["state"], result["changed"]) == ("SUCCESS", False)
        assert (facts["server_name"], facts["version"], facts["cluster"]) == (name, "2.14.6", "lab")
        assert facts["parsed_version"] == {"major": 2, "minor": 14, "patch": 6, "suffix": "", "prerelease": False}
        assert facts["start"] == cluster.varz(name)["start"]
        assert facts["peers"] == sorted(set(cluster.nodes) - {name})
        assert facts["meta_leader"] == cluster.known_leader()


def test_of_many_servers_a_dead_one_is_an_entry_with_its_error_and_alone_it_is_a_failure(
    cluster: LoopbackCluster, hosts: Path
) -> None:
    dead = f"http://127.0.0.1:{cluster.ports.monitor + 9}"
    servers = [{"name": "alive", "monitor_url": cluster.monitor_url("n1")}, {"name": "dead", "monitor_url": dead}]
    many = adhoc(hosts, "n1", "nats_version_facts", servers=servers)["n1"]
    alive, silent = many["ansible_facts"]["nats_version"]["servers"]
    assert many["state"] == "SUCCESS"
    assert (alive["name"], alive["reachable"], alive["server_name"]) == ("alive", True, "n1")
    assert (silent["name"], silent["reachable"]) == ("dead", False)
    assert "refused" in silent["error"]
    alone = adhoc(hosts, "n1", "nats_version_facts", monitor_url=dead)["n1"]
    assert alone["state"] == "FAILED!"
    assert f"n1 {dead}: cannot be read: " in alone["msg"]


def test_a_node_reads_the_same_facts_as_the_controller(hosts: Path) -> None:
    found = []
    for where in ("controller", "node"):
        result = adhoc(hosts, "n2", "nats_version_facts", probe_from=where)["n2"]
        facts = result["ansible_facts"]["nats_version"]
        # The node does not know its name in the inventory, and the other look was some moments earlier.
        found.append({name: value for name, value in facts.items() if name not in ("name", "uptime_seconds", "connections")})
    assert found[0] == found[1]
    assert found[1]["server_name"] == "n2"
