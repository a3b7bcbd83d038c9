# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who starts the server of a node, and starts it again when it ends: one protocol for all, and the one place that chooses.

Each is in a file of its own: _host/systemd.py, _host/commands.py, _container/docker.py, _container/podman.py. Another one is a
file more and a line in C(of).
"""

from __future__ import annotations

import os
from typing import Any, Mapping, Protocol

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host import unit_start as _unit_start
from ansible_collections.natsops.cluster.plugins.module_utils._host.process import Found, Process
from ansible_collections.natsops.cluster.plugins.module_utils._state import files as _files

SERVER_SPEC: dict[str, dict[str, Any]] = {
    "pid": {"type": "int"},
    "pid_file": {"type": "path"},
    "service": {"type": "str"},
    "container": {"type": "str"},
}
# The same for a module that may do without, and has no use for containers.
OPTIONAL_SPEC = {name: option for name, option in SERVER_SPEC.items() if name != "container"}
# One of these names the server.
SERVER = tuple(SERVER_SPEC)
_WORDS = {"type": "list", "elements": "str", "default": []}
# Of M(natsops.cluster.nats_service): all that any supervisor looks at.
SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["held", "released", "started", "ended", "log", "status"], "required": True},
    **SERVER_SPEC,
    "start_ticks": {"type": "int"},
    "host": {"type": "str"},
    **{f"{what}_command": _WORDS for what in ("hold", "release", "stop", "status", "log")},
    "start_argv": _WORDS,
    "start_detach": {"type": "bool", "default": True},
    "start_timeout_seconds": {"type": "float", "default": 60.0},
    "chdir": {"type": "path"},
    "output_path": {"type": "path"},
    "own_output_path": {"type": "path"},
    "log_path": {"type": "path"},
    "uid": {"type": "int"},
    "lines": {"type": "int", "default": 50},
    "timeout_seconds": {"type": "float", "default": 10.0},
    "status_tries": {"type": "int", "default": 0},
    "is_back": {"type": "bool", "default": False},
    "untouched": {"type": "bool", "default": False},
    "stays_away": {"type": "bool", "default": False},
    "state_dir": {"type": "path", "default": _files.FOLDER},
}


class Supervisor(Protocol):
    """What is asked of it. Each raises NatsError where it cannot be done, or cannot be told."""

    unit: dict[str, str]
    """The properties of the unit that runs the server; empty where none does."""

    contained: bool
    """Whether the server runs in a container, so that its files are not where it says."""

    def find(self) -> Found:
        """The server's process, proved to be a nats-server."""

    def container(self) -> dict[str, Any] | None:
        """The facts of the container that the server runs in."""

    def is_held(self) -> bool:
        """Whether a run of ours holds its restarts."""

    def hold(self, *, check_mode: bool) -> dict[str, Any]:
        """Keep the server down once it has exited; read back, before anything is signalled."""

    def require_held(self) -> None:
        """Raise NatsError where it would bring the server back by itself."""

    def release(self, *, check_mode: bool) -> dict[str, Any]:
        """Give back what a hold has changed, and remove what is not needed any more."""

    def lame_duck(self, process: Process) -> bool:
        """Send SIGUSR2 to the server. False where it has exited meanwhile."""

    def start(self, *, check_mode: bool) -> dict[str, Any]:
        """Start the server as it would be started after a crash."""

    def end(self, *, check_mode: bool) -> dict[str, Any]:
        """End a server that does not come up. Never one that serves."""

    def log(self) -> tuple[list[str], str | None, list[str]]:
        """Where the server's last words are: files of the server, a file of ours, and a command for where these hold nothing."""

    def status(self) -> dict[str, Any]:
        """Raise NatsError where it does not run the server that answers."""


def of(params: Mapping[str, Any]) -> Supervisor:
    """The supervisor of the server that the options pid, pid_file, service or container name.

    Imports are here and not above: a module on a node compiles whatever it imports each time it runs.
    """
    if params.get("container"):
        from ansible_collections.natsops.cluster.plugins.module_utils._container.docker import Docker

        return Docker(params)
    if params.get("service"):
        return of_unit(params, unit_of(params))
    from ansible_collections.natsops.cluster.plugins.module_utils._host.commands import Commands

    return Commands(params)


def of_unit(params: Mapping[str, Any], unit: dict[str, str]) -> Supervisor:
    """The supervisor of a unit with these properties."""
    if runs_podman(unit):
        from ansible_collections.natsops.cluster.plugins.module_utils._container.podman import Podman

        return Podman(params, unit)
    from ansible_collections.natsops.cluster.plugins.module_utils._host.systemd import Systemd

    return Systemd(params, unit)


def successor(params: Mapping[str, Any]) -> Any:
    """What takes the place of a server in a container, the same or one of another image; None for any other server."""
    if params.get("container"):
        from ansible_collections.natsops.cluster.plugins.module_utils._container import docker as _docker

        name, image = params["container"], params["image"]
        return _docker.Recreated(name, image) if image else _docker.Again(name)
    if not params.get("image"):
        return None
    if not params.get("service"):
        raise NatsError("image is for a server that container or service names")
    from ansible_collections.natsops.cluster.plugins.module_utils._container import podman as _podman

    return _podman.Switched(params)


def runs_podman(unit: Mapping[str, str]) -> bool:
    """Whether a unit runs its server in a container of podman."""
    return [os.path.basename(program) for program in _unit_start.exec_argv(unit.get("ExecStart", ""))[:1]] == ["podman"]


def unit_of(params: Mapping[str, Any]) -> dict[str, str]:
    """The properties of the unit that is named."""
    try:
        return _process.systemctl_show(params["service"])
    except NatsError as exc:
        if not params.get("image"):
            raise
        raise NatsError(
            f"{exc}. A container of podman that no unit runs cannot be upgraded, for podman would start it again while it is: "
            "have a unit run it (podman generate systemd --new). Nothing was touched"
        ) from exc


# The command that a state of M(natsops.cluster.nats_service) runs, where no unit or container is named.
_COMMAND = {"held": "hold_command", "released": "release_command", "status": "status_command"}


def asks_nobody(params: Mapping[str, Any]) -> bool:
    """Whether there is nothing to do on the node, and so no need to go there."""
    state = params.get("state")
    command = "hold_command" if params.get("stays_away") else _COMMAND.get(str(state))
    if params.get("service") or params.get("container"):
        return state == "status"
    return command is not None and not params.get(command)
