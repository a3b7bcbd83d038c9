# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The container that a NATS server runs in: its facts, the hold of its restarts, its successor with another image.

The successor is created, stopped, before the server drains. Names say how far a turn has come, so that one that died anywhere
is taken up: NAME is the server, NAME-natsops-next the successor, NAME-natsops-previous what was replaced and can be put back.
"""

from __future__ import annotations

import signal
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._container import compose as _compose
from ansible_collections.natsops.cluster.plugins.module_utils._container import docker_units as _docker_units
from ansible_collections.natsops.cluster.plugins.module_utils._container import engine as _engine
from ansible_collections.natsops.cluster.plugins.module_utils._container import recreate as _recreate
from ansible_collections.natsops.cluster.plugins.module_utils._core import fields as _fields
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.poll import poll_until
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host.process import Found, Process
from ansible_collections.natsops.cluster.plugins.module_utils._state import files as _files

HOLD = "container.json"
_HOLD_KEYS = {
    **dict.fromkeys(("container", "id"), _fields.NAME.needed),
    # It becomes a word of a command.
    "restart": _fields.matching(r"no|always|unless-stopped|on-failure(:[0-9]{1,9})?", "a restart policy of docker").needed,
}
# How long a container may go on after its server has exited.
STOP_SECONDS = 30.0


def next_name(name: str) -> str:
    return f"{name}-natsops-next"


def previous_name(name: str) -> str:
    return f"{name}-natsops-previous"


def find(name: str) -> tuple[Found, _engine.Inspected]:
    """The server in a container, and what the engine says of the container, or of what it was if it is just being replaced."""
    container = _engine.inspect(name)
    if container is None:
        previous = _engine.inspect(previous_name(name))
        if previous is None:
            raise NatsError(
                f"docker has no container named {name}: set nats_upgrade_service_name to the container of the NATS server "
                "(docker ps --all)"
            )
        return Found("container", None, f"container {name} is being replaced"), previous
    if not container["State"]["Running"] or container["State"].get("Restarting"):
        return Found("container", None, f"container {name} is {container['State']['Status']}"), container
    return _process.find_by_container(name, container["State"]["Pid"]), container


def lame_duck(name: str, process: Process) -> bool:
    """Send SIGUSR2 through the engine, which then counts the container as stopped by hand. False where it has exited.

    Under an init or a wrapper the engine would signal that one, which may not pass it on: the server itself is signalled.
    """
    container = _engine.inspect(name)
    if container is not None and container["State"]["Pid"] == process.pid:
        return _engine.kill(name, "SIGUSR2")
    return _process.send(process, signal.SIGUSR2)


def facts(name: str, wanted_image: str | None) -> dict[str, Any] | None:
    """What of a container bears on an upgrade; of one that is being replaced, what it was."""
    container = _engine.inspect(name) or _engine.inspect(previous_name(name))
    if container is None:
        return None
    mounts = [mount for mount in container.get("Mounts") or [] if mount.get("Type") in ("bind", "volume")]
    return {
        "name": name,
        "id": container["Id"],
        "image": container["Config"]["Image"],
        "restart": policy_text(container["HostConfig"].get("RestartPolicy") or {}),
        "removed_on_exit": bool(container["HostConfig"].get("AutoRemove")),
        "started_by_units": _docker_units.running(container),
        "data_paths": sorted(mount["Destination"] for mount in mounts),
        "mounts": [{"source": mount["Source"], "destination": mount["Destination"]} for mount in mounts],
        "compose_project": _compose.project(container),
        "compose_service": _compose.service(container),
        "compose_files": _compose.files(container),
        "compose_image": _compose.image(container) if _compose.project(container) else "",
        "wanted_image": wanted_image or "",
        "wanted_image_is_here": bool(wanted_image) and _engine.image(str(wanted_image)) is not None,
    }


def policy_text(policy: Mapping[str, Any]) -> str:
    """A restart policy as docker update takes it."""
    name = policy.get("Name") or "no"
    count = policy.get("MaximumRetryCount") or 0
    return f"{name}:{count}" if name == "on-failure" and count else str(name)


def image_here(reference: str) -> _engine.Inspected:
    image = _engine.image(reference)
    if image is None:
        raise NatsError(f"docker has no image {reference} (any more): run again, which fetches it. Nothing was signalled")
    return image


def body_like(container: Mapping[str, Any], reference: str) -> _recreate.Body:
    # The image of a container stays as long as the container does.
    body = _recreate.like(container, image_here(container["Image"]), reference)
    body["Labels"].update(_compose.labels(container, reference, image_here(reference)["Id"]))
    return body


def hold(name: str, state_dir: str, *, check_mode: bool) -> dict[str, Any]:
    """Keep the engine from starting the container again; what its policy was is on the disk before that."""
    container = _engine.inspect(name)
    if container is None:  # a turn that broke off between two names: there is nothing to hold
        return {"changed": False, "restart": "no"}
    policy = policy_text(container["HostConfig"].get("RestartPolicy") or {})
    if held(state_dir, name) is None and not check_mode:
        with _files.guarded(state_dir):
            _files.replace(state_dir, {HOLD: {"container": name, "id": container["Id"], "restart": policy}})
    if policy == "no":
        return {"changed": False, "restart": "no"}
    if not check_mode:
        _engine.say("update", "--restart=no", name)
        require_held(name)
    return {"changed": True, "restart": "no" if not check_mode else policy}


def held(state_dir: str, name: str) -> _files.Fields | None:
    """What is remembered of the container whose restarts are held; None where none are."""
    content = _files.read(state_dir, HOLD)
    unreadable = content.unreadable or (_fields.wrong(content.fields, _HOLD_KEYS) if content.fields is not None else "")
    if unreadable:
        raise NatsError(
            f"{state_dir}/{HOLD}, which holds the restart policy of container {name}, cannot be read ({unreadable}): "
            f"give the container its policy back (docker update --restart=POLICY {name}), and delete the file"
        )
    return content.fields


def require_held(name: str) -> None:
    """Prove that the engine does not start the container again."""
    container = _engine.inspect(name)
    policy = policy_text(container["HostConfig"].get("RestartPolicy") or {}) if container else "no"
    if policy != "no":
        raise NatsError(
            f"docker says restart policy {policy} for container {name}: its restarts are not held, or not any more, so that "
            "docker could bring the old version back before the new one is in its place. Nothing was signalled. Run again: "
            "restarts are held before this step"
        )


def release(name: str, state_dir: str, *, remove_previous: bool, check_mode: bool) -> dict[str, Any]:
    """Give the server its restart policy back, and remove what is not needed any more."""
    kept, container = held(state_dir, name), _engine.inspect(name)
    extra = [other for other in (next_name(name), *([previous_name(name)] if remove_previous else [])) if _engine.inspect(other)]
    if container is None or (kept is None and not extra):
        return {"changed": False, "removed": []}
    if check_mode:
        return {"changed": True, "removed": extra}
    if kept is not None:
        _engine.say("update", f"--restart={kept['restart']}", name)
        with _files.guarded(state_dir):
            _files.remove(state_dir, HOLD)
    return {"changed": True, "removed": [other for other in extra if _engine.remove(other)]}


def start(name: str, *, check_mode: bool = False) -> dict[str, Any]:
    """Start the server's container. One that runs already is left alone."""
    container = _engine.inspect(name)
    runs = container is not None and bool(container["State"]["Running"])
    if not runs and not check_mode:
        _engine.say("start", name)
    return {"changed": not runs}


def end(name: str, *, check_mode: bool) -> dict[str, Any]:
    """End whatever runs in the container, for putting back: SIGTERM, and SIGKILL after a while."""
    container = _engine.inspect(name)
    running = container is not None and bool(container["State"]["Running"] or container["State"].get("Restarting"))
    if running and not check_mode:
        _engine.say("stop", "--time", "10", name)
    return {"changed": running}


def put_back(name: str, reference: str | None, *, check_mode: bool) -> dict[str, Any]:
    """Give the name back to the container that was replaced; the one that took its place is removed.

    Where none is kept, a container of another image than this one is the old one: nothing took its place, or it is back already.
    """
    if _engine.inspect(previous_name(name)) is None:
        container, image = _engine.inspect(name), _engine.image(reference) if reference else None
        if container is None or image is None or container["Image"] == image["Id"]:
            raise NatsError(
                f"nothing is kept to put back: docker has no container {previous_name(name)}, and {name} is "
                f"{'not there' if container is None else 'of the image ' + container['Config']['Image']}. Make the container as "
                "it was, with the old image, and start it"
            )
        return {"changed": False}
    if not check_mode:
        _engine.remove(name)
        _engine.say("rename", previous_name(name), name)
    return {"changed": True}


def _wait_until_stopped(name: str) -> None:
    """The engine learns of the exit a moment later, and only then lets go of the container's address and ports."""
    polled = poll_until(
        lambda: _engine.inspect(name),
        lambda container: container is None or not container["State"]["Running"],
        timeout_seconds=STOP_SECONDS,
        shortest_interval_seconds=0.02,
        longest_interval_seconds=0.5,
    )
    if not polled.satisfied:
        raise NatsError(
            f"the server in container {name} has exited, and the container still runs after {polled.elapsed_seconds:.0f} s: its "
            "main process is a wrapper that has to end with its server. End it (docker stop), and run again"
        )


class Again:
    """The successor of a restart: the same container."""

    def __init__(self, name: str) -> None:
        self._name = name

    def require_ready(self) -> None:
        """It is there as long as nobody removes it."""

    def switch(self) -> None:
        """Wait until it can be started: of one that still runs docker says that a start is well."""
        _wait_until_stopped(self._name)

    def start(self) -> None:
        start(self._name)

    def tidy(self) -> list[str]:
        return []


class Recreated:
    """The successor: a container like the one that drains, with another image."""

    def __init__(self, name: str, reference: str) -> None:
        self._name, self._reference = name, reference
        self._next, self._previous = next_name(name), previous_name(name)

    def require_ready(self) -> None:
        """Create it. Where the turn broke off after it had been created, it is there, or has taken the name already."""
        container, previous = _engine.inspect(self._name), _engine.inspect(self._previous)
        if container is None or self._is_new(container):
            return
        if previous is not None and container["State"]["Running"]:  # of a turn that has ended: nothing takes it back
            _engine.remove(self._previous)
            previous = None
        _engine.remove(self._next)
        # With both there, what has the name now is a successor that did not come up.
        _engine.create(self._next, body_like(previous or container, self._reference))

    def switch(self) -> None:
        container = _engine.inspect(self._name)
        if container is not None and self._is_new(container):
            return
        if container is not None:
            _wait_until_stopped(self._name)
        if container is not None and not _engine.inspect(self._previous):
            _engine.say("rename", self._name, self._previous)
        else:
            _engine.remove(self._name)
        _engine.say("rename", self._next, self._name)

    def start(self) -> None:
        start(self._name)

    def tidy(self) -> list[str]:
        """Nothing: what was replaced is kept until the node is back."""
        return []

    def _is_new(self, container: Mapping[str, Any]) -> bool:
        return bool(container["Image"] == image_here(self._reference)["Id"])


class Docker:
    """The server in a container of the engine."""

    contained = True

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params, self._name = params, params["container"]
        self.unit: dict[str, str] = {}

    def find(self) -> Found:
        return find(self._name)[0]

    def container(self) -> dict[str, Any] | None:
        return facts(self._name, self._params.get("image"))

    def is_held(self) -> bool:
        return held(self._params["state_dir"], self._name) is not None

    def hold(self, *, check_mode: bool) -> dict[str, Any]:
        return hold(self._name, self._params["state_dir"], check_mode=check_mode)

    def require_held(self) -> None:
        require_held(self._name)

    def release(self, *, check_mode: bool) -> dict[str, Any]:
        """What was replaced goes once the new one is known to be back, and not before: it is what would be put back."""
        remove = bool(self._params["is_back"])
        return release(self._name, self._params["state_dir"], remove_previous=remove, check_mode=check_mode)

    def lame_duck(self, process: Process) -> bool:
        return lame_duck(self._name, process)

    def start(self, *, check_mode: bool) -> dict[str, Any]:
        return start(self._name, check_mode=check_mode)

    def end(self, *, check_mode: bool) -> dict[str, Any]:
        return end(self._name, check_mode=check_mode)

    def log(self) -> tuple[list[str], str | None, list[str]]:
        """What a server says goes to its standard error, which docker keeps apart."""
        return [], None, ["docker", "logs", "--tail", str(self._params["lines"]), self._name]

    def status(self) -> dict[str, Any]:
        """The engine was asked for the process itself."""
        return {"changed": False}
