# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Units of systemd that run a container by a docker client in the foreground: a second supervisor beside docker itself.

Such a unit ends with its container. systemd then starts the container again, or does what else the unit says of its end.
"""

from __future__ import annotations

import os
import re
from typing import Any, Iterator, List, Mapping, Sequence, Tuple

from ansible_collections.natsops.cluster.plugins.module_utils._container import compose as _compose
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process

_DOCKER, _COMPOSE = "docker", "docker-compose"
PROPERTIES = ("Id", "MainPID", "SubState", "WorkingDirectory", "ExecStart", "ExecStartPre")
# They name a container that is there; "run" and "create" name a new one.
_BY_NAME = ("start", "restart", "attach", "wait")
_MAKING = ("run", "create")
_OF_COMPOSE = ("up", "start", "restart", "run")
# Options before the verb that take the next word.
_WITH_VALUE = ("--config", "-c", "--context", "-H", "--host", "-l", "--log-level", "--tlscacert", "--tlscert", "--tlskey")
# systemd writes argv without quotes, and a shell's command in it as it is.
_ARGV = re.compile(r"argv\[\]=(.*?) ; ignore_errors=", re.DOTALL)
_PROPERTY = re.compile(r"^(\w+)=(.*?)(?=\n\w+=|\Z)", re.MULTILINE | re.DOTALL)
_BETWEEN_COMMANDS = re.compile(r"[;&|\n]+")
# The program of a call, and its words.
Call = Tuple[str, List[str]]


def running(container: Mapping[str, Any]) -> list[str]:
    """The units that run this container, by their names; none where there is no systemd."""
    argv = ["systemctl", "show", "*.service", "--property", ",".join(PROPERTIES)]
    try:
        output = _process.run(argv)
    except NatsError:  # there is no systemctl, or it does not answer: nothing is known of units then
        return []
    return [] if output.returncode != 0 else sorted(_units(output.stdout, container))


def _units(text: str, container: Mapping[str, Any]) -> Iterator[str]:
    for block in re.split(r"\n\n+", text):
        properties = _PROPERTY.findall(block.strip())
        one = dict(properties)
        pid = int(one.get("MainPID") or 0)
        # One whose program has ended starts nothing more, unless it is about to.
        if not pid and not one.get("SubState", "").startswith("auto-restart"):
            continue
        before = [argv for name, value in properties if name == "ExecStartPre" for argv in _ARGV.findall(value)]
        main = [argv for name, value in properties if name == "ExecStart" for argv in _ARGV.findall(value)]
        # Its variables are filled in there.
        process = _process.look(pid) if pid else None
        main += [" ".join(process.argv)] if process else []
        # Another program whose unit only sees to it that the container runs does not end with it.
        if not any(list(_calls(argv)) for argv in main):
            continue
        folder = one.get("WorkingDirectory", "").lstrip("!-")
        if any(_starts(call, folder, container) for argv in [*before, *main] for call in _calls(argv)):
            yield one.get("Id", "")


def _calls(argv: str) -> Iterator[Call]:
    """The calls of a docker client in a command, which may be a shell's with several of them."""
    for command in _BETWEEN_COMMANDS.split(argv):
        words = [word.strip("\"'") for word in command.split()]
        for index, word in enumerate(words):
            if os.path.basename(word) in (_DOCKER, _COMPOSE):
                yield os.path.basename(word), words[index + 1 :]
                break


def _starts(call: Call, folder: str, container: Mapping[str, Any]) -> bool:
    """Whether a call starts this container, or waits for its end."""
    program, words = call
    if program == _COMPOSE:
        return _is_of_project(words, folder, container)
    verb, words = _after_options(words)
    if verb == "container":
        verb, words = _after_options(words)
    if verb == "compose":
        return _is_of_project(words, folder, container)
    name = container["Name"].lstrip("/")
    if verb in _MAKING:
        return f"--name={name}" in words or ("--name", name) in zip(words, words[1:])
    return verb in _BY_NAME and any(word == name or (len(word) >= 12 and container["Id"].startswith(word)) for word in words)


def _after_options(words: Sequence[str]) -> tuple[str, list[str]]:
    """The first word that is no option, and those behind it."""
    left = list(words)
    while left and left[0].startswith("-"):
        left = left[2:] if left[0] in _WITH_VALUE else left[1:]
    return (left[0], left[1:]) if left else ("", [])


def _is_of_project(words: Sequence[str], folder: str, container: Mapping[str, Any]) -> bool:
    project = _compose.project(container)
    if not project or not set(words) & set(_OF_COMPOSE):
        return False
    own, files = _compose.folder(container), _compose.files(container)
    values = [word.rpartition("=")[2] for word in words]
    named = {project, own, *files} & {*values, *(os.path.join(folder, value) for value in values if folder)}
    return bool(named) or (bool(own) and folder == own)
