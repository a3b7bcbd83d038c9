"""Core NATS without names: neither servers nor their cluster have one, and an upgrade has begun by hand already."""

from __future__ import annotations

from pathlib import Path

from tests.integration.faults import playbook, says
from tests.integration.helpers import events, runs, said, starts, upgrade, write_hosts
from tests.integration.surge import Requests
from tests.lab.cluster import LoopbackCluster
from tests.lab.record import NAMELESS, begin_upgrade

OLD, NEW = "2.12.8", "2.14.6"


def test_servers_and_a_cluster_without_names_are_audited_and_upgraded_while_clients_work(mirror: Path) -> None:
    with LoopbackCluster(OLD, settings=NAMELESS) as cluster:
        begin_upgrade(cluster, NEW)
        hosts = write_hosts(cluster, mirror)
        before = starts(cluster)

        audit = playbook("audit", hosts)
        says(
            audit,
            "3 of 3 hosts answer, 1 cluster, 2 versions | 0 fail",
            "the cluster of n1 runs 2 versions",
            "note cluster_names",
        )
        assert audit.returncode == 0, said(audit)[-4000:]

        with Requests(cluster.urls) as clients:
            done = upgrade(hosts, NEW)
        assert done.returncode == 0, said(done)[-6000:]
        says(done, "the cluster of n1: to 2.14.6, one node at a time", "n1 runs it already")
        assert [event["host"] for event in events(runs(cluster)[-1], "node_done")] == ["n2", "n3"]
        assert set(cluster.versions().values()) == {NEW}
        after = starts(cluster)
        assert [name for name in after if after[name] != before[name]] == ["n2", "n3"]
        # What is on its way to a connection that is moved may be lost, as ever in core NATS; it is asked again and answered.
        assert clients.interruptions <= clients.disconnects
        assert clients.ok > 100

        again = upgrade(hosts, NEW)
        assert (again.returncode, again.changed, starts(cluster)) == (0, 0, after)
