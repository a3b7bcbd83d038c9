# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The ansible-core that runs this: whether it was tested, and which Python it needs on a managed node."""

from __future__ import annotations

from typing import Tuple

from ansible.module_utils import basic
from ansible.release import __version__ as ansible_version

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import tested as _tested

Python = Tuple[int, ...]
RUNNING: str = ansible_version


def check(running: str = RUNNING) -> str:
    """Return a warning where this release is newer than every tested one, else "". Raises NatsError where it is too old."""
    minor, oldest = _numbers(_tested.minor_of(running)), next(iter(_tested.CORES))
    tested = ", ".join(core.release for core in _tested.CORES.values())
    if minor < _numbers(oldest):
        raise NatsError(
            f"refused: this is ansible-core {running}, and natsops.cluster needs {oldest} or newer (tested: {tested})."
            " Upgrade ansible-core on the controller. Nothing was touched."
        )
    if minor <= _numbers(_tested.newest().minor):
        return ""
    return (
        f"ansible-core {running} is newer than any that this version of natsops.cluster was tested with ({tested}). Use one of"
        " those for a roll, or a newer version of the collection."
    )


def oldest_python(running: str = RUNNING) -> Python:
    """The oldest Python of a node: what a tested release needs, or what a newer one says of itself."""
    core = _tested.CORES.get(_tested.minor_of(running), _tested.newest())
    return max(_numbers(core.node_python), tuple(getattr(basic, "_PY_MIN", ())))


def _numbers(version: str) -> Python:
    return tuple(int(number) for number in version.split("."))
