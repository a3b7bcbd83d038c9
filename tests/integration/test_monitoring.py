"""Monitoring ports that cannot just be read by http from the controller: bound to loopback, or https below a base path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration import machines
from tests.integration.helpers import adhoc, said, upgrade, write_hosts
from tests.lab import monitoring
from tests.lab.binaries import ROOT
from tests.lab.certificates import Authority
from tests.lab.cluster import LoopbackCluster
from tests.lab.containers import ContainerCluster
from tests.lab.load_process import Load
from tests.lab.node import Settings
from tests.lab.ports import free_ports

DOCUMENTED = ROOT / "docs" / "inventories"


def test_monitoring_on_loopback_is_read_on_each_node_through_a_whole_turn(mirror: Path, tmp_path: Path) -> None:
    documented = DOCUMENTED / "loopback-monitoring.yml"
    with ContainerCluster("2.14.6", settings=Settings(monitoring="loopback", lame_duck_grace_period="1ms")) as cluster:
        hosts = machines.hosts(cluster, mirror, ansible_become=False)
        node = cluster.nodes["n1"]
        assert monitoring.ask(node.monitor_port, "/varz", host=node.host) == monitoring.NO_REPLY
        with Load(cluster.urls, tmp_path / "load.json", rate=20) as load:
            done = upgrade(documented, "2.15.1", "-i", str(hosts), nats_upgrade_max_nodes=1)
            report = load.stop()
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        assert sorted(cluster.versions().values()) == ["2.14.6", "2.14.6", "2.15.1"]
        machines.left_nothing(cluster)
        assert (report.lost, report.duplicates_in_stream, report.never_delivered) == (0, 0, 0)
        assert "WARNING" not in said(done)
        print(f"{done.seconds:.0f} s, {report.acknowledged} acknowledged")

        cluster.cut_ssh("n2")
        cluster.close_connections()
        read = adhoc(documented, "n1", "nats_version_facts", "-i", str(hosts), hosts=["n1", "n2", "n3"])["n1"]
        servers: list[dict[str, Any]] = read["ansible_facts"]["nats_version"]["servers"]
        assert [(server["name"], server["reachable"]) for server in servers] == [("n1", True), ("n2", False), ("n3", True)]
        assert servers[1]["error"].startswith("its host cannot be reached, to be read there: ")


def test_https_below_a_base_path_with_an_authority_of_its_own_is_read_through_a_whole_upgrade(
    mirror: Path, tmp_path: Path
) -> None:
    authority, ports = Authority(tmp_path, "our-authority"), free_ports(2)
    pem = authority.issue("127.0.0.1")
    secure = f'http_base_path: "/nats"\nallow_non_tls: true\ntls {{ cert_file: "{pem}", key_file: "{pem}" }}'
    config = {f"n{i}": f'https: "127.0.0.1:{ports.monitor + i}"\n{secure}' for i in (1, 2)}
    settings = Settings(jetstream=False, monitoring="none")
    with LoopbackCluster("2.14.6", 2, ports=ports, settings=settings, extra_config=config) as cluster:
        own = {
            name: {"ansible_host": "127.0.0.1", "nats_monitor_port": node.monitor_port} for name, node in cluster.nodes.items()
        }
        # The lab has two servers, and its file no monitoring URL.
        hosts = write_hosts(cluster, mirror, own, ansible_become=False, nats_upgrade_ca_path=str(authority.path))
        text = hosts.read_text(encoding="utf-8")
        hosts.write_text("".join(f"{line}\n" for line in text.splitlines() if "monitor_url" not in line), encoding="utf-8")
        two = ("-i", str(hosts), "--limit", "n1,n2")
        documented = _without(DOCUMENTED / "https.yml", "n3", tmp_path)
        done = upgrade(documented, "2.15.1", *two)
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        assert cluster.versions() == {"n1": "2.15.1", "n2": "2.15.1"}
        untrusted = adhoc(documented, "n1", "nats_version_facts", *two[:2], "-e", json.dumps({"nats_upgrade_ca_path": None}))
        assert "its certificate is not trusted" in untrusted["n1"]["msg"]


def _without(documented: Path, host: str, folder: Path) -> Path:
    """The documented inventory of a smaller cluster."""
    lines = documented.read_text(encoding="utf-8").splitlines()
    smaller = folder / documented.name
    smaller.write_text("\n".join(line for line in lines if line.strip() != f"{host}:"), encoding="utf-8")
    return smaller
