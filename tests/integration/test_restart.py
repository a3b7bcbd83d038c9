"""A rolling restart: what would not start as it runs, one node at a time; and what becomes of it when one does not start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.faults import in_turn, kept, locked, nothing_lost, playbook, says
from tests.integration.helpers import starts, write_hosts
from tests.lab.binaries import server_binary
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_process import Load
from tests.lab.node import config_text, lay_out

OLD, INSTALLED = "2.14.6", "2.15.1"


@pytest.fixture
def cluster() -> Iterator[LoopbackCluster]:
    with LoopbackCluster(OLD) as running:
        yield running


def configure(cluster: LoopbackCluster, name: str, extra: str) -> None:
    """Write the configuration of a node anew, with more in it."""
    node = cluster.nodes[name]
    node.config.write_text(config_text(node, list(cluster.nodes.values()), cluster.settings, extra), encoding="utf-8")


def restarted(cluster: LoopbackCluster, before: dict[str, str]) -> list[str]:
    """The nodes that were started since, in the order in which they were."""
    now = starts(cluster)
    assert "down" not in now.values()
    return sorted((name for name in now if now[name] != before[name]), key=lambda name: now[name])


def test_a_restart_takes_what_would_not_start_as_it_runs_and_nothing_else(
    cluster: LoopbackCluster, mirror: Path, tmp_path: Path
) -> None:
    hosts, begun = write_hosts(cluster, mirror), starts(cluster)
    leader = cluster.known_leader()
    first, third = [name for name in cluster.nodes if name != leader]
    _refuses_a_bad_configuration_before_anything(cluster, hosts)
    _says_that_there_is_nothing_to_do(cluster, hosts)
    assert starts(cluster) == begun
    with Load(cluster.urls, tmp_path / "load.json", rate=20) as load:
        # Of one node the configuration is another, of one the binary, as a package manager does it.
        lay_out(cluster.nodes[leader], server_binary(INSTALLED), cluster.nodes[leader].config.read_text(encoding="utf-8"))
        _stops_where_a_server_does_not_start(cluster, hosts, first)
        assert {name: begun[name] for name in (leader, third)}.items() <= starts(cluster).items()
        configure(cluster, first, "max_connections: 5000")
        done = playbook("restart", hosts)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        says(
            done,
            f"1. {first} {OLD} ",
            "resumed: it broke off at",
            f"2. {leader} {OLD} -> {INSTALLED} (meta leader, last)",
        )
        nothing_lost(load)
    assert restarted(cluster, begun) == [first, leader]
    assert cluster.versions() == {first: OLD, third: OLD, leader: INSTALLED}
    assert cluster.ask(first, "/varz").field("max_connections") == 5000
    assert (locked(cluster), in_turn(cluster)) == ([], "")


def _refuses_a_bad_configuration_before_anything(cluster: LoopbackCluster, hosts: Path) -> None:
    configure(cluster, "n1", "max_connections: 5000")
    configure(cluster, "n3", "no_such_key: 1")
    done = playbook("restart", hosts)
    assert done.returncode != 0
    says(done, 'unknown field "no_such_key"', "Nothing was changed")
    assert (locked(cluster), kept(cluster, "n1", "journal")) == ([], {})


def _says_that_there_is_nothing_to_do(cluster: LoopbackCluster, hosts: Path) -> None:
    for name in cluster.nodes:
        configure(cluster, name, "# a comment")
    done = playbook("restart", hosts)
    assert (done.returncode, done.changed) == (0, 0), done.stdout[-3000:]
    says(done, "need no restart")


def _stops_where_a_server_does_not_start(cluster: LoopbackCluster, hosts: Path, first: str) -> None:
    """nats-server -t does not see that http and https are both there."""
    configure(cluster, first, 'https: "127.0.0.1:1"')
    done = playbook("restart", hosts, nats_upgrade_start_timeout_seconds=3)
    assert done.returncode != 0
    says(
        done,
        "its configuration was changed",
        f"{INSTALLED} is installed and does not run yet",
        "waived: stepping_stone: ",
        f"STOPPED in the turn of {first}. No other node was touched after it.",
        f"{first}: its server is down. It does not start with what is configured and installed now, and nothing older is kept",
        "The server said: ",
        "specify both HTTP",
        f"Next: mend what failed, and run the same playbook again; it goes on with {first}.",
    )
    assert cluster.versions()[first] == "down"


def test_a_server_that_does_not_say_what_it_has_loaded_is_taken_if_a_file_is_newer(mirror: Path, tmp_path: Path) -> None:
    included = tmp_path / "n1" / "more.conf"
    included.parent.mkdir()
    included.touch()
    with LoopbackCluster("2.10.26", 1, base=tmp_path, extra_config={"n1": "include ./more.conf"}) as cluster:
        hosts = write_hosts(cluster, mirror, nats_upgrade_waive=["single_server"])
        included.write_text("max_connections: 5000\n", encoding="utf-8")
        done = playbook("plan", hosts, nats_upgrade_mode="restart")
        says(done, "1. n1 2.10.26", "its configuration was written after it was loaded")
