"""A loopback cluster whose servers supervisord runs, each program as the page for users has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.lab.binaries import ROOT, LabError
from tests.lab.cluster import LoopbackCluster
from tests.lab.node import Node, server_processes
from tests.lab.processes import all_processes, end, wait_until

PROGRAM = ROOT / "docs" / "inventories" / "supervisord-program.conf"
BIN = Path(sys.executable).parent
SECONDS = 30.0
SHELL = ("/bin/sh",)
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
    """Starts and stops as others do; whoever ends a server sees it come back at once.

    Those in C(beside) are programs of supervisord too, and no servers of the cluster: nothing here starts them.
    """

    beside: tuple[Node, ...] = ()
    _daemon: subprocess.Popen[bytes] | None = None

    def start_node(self, name: str) -> None:
        if self._daemon is None:
            self._start_daemon()
        self.control("start", name)

    def _start_daemon(self) -> None:
        config = DAEMON.replace("@BASE@", str(self.base)) + "".join(map(self._program, self._programs))
        path = self.base / "supervisord.conf"
        path.write_text(config, encoding="utf-8")
        self._daemon = subprocess.Popen(
            [str(BIN / "supervisord"), "-c", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        if not wait_until((self.base / "s.sock").exists, SECONDS):
            raise LabError("supervisord does not answer")

    @property
    def _programs(self) -> list[Node]:
        return [*self.nodes.values(), *self.beside]

    def _program(self, node: Node) -> str:
        text = PROGRAM.read_text(encoding="utf-8")
        for usual, here in {
            "[program:nats-server]": f"[program:{node.name}]\nautostart=false\ndirectory={node.folder}\nredirect_stderr=true\n"
            f"stdout_logfile={node.output}",
            "/run/nats/hold": str(_hold(node)),
            "/usr/local/bin/nats-server": str(node.binary),
            "/etc/nats/nats-server.conf": str(node.config),
        }.items():
            assert usual in text
            text = text.replace(usual, here)
        return text

    def hold(self, name: str) -> Path:
        """The file that keeps the program from becoming a server."""
        return _hold(next(node for node in self._programs if node.name == name))

    def control(self, *words: str) -> str:
        """Ask supervisord."""
        command = [str(BIN / "supervisorctl"), "-c", str(self.base / "supervisord.conf"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        return done.stdout.strip()

    def hosts(self) -> dict[str, dict[str, Any]]:
        """What is other here than in the inventory for users: several servers on one machine."""
        return {
            node.name: {
                "nats_program": node.name,
                "nats_hold_file": str(_hold(node)),
                "supervisorctl": f"{BIN / 'supervisorctl'} -c {self.base / 'supervisord.conf'}",
            }
            for node in self._programs
        }

    def stop(self) -> None:
        # First, or it starts again what is ended. Not by a signal that it could pass on.
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait(SECONDS)
        # A command that waits is no server, and would become one with nobody there to end it.
        holds = [str(_hold(node)) for node in self._programs]
        waiting = [one for one in all_processes() if one.argv[:1] == SHELL and any(hold in one.argv[-1] for hold in holds)]
        end([*waiting, *server_processes(self.beside)], patience_seconds=1.0)
        super().stop()


def _hold(node: Node) -> Path:
    return node.folder / "hold"
