# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What takes the place of a server that has drained: another version that was staged, or whatever is installed by then."""

from __future__ import annotations

from typing import Any, Mapping, Protocol

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import binary as _binary
from ansible_collections.natsops.cluster.plugins.module_utils._artifact.proofs import Proofs
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host import start as _start
from ansible_collections.natsops.cluster.plugins.module_utils._host import started_by as _started_by
from ansible_collections.natsops.cluster.plugins.module_utils._node import facts as _facts
from ansible_collections.natsops.cluster.plugins.module_utils._node import supervisor as _supervisor

START: dict[str, dict[str, Any]] = {
    "start_unit": {"type": "str"},
    "start_argv": {"type": "list", "elements": "str"},
    "start_detach": {"type": "bool", "default": True},
    "start_later": {"type": "bool"},
    "start_timeout_seconds": {"type": "float", "default": 60.0},
    "chdir": {"type": "path"},
    "log_path": {"type": "path"},
}
SPEC: dict[str, dict[str, Any]] = {
    "path": {"type": "path"},
    "running_version": {"type": "str"},
    "version": {"type": "str"},
    "keep_versions": {"type": "int", "default": 2},
    "install_argv": {"type": "list", "elements": "str"},
    "install_timeout_seconds": {"type": "float", "default": 300.0},
    "image": {"type": "str"},
    **START,
}
ONE_START = ("start_unit", "start_argv", "start_later", "image")
STAGED = ("path", "running_version", "version")


class Successor(Protocol):
    """What is asked of it, in this order. Each raises NatsError where it cannot be done."""

    def require_ready(self) -> None:
        """Make sure, before anything is signalled, that it can take over."""

    def switch(self) -> None:
        """Make it what a start starts; the old server has exited."""

    def start(self) -> _process.Process | None:
        """Start it; return the process where it is known. A service manager has to be asked for it."""

    def tidy(self) -> list[str]:
        """Remove what is not kept any more, and return what that was."""


def of(params: Mapping[str, Any]) -> Successor:
    """The successor that the options of a module describe."""
    own: Successor | None = _supervisor.successor(params)
    if own is not None:
        return own
    return Staged(params) if params["path"] else Installed(params)


class Staged:
    """A version that lies beside the running one: see _artifact/binary.py."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params
        self._version, self._running = params["version"], params["running_version"]
        self._where = _binary.layout(params["path"], self._running, self._version, lambda: _facts.identity_of(params))
        self._binary = self._where.binary(self._version)
        self._proofs = Proofs(params.get("state_dir"))

    def require_ready(self) -> None:
        """Prove it, and keep the version that runs: that takes time, and is done while the server serves."""
        try:
            identity = _facts.identity_of(self._params)
            _binary.require_staged(self._binary, self._version, self._proofs, identity, "nothing was signalled")
            _require_own_start(self._params)
            if not _binary.is_active(self._where, self._version):
                _binary.keep(self._where, self._running, self._proofs, identity)
        except NatsError as exc:
            raise NatsError(str(exc), **{**exc.details, "exit_seen": False}) from exc

    def switch(self) -> None:
        _binary.require_proved(self._binary, self._version, self._proofs, "it was not switched to")
        if not _binary.is_active(self._where, self._version):
            _binary.activate(self._where, self._version)

    def start(self) -> _process.Process | None:
        return _start.start(self._params)

    def tidy(self) -> list[str]:
        return _binary.prune(self._where, self._params["keep_versions"], [self._version, self._running])


class Installed:
    """What is installed by then: by a package manager before the drain, or by the command install_argv after it."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params

    def require_ready(self) -> None:
        """Nothing to prove of it here: whoever calls has installed, or downloaded, it before."""
        _require_own_start(self._params)

    def switch(self) -> None:
        argv = self._params["install_argv"]
        if argv:
            _process.done(argv, timeout_seconds=self._params["install_timeout_seconds"])

    def start(self) -> _process.Process | None:
        return _start.start(self._params)

    def tidy(self) -> list[str]:
        return []


def _require_own_start(params: Mapping[str, Any]) -> None:
    """Raise NatsError where others could put another program in the place of the one that the start command runs."""
    try:
        if params["start_argv"]:
            _started_by.require_own(params["start_argv"], params["chdir"], "nothing was signalled")
    except NatsError as exc:
        raise NatsError(str(exc), **exc.details, exit_seen=False) from exc
