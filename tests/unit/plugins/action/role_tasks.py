"""Tasks of the role nats_upgrade on a cluster with real ports: variables are the role's own, only the nodes are played."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase

from ansible_collections.natsops.cluster.plugins.plugin_utils._action import several as _several
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Event, Log
from tests.unit import modules
from tests.unit.nats import SimulatedServer
from tests.unit.plugins.action.test_actions import Host
from tests.unit.recorded import NAMES
from tests.unit.releases import hash_of
from tests.unit.situations import TARGET

ROLE = modules.ROOT / "roles" / "nats_upgrade"
REGISTERED = {"begin": "began", "read": "read", "plan": "plan", "accept": "asked"}
NODE = {
    "running": True,
    "absence": "",
    "binary_path": "/opt/nats/nats-server",
    "config_path": "/etc/nats.conf",
    "container": None,
    "go_arch": "amd64",
}


class Loader:
    """Finds our actions as Ansible does where the collection is installed."""

    @staticmethod
    def get(name: str, **given: Any) -> ActionBase:
        made: ActionBase = modules.load(name.rpartition(".")[2], "action").ActionModule(**given)
        return made


class Tasks:
    """C(nodes): what the module for facts finds out on each host. C(asked): what was run there, by host."""

    def __init__(self, servers: dict[str, SimulatedServer], folder: Path, monkeypatch: pytest.MonkeyPatch, **given: Any) -> None:
        self.nodes: dict[str, dict[str, Any]] = {name: dict(NODE) for name in NAMES}
        self.asked: list[tuple[str, str]] = []
        self.args: dict[tuple[str, str], dict[str, Any]] = {}
        self.answers: dict[str, dict[str, Any] | Exception] = {}
        variables: dict[str, Any] = {}
        for file in ("defaults", "vars"):
            variables.update(DataLoader().load_from_file(str(ROLE / file / "main.yml"), trusted_as_template=True))
        archive = folder / "nats.tar.gz"
        archive.write_text("a release", encoding="utf-8")
        (folder / "SHA256SUMS").write_text(f"{hash_of(archive)}  {archive.name}\n", encoding="utf-8")
        variables |= {
            "nats_upgrade_version": TARGET,
            "nats_upgrade_service": "command",
            "nats_upgrade_archive_url": f"file://{archive}",
            "nats_upgrade_download_dir": str(folder / "downloads"),
            "nats_upgrade_report_dir": str(folder / "reports"),
            "nats_upgrade_progress": "off",
            **given,
        }
        self.hosts = {
            name: {
                "inventory_hostname": name,
                "nats_upgrade_monitor_url": server.url,
                "nats_upgrade_pid_file": f"/run/{name}.pid",
                "nats_upgrade_start_command": ["nats-server", "-c", "/etc/nats.conf"],
                "ansible_play_hosts": list(NAMES),
                "groups": {"nats": list(NAMES)},
            }
            for name, server in servers.items()
        }
        self.variables = variables
        monkeypatch.setattr(_several, "action_loader", Loader)
        for name in ("_make_tmp_path", "_transfer_file", "_fixup_perms2"):
            monkeypatch.setattr(ActionBase, name, lambda *_unused: "/node/tmp")
        played = self._on_node

        # A plain function, which becomes a method: an object that is called would not be told of the action.
        def execute(action: ActionBase, *args: Any, **more: Any) -> dict[str, Any]:
            return played(action, *args, **more)

        monkeypatch.setattr(ActionBase, "_execute_module", execute)

    def set(self, name: str, value: Any) -> None:
        """Register a result, or set a variable, of every host."""
        for host in self.hosts.values():
            host[name] = value

    def run(self, action: str, host: str = "n1", *, check: bool = False, **args: Any) -> dict[str, Any]:
        here = Host()
        self.host = host
        here.task_vars = {**self.variables, **self.hosts[host], "hostvars": self.hosts}
        plugin = here.action(action, check, args)
        for played in ("_make_tmp_path", "_transfer_file", "_fixup_perms2", "_execute_module"):
            vars(plugin).pop(played, None)
        result: dict[str, Any] = plugin.run(task_vars=here.task_vars)
        return result

    def _on_node(self, action: ActionBase, module_name: str | None = None, **given: Any) -> dict[str, Any]:
        module = (module_name or action._task.action).rpartition(".")[2]
        self.asked.append((self.host, module))
        self.args[self.host, module] = given["module_args"]
        if module == "nats_node_facts" and not self.answers.get(module):
            return {"changed": False, "nats_node": self.nodes[self.host]}
        answer = self.answers.get(module, {})
        if isinstance(answer, Exception):
            raise answer
        return {"changed": False, **answer}

    @property
    def report(self) -> str:
        return str(self.hosts["n1"]["__nats_upgrade_began"]["report"])

    def events(self, kind: str = "") -> list[Event]:
        began = self.hosts["n1"]["__nats_upgrade_began"]
        return [event for event in Log(began["folder"], "").read() if kind in ("", event["kind"])]


class Preflight(Tasks):
    """The steps of a preflight, each result registered as the role does."""

    def step(self, step: str, host: str = "n1") -> dict[str, Any]:
        return self.run("nats_upgrade_preflight", host, step=step)

    def until(self, last: str) -> dict[str, Any]:
        """The result of the last of these steps, or of the one that fails."""
        result: dict[str, Any] = {}
        for step in ("begin", "read", "node", "plan", "accept"):
            for host in NAMES if step == "node" else NAMES[:1]:
                result = self.step(step, host)
                if result.get("failed"):
                    return result
                if step == "node":
                    self.hosts[host]["__nats_upgrade_found"] = result
            if step in REGISTERED:
                self.set(f"__nats_upgrade_{REGISTERED[step]}", result)
            if step == last:
                break
        return result
