# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Start a server: by its unit, by a command of its own, or by the command of its supervisor."""

from __future__ import annotations

from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process


def start(params: Mapping[str, Any]) -> _process.Process | None:
    """Start the server: a unit of systemd, a command of its own in a session of its own, or a supervisor's command.

    Where C(start_later) says so, whoever calls has it started, by a reboot of the host.
    """
    if params.get("start_later"):
        return None
    if not params["start_unit"] and params["start_detach"]:
        return _process.look(
            _process.start_detached(params["start_argv"], cwd=params["chdir"] or "/", log_path=params["log_path"])
        )
    if params["start_unit"]:
        _process.wait_for_unit_end(params["start_unit"], params["start_timeout_seconds"])
    argv = ["systemctl", "start", params["start_unit"]] if params["start_unit"] else params["start_argv"]
    _process.done(argv, timeout_seconds=params["start_timeout_seconds"])
    return None
