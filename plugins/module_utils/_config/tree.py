# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""A whole nats-server configuration as dictionaries and lists, as the server reads it. Pure but for the reader given.

Keys and the types of values are those of the server: 1K is 1000, yes is True, "1K" is text. nats-server -t is the judge of a
configuration: one that no server takes is read as far as it goes, and a variable that is known nowhere is empty. At the end of
the file are the few settings that an upgrade has to know.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any, Callable, Dict, Iterator, Mapping, Tuple

from ansible_collections.natsops.cluster.plugins.module_utils._config import included as _included
from ansible_collections.natsops.cluster.plugins.module_utils._config import words as _words
from ansible_collections.natsops.cluster.plugins.module_utils._config.included import Included, Reader
from ansible_collections.natsops.cluster.plugins.module_utils._config.words import NUL, DamagedError, EndedError, Variable, Words

# What variables may repeat: a list of ten lists of ten lists ... is written in a few lines.
_MOST_REPEATED = 4_000_000
# Variables of the environment whose values are variables of the environment.
_LONGEST_CHAIN = 10
_MOST_FAULTS = 10
# A bcrypt hash begins as a variable does. The other kinds of it, 2b and 2y, are variables for the server.
_BCRYPT = "2a$"
# The server reads a value of the environment as a configuration of one setting; its name can be seen by a value of several lines.
_FROM_ENVIRONMENT = "pk"
# What ends a setting, besides what closes its block.
_ENDS = ("\n", "\r", ";", ",")
_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|h|m|s)")
_UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST_DURATION, _MOST_SECONDS = 64, 1e9
# Of the block jetstream: what turns on the encryption of what is stored (server/opts.go).
_ENCRYPTION_KEYS = ("key", "ek", "encryption_key", "cipher")
_LEAFNODES, _MIN_VERSION = ("leafnodes", "leaf"), ("min_version", "minimum_version")

Tree = Dict[str, Any]
_Path = Tuple[str, ...]
_Keep = Callable[[Any], None]


def read(path: str, reader: Reader, environment: Mapping[str, str]) -> Tree:
    """The configuration in a file. Included files count as if they stood there, but see no variables of the file around them.

    C(reader) returns the text of a file and may raise OSError, which is passed on.
    """
    return parsed(path, reader, environment)[0]


def parsed(path: str, reader: Reader, environment: Mapping[str, str]) -> tuple[Tree, tuple[str, ...]]:
    """The same, and why no server takes it, if so."""
    reading = _Reading(reader, environment)
    return reading.file(path), tuple(reading.faults)


class _Reading:
    """What the files of one configuration have in common."""

    def __init__(self, reader: Reader, environment: Mapping[str, str]) -> None:
        self._files, self._environment = Included(reader), environment
        self._known: dict[str, list[Any]] = {}
        self._asked: list[str] = []
        self._left = _MOST_REPEATED
        self.depth = self.faulty = 0
        self.faults: list[str] = []

    def file(self, path: str) -> Tree:
        with self._files.file(path) as text:
            return _File(text, path, self).tree()

    def fault(self, path: str, words: Words, why: str) -> None:
        self.faulty += 1
        # To know the line takes as long as the file is.
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(f"{path or 'a variable of the environment'}:{words.line()}: {why}")

    def of_environment(self, name: str) -> list[Any]:
        """The value of a variable of the environment in a list, which is empty where it has none."""
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def _read(self, name: str) -> list[Any]:
        # The server finds none without a name, and refuses what leads to itself.
        if not name or name not in self._environment or name in self._asked or len(self._asked) >= _LONGEST_CHAIN:
            return []
        before = self.faulty
        self._asked.append(name)
        try:
            value = self._environment[name].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            tree = _File(f"{_FROM_ENVIRONMENT}={value}", "", self).tree()
        finally:
            self._asked.pop()
        return [tree[_FROM_ENVIRONMENT]] if _FROM_ENVIRONMENT in tree and self.faulty == before else []

    def repeat(self, value: Any, depth: int) -> None:
        """Count what is there once more, and how deep it lies by now."""
        self._left -= 1 + (len(value) if isinstance(value, str) else 0)
        if self._left < 0:
            raise _included.refused(f"variables repeat more than {_MOST_REPEATED} values or characters")
        if not isinstance(value, (dict, list)):
            return
        if depth >= _included.DEEPEST_BLOCK:
            raise _included.too_deep()
        for one in [*value, *value.values()] if isinstance(value, dict) else value:
            self.repeat(one, depth + 1)


class _File:
    """One file, or the value of a variable of the environment, which has no path."""

    def __init__(self, text: str, path: str, reading: _Reading) -> None:
        self._words, self._path, self._reading = Words(text), path, reading
        # The blocks around the place that is read, innermost last.
        self._scopes: list[Tree] = [{}]
        # As in the server: a key that gets no value is taken for the next value that has none left.
        self._keys: list[str] = []

    def tree(self) -> Tree:
        try:
            self._top()
        except DamagedError as exc:
            self._reading.fault(self._path, self._words, str(exc))
        except EndedError:
            pass
        return self._scopes[0]

    def _top(self) -> None:
        """The top level, which may be in braces, as JSON is, in whole or in parts."""
        words, braces = self._words, 0
        while True:
            words.take(_words.BLANKS_AND_COMMENTS)
            following = words.peek()
            if not following:
                return
            if following == "{":
                words.at += 1
                braces += 1
            elif following == "}" and braces:
                braces = self._closed(braces)
            elif following in (NUL, "/", "=", ":"):
                raise DamagedError(f"{following!r} where a key is expected")
            elif not self._takes_key():
                braces = self._ended(braces)
            elif words.peek() in ("", NUL):
                # One brace too many at the end of a file is none too many.
                if self._keys[-1] != "}":
                    raise DamagedError(f"{self._keys[-1]} has no value")
                return
            else:
                words.take(_words.SIGN)
                self._value(self._set)
                braces = self._ended(braces)

    def _ended(self, braces: int) -> int:
        """Read on from a value at the top level to what comes next; return how many braces are open there."""
        words = self._words
        words.take(_words.SPACES_AND_SLASHES)
        if words.take(_words.COMMENT) and not braces:
            return braces
        if words.peek() == "}" and braces:
            return self._closed(braces)
        if not words.took(*_ENDS) and (braces or not words.took("", NUL, "}")):
            raise DamagedError(f"{words.peek()!r} where a setting should end")
        return braces

    def _closed(self, braces: int) -> int:
        """Read on from a brace at the top level that closes one."""
        words = self._words
        words.at += 1
        braces -= 1
        while braces:
            words.take(_words.SPACES_AND_SLASHES)
            if words.take(_words.COMMENT) or words.took(";", ","):
                break
            if words.took("}"):
                braces -= 1
            elif not words.took("\n", "\r"):
                raise DamagedError(f"{words.peek()!r} after a brace that closes")
        return braces

    def _takes_key(self, *, is_bare: bool = False) -> bool:
        """Read a key, or an include. Return whether a value is to follow."""
        words = self._words
        is_bare = is_bare or words.peek() not in ("'", '"')
        key = words.bare_key() if is_bare else words.quoted(*(("", NUL) if len(self._scopes) == 1 else ()))
        if is_bare and key.lower() == "include" and words.peek() not in ("", NUL, "=", ":"):
            self._include(words.included())
            return False
        self._keys.append(key)
        words.take(_words.BLANKS)
        return True

    def _include(self, name: str) -> None:
        if not self._path:
            raise DamagedError("a file is included by a variable")
        # A leading slash means nothing, and what leads nowhere and back again is taken away before anything is looked for.
        path = posixpath.normpath(f"{posixpath.dirname(self._path) or '.'}/{name}")
        self._scopes[-1].update(self._reading.file(path[1:] if path.startswith("//") else path))

    def _set(self, value: Any) -> None:
        self._scopes[-1][self._keys.pop()] = value

    def _value(self, keep: _Keep) -> None:
        """Read a value and keep it, if it is one."""
        self._words.take(_words.SPACES)
        following = self._words.peek()
        if following == "{":
            self._block({}, self._map, keep)
        elif following == "[":
            self._block([], self._list, keep)
        else:
            value = self._scalar(keep)
            if value is not None:
                keep(self._of_variable(value) if isinstance(value, Variable) else value)

    def _scalar(self, keep: _Keep) -> Any:
        try:
            return self._words.scalar()
        except EndedError as exc:
            # Not behind a key, of which the server sees that it has no value.
            if keep == self._set and self._keys[-1] != "}":
                raise DamagedError(f"{self._keys[-1]} has no value") from exc
            raise

    def _block(self, value: Any, fill: Callable[[Any], None], keep: _Keep) -> None:
        if self._reading.depth >= _included.DEEPEST_BLOCK:
            raise _included.too_deep()
        keys = len(self._keys)
        self._words.at += 1
        self._reading.depth += 1
        try:
            fill(value)
        except DamagedError:
            del self._keys[keys:]
            keep(value)
            raise
        finally:
            self._reading.depth -= 1
        keep(value)

    def _map(self, tree: Tree) -> None:
        words = self._words
        self._scopes.append(tree)
        try:
            while True:
                words.take(_words.BLANKS_AND_COMMENTS)
                if words.took("}"):
                    return
                if words.peek() in ("", NUL, "]", "=", ":"):
                    raise DamagedError(f"{words.peek()!r} where a key or }} is expected")
                if self._takes_key(is_bare=words.took("/")):
                    words.take(_words.SIGN)
                    words.take(_words.BLANKS)
                    if words.took("}"):
                        return
                    if words.peek() == ",":
                        raise DamagedError(f"{self._keys[-1]} has no value")
                    self._value(self._set)
                words.take(_words.SPACES_AND_COMMENTS)
                if words.took("}"):
                    return
                if not words.took(*_ENDS, "/"):
                    raise DamagedError(f"{words.peek()!r} where a setting or its block should end")
        finally:
            self._scopes.pop()

    def _list(self, items: list[Any]) -> None:
        words = self._words
        while True:
            words.take(_words.BLANKS_AND_COMMENTS)
            if words.took("]"):
                return
            if words.peek() in ("", NUL, ",", "/"):
                raise DamagedError(f"{words.peek()!r} where a value or ] is expected")
            self._value(items.append)
            words.take(_words.SPACES_AND_COMMENTS)
            if words.took("]"):
                return
            if not words.took("\n", "\r", ",", "/"):
                raise DamagedError(f"{words.peek()!r} where a value or its list should end")

    def _of_variable(self, name: str) -> Any:
        if name.startswith(_BCRYPT):
            return f"${name}"
        values = [scope[name] for scope in reversed(self._scopes) if name in scope] or self._reading.of_environment(name)
        if not values:
            self._reading.fault(self._path, self._words, f"there is no variable {name} so far, and none in the environment")
            return ""
        self._reading.repeat(values[0], self._reading.depth)
        return values[0]


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
