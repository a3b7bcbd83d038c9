"""A cluster of real nats-server processes on the loopback address, in one folder."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from tests.lab.binaries import LabError, server_binary
from tests.lab.monitored import MonitoredCluster
from tests.lab.node import Node, Settings, config_text, last_words, launch, lay_out, server_process, server_processes
from tests.lab.ports import Ports, check_free, free_ports, release
from tests.lab.processes import Process, end, is_alive, send, wait_until

# A server in lame duck ignores SIGTERM, and its data is of no use any more.
STOP_SECONDS = 3.0
GONE_SECONDS = 60.0


class LoopbackCluster(MonitoredCluster[Node]):
    """Starts in ``with``, and whatever happens in there no server is left behind."""

    def __init__(
        self,
        version: str,
        size: int = 3,
        *,
        base: Path | None = None,
        ports: Ports | None = None,
        settings: Settings | None = None,
        extra_config: Mapping[str, str] | None = None,
    ) -> None:
        """Without ``base`` a temporary folder is used and removed. ``extra_config`` is text for the file of a node."""
        self.version, self.size = version, size
        self.settings = settings or Settings()
        self.ports = ports or free_ports(size)
        self.extra_config = dict(extra_config or {})
        self._temporary = base is None
        self.base = (base or Path(tempfile.mkdtemp(prefix="nats-lab-"))).resolve()
        self.nodes = {f"n{i}": Node.numbered(i, self.base, self.ports) for i in range(1, size + 1)}
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Write all folders and start all servers, without waiting for them to be ready."""
        check_free(self.ports, self.size)
        binary = server_binary(self.version)
        for name, node in self.nodes.items():
            lay_out(node, binary, self.config_of(name))
        for name in self.nodes:
            self.start_node(name)

    def config_of(self, name: str) -> str:
        return config_text(self.nodes[name], list(self.nodes.values()), self.settings, self.extra_config.get(name, ""))

    def start_node(self, name: str) -> None:
        """Start one server with the binary that lies in its folder now."""
        if self.process(name):
            raise LabError(f"{name} runs already")
        child = launch(self.nodes[name])
        self._children[name] = child
        # Somebody else may end it: reaped at once, it does not stay behind as a zombie.
        threading.Thread(target=child.wait, name=f"reap-{name}", daemon=True).start()

    def process(self, name: str) -> Process | None:
        """Return the living server of the node, also one that an upgrade started, or None."""
        return server_process(self.nodes[name])

    def signal_node(self, name: str, number: signal.Signals) -> Process:
        """Send a signal to the node's server and return the process that got it."""
        process = self.process(name)
        if process is None:
            raise LabError(f"{name} does not run: nothing to send {number.name} to")
        send(process, number)
        return process

    def kill_node(self, name: str) -> None:
        """End the server as a crash does, and wait until it is gone."""
        self._wait_gone(name, self.signal_node(name, signal.SIGKILL), GONE_SECONDS)

    def terminate(self, name: str) -> None:
        """Stop the server in the ordinary way, and wait until it is gone."""
        self._wait_gone(name, self.signal_node(name, signal.SIGTERM), GONE_SECONDS)

    def lame_duck(self, name: str, timeout_seconds: float = 120.0) -> None:
        """Let the server hand over and leave, and wait until it is gone."""
        self._wait_gone(name, self.signal_node(name, signal.SIGUSR2), timeout_seconds)

    def _wait_gone(self, name: str, process: Process, seconds: float) -> None:
        if not wait_until(lambda: not is_alive(process), seconds):
            raise LabError(f"{name} (pid {process.pid}) still runs {seconds:g} s after the signal")

    def stop(self) -> None:
        """End every server of this cluster, found by its configuration file: an upgrade has replaced the processes."""
        nodes = list(self.nodes.values())
        while processes := server_processes(nodes):
            end(processes, patience_seconds=STOP_SECONDS)
        release(self.ports)
        if self._temporary:
            shutil.rmtree(self.base, ignore_errors=True)

    def check_started(self, name: str) -> None:
        """Fail where a server that we started has died."""
        child = self._children.get(name)
        if child and child.poll() is not None and self.process(name) is None:
            words = last_words(self.nodes[name])
            raise LabError(f"{name} ended with status {child.returncode}. Its last words:\n{words}")
