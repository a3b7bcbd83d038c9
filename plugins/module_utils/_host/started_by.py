# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which program and which configuration the next start of a server takes, by what its own user cannot write.

The inventory says so, the unit, the start command, or the journal of a turn. What a process says of itself, its arguments,
folder and environment, is its user's word: it is compared with that, and believed of root's and our own processes alone.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._files import trust as _trust
from ansible_collections.natsops.cluster.plugins.module_utils._host import identity as _identity
from ansible_collections.natsops.cluster.plugins.module_utils._host import unit_start as _unit_start
from ansible_collections.natsops.cluster.plugins.module_utils._host.process import Process

_DELETED = " (deleted)"
# Names of settings that are paths; those of included files count from the file that includes them.
_OF_PATHS = re.compile(r"(?:file|dir|credentials)$")


@dataclass(frozen=True)
class Said:
    """What a process says of itself besides its arguments."""

    cwd: str | None = None
    search_path: str | None = None


@dataclass(frozen=True)
class Start:
    """What a start takes; empty where nothing says it, or where there is no configuration.

    C(differs) is where the process has something else: C(what), V(program) or V(configuration), what it C(runs) by its own
    words, and what C(starts).
    """

    binary_path: str
    config_path: str
    differs: tuple[Mapping[str, str], ...] = ()


def known(
    params: Mapping[str, Any], unit: Mapping[str, str], process: Process | None, turn: Mapping[str, Any], said: Said
) -> Start:
    """What the next start takes."""
    believed = process is not None and _identity.decides(process)
    words, folder, search_path = _words(params, unit, process, said if believed else None)
    binary = params.get("binary_path") or (resolved(words[0], folder, search_path) if words else "")
    config, compared = config_in(words), bool(words)
    unfilled = "$" in (config or " ".join(words))
    if process and (not words or unfilled):
        # It is read, and asked about, with the rights of the server: whoever names one here could read it himself.
        config, compared = absolute(config_in(process.argv), said.cwd), False
    else:
        config = absolute(config, folder)
    if process is None and not binary and turn.get("binary_path"):
        binary, config = turn["binary_path"], turn.get("config_path") or config
    if params.get("config_path"):
        config, compared = params["config_path"], False
    return Start(binary, config, tuple(_differences(binary, config if compared else None, process, said)) if process else ())


def _words(
    params: Mapping[str, Any], unit: Mapping[str, str], process: Process | None, believed: Said | None
) -> tuple[list[str], str | None, str | None]:
    """The argv of the server as far as it is to be believed, the folder that its paths count from, and its search path."""
    words = _unit_start.server_argv(unit) if unit else []
    if words:
        return words, _unit_start.folder(unit), None
    words = _unit_start.server_words(params.get("start_argv") or [])
    if words or process is None or believed is None:
        return words, believed.cwd if believed else None, None
    return list(process.argv), believed.cwd, believed.search_path


def _differences(binary: str, config: str | None, process: Process, said: Said) -> Iterator[Mapping[str, str]]:
    first = process.argv[0] if process.argv else ""
    runs = absolute(first, said.cwd) if "/" in first else process.program
    exe = process.exe[: -len(_DELETED)] if process.exe.endswith(_DELETED) else process.exe
    if not binary or not (_is_same(runs, binary) or exe == os.path.realpath(binary)):
        yield {"what": "program", "runs": runs, "starts": binary}
    runs = absolute(config_in(process.argv), said.cwd)
    if config is not None and not _is_same(runs, config):
        yield {"what": "configuration", "runs": runs, "starts": config}


def _is_same(one: str, other: str) -> bool:
    return one == other or (bool(one) and bool(other) and os.path.realpath(one) == os.path.realpath(other))


def unsafe(start: Start, start_argv: Sequence[str], identity: _identity.Identity | None) -> list[dict[str, Any]]:
    """The places by which others can change what a start runs, each with whether root, or this user, would run that."""
    starter = resolved(start_argv[0], None, None) if start_argv else ""
    ours = identity is not None and identity.uid in _trust.trusted_users()
    programs = {start.binary_path: ours, starter: True}
    found = [(program, is_ours, weak) for program, is_ours in programs.items() if program for weak in _trust.weak_places(program)]
    return [{"program": program, "refuses": is_ours or weak.link, **weak.as_dict()} for program, is_ours, weak in found]


def require_own(start_argv: Sequence[str], chdir: str | None, nothing: str) -> None:
    """Raise NatsError where others could put another program in the place of the one that a start command runs."""
    program = resolved(start_argv[0], chdir or "/", None)
    if program:
        _trust.require(program, f"it would start the server: {nothing}")


def resolved(program: str, folder: str | None, search_path: str | None) -> str:
    """The path of a program by its word in an argv. Not what is behind links: those are switched. Empty where it is not known."""
    if "/" not in program:
        return shutil.which(program, path=search_path) or ""
    return os.path.normpath(absolute(program, folder)) if folder or os.path.isabs(program) else ""


def absolute(path: str, folder: str | None) -> str:
    return os.path.join(folder or "/", path) if path else ""


def config_in(argv: Sequence[str]) -> str:
    """The configuration file that an argv of nats-server names; empty where there is none."""
    for index, word in enumerate(argv):
        flag, _unused, value = word.partition("=")
        if flag in ("-c", "--c", "-config", "--config"):
            return value or (argv[index + 1] if index + 1 < len(argv) else "")
    return ""


def relative_paths(tree: Mapping[str, Any]) -> list[str]:
    """What of a configuration counts from the folder that its server is started in, each as KEY: VALUE."""
    found = []
    for key, value in tree.items():
        if isinstance(value, dict):
            found += relative_paths(value)
        elif isinstance(value, str) and _OF_PATHS.search(key) and value and not os.path.isabs(value):
            found.append(f"{key}: {value}")
    return found
