# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a server has said last, wherever its supervisor has that."""

from __future__ import annotations

from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import log_tail as _log_tail
from ansible_collections.natsops.cluster.plugins.module_utils._node import supervisor as _supervisor


def of(params: Mapping[str, Any]) -> list[str]:
    """The last lines, below why others are not shown: what was said last stays the end."""
    supervisor = _asked(params)
    paths, own_path, command = supervisor.log()
    user = (supervisor.unit.get("User") or "root") if supervisor.unit else None
    uid = _log_tail.uid_of(params["uid"], user)
    lines, whys = _log_tail.of_files(paths, own_path, uid, params["lines"])
    if not lines and command:
        lines = _log_tail.of_command(command, params["lines"])
    return [*whys, *lines]


def _asked(params: Mapping[str, Any]) -> _supervisor.Supervisor:
    """Where systemd has lost the unit, as a package may have removed it, what was said before is of interest all the more."""
    try:
        return _supervisor.of(params)
    except NatsError:
        return _supervisor.of_unit(params, {})
