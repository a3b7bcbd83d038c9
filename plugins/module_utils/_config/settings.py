# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The few settings of a nats-server configuration that an upgrade has to know, of its tree (see _config/tree.py). Pure."""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping, Tuple

_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|h|m|s)")
_UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST_DURATION, _MOST_SECONDS = 64, 1e9
# Of the block jetstream: what turns on the encryption of what is stored (server/opts.go).
_ENCRYPTION_KEYS = ("key", "ek", "encryption_key", "cipher")
_LEAFNODES, _MIN_VERSION = ("leafnodes", "leaf"), ("min_version", "minimum_version")

_Path = Tuple[str, ...]


def top_level(tree: Mapping[str, Any]) -> dict[str, str]:
    """Return the single values at the top level of a configuration as text, keys in lower case."""
    return {key.lower(): _text(value) for key, value in tree.items() if not isinstance(value, (dict, list))}


def used(tree: Mapping[str, Any]) -> frozenset[str]:
    """What a configuration says is in use that a server does not tell of, in the words of the version policy."""
    paths = [path for path, _unused in _settings(tree)]
    seen = {
        "auth_callout": any("auth_callout" in path for path in paths),
        "encryption": any(path[0] == "jetstream" and path[-1] in _ENCRYPTION_KEYS for path in paths),
    }
    return frozenset(word for word, is_used in seen.items() if is_used)


def leafnode_min_version(tree: Mapping[str, Any]) -> str:
    """The oldest version of leaf nodes that a server with this configuration takes; empty where it takes any."""
    for path, value in _settings(tree):
        if len(path) == 2 and path[0] in _LEAFNODES and path[1] in _MIN_VERSION and not isinstance(value, (dict, list)):
            return _text(value)
    return ""


def _settings(value: Any, path: _Path = ()) -> Iterator[tuple[_Path, Any]]:
    """Every setting, also of blocks in lists, with the keys in lower case that lead to it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield (*path, key.lower()), inner
            yield from _settings(inner, (*path, key.lower()))
    elif isinstance(value, list):
        for inner in value:
            yield from _settings(inner, path)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def seconds(duration: str) -> float | None:
    """Seconds in a duration as Go reads it, such as 2m or 1h30m; None where it is not one."""
    duration = duration[1:] if duration.startswith("+") else duration
    parts = _DURATION.findall(duration) if len(duration) <= _LONGEST_DURATION else []
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        return None
    total = sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    return total if total <= _MOST_SECONDS else None
