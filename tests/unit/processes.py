"""Real processes to look for: some look like a NATS server, some do not."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._host.process import Process, look

SECONDS = "60"


class Processes:
    """Starts processes in a folder, and ends all of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._children: list[subprocess.Popen[bytes]] = []

    def program(self, name: str = "nats-server") -> Path:
        """A program that does nothing, under this name. It ends by itself after a minute."""
        path = self.folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(shutil.which("sleep") or "/bin/sleep"), path)
        return path

    def start(self, *argv: object, **options: object) -> Process:
        child = subprocess.Popen([str(word) for word in argv], **options)  # type: ignore[call-overload]
        self._children.append(child)
        # Until exec has happened the child is still Python by name.
        return until(lambda: started(child.pid, str(argv[0])))

    def server(self, name: str = "nats-server", **options: object) -> Process:
        return self.start(self.program(name), SECONDS, **options)

    def script(self, text: str, **options: object) -> Process:
        return self.start(sys.executable, "-c", text, **options)

    def reap(self, process: Process) -> int:
        return next(child for child in self._children if child.pid == process.pid).wait(10)

    def end(self) -> None:
        for child in self._children:
            child.kill()
            child.wait()


def started(pid: int, program: str) -> Process | None:
    process = look(pid)
    return process if process and process.argv[:1] == (program,) else None


def until(condition: Callable[[], Process | None]) -> Process:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        value = condition()
        if value is not None:
            return value
        time.sleep(0.002)
    raise AssertionError("a process that a test needs has not come up")


def is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    folder = Processes(tmp_path / "processes")
    try:
        yield folder
    finally:
        folder.end()


def ended(pid: int) -> None:
    """Wait until a program that was started detached has ended. Python may have reaped it already, when its Popen was dropped."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def shell(processes: Processes, text: str) -> Process:
    """A server by name that does with signals what the text says, and waits."""
    program = processes.folder / "nats-server"
    program.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(os.path.realpath("/bin/sh"), program)
    ready, told = os.pipe()
    server = processes.start(program, "-c", f"{text}; echo ready; read never", stdin=subprocess.PIPE, stdout=told)
    os.close(told)
    with os.fdopen(ready, "rb") as waiting:
        waiting.read(1)
    return server
