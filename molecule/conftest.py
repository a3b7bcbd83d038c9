"""The finished cluster as the tests of every scenario see it: from outside, over the monitoring port."""

from __future__ import annotations

import json
import os
import ssl
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host
from testinfra.utils.ansible_runner import AnsibleRunner


@dataclass(frozen=True)
class Node:
    """One server and what the inventory says about it."""

    name: str
    variables: dict[str, Any]

    def read(self, path: str) -> dict[str, Any]:
        """Read one monitoring path of the server."""
        url = f"{self.variables['lab_scheme']}://{self.variables['ansible_host']}:8222{path}"
        trusted = ssl.create_default_context(cafile=self.variables.get("lab_ca_path"))
        with urllib.request.urlopen(url, timeout=10, context=trusted) as answer:
            content: dict[str, Any] = json.load(answer)
        return content

    @property
    def cluster_group(self) -> str:
        """Tell the inventory group of the servers that it has routes to."""
        return str(self.variables["lab_cluster_group"])

    @property
    def version_before(self) -> str:
        """Tell the version the scenario has started from."""
        return str(self.variables["lab_version_before"])

    @property
    def version_wanted(self) -> str:
        """Tell the version the scenario upgrades to."""
        return str(self.variables["nats_upgrade_version"])


@pytest.fixture(scope="session")
def servers() -> dict[str, Node]:
    """Name all servers of the scenario."""
    runner = AnsibleRunner(os.environ["MOLECULE_INVENTORY_FILE"])
    return {name: Node(name, runner.get_variables(name)) for name in sorted(runner.get_hosts("nats"))}


@pytest.fixture(scope="session")
def cluster(servers: dict[str, Node]) -> dict[str, Node]:
    """Name those of the first one's cluster: all, where others are not joined to it in another way."""
    first = next(iter(servers.values()))
    return {name: node for name, node in servers.items() if node.cluster_group == first.cluster_group}


@pytest.fixture
def node(host: Host, servers: dict[str, Node]) -> Node:
    """Pick the server on the machine a test is about."""
    return servers[host.backend.get_hostname()]


@pytest.fixture(scope="session")
def load_report() -> dict[str, Any]:
    """Read what the clients have seen during the upgrade."""
    report = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "lab" / "load.json"
    content: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return content


@pytest.fixture
def unit(host: Host) -> dict[str, str]:
    """Ask systemd for the properties of the unit."""
    lines = host.check_output("systemctl show --all nats-server.service").splitlines()
    return dict(line.split("=", maxsplit=1) for line in lines)
