# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a process was started in: its folder, its environment, the file that its errors go to. Its user decides all of them."""

from __future__ import annotations

import os

from ansible_collections.natsops.cluster.plugins.module_utils._files import safe as _safe
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host.process import Process


def cwd_of(process: Process | None) -> str | None:
    return _link_of(process, "cwd")


def output_file(process: Process | None) -> str | None:
    """The file that the server's standard error goes to; None where it is no file, or none that we would append to."""
    target = _link_of(process, "fd/2")
    return target if target and _safe.may_be_appended(target) else None


def _link_of(process: Process | None, name: str) -> str | None:
    if process is None:
        return None
    try:
        return os.readlink(str(_process.PROC / str(process.pid) / name))
    except OSError:  # another user's process
        return None


def environment_of(process: Process | None) -> dict[str, str]:
    """The environment that the server was started with; empty where it may not be read."""
    if process is None:
        return {}
    try:
        raw = (_process.PROC / str(process.pid) / "environ").read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return {}
    return dict(entry.split("=", 1) for entry in raw.split("\0") if "=" in entry)


def root_of(process: Process | None) -> str:
    """Where the files of a process in a container are, seen from the host."""
    return str(_process.PROC / str(process.pid) / "root") if process else ""
