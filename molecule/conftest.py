"""The finished cluster as the tests of every scenario see it: from outside, over the monitoring port."""

from __future__ import annotations

import json
import os
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
        url = f"http://{self.variables['ansible_host']}:8222{path}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            content: dict[str, Any] = json.load(answer)
        return content

    @property
    def version_before(self) -> str:
        """Tell the version the scenario has started from."""
        return str(self.variables["lab_version_before"])

    @property
    def version_wanted(self) -> str:
        """Tell the version the scenario upgrades to."""
        return str(self.variables["nats_upgrade_version"])


@pytest.fixture(scope="session")
def cluster() -> dict[str, Node]:
    """Name the servers of the cluster."""
    runner = AnsibleRunner(os.environ["MOLECULE_INVENTORY_FILE"])
    return {name: Node(name, runner.get_variables(name)) for name in sorted(runner.get_hosts("nats"))}


@pytest.fixture
def node(host: Host, cluster: dict[str, Node]) -> Node:
    """Pick the server on the machine a test is about."""
    return cluster[host.backend.get_hostname()]


@pytest.fixture(scope="session")
def load_report() -> dict[str, Any]:
    """Read what the clients have seen during the upgrade."""
    report = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "lab" / "load.json"
    content: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return content
