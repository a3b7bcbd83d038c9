"""One server of a loopback cluster: its folder, its ports, its configuration file and the process that it runs as."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.ports import HOST, Ports
from tests.lab.processes import Process, all_processes, look

LOG_LINES = 15


@dataclass(frozen=True)
class Settings:
    """What the servers of a cluster have in common. Lame duck durations are as short as the server allows."""

    # Empty where each server makes up one.
    cluster_name: str = "lab"
    server_names: bool = True
    jetstream: bool = True
    lame_duck_duration: str = "30s"
    # "0s" would mean the default of 10 s.
    lame_duck_grace_period: str = "1ms"
    # "open", on the "loopback" of its own machine, or "none". Unless it is open, the lab asks over NATS.
    monitoring: str = "open"
    system_password: str = "sys"
    domain: str = ""


@dataclass(frozen=True)
class Node:
    """Paths and ports of one server."""

    name: str
    folder: Path
    client_port: int
    monitor_port: int
    route_port: int
    host: str = HOST

    @classmethod
    def numbered(cls, number: int, base: Path, ports: Ports) -> Node:
        name, place = f"n{number}", ports.place(number)
        return cls(name, base / name, ports.client + place, ports.monitor + place, ports.route + place, ports.host(number))

    @property
    def binary(self) -> Path:
        return self.folder / "bin" / "nats-server"

    @property
    def config(self) -> Path:
        return self.folder / "nats.conf"

    @property
    def pid_file(self) -> Path:
        return self.folder / "nats.pid"

    @property
    def log(self) -> Path:
        return self.folder / "nats.log"

    @property
    def output(self) -> Path:
        """What the server says before it has read where to log."""
        return self.folder / "nats.out"

    @property
    def argv(self) -> list[str]:
        return [str(self.binary), "-c", str(self.config)]

    @property
    def client_url(self) -> str:
        return f"nats://{self.host}:{self.client_port}"

    @property
    def monitor_url(self) -> str:
        return f"http://{self.host}:{self.monitor_port}"


def lay_out(node: Node, binary: Path, config: str) -> None:
    """Write the folder of a node. The binary is a copy: whatever an upgrade does to it, the cache stays as it is."""
    node.binary.parent.mkdir(parents=True, exist_ok=True)
    fresh = node.binary.with_name(".nats-server.new")
    shutil.copy(binary, fresh)
    os.replace(fresh, node.binary)
    node.config.write_text(config, encoding="utf-8")


def config_text(node: Node, nodes: Sequence[Node], settings: Settings, extra: str = "") -> str:
    """Return the configuration file. A single server gets no cluster block: JetStream refuses one without routes."""
    blocks = [_server_block(node, settings)]
    if settings.jetstream:
        domain = f", domain: {settings.domain}" if settings.domain else ""
        blocks.append(f'jetstream {{ store_dir: "{node.folder / "js"}"{domain} }}')
    if len(nodes) > 1:
        blocks.append(_cluster_block(node, nodes, settings))
    blocks += [_accounts_block(settings), extra]
    return "\n".join(blocks) + "\n"


def _server_block(node: Node, settings: Settings) -> str:
    monitoring = f'http: "{node.host}:{node.monitor_port}"' if settings.monitoring != "none" else ""
    name = f"server_name: {node.name}" if settings.server_names else ""
    return f"""\
{name}
listen: "{node.host}:{node.client_port}"
{monitoring}
pid_file: "{node.pid_file}"
log_file: "{node.log}"
lame_duck_duration: "{settings.lame_duck_duration}"
lame_duck_grace_period: "{settings.lame_duck_grace_period}\""""


def _cluster_block(node: Node, nodes: Sequence[Node], settings: Settings) -> str:
    routes = ", ".join(f'"nats://{other.host}:{other.route_port}"' for other in nodes if other != node)
    name = f"name: {settings.cluster_name}, " if settings.cluster_name else ""
    return f'cluster {{ {name}listen: "{node.host}:{node.route_port}", routes: [{routes}] }}'


def _accounts_block(settings: Settings) -> str:
    jetstream = ", jetstream: enabled" if settings.jetstream else ""
    return f"""\
accounts {{
  APP: {{ users: [{{user: app, password: app}}]{jetstream} }}
  SYS: {{ users: [{{user: sys, password: {settings.system_password}}}] }}
}}
system_account: SYS"""


def launch(node: Node) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own: Ctrl-C on the terminal reaches whoever cleans up, not the server."""
    with node.output.open("ab") as output:
        return subprocess.Popen(
            node.argv, cwd=node.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )


def server_process(node: Node) -> Process | None:
    """Return the node's living server, whoever started it. A pid file may be stale and is not just believed."""
    try:
        process = look(int(node.pid_file.read_text(encoding="ascii")))
    except (OSError, ValueError):
        process = None
    return process if process and _is_server_of(node, process) else next(iter(server_processes([node])), None)


def server_processes(nodes: Sequence[Node]) -> list[Process]:
    """Return all living servers of these nodes, also one that has not written its pid file yet."""
    return [process for process in all_processes() if any(_is_server_of(node, process) for node in nodes)]


def _is_server_of(node: Node, process: Process) -> bool:
    # An upgrade may have made the program a link to a versioned file below the folder; the configuration stays.
    return len(process.argv) > 1 and process.argv[0].startswith(f"{node.folder}/") and str(node.config) in process.argv


def last_words(node: Node) -> str:
    """Return the end of what the server logged, to be put in an error."""
    lines: list[str] = []
    for path in (node.log, node.output):
        if path.exists():
            lines += path.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
    return "\n".join(f"  {line}" for line in lines) or "  (it logged nothing)"
