"""A cluster on machines of its own: containers that run systemd and sshd, with real addresses, that reboot and get lost."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from tests.lab import engine, images
from tests.lab.binaries import LabError, server_binary
from tests.lab.docker import (
    CONTROL_FOLDER,
    PREFIX,
    close_connections,
    docker,
    folder_of,
    labels,
    machine_options,
    make_network,
    remove,
    remove_leftovers,
    run,
)
from tests.lab.inventory import ARCHIVE
from tests.lab.machine import BINARY, SMALL_DISK, UNIT, UNITS, Machine, config_text, files_of_machine
from tests.lab.monitored import MonitoredCluster
from tests.lab.node import Settings
from tests.lab.processes import Process, is_alive, look, wait_until

# The filters of the engine forbid to make them.
NAMESPACES = ("--cap-add=SYS_ADMIN", "--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined")
READY_SECONDS = 180.0
BOOT_SECONDS = 180.0
EXEC_SECONDS = 180.0
LOG_LINES = 15
FIRST_ADDRESS = 11
SSH_PORT, ROUTE_PORT = 22, 6222

# Ends the connections too, but no program that was started over one: it runs on, as when a network is lost.
END_SSH = "systemctl stop ssh.service; pkill -KILL -x sshd || true"
SILENCE_SSH = f"iptables -I INPUT -p tcp --dport {SSH_PORT} -j DROP; iptables -I OUTPUT -p tcp --sport {SSH_PORT} -j DROP"
SILENCE_ALL = "iptables -I INPUT ! -i lo -j DROP; iptables -I OUTPUT ! -o lo -j DROP"
HEAL = "iptables -F; systemctl start ssh.service"


class ContainerCluster(MonitoredCluster[Machine]):
    """Starts in ``with``, and nothing of it is left behind. What a killed run leaves is removed by the next one."""

    def __init__(
        self,
        version: str,
        size: int = 3,
        *,
        unit: str = "plain",
        settings: Settings | None = None,
        extra_config: Mapping[str, str] | None = None,
        small_disk: int | None = None,
        namespaces: bool = False,
        more_packages: bool = False,
        podman: bool = False,
    ) -> None:
        """``unit`` is one of UNITS or the text of another; ``small_disk`` the MiB of a tmpfs that holds just the binary.

        With ``namespaces`` systemd can make them as on a machine, which hardened units ask for. With ``more_packages`` it
        has the MORE_PACKAGES of images, with ``podman`` that, and a place for its containers.

        A small disk is empty after a reboot: the server of this version is put there again.
        """
        self.version, self.size = version, size
        self.unit_text = unit if "[Service]" in unit else UNITS[unit]
        self.settings = settings or Settings()
        self.extra_config = dict(extra_config or {})
        self.small_disk, self.namespaces, self.more_packages = small_disk, namespaces or podman, more_packages
        self.podman = podman
        self.nodes = {}
        self._inits: dict[str, Process] = {}
        self.name = ""

    @property
    def binary(self) -> str:
        """Where the server is on every machine."""
        return BINARY if self.small_disk is None else f"{SMALL_DISK}/nats-server"

    @property
    def base(self) -> Path:
        """The folder on this machine."""
        return folder_of(self.name)

    def start(self) -> None:
        engine.provide()
        image = images.with_more() if self.more_packages else images.provide()
        image = images.with_more(images.PODMAN_PACKAGES) if self.podman else image
        remove_leftovers()
        self.name = Path(tempfile.mkdtemp(prefix=PREFIX)).name
        self._start(image)

    def stop(self) -> None:
        if self.name:
            remove(self.name)

    def _start(self, image: str) -> None:
        prefix = make_network(self.name)
        for number in range(1, self.size + 1):
            name = f"n{number}"
            self.nodes[name] = Machine(name, f"{self.name}-{name}", f"{prefix}.{FIRST_ADDRESS - 1 + number}")
        key = self._make_key()
        options, server = machine_options(), server_binary(self.version)
        for machine in self.nodes.values():
            self._create(machine, image, options)
            config = config_text(machine.name, list(self.nodes), self.settings, self.extra_config.get(machine.name, ""))
            files = files_of_machine(server, config, self.unit_text, key, small_disk=self.small_disk is not None)
            docker("cp", "-", f"{machine.container}:/", stdin=files)
        self._on_each(lambda machine: docker("start", machine.container))
        self._on_each(self._wait_booted)

    def _make_key(self) -> str:
        path = self.base / "id_ed25519"
        made = run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", str(path)], seconds=EXEC_SECONDS)
        if made.returncode != 0:
            raise LabError(f"ssh-keygen failed: {made.stderr.strip()}")
        return path.with_suffix(".pub").read_text(encoding="utf-8")

    def _create(self, machine: Machine, image: str, options: Iterable[str]) -> None:
        # Names stand in /etc/hosts: the engine's name server knows only machines that run.
        known = [f"--add-host={other.name}:{other.host}" for other in self.nodes.values() if other is not machine]
        disk = [] if self.small_disk is None else [f"--tmpfs={SMALL_DISK}:exec,mode=0755,size={self.small_disk}m"]
        address = [f"--network={self.name}", f"--ip={machine.host}", f"--name={machine.container}", f"--hostname={machine.name}"]
        namespaces = NAMESPACES if self.namespaces else ()
        # Its layers of files cannot lie on those of the machine itself.
        storage = ("--volume=/var/lib/containers",) if self.podman else ()
        own = [*options, *namespaces, *storage, "--cap-add=NET_ADMIN", *labels(self.name), *address, *known, *disk]
        docker("create", *own, image, "/sbin/init")

    def _on_each(self, work: Callable[[Machine], object]) -> None:
        with ThreadPoolExecutor(self.size) as pool:
            list(pool.map(work, self.nodes.values()))

    def _wait_booted(self, machine: Machine) -> None:
        """Wait for sshd, which systemd starts among the last."""
        if not wait_until(lambda: ssh_answers(machine.host), BOOT_SECONDS):
            said = docker("logs", "--tail", str(LOG_LINES), machine.container)
            raise LabError(f"{machine.name}: no ssh {BOOT_SECONDS:g} s after it was switched on\n{said}")

    def wait_ready(self, timeout_seconds: float = READY_SECONDS) -> None:
        """Wait as every cluster does; the error has the end of each server's journal."""
        try:
            super().wait_ready(timeout_seconds)
        except LabError as error:
            journals = [f"{name}:\n{self.journal(name, LOG_LINES)}" for name in self.nodes]
            raise LabError("\n".join([str(error), *journals])) from None

    def exec(
        self, name: str, *argv: str, stdin: str = "", timeout_seconds: float = EXEC_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on the machine as root, also when its network is cut. Status 124 is a timeout."""
        # Inside as well: the program does not end with the client.
        bounded = ["timeout", "--kill-after=5", f"{timeout_seconds:g}", *argv]
        command = ["docker", "exec", "--interactive", self.nodes[name].container, *bounded]
        return run(command, stdin=stdin.encode(), seconds=timeout_seconds + 15)

    def shell(self, name: str, script: str) -> str:
        """Run a shell script on the machine, fail where it fails, and return what it says."""
        done = self.exec(name, "sh", "-e", "-c", script)
        if done.returncode != 0:
            raise LabError(f"{name}: {script} ended with status {done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()

    def path(self, name: str, path: str) -> Path:
        """Return where a file of the machine is to be found from here. While the machine is off there is none.

        For what is looked at again and again: to run a program on the machine costs a tenth of a second of a processor.
        """
        init = self._inits.get(name)
        if init is None or not is_alive(init):
            pid = int(docker("inspect", "--format", "{{.State.Pid}}", self.nodes[name].container))
            init = look(pid) if pid else None
            if init is None:
                return Path("/nonexistent")
            self._inits[name] = init
        return Path(f"/proc/{init.pid}/root") / path.lstrip("/")

    def unit(self, name: str) -> dict[str, str]:
        """Return the properties that systemd shows of the server's unit."""
        return dict(line.split("=", maxsplit=1) for line in self.shell(name, f"systemctl show --all {UNIT}").splitlines())

    def journal(self, name: str, lines: int = 50) -> str:
        """Return the end of what systemd and the server have said of the unit, also before a reboot."""
        return self.exec(name, "journalctl", f"--unit={UNIT}", f"--lines={lines}", "--no-pager", "--output=cat").stdout

    def reboot(self, name: str) -> None:
        """Switch the machine off as a loss of power does, and on again, and wait until it has booted.

        The address, the host keys and the disk stay; what was in /run is gone, and so is every cut and block. The server
        is started with the machine, but not waited for.
        """
        self.switch_off(name)
        self.switch_on(name)

    def switch_off(self, name: str) -> None:
        docker("kill", "--signal=KILL", self.nodes[name].container)

    def switch_on(self, name: str) -> None:
        docker("start", self.nodes[name].container)
        self._wait_booted(self.nodes[name])

    def cut(self, name: str) -> None:
        """Take the machine off the network: nothing answers, clients and routes wait. The server goes on alone."""
        self.shell(name, SILENCE_ALL)

    def cut_ssh(self, name: str, *, silent: bool = False) -> None:
        """Make ssh unreachable while the server serves: refused at once, or silent until whoever waits gives up.

        Refused, open connections end too. Silent, they hang, and so does Ansible, which keeps them between its runs: see
        close_connections.
        """
        self.shell(name, SILENCE_SSH if silent else END_SSH)

    def heal(self, name: str) -> None:
        """Undo every cut and block made on this machine, and wait until ssh answers."""
        self.shell(name, HEAL)
        self._wait_booted(self.nodes[name])

    def block_route(self, one: str, other: str) -> None:
        """Break the routes between two nodes and refuse new ones; all else goes on. The rules are on the first."""
        self.shell(one, "; ".join(f"iptables -I {rule}" for rule in _route_rules(self.nodes[other].host)))
        # The rules are not enough: a server that has nothing to send does not notice them for more than a minute.
        for here, there in ((one, other), (other, one)):
            ports = f"sport = {ROUTE_PORT} or dport = {ROUTE_PORT}"
            self.shell(here, f"ss --tcp --kill 'dst {self.nodes[there].host} and ( {ports} )' > /dev/null")

    def unblock_route(self, one: str, other: str) -> None:
        self.shell(one, "; ".join(f"iptables -D {rule}" for rule in _route_rules(self.nodes[other].host)))

    def close_connections(self) -> None:
        """End the connections that Ansible has kept open for its next run."""
        close_connections(self.name)

    def inventory(self, mirror: Path, **extra: Any) -> dict[str, Any]:
        """Return an inventory over ssh. ``extra`` are more variables of the group, or others than the ones given here."""
        variables = {
            "ansible_connection": "ssh",
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.base / "id_ed25519"),
            "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
            "ansible_control_path_dir": str(self.base / CONTROL_FOLDER),
            "ansible_python_interpreter": "/usr/bin/python3",
            "nats_upgrade_service": "systemd",
            "nats_upgrade_service_name": UNIT.removesuffix(".service"),
            "nats_upgrade_archive_url": f"file://{mirror.resolve()}/{ARCHIVE}",
            "nats_upgrade_download_dir": str(self.base / "downloads"),
        }
        hosts = {name: {"ansible_host": machine.host} for name, machine in self.nodes.items()}
        return {"nats": {"hosts": hosts, "vars": {**variables, **extra}}}

    def write_inventory(self, mirror: Path, path: Path | None = None, **extra: Any) -> Path:
        """Write the inventory as YAML, into the folder of the cluster where nothing else is said, and return its path."""
        path = path or self.base / "inventory.yml"
        path.write_text(yaml.safe_dump(self.inventory(mirror, **extra), sort_keys=False), encoding="utf-8")
        return path


def _route_rules(peer: str) -> list[str]:
    """Return the rules for both directions, whichever of the two makes the connection."""
    reject = "-j REJECT --reject-with tcp-reset"
    return [
        f"{chain} -p tcp {address} {peer} {port} {ROUTE_PORT} {reject}"
        for chain, address in (("INPUT", "-s"), ("OUTPUT", "-d"))
        for port in ("--sport", "--dport")
    ]


def ssh_answers(host: str) -> bool:
    try:
        with socket.create_connection((host, SSH_PORT), timeout=2) as connection:
            connection.settimeout(5)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
