# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What servers of one machine may share, as facts to compare between hosts: the file that starts them, and a state folder."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Iterator

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import layout as _layout
from ansible_collections.natsops.cluster.plugins.module_utils._artifact.layout import Layout
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host import started_by as _started_by
from ansible_collections.natsops.cluster.plugins.module_utils._host.process import Process
from ansible_collections.natsops.cluster.plugins.module_utils._state import lock as _lock

_DELETED = " (deleted)"
# With one of these it is no server, but a question to the binary; we ask some ourselves, for each server.
_QUESTIONS = frozenset(
    ("-t", "--t", "-v", "-version", "--version", "-h", "-help", "--help", "-sl", "--sl", "-signal", "--signal")
)


def place_of(path: str) -> str:
    """What tells a place from all others, on every machine and in every container; empty where that cannot be known.

    Not by names: a machine may have the name, and the id, of the one that it was copied from. It need not be there yet.
    """
    here, missing = os.path.realpath(path), ""
    while True:
        try:
            seen = os.stat(here)
            return f"{_lock.now().boot_id}:{seen.st_dev}:{seen.st_ino}{missing}"
        except FileNotFoundError:
            here, name = os.path.split(here)
            missing = f"/{name}{missing}"
        except (OSError, NatsError):
            return ""


def switch(path: str, installed: str | None, process: Process | None) -> dict[str, Any] | None:
    """What a roll to another version switches; None where it cannot be known."""
    try:
        where = _layout.of(path, [installed] if installed else [])
    except NatsError:  # what is wrong with its links is told as what it is
        return None
    folder, name = os.path.split(where.switch)
    place = place_of(folder)
    named = installed if installed and _layout.versions_in([installed]).search(path) else ""
    return {
        "path": where.switch,
        "link": where.link,
        "managed": where.managed,
        "names_version": named,
        "place": place and f"{place}/{name}",
        "others": [{"pid": one.pid, "config_path": _started_by.config_in(one.argv)} for one in _others(where, process)],
    }


def _others(where: Layout, own: Process | None) -> Iterator[Process]:
    """Other servers that run what a start takes now: with it they are switched, too. Of other users, only root sees them."""
    program = os.path.realpath(where.start)
    for pid in sorted(int(entry.name) for entry in _process.PROC.iterdir() if entry.name.isdigit()):
        found = _process.look(pid) if own is None or pid != own.pid else None
        if not found or _without_deleted(found.exe) != program or _QUESTIONS.intersection(found.argv):
            continue
        if _sees_our_files(pid) and _goes_by(found, where):
            yield found


def _without_deleted(exe: str) -> str:
    return exe[: -len(_DELETED)] if exe.endswith(_DELETED) else exe


def _sees_our_files(pid: int) -> bool:
    """Not one in a container: a path of its own means another file."""
    with contextlib.suppress(OSError):
        return os.path.samestat(os.stat(str(_process.PROC / str(pid) / "root")), os.stat("/"))
    return False


def _goes_by(process: Process, where: Layout) -> bool:
    """Whether a server is started through the link that would be switched, and not by another one to the same file."""
    started_by = process.argv[0] if process.argv else ""
    if not where.link or not os.path.isabs(started_by):
        return True
    with contextlib.suppress(NatsError):
        return where.switch in (link.path for link in _layout.way(started_by)[0])
    return True
