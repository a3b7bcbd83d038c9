# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# This module util is PRIVATE to the collection: it may change in any release.
"""The few settings of a nats-server configuration that an upgrade has to know. Pure but for the reader given.

Only what is needed: values at the top level, and keys anywhere, with includes followed. nats-server -t is the judge of a config.
"""

from __future__ import annotations

import os
import re
from typing import Mapping

from ansible_collections.natsops.cluster.plugins.module_utils import _config_files
from ansible_collections.natsops.cluster.plugins.module_utils._config_files import Included, Reader

# A quote that is not closed goes to the end of the file: what matches anywhere is found in one pass.
_PARTS = r"""(?P<space>%(space)s+)|(?P<comment>\#[^\n]*|//[^\n]*)|(?P<string>"(?:\\[\s\S]|[^"\\])*"?|'[^']*'?)
|(?P<open>[{\[(])|(?P<close>[}\])])|(?P<word>[^\s,;{}\[\]()"'%(stop)s]+)"""
# A key ends at = or : or a blank; a value may hold both, as in nats://host:4222.
_KEY = re.compile(_PARTS % {"space": r"[\s,;=:]", "stop": "=:#"}, re.VERBOSE)
_VALUE = re.compile(_PARTS % {"space": r"[\s,;=:]", "stop": ""}, re.VERBOSE)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|h|m|s)")
_UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST_DURATION, _MOST_SECONDS = 64, 1e9
# Variables whose values are variables.
_LONGEST_CHAIN = 10
# Of the block jetstream: what turns on the encryption of what is stored (server/opts.go).
_ENCRYPTION_KEYS = ("key", "ek", "encryption_key", "cipher")
_LEAFNODES, _MIN_VERSION = ("leafnodes", "leaf"), ("min_version", "minimum_version")


def top_level(path: str, read: Reader, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the scalar settings at the top level of a configuration file, keys in lower case.

    Included files count as if they stood there. A value $NAME is looked up in the file, then in the environment, as
    nats-server does. C(read) returns the text of a file and may raise OSError, which is passed on.
    """
    found = {names[0]: value for names, value in _collected(path, read).items() if len(names) == 1 and value is not None}
    return {key.lower(): _resolved(value, found, environment) for key, value in found.items()}


def used(path: str, read: Reader) -> frozenset[str]:
    """What a configuration file says is in use that a server does not tell of, in the words of the version policy."""
    paths = [tuple(name.lower() for name in names) for names in _collected(path, read)]
    seen = {
        "auth_callout": any("auth_callout" in names for names in paths),
        "encryption": any(names[0] == "jetstream" and names[-1] in _ENCRYPTION_KEYS for names in paths),
    }
    return frozenset(word for word, is_used in seen.items() if is_used)


def leafnode_min_version(path: str, read: Reader) -> str:
    """The oldest version of leaf nodes that a server with this configuration takes; empty where it takes any."""
    for names, value in _collected(path, read).items():
        if len(names) == 2 and names[0].lower() in _LEAFNODES and names[1].lower() in _MIN_VERSION:
            return value or ""
    return ""


def _collected(path: str, read: Reader) -> dict[tuple[str, ...], str | None]:
    """Every setting by the keys that lead to it; None for a block."""
    found: dict[tuple[str, ...], str | None] = {}
    _collect(path, Included(read), found, ())
    return found


def _collect(path: str, files: Included, found: dict[tuple[str, ...], str | None], block: tuple[str, ...]) -> None:
    with files.file(path) as text:
        _collect_text(_without_braces(text.strip()), path, files, found, block)


def _collect_text(
    text: str, path: str, files: Included, found: dict[tuple[str, ...], str | None], block: tuple[str, ...]
) -> None:
    position = 0
    # For each block or list that is open: what opened it, and the keys that lead to what was around it.
    around: list[tuple[str, tuple[str, ...]]] = []
    key: str | None = None
    while True:
        in_list = bool(around) and around[-1][0] != "{"
        match = (_KEY if key is None and not in_list else _VALUE).search(text, position)
        if match is None:
            return
        position, kind = match.end(), match.lastgroup
        value = match.group()[1:-1] if kind == "string" else match.group()
        if kind == "open":
            if len(around) >= _config_files.DEEPEST_BLOCK:
                raise _config_files.too_deep()
            around.append((value, block))
            block = (*block, key) if key is not None else block
            if block:
                found.setdefault(block, None)
            key = None
        elif kind == "close":
            block = around.pop()[1] if around else block
            key = None
        elif kind in ("space", "comment") or in_list:
            continue
        elif key is None:
            key = value
        elif key == "include":
            _collect(os.path.join(os.path.dirname(path), value), files, found, block)
            key = None
        else:
            found[(*block, key)] = value
            key = None


def _without_braces(text: str) -> str:
    # nats-server takes JSON too.
    return text[1:-1] if text.startswith("{") and text.endswith("}") else text


def _resolved(value: str, found: Mapping[str, str], environment: Mapping[str, str]) -> str:
    for _unused in range(_LONGEST_CHAIN):
        if not value.startswith("$"):
            break
        value = found.get(value[1:], environment.get(value[1:], ""))
    return value


def seconds(duration: str) -> float | None:
    """Seconds in a duration as Go writes it, such as 2m or 1h30m; None where it is not one."""
    parts = _DURATION.findall(duration) if len(duration) <= _LONGEST_DURATION else []
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        return None
    total = sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    return total if total <= _MOST_SECONDS else None
