# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Start what takes the place of a server: by its unit, by a command of its own, or by the command of its supervisor."""

from __future__ import annotations

from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._host import commands as _commands
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host import systemd as _systemd


def start(params: Mapping[str, Any]) -> _process.Process | None:
    """Start it; return the process where it is known.

    Where C(start_later) says so, whoever calls has it started, by a reboot of the host.
    """
    if params.get("start_later"):
        return None
    if params["start_unit"]:
        _systemd.start(params["start_unit"], params["start_timeout_seconds"])
        return None
    return _commands.started(params, params["log_path"])
