"""Servers that supervisord starts again whenever they end (autorestart=true): it must never bring the old version back."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.integration.faults import first_and_others
from tests.integration.helpers import START_SECONDS, said, starts, upgrade, write_hosts
from tests.integration.releases import pack, publish, script
from tests.integration.surge import Temporary
from tests.lab.binaries import ROOT
from tests.lab.inventory import host_of
from tests.lab.load_process import Load
from tests.lab.ports import free_ports
from tests.lab.processes import wait_until
from tests.lab.supervised import SupervisedCluster

INVENTORY = ROOT / "docs" / "inventories" / "supervisord.yml"
SURGE = ROOT / "docs" / "inventories" / "surge-supervisord.yml"
BROKEN = "2.15.9"
# The lab says where its servers are; how supervisord is asked is for the inventory of users to say.
OURS = ("nats_upgrade_service", "nats_upgrade_start_command")


def inventory(cluster: SupervisedCluster, mirror: Path, *, surge: bool = False) -> Path:
    """Of the nodes, or with the temporary server that is beside them."""
    path = write_hosts(cluster, mirror, cluster.hosts())
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    temporary = {node.name: host_of(node) | content["nats"]["hosts"].pop(node.name) for node in cluster.beside}
    for node in cluster.beside if surge else ():
        temporary[node.name]["nats_upgrade_config_path"] = str(node.config)
        here = {key: value for key, value in content["nats"]["vars"].items() if key.startswith("ansible_")}
        content["nats_surge"] = {"hosts": temporary, "vars": here}
    for variables in (content["nats"]["vars"], *content["nats"]["hosts"].values(), *temporary.values()):
        for name in OURS:
            variables.pop(name, None)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_supervisord_is_held_and_starts_the_new_version_or_the_old_one_again(mirror: Path, tmp_path: Path) -> None:
    broken = publish(tmp_path, BROKEN, pack(BROKEN, script(BROKEN, "echo 'cannot serve' >&2; exit 1")))
    cluster = SupervisedCluster("2.14.6", ports=free_ports(4))
    temporary = Temporary(cluster)
    cluster.beside = (temporary.node,)
    with cluster, Load(cluster.urls, cluster.base / "load.json", rate=20) as load:
        first, _others = first_and_others(cluster)
        before = starts(cluster)
        with_inventory = ("-i", str(INVENTORY))
        limited = (*with_inventory, "--limit", first)
        failed = upgrade(inventory(cluster, broken), BROKEN, *limited, nats_upgrade_start_timeout_seconds=START_SECONDS)
        after = starts(cluster)
        assert failed.returncode != 0
        assert f"{first}: it was put back to 2.14.6, and is up and current." in said(failed), failed.stdout[-4000:]
        assert "cannot serve" in failed.stdout
        assert set(cluster.versions().values()) == {"2.14.6"}
        assert [name for name in cluster.nodes if after[name] != before[name]] == [first]
        assert not any(cluster.hold(name).exists() for name in cluster.nodes)
        cluster.wait_ready()

        # The temporary server as an earlier run has left it: held, its command waits.
        cluster.hold("s1").touch()
        cluster.control("start", "s1")
        good = upgrade(inventory(cluster, mirror, surge=True), "2.15.1", "-i", str(SURGE), nats_upgrade_max_nodes=1)
        assert good.returncode == 0, good.stdout[-4000:]
        assert "before: s1 is started and joins" in good.stdout
        (taken,) = [name for name, version in cluster.versions().items() if version == "2.15.1"]
        assert not any(cluster.hold(name).exists() for name in cluster.nodes)
        # One start each: none of the old version came in between.
        words = {name: node.log.read_text(encoding="utf-8").count("Starting nats-server") for name, node in cluster.nodes.items()}
        assert words == {name: 1 + (name == first) + (name == taken) for name in cluster.nodes}
        # The command of s1 runs too, and waits: supervisord has started it again.
        # RUNNING is what has run for startsecs, and it may have been started just now.
        assert wait_until(lambda: cluster.control("status").count("RUNNING") == len(cluster.nodes) + 1, START_SECONDS)
        assert (temporary.gone(), cluster.hold("s1").exists()) == (True, True)
        assert "s1: automatic restarts stay held, or its supervisor would start it again." in said(good)
        assert temporary.node.log.read_text(encoding="utf-8").count("Starting nats-server") == 1
        report = load.stop()
    assert (report.lost, report.duplicates_in_stream, report.never_delivered) == (0, 0, 0)
