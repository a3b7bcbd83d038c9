"""A loopback cluster whose servers supervisord runs, each program as the page for users has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.lab.binaries import ROOT, LabError
from tests.lab.cluster import LoopbackCluster
from tests.lab.processes import wait_until

PROGRAM = ROOT / "docs" / "inventories" / "supervisord-program.conf"
BIN = Path(sys.executable).parent
SECONDS = 30.0
# It may not be stopped by a signal that it passes on, and its programs are the cluster's to end.
DAEMON = """[unix_http_server]
file=@BASE@/s.sock
[supervisord]
nodaemon=true
logfile=@BASE@/supervisord.log
pidfile=@BASE@/supervisord.pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://@BASE@/s.sock
"""


class SupervisedCluster(LoopbackCluster):
    """Starts and stops as others do; whoever ends a server sees it come back at once."""

    _daemon: subprocess.Popen[bytes] | None = None

    def start_node(self, name: str) -> None:
        if self._daemon is None:
            self._start_daemon()
        self.control("start", name)

    def _start_daemon(self) -> None:
        config = DAEMON.replace("@BASE@", str(self.base)) + "".join(self._program(name) for name in self.nodes)
        path = self.base / "supervisord.conf"
        path.write_text(config, encoding="utf-8")
        self._daemon = subprocess.Popen(
            [str(BIN / "supervisord"), "-c", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        if not wait_until(lambda: (self.base / "s.sock").exists(), SECONDS):
            raise LabError("supervisord does not answer")

    def _program(self, name: str) -> str:
        node = self.nodes[name]
        text = PROGRAM.read_text(encoding="utf-8")
        for usual, here in {
            "[program:nats-server]": f"[program:{name}]\nautostart=false\ndirectory={node.folder}\nredirect_stderr=true\n"
            f"stdout_logfile={node.output}",
            "/run/nats/hold": str(self.hold(name)),
            "/usr/local/bin/nats-server": str(node.binary),
            "/etc/nats/nats-server.conf": str(node.config),
        }.items():
            assert usual in text
            text = text.replace(usual, here)
        return text

    def hold(self, name: str) -> Path:
        """The file that keeps the program from becoming a server."""
        return self.nodes[name].folder / "hold"

    def control(self, *words: str) -> str:
        """Ask supervisord."""
        command = [str(BIN / "supervisorctl"), "-c", str(self.base / "supervisord.conf"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        return done.stdout.strip()

    def hosts(self) -> dict[str, dict[str, Any]]:
        """What is other here than in the inventory for users: several servers on one machine."""
        return {
            name: {
                "nats_program": name,
                "nats_hold_file": str(self.hold(name)),
                "supervisorctl": f"{BIN / 'supervisorctl'} -c {self.base / 'supervisord.conf'}",
            }
            for name in self.nodes
        }

    def stop(self) -> None:
        # First, or it starts again what is ended. Not by a signal that it could pass on.
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait(SECONDS)
        for name in self.nodes:
            self.hold(name).unlink(missing_ok=True)
        super().stop()
