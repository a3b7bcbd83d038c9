# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a systemd unit starts, and with which environment, from its properties (see systemctl_show in process.py)."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
from typing import Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process

_ARGV = re.compile(r"argv\[\]=(.*?) ;")
_PATH = re.compile(r"\bpath=(.*?) ;")
_FILE = re.compile(r"^(?P<path>.*?)(?: \(ignore_errors=\w+\))?$", re.MULTILINE)
_ASSIGNMENT = re.compile(r"^\s*([A-Za-z_]\w*)\s*=(.*)$")
_BRACED = re.compile(r"\$\{(\w+)\}")
# Where systemd looks for a program without a path.
_SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def exec_argv(exec_start: str) -> list[str]:
    """The argv in a unit's ExecStart property, which systemd writes without quotes."""
    match = _ARGV.search(exec_start)
    return match.group(1).split() if match else []


def server_argv(unit: Mapping[str, str]) -> list[str]:
    """The program and arguments by which a unit starts its server; empty where that stands in a script of somebody's.

    A variable that is not known from here stays as it is written.
    """
    exec_start = unit.get("ExecStart", "")
    words = list(expanded(exec_argv(exec_start), environment(unit)))
    program = _PATH.search(exec_start)
    if words and program:
        # What is started, whatever it is told that its name is (ExecStart=@).
        words[0] = program.group(1)
    if words and "/" not in words[0]:
        words[0] = shutil.which(words[0], path=_SEARCH_PATH) or words[0]
    return server_words(words)


def server_words(argv: Sequence[str]) -> list[str]:
    """The words of an argv from nats-server on, by its name: it may be run by another program, as by env or runuser."""
    for index, word in enumerate(argv):
        if _process.is_server_name(word) and (index == 0 or os.path.isabs(word)):
            return list(argv[index:])
    return []


def expanded(words: Sequence[str], variables: Mapping[str, str]) -> Iterator[str]:
    """Words of ExecStart with their variables as systemd fills them in."""
    for word in words:
        if word.startswith("$") and word[1:] in variables:
            yield from variables[word[1:]].split()
        else:
            yield _BRACED.sub(lambda found: variables.get(found[1], found[0]), word).replace("$$", "$")


def environment(unit: Mapping[str, str]) -> dict[str, str]:
    """What a unit gives its server: Environment= and what stands in the files of EnvironmentFile=."""
    variables: dict[str, str] = {}
    with contextlib.suppress(ValueError):
        entries = shlex.split(unit.get("Environment", ""))
        variables.update({name: value for name, _unused, value in (entry.partition("=") for entry in entries)})
    for found in _FILE.finditer(unit.get("EnvironmentFiles", "")):
        variables.update(_file(found["path"]))
    return variables


def _file(path: str) -> dict[str, str]:
    """The variables in a file; none where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return {}
    found = [_ASSIGNMENT.match(line) for line in text.replace("\\\n", "").splitlines()]
    return {match[1]: _unquoted(match[2].strip()) for match in found if match}


def _unquoted(value: str) -> str:
    try:
        return " ".join(shlex.split(value)) if value[:1] in ("'", '"') else value
    except ValueError:
        return value


def folder(unit: Mapping[str, str]) -> str:
    """The folder that a unit starts its server in."""
    path = unit.get("WorkingDirectory", "").lstrip("!-")
    return path if os.path.isabs(path) else "/"
