# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The container that a NATS server runs in: its facts, the hold of its restarts, its successor with another image.

The successor is created, stopped, before the server drains. Names say how far a turn has come, so that one that died anywhere
is taken up: NAME is the server, NAME-natsops-next the successor, NAME-natsops-previous what was replaced and can be put back.
"""

from __future__ import annotations

import signal
from typing import Any, Callable, Mapping

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


def root_of(process: Process | None) -> str:
    """Where the files of a process in a container are, seen from the host."""
    return str(_process.PROC / str(process.pid) / "root") if process else ""


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


def stage(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Have the image on the node, prove its version, and have it accept the deployed configuration.

    Without C(image) it is the one that a restart starts anyhow: nothing is fetched then, and check mode asks it too.
    """
    given, service = params["image"], params.get("service")
    program = _engine.PODMAN if service else _engine.DOCKER
    reference = given or _image_of_a_restart(params)
    result: dict[str, Any] = {"changed": False, "image": reference, "said": "", "digest": ""}
    if given:
        result["changed"] = _engine.image(reference, program) is None
        if check_mode:
            return {**result, "said": "not checked until staged"}
        if result["changed"]:
            _fetch(reference, params["image_file"], program)
    if service:
        # Here and not above: a module on a node compiles whatever it imports each time it runs.
        from ansible_collections.natsops.cluster.plugins.module_utils._container import podman as _podman

        running, ask = _podman.asker(service, reference)
    else:
        running, ask = _asker(params["container"], reference)
    said = ask(["--version"])
    version = said.stdout.split()[-1].lstrip("v") if said.returncode == 0 and "nats-server" in said.stdout else ""
    if not version or version != (params["version"] or version):
        what = f"nats-server {version}" if version else f"no nats-server that answers --version: {_words(said)}"
        raise _wrong_image(params, reference, what)
    if params["config_path"] and running:
        result.update(_config_checked(params, version, reference, ask))
    return result


def _image_of_a_restart(params: Mapping[str, Any]) -> str:
    """Docker starts the same container again, whatever its tag names by now; a unit of podman makes another one, of the tag."""
    if not params.get("service"):
        return str(find(params["container"])[1]["Image"])
    from ansible_collections.natsops.cluster.plugins.module_utils._container import podman as _podman

    return _podman.image_of(_process.systemctl_show(params["service"]))


def _wrong_image(params: Mapping[str, Any], reference: str, what: str) -> NatsError:
    if params["image"]:
        return NatsError(
            f"the image {reference} holds {what}, and not nats-server {params['version']}: nothing was touched. Set "
            "nats_upgrade_image to an image of that version",
            refusal="wrong_image",
        )
    return NatsError(
        f"the image {reference} of a restart holds {what}, and not nats-server {params['version']}, which runs: nothing was "
        "touched. Upgrade to what it holds with natsops.cluster.upgrade, or give its name back to the image that runs",
        refusal="wrong_image",
    )


def _config_checked(
    params: Mapping[str, Any], version: str, reference: str, ask: Callable[[list[str]], _process.Output]
) -> dict[str, Any]:
    """What the server says of the configuration as it is mounted now, and the digest of that where it tells one."""
    from ansible_collections.natsops.cluster.plugins.module_utils._host import config_check as _config_check

    said = ask(["-c", params["config_path"], "-t"])
    if said.returncode != 0:
        where = f"unit {params['service']}" if params.get("service") else f"container {params['container']}"
        raise NatsError(
            f"nats-server {version} of the image {reference} refuses {params['config_path']} of {where}: "
            f"{_words(said)}. A server that refuses its configuration does not start: mend the configuration (keys of a "
            "newer version go in after the last node has it), and run again. Nothing was changed",
            refusal="config",
        )
    return {"said": _words(said), "digest": _config_check.digest_in(said.stdout + said.stderr)}


def _fetch(reference: str, file: str | None, program: str) -> None:
    try:
        if file:
            _engine.say("load", "--input", file, timeout_seconds=_engine.LONG_SECONDS, program=program)
        else:
            _engine.say("pull", "--quiet", reference, timeout_seconds=_engine.LONG_SECONDS, program=program)
    except NatsError as exc:
        raise NatsError(
            f"the image {reference} cannot be had: {exc}. Nothing was touched. Set nats_upgrade_image to one that this host can "
            "pull, or nats_upgrade_image_file to a file of docker save on the controller",
            refusal="no_image",
        ) from exc
    if _engine.image(reference, program) is None:
        raise NatsError(
            f"nats_upgrade_image_file was loaded and holds no image named {reference}: set nats_upgrade_image to the name that "
            "was given to docker save",
            refusal="no_image",
        )


def _image(reference: str) -> _engine.Inspected:
    image = _engine.image(reference)
    if image is None:
        raise NatsError(f"docker has no image {reference} (any more): run again, which fetches it. Nothing was signalled")
    return image


def _body(container: Mapping[str, Any], reference: str) -> _recreate.Body:
    # The image of a container stays as long as the container does.
    body = _recreate.like(container, _image(container["Image"]), reference)
    body["Labels"].update(_compose.labels(container, reference, _image(reference)["Id"]))
    return body


def _asker(name: str, reference: str) -> tuple[bool, Callable[[list[str]], _process.Output]]:
    """Whether the server runs, and what asks an image one question in a container like the server's."""
    found, container = find(name)
    body, image = _body(container, reference), _image(reference)

    def ask(words: list[str]) -> _process.Output:
        return _engine.run(f"{name}-natsops-check", _recreate.asking(body, image, words))

    return found.process is not None, ask


def _words(output: _process.Output) -> str:
    return (output.stderr.strip() or output.stdout.strip() or "(it said nothing)").replace("nats-server: ", "")


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
        _engine.create(self._next, _body(previous or container, self._reference))

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
        return bool(container["Image"] == _image(self._reference)["Id"])
