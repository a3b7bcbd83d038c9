"""A part of the hosts, and no host at all: what --limit and --check leave alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.helpers import said, touched_by, upgrade, write_hosts
from tests.lab.cluster import LoopbackCluster


@pytest.fixture
def cluster() -> Iterator[LoopbackCluster]:
    with LoopbackCluster("2.14.6") as running:
        yield running


def test_with_a_limit_the_others_are_not_touched_and_nothing_begins_while_one_of_them_is_down(
    cluster: LoopbackCluster, mirror: Path
) -> None:
    hosts, before = write_hosts(cluster, mirror), touched_by(cluster)
    cluster.terminate("n3")
    refused = upgrade(hosts, "2.15.1", "--limit", "n1")
    assert refused.returncode != 0
    assert "monitoring cannot be read of 1 of 3 servers: n3 " in said(refused)
    assert touched_by(cluster)["n1"] == before["n1"]
    cluster.start_node("n3")
    cluster.wait_ready()

    before = touched_by(cluster)
    done = upgrade(hosts, "2.15.1", "--limit", "n1")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    after = touched_by(cluster)
    assert after["n1"][0] == "2.15.1"
    assert {name: after[name] for name in ("n2", "n3")} == {name: before[name] for name in ("n2", "n3")}


def test_check_mode_succeeds_and_changes_nothing_on_any_node(cluster: LoopbackCluster, mirror: Path) -> None:
    before = touched_by(cluster)
    done = upgrade(write_hosts(cluster, mirror), "2.15.1", "--check")
    assert touched_by(cluster) == before
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
