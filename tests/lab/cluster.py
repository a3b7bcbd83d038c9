"""A cluster of real nats-server processes on the loopback address, in one folder."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.lab.binaries import LabError, server_binary
from tests.lab.monitoring import Reply, accounts_of, ask, is_settled, raft_groups
from tests.lab.node import Node, Settings, config_text, last_words, launch, lay_out, server_process, server_processes
from tests.lab.ports import Ports, check_free, free_ports
from tests.lab.processes import Process, end, is_alive, send, wait_until

READY_SECONDS = 30.0
# A server in lame duck ignores SIGTERM, and its data is of no use any more.
STOP_SECONDS = 3.0
GONE_SECONDS = 10.0
POLL_SECONDS = 0.05
# One look may fall in between two states, the same result twice does not.
LOOKS_IN_A_ROW = 2


class LoopbackCluster:
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

    def __enter__(self) -> LoopbackCluster:
        try:
            self.start()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def urls(self) -> list[str]:
        """Where clients connect, one URL per node."""
        return [node.client_url for node in self.nodes.values()]

    def monitor_url(self, name: str) -> str:
        return self.nodes[name].monitor_url

    def start(self) -> None:
        """Write all folders and start all servers, without waiting for them to be ready."""
        check_free(self.ports, self.size)
        binary = server_binary(self.version)
        for name, node in self.nodes.items():
            text = config_text(node, list(self.nodes.values()), self.settings, self.extra_config.get(name, ""))
            lay_out(node, binary, text)
        for name in self.nodes:
            self.start_node(name)

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

    def lame_duck(self, name: str, timeout_seconds: float = 45.0) -> None:
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
        if self._temporary:
            shutil.rmtree(self.base, ignore_errors=True)

    def varz(self, name: str) -> dict[str, Any]:
        return self._body(name, "/varz")

    def jsz(self, name: str, query: str = "accounts=true&streams=true&consumers=true&raft=true") -> dict[str, Any]:
        return self._body(name, f"/jsz?{query}")

    def healthz(self, name: str) -> Reply:
        return self.ask(name, "/healthz")

    def raftz(self, name: str, account: str | None = None) -> dict[str, Any]:
        return self._body(name, f"/raftz?acc={account}" if account else "/raftz")

    def ask(self, name: str, path: str) -> Reply:
        """Return what the node's monitoring port answers, whatever it is."""
        return ask(self.nodes[name].monitor_port, path)

    def _body(self, name: str, path: str) -> dict[str, Any]:
        reply = self.ask(name, path)
        if not reply.ok or not isinstance(reply.body, dict):
            raise LabError(f"{name} answers {path} with status {reply.status or 'none'}")
        return reply.body

    def versions(self) -> dict[str, str]:
        return {name: str(self.ask(name, "/varz").field("version") or "down") for name in self.nodes}

    def leader(self) -> str | None:
        """Return the meta leader that all nodes agree on, or None."""
        leaders = {self.ask(name, "/jsz").field("meta_cluster", "leader") for name in self.nodes}
        return str(leaders.pop()) if len(leaders) == 1 and None not in leaders else None

    def wait_ready(self, timeout_seconds: float = READY_SECONDS) -> None:
        """Wait until all servers are healthy and agree on a leader, and every Raft group has one."""
        deadline, looks = time.monotonic() + timeout_seconds, 0
        while looks < LOOKS_IN_A_ROW:
            missing = self.what_is_missing()
            looks = 0 if missing else looks + 1
            if missing and time.monotonic() > deadline:
                raise LabError(f"the cluster is not ready after {timeout_seconds:g} s: {missing}")
            time.sleep(POLL_SECONDS)

    def what_is_missing(self) -> str:
        """Return what keeps the cluster from being ready, or nothing. Fails where a server that we started has died."""
        for name, node in self.nodes.items():
            self._check_started(name)
            health = ask(node.monitor_port, "/healthz")
            if not health.ok:
                return f"{name} /healthz {health.status or 'does not answer'} {health.field('error') or ''}".rstrip()
        if self.size == 1:
            return ""
        return self._what_cluster_is_missing()

    def _what_cluster_is_missing(self) -> str:
        for name in self.nodes:
            peers = {route["remote_name"] for route in self.ask(name, "/routez").field("routes") or ()}
            if missing := set(self.nodes) - peers - {name}:
                return f"{name} has no route to {', '.join(sorted(missing))}"
        if not self.settings.jetstream:
            return ""
        if self.leader() is None:
            return "the nodes do not agree on a meta leader"
        for name, node in self.nodes.items():
            groups = raft_groups(node.monitor_port, accounts_of(node.monitor_port))
            unsettled = [group for group, state in groups.items() if not is_settled(state)]
            if unsettled or not groups:
                return f"{name}: Raft groups without a leader or catching up: {', '.join(unsettled) or 'all'}"
        return ""

    def _check_started(self, name: str) -> None:
        child = self._children.get(name)
        if child and child.poll() is not None and self.process(name) is None:
            words = last_words(self.nodes[name])
            raise LabError(f"{name} ended with status {child.returncode}. Its last words:\n{words}")
