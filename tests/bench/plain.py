"""The plain script that the playbook is measured against: the same steps and the same waits, and nothing of Ansible between them.

``python -m tests.bench.plain INVENTORY VERSION``: reads the lab's inventory file and rolls the cluster. It uses the readers and
judges of the collection, so that what is compared is what Ansible costs, and not what is waited for.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import binary as _binary
from ansible_collections.natsops.cluster.plugins.module_utils._artifact import download as _download
from ansible_collections.natsops.cluster.plugins.module_utils._artifact.proofs import Proofs
from ansible_collections.natsops.cluster.plugins.module_utils._host import config_check as _config_check
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._node import facts as _node_facts
from ansible_collections.natsops.cluster.plugins.module_utils._read import facts as _read_facts
from ansible_collections.natsops.cluster.plugins.module_utils._wait import health as _health
from tests.lab.mirror import go_architecture

Host = dict[str, Any]
NO_PROOFS = Proofs(None)
DOWNLOAD = {name: option.get("default") for name, option in _download.SPEC.items()}
WAIT = {name: option.get("default") for name, option in _health.SPEC.items()}
FACTS = {name: option.get("default") for name, option in _read_facts.SPEC.items()}


def main() -> None:
    inventory, version = Path(sys.argv[1]), sys.argv[2]
    group = yaml.safe_load(inventory.read_text(encoding="utf-8"))["nats"]
    hosts: dict[str, Host] = group["hosts"]
    servers = [{"name": name, "monitor_url": host["nats_upgrade_monitor_url"]} for name, host in hosts.items()]
    facts = _read_facts.version_facts({**FACTS, "servers": servers})["servers"]
    order = sorted(facts, key=lambda server: server["meta_leader"] == server["server_name"])
    archive = _fetch(group["vars"]["nats_upgrade_archive_url"], version, inventory.parent)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda server: _stage(hosts[server["name"]], server["version"], version, archive), order))
    for server in order:
        _roll(server["name"], hosts[server["name"]], server["version"], version, servers)
    _wait(servers, {server["name"]: {"version": version} for server in servers})


def _fetch(template: str, version: str, folder: Path) -> dict[str, Any]:
    names = {"nats_upgrade_version": version, "nats_upgrade_arch": go_architecture()}
    url = re.sub(r"\{\{ (\w+) \}\}", lambda match: names[match[1]], template)
    where = {"url": url, "checksums_url": f"{os.path.dirname(url)}/SHA256SUMS", "dest": str(folder / "downloads")}
    return _download.fetch({**DOWNLOAD, **where}, check_mode=False)


def _stage(host: Host, old: str, new: str, archive: dict[str, Any]) -> None:
    node = _node_facts.facts({"pid_file": host["nats_upgrade_pid_file"]})
    layout = _binary.layout(node["binary_path"], old, new)
    _binary.stage(archive["path"], archive["sha256"], layout.binary(new), new, NO_PROOFS)
    _config_check.check_config(layout.binary(new), node["config_path"], _process.look(node["pid"]))


def _wait(servers: list[dict[str, str]], expect: dict[str, Any]) -> dict[str, Any]:
    return _health.wait_until_back({**WAIT, "servers": servers, "expect": expect})


def _roll(name: str, host: Host, old: str, new: str, servers: list[dict[str, str]]) -> None:
    _wait(servers, {})
    before = _wait(servers, {})["servers"][name]
    process = _process.find_by_pid_file(host["nats_upgrade_pid_file"]).process
    assert process is not None, f"{name} does not run"
    _process.send(process, signal.SIGUSR2)
    assert _process.wait_for_exit(process, 150)[0], f"{name} did not exit"
    command = host["nats_upgrade_start_command"]
    layout = _binary.layout(command[0], old, new)
    _binary.keep(layout, old, NO_PROOFS)
    _binary.activate(layout, new)
    subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    _wait(servers, {name: {**before["after_restart"], "version": new}})


if __name__ == "__main__":
    main()
