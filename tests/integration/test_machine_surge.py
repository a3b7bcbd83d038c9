"""A temporary server under systemd, with the inventory of the docs, to which the lab adds where its machines are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.integration.faults import says
from tests.integration.helpers import said, upgrade
from tests.integration.machines import NEW, OLD, has_hold, kept
from tests.integration.surge import DOCUMENTED, Requests
from tests.lab.containers import ContainerCluster
from tests.lab.machine import CLIENT_PORT, SHIPPED, UNIT
from tests.lab.node import Settings

# The third machine of the lab.
S1 = "n3"
ALWAYS = SHIPPED.replace("Restart=on-failure", "Restart=always")


def write_lab(cluster: ContainerCluster, mirror: Path) -> Path:
    """The addresses and keys of the lab: of the nodes n1 and n2, and of the temporary server s1."""
    extra = {"ansible_become": False, "nats_upgrade_waive": ["stepping_stone"], "nats_upgrade_report_dir": str(cluster.base)}
    content: dict[str, Any] = cluster.inventory(mirror, **extra)
    temporary: Mapping[str, Any] = content["nats"]["hosts"].pop(S1)
    content["nats_surge"] = {"hosts": {"s1": temporary}, "vars": content["nats"]["vars"]}
    path = cluster.base / "lab.yml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def test_two_servers_are_upgraded_under_load_and_clients_use_the_temporary_one(mirror: Path) -> None:
    settings = Settings(jetstream=False)
    with ContainerCluster(OLD, unit=ALWAYS, settings=settings) as cluster:
        cluster.shell(S1, f"systemctl stop {UNIT}")
        lab = ["-i", str(write_lab(cluster, mirror))]
        with Requests(cluster.urls[:2]) as requests:
            done = upgrade(DOCUMENTED, NEW, *lab)
            versions, unit = cluster.versions(), cluster.unit(S1)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr
        says(done, "before: s1 is started and joins", "after: s1 is drained and stopped")
        assert "two_node_cluster" not in said(done)
        assert versions == {"n1": NEW, "n2": NEW, S1: "down"}
        # As after any other stop, in spite of Restart=always.
        assert (unit["ActiveState"], unit["Restart"], unit["DropInPaths"]) == ("inactive", "always", "")
        assert [(kept(cluster, name, "lock"), has_hold(cluster, name)) for name in cluster.nodes] == [({}, False)] * 3
        # A request that is under way when its connection is closed may be lost, as without a temporary server.
        assert requests.ok > 0
        assert requests.interruptions <= requests.disconnects
        # Who began on the first node finds its way to the other, and from there to the temporary server.
        assert f"{cluster.nodes[S1].host}:{CLIENT_PORT}" in requests.seen
        again = upgrade(DOCUMENTED, NEW, *lab)
        assert (again.returncode, again.changed) == (0, 0), again.stdout[-3000:]
