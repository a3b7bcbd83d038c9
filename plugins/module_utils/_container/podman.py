# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""A NATS server that a systemd unit runs in a container by podman: its facts, and its successor, the unit with another image.

Podman has no daemon, and a container that it removes at each exit is nothing to keep: the unit says all that the server is. Its
restarts are held as those of any unit.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import Any, Callable, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._container import engine as _engine
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host import start as _start
from ansible_collections.natsops.cluster.plugins.module_utils._host import systemd as _systemd
from ansible_collections.natsops.cluster.plugins.module_utils._host import unit_start as _unit_start
from ansible_collections.natsops.cluster.plugins.module_utils._host.process import Found, Output

# Units that podman has generated, and those of quadlet, mark their container.
LABEL = "PODMAN_SYSTEMD_UNIT"
PREVIOUS = ".natsops-previous"
STOP_SECONDS = 30.0
# Podman gives these to every container.
_ITS_OWN = ("PATH", "HOME", "HOSTNAME", "TERM", "container")
_WITHOUT_A_NAME = re.compile(r"^[0-9a-f]{64}$")


def find(unit: Mapping[str, str]) -> Found:
    """The server of a unit. It is no child of the unit's main process in its control group, but in one of podman's."""
    container = _container(unit)
    if container is None:
        return Found("container", None, f"unit {unit['Id']} is {unit.get('ActiveState', 'not active')} and has no container")
    if not container["State"]["Running"]:
        return Found("container", None, f"container {container['Name']} is {container['State']['Status']}")
    return _process.find_by_container(container["Name"], container["State"]["Pid"])


def _container(unit: Mapping[str, str]) -> _engine.Inspected | None:
    argv = _argv(unit)
    known = _engine.say("ps", "--all", "--quiet", "--filter", f"label={LABEL}={unit['Id']}", program=_engine.PODMAN).split()
    named = _name_in(argv)
    found = [_engine.inspect(name, _engine.PODMAN) for name in [*known, *([named] if named else [])]]
    containers = sorted((one for one in found if one), key=lambda one: not one["State"]["Running"])
    if not containers and not named and unit.get("ActiveState") == "active":
        raise NatsError(
            f"podman has no container with the label {LABEL}={unit['Id']}, and ExecStart gives it no name by which it can be "
            "found: add --name to its podman run. Nothing was touched"
        )
    return containers[0] if containers else None


def _argv(unit: Mapping[str, str]) -> list[str]:
    argv = _unit_start.exec_argv(unit.get("ExecStart", ""))
    if argv[1:2] != ["run"]:
        raise NatsError(
            f"unit {unit['Id']} runs '{' '.join(argv[:2])}', which starts a container that is made elsewhere: no image stands in "
            "the unit. Have the unit make its container (podman run, as podman generate systemd --new writes it). Nothing was "
            "touched"
        )
    if unit.get("User") not in (None, "", "root", "0"):
        raise NatsError(
            f"unit {unit['Id']} runs podman as user {unit['User']}: rootless containers are not supported. Nothing was touched"
        )
    return argv


def _name_in(argv: list[str]) -> str:
    for index, word in enumerate(argv[:-1]):
        if word == "--name":
            return argv[index + 1]
        if word.startswith("--name="):
            return word.partition("=")[2]
    return ""


def facts(unit: Mapping[str, str], wanted_image: str | None) -> dict[str, Any]:
    """What of the container bears on an upgrade, as of one of docker. Raises NatsError where its image cannot be exchanged."""
    container, word = _container(unit) or {}, image_of(unit)
    if wanted_image and word != wanted_image:
        _file_with(unit, word)
    # Those without a name are removed with the container.
    kept = [mount for mount in _mounts(container) if not _WITHOUT_A_NAME.match(mount.get("Name") or "")]
    return {
        "name": container.get("Name") or _name_in(_argv(unit)),
        "id": container.get("Id", ""),
        "image": word,
        "restart": "",
        "removed_on_exit": False,
        "started_by_units": [],
        "data_paths": sorted(mount["Destination"] for mount in kept),
        "mounts": [{"source": mount["Source"], "destination": mount["Destination"]} for mount in _mounts(container)],
        "compose_project": "",
        "compose_service": "",
        "compose_files": [],
        "compose_image": "",
        "wanted_image": wanted_image or "",
        "wanted_image_is_here": bool(wanted_image) and _engine.image(str(wanted_image), _engine.PODMAN) is not None,
    }


def _mounts(container: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [mount for mount in container.get("Mounts") or [] if mount.get("Type") in ("bind", "volume")]


def image_of(unit: Mapping[str, str]) -> str:
    """The image in the podman run of a unit, as it is written there: the one word of it that podman has as an image."""
    words = {word for word in _argv(unit)[2:] if not word.startswith("-") and _is_image(word)}
    # A container may have the name of an image, which has no tag then.
    words = {word for word in words if set(word) & set(":/@")} or words
    if len(words) != 1:
        what = f"several words that are images ({', '.join(sorted(words))})" if words else "no word that is an image on this host"
        raise NatsError(
            f"ExecStart of unit {unit['Id']} has {what}, so that the one to exchange cannot be told: write the image into its "
            "podman run as one plain word, without a variable. Nothing was touched"
        )
    return words.pop()


def _is_image(word: str) -> bool:
    return _process.run([_engine.PODMAN, "image", "exists", word]).returncode == 0


def _files(unit: Mapping[str, str]) -> list[str]:
    """The files that a unit is made of. That of quadlet is generated from another one."""
    source = unit.get("SourcePath", "")
    own = source if source.endswith(".container") else unit.get("FragmentPath", "")
    return [os.path.realpath(path) for path in [own, *unit.get("DropInPaths", "").split()] if path]


def _file_with(unit: Mapping[str, str], word: str) -> str:
    """The one file that gives a unit its image."""
    files = [path for path in _files(unit) if exchanged(_read(path), word, "") != _read(path)]
    if len(files) != 1:
        raise NatsError(
            f"the image {word} of unit {unit['Id']} stands in {' and in '.join(files) or 'none'} of its files "
            f"({', '.join(_files(unit))}): it has to stand in one of them, as one plain word. Nothing was touched"
        )
    return files[0]


def exchanged(text: str, word: str, other: str) -> str:
    """The text of a unit with another image, also where it is pulled before the start. Comments stay."""
    whole = re.compile(rf"(?:(?<=^Image=)|(?<=\s)|^){re.escape(word)}(?!\S)")
    return "".join(
        line if line.lstrip().startswith(("#", ";")) else whole.sub(lambda _found: other, line)
        for line in text.splitlines(keepends=True)
    )


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except OSError as exc:
        raise NatsError(f"{path} cannot be read ({exc.strerror}): run with become (-b)") from exc


def _write(path: str, text: str, like: str) -> None:
    """Write a file, old or new at any moment, with the rights of another one."""
    part = f"{path}.natsops-new"
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
            file.flush()
            os.fsync(file.fileno())
        status = os.stat(like)
        os.chown(part, status.st_uid, status.st_gid)
        shutil.copystat(like, part)
        os.replace(part, path)
    except OSError as exc:
        raise NatsError(
            f"cannot write {path}: {exc.strerror}. Run with become (-b), with the unit where it can be written"
        ) from exc


def asker(service: str, reference: str) -> tuple[bool, Callable[[list[str]], Output]]:
    """Whether the server runs, and what asks an image one question, with the mounts, environment and user of the container.

    In a container of its own without a network, which cannot write to what is mounted.
    """
    container = _container(_process.systemctl_show(service)) or {}
    image = (_engine.image(reference, _engine.PODMAN) or {}).get("Config") or {}
    options, environment = ["--rm", "--pull=never", "--network=none", "--log-driver=none", "--security-opt=label=disable"], {}
    options += [f"--volume={mount['Source']}:{mount['Destination']}:ro" for mount in _mounts(container)]
    if container:
        given, old = container["Config"], (_engine.image(container["Image"], _engine.PODMAN) or {}).get("Config") or {}
        entries = [entry for entry in given.get("Env") or [] if entry not in (old.get("Env") or [])]
        environment = {key: value for key, _unused, value in (entry.partition("=") for entry in entries) if key not in _ITS_OWN}
        # Not their values: all users of the host see the words of a command.
        options += [f"--env={key}" for key in environment]
        options += [f"--user={given['User']}"] if given.get("User") != old.get("User") and given.get("User") else []
    program = [] if image.get("Entrypoint") else (image.get("Cmd") or [])[:1]

    def ask(words: list[str]) -> Output:
        return _process.run([_engine.PODMAN, "run", *options, reference, *program, *words], env={**os.environ, **environment})

    return bool(container and container["State"]["Running"]), ask


def put_back(service: str, reference: str | None, *, check_mode: bool) -> dict[str, Any]:
    """Give the unit its old file back. One that starts another image than this one has it already."""
    left = _left(service)
    if not left:
        unit = _process.systemctl_show(service)
        word = image_of(unit)
        if not reference or word == reference:
            raise NatsError(
                f"nothing is kept to put back: unit {service} starts {word}, and no copy FILE{PREVIOUS} of its files "
                f"({', '.join(_files(unit))}) is there. Write the image that it had into them, run systemctl daemon-reload, and "
                "start it"
            )
    if left and not check_mode:
        _process.wait_for_unit_end(service, STOP_SECONDS)
        for path in left:
            os.replace(f"{path}{PREVIOUS}", path)
        _process.daemon_reload()
    return {"changed": bool(left)}


def release(service: str, *, remove_previous: bool, check_mode: bool) -> dict[str, Any]:
    """Remove what would be put back."""
    left = [f"{path}{PREVIOUS}" for path in _left(service)] if remove_previous else []
    if not check_mode:
        for path in left:
            os.unlink(path)
    return {"changed": bool(left), "removed": left}


def _left(service: str) -> list[str]:
    return [path for path in _files(_process.systemctl_show(service)) if os.path.exists(f"{path}{PREVIOUS}")]


class Podman(_systemd.Systemd):
    """The server of a unit that runs it by podman. The unit is held, started and ended as any: podman itself restarts nothing."""

    contained = True

    def find(self) -> Found:
        return find(self.unit)

    def container(self) -> dict[str, Any] | None:
        return facts(self.unit, self._params.get("image"))

    def release(self, *, check_mode: bool) -> dict[str, Any]:
        """The copy of the old file goes once the new server is known to be back, or where nothing was stopped."""
        let_go = super().release(check_mode=check_mode)
        remove = bool(self._params["is_back"] or self._params["untouched"])
        removed = release(self._name, remove_previous=remove, check_mode=check_mode)
        return {**let_go, "changed": let_go["changed"] or removed["changed"], "removed": removed["removed"]}

    def log(self) -> tuple[list[str], str | None, list[str]]:
        """The journal, which outlives the container; a log file of its own is in that."""
        return [], None, _systemd.journal(self._name, self._params["lines"])


class Switched:
    """The successor: the same unit with another image."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = {**params, "start_unit": params["service"]}
        self._service, self._reference = params["service"], params["image"]

    def require_ready(self) -> None:
        """Keep the unit's file. Where a turn broke off, and the server is down since, the old one is kept already."""
        if _engine.image(self._reference, _engine.PODMAN) is None:
            raise NatsError(f"podman has no image {self._reference}: run again, which fetches it. Nothing was signalled")
        unit = _process.systemctl_show(self._service)
        word = image_of(unit)
        if word != self._reference:
            path = _file_with(unit, word)
            if unit["ActiveState"] == "active" or not os.path.exists(f"{path}{PREVIOUS}"):
                _write(f"{path}{PREVIOUS}", _read(path), path)

    def switch(self) -> None:
        unit = _process.systemctl_show(self._service)
        word = image_of(unit)
        if word != self._reference:
            path = _file_with(unit, word)
            _write(path, exchanged(_read(path), word, self._reference), path)
            _process.daemon_reload()
        now = image_of(_process.systemctl_show(self._service))
        if now != self._reference:
            raise NatsError(
                f"systemd says that unit {self._service} starts {now} still, and {self._reference} stands in its file"
            )

    def start(self) -> _process.Process | None:
        return _start.start(self._params)

    def tidy(self) -> list[str]:
        """Nothing: the old file is kept until the node is back."""
        return []
