# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who runs this on the controller, and whether the run that holds a lock still lives."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._state import keys as _keys
from ansible_collections.natsops.cluster.plugins.module_utils._state import lock as _lock

# What two runs have to share for a process id of the one to mean anything to the other.
_SAME_MACHINE = ("host", "boot_id", "pid_namespace")
LIVES, DEAD, UNKNOWN = "lives", "dead", "unknown"


def controller() -> dict[str, Any]:
    """Who runs this, so that another run can say who that was and, on the same machine, whether it still lives.

    Empty values where the controller has no /proc: nobody then takes its lock over before the lease is over.
    """
    pid = main_pid()
    process = _process.look(pid)
    try:
        boot_id, namespace = _lock.BOOT_ID.read_text(encoding="ascii").strip(), os.readlink("/proc/self/ns/pid")
    except OSError:
        boot_id = namespace = ""
    return {
        "host": os.uname().nodename,
        "boot_id": boot_id,
        "pid_namespace": namespace,
        "pid": pid,
        "start_ticks": process.start_ticks if process else 0,
        "user": _user(),
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        return str(os.getuid())


def main_pid() -> int:
    """The process that lives as long as the run. This one is a worker that is forked from it for one task."""
    own, parent = _argv(os.getpid()), os.getppid()
    line = _ancestors(parent)
    # A forked worker has the arguments of the process that it was forked from.
    forked_from = [pid for pid in line[: _same(own, line)] if own]
    named = [pid for pid in line if any(os.path.basename(word).startswith("ansible") for word in _argv(pid)[:2])]
    # Never this process itself: one that ends with the task would pass for a run that has died.
    return [*forked_from[-1:], *named[:1], parent][0]


def _same(own: tuple[str, ...], line: list[int]) -> int:
    return next((index for index, pid in enumerate(line) if _argv(pid) != own), len(line))


def _argv(pid: int) -> tuple[str, ...]:
    process = _process.look(pid)
    return process.argv if process else ()


def _ancestors(pid: int) -> list[int]:
    line = []
    while pid > 1:
        line.append(pid)
        try:
            status = (Path("/proc") / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            break
        pid = int(dict(row.split(":", 1) for row in status.splitlines())["PPid"])
    return line


def is_dead(holder: Mapping[str, Any], us: Mapping[str, Any]) -> bool:
    """Whether the process that holds a lock is known to have gone, which only its own machine can tell."""
    if not us.get("boot_id") or any(holder.get(name) != us.get(name) for name in _SAME_MACHINE):
        return False
    process = _process.look(int(holder.get("pid") or 0))
    return process is None or process.start_ticks != holder.get("start_ticks")


def state_of(lock: Mapping[str, Any], us: Mapping[str, Any]) -> str:
    """Whether the run that holds a lock lives, is dead, or is not known from here."""
    if _keys.no_lock(lock):
        return UNKNOWN
    holder = lock["controller"]
    if is_dead(holder, us):
        return DEAD
    same = us.get("boot_id") and all(holder.get(name) == us.get(name) for name in _SAME_MACHINE)
    return LIVES if same else UNKNOWN
