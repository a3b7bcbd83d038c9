"""Processes on this machine, read from /proc: who runs, is it still the same one, and how to end it within a bound."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.binaries import LabError

PROC = Path("/proc")
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Process:
    """A living process. The start time tells it from another one that got the same pid later."""

    pid: int
    start_ticks: int
    argv: tuple[str, ...]


def look(pid: int) -> Process | None:
    """Return the process with this pid, or None. A zombie has exited."""
    try:
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        argv = (PROC / str(pid) / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")[:-1]
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else Process(pid, int(fields[19]), tuple(argv))


def all_processes() -> Iterator[Process]:
    for entry in PROC.iterdir():
        process = look(int(entry.name)) if entry.name.isdigit() else None
        if process is not None:
            yield process


def end_marked(setting: str) -> None:
    """End every other process that was started with this NAME=value in its environment, or by such a one."""
    end([found for found in all_processes() if found.pid != os.getpid() and has_environment(found, setting)])


def has_environment(process: Process, setting: str) -> bool:
    """Tell whether the process was started with this NAME=value in its environment."""
    try:
        return setting.encode() in (PROC / str(process.pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def is_alive(process: Process) -> bool:
    now = look(process.pid)
    return now is not None and now.start_ticks == process.start_ticks


def send(process: Process, number: signal.Signals) -> None:
    if is_alive(process):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Return whether the condition became true within the time."""
    deadline = time.monotonic() + seconds
    while True:
        begin = time.monotonic()
        if condition():
            return True
        now = time.monotonic()
        if now > deadline:
            return False
        # What takes long to ask is asked less often: others wait for the processor.
        time.sleep(max(POLL_SECONDS, now - begin))


def end(processes: Sequence[Process], *, patience_seconds: float = 10.0) -> None:
    """End the processes: SIGTERM, and SIGKILL for those that are still there afterwards."""
    for process in processes:
        send(process, signal.SIGTERM)
    if wait_until(lambda: not any(map(is_alive, processes)), patience_seconds):
        return
    for process in processes:
        send(process, signal.SIGKILL)
    if not wait_until(lambda: not any(map(is_alive, processes)), 10.0):
        left = ", ".join(str(process.pid) for process in processes if is_alive(process))
        raise LabError(f"still running after SIGKILL: pid {left}")
