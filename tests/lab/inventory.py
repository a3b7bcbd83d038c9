"""An Ansible inventory for a loopback cluster, with the variables that the collection needs there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.lab.cluster import LoopbackCluster
from tests.lab.node import Node

ARCHIVE = "v{{ nats_upgrade_version }}/nats-server-v{{ nats_upgrade_version }}-linux-{{ nats_upgrade_arch }}.tar.gz"


def inventory(cluster: LoopbackCluster, mirror: Path, **extra: Any) -> dict[str, Any]:
    """Return the inventory. ``extra`` are more variables of the group, or others than the ones given here."""
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "nats_upgrade_service": "command",
        "nats_upgrade_archive_url": f"file://{mirror.resolve()}/{ARCHIVE}",
        "nats_upgrade_report_dir": str(cluster.base / "reports"),
    }
    hosts = {name: host_of(node) for name, node in cluster.nodes.items()}
    return {"nats": {"hosts": hosts, "vars": {**variables, **extra}}}


def write_inventory(cluster: LoopbackCluster, mirror: Path, path: Path | None = None, **extra: Any) -> Path:
    """Write the inventory as YAML, into the folder of the cluster where nothing else is said, and return its path."""
    path = path or cluster.base / "inventory.yml"
    path.write_text(yaml.safe_dump(inventory(cluster, mirror, **extra), sort_keys=False), encoding="utf-8")
    return path


def host_of(node: Node) -> dict[str, Any]:
    return {
        "nats_upgrade_monitor_url": node.monitor_url,
        "nats_upgrade_pid_file": str(node.pid_file),
        "nats_upgrade_start_command": node.argv,
        "nats_upgrade_state_dir": str(node.folder / "state"),
    }
