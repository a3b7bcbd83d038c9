# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a variable of a role may be: for each kind of value, what is wrong with one that is given. Pure, but for task files.

Values come from an inventory, or as text from -e NAME=VALUE or a survey of AWX. Text is read where it can mean one thing only,
and refused otherwise, never guessed. No text is repeated that may be a password.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, field
from typing import Any, ClassVar, Iterator, Mapping, Tuple

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _versions
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError

# The variable, or the key of it, and what is wrong there.
Problem = Tuple[str, str]

_SHOWN = 60
# Closer than a word with one letter more, less or changed in six is to the right one: a name of one's own is further away.
NEAR = 0.8
_TRUTH = re.compile(r"(true|false|yes|no|on|off|1|0)\Z", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-fA-F]{64}\Z")
_WORD = r"(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)"
_DURATION = re.compile(rf"(\d+(?:\.\d+)?\s*{_WORD}\s*)+\Z", re.IGNORECASE)
_PART = re.compile(rf"(\d+(?:\.\d+)?)\s*{_WORD}", re.IGNORECASE)
_SECONDS = {"m": 60.0, "h": 3600.0, "d": 86400.0, "s": 1.0}


def in_seconds(text: str) -> float | None:
    """How long a duration such as 5m or 1h30m is, which no variable takes; None of what is none."""
    if not _DURATION.match(text.strip()):
        return None
    return sum(
        float(number) * (0.001 if unit.lower().startswith(("ms", "milli")) else _SECONDS[unit[0].lower()])
        for number, unit in _PART.findall(text)
    )


def shown(value: Any) -> str:
    """A value of a user's as a message shows it: one line, and not all of a long one."""
    text = "nothing" if value is None else repr(str(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _what(value: Any) -> str:
    """What kind of value it is, for messages that must not repeat it."""
    if isinstance(value, bool):
        return "true or false"
    kinds = ((str, "text"), (Mapping, "a dictionary"), ((list, tuple), "a list"), ((int, float), "a number"))
    return next((words for kind, words in kinds if isinstance(value, kind)), "nothing" if value is None else "no text")


def _plain(number: float) -> str:
    return f"{number:.15g}"


@dataclass(frozen=True)
class Kind:
    """Text, and the base of the others. C(type) and C(choices) are what the argument spec of the role says."""

    type: ClassVar[str] = "str"
    choices: ClassVar[tuple[str, ...]] = ()

    def wrong(self, name: str, value: Any) -> Iterator[Problem]:
        if isinstance(value, (Mapping, list, tuple)):
            yield name, f"is {_what(value)}, and has to be text"


@dataclass(frozen=True)
class Number(Kind):
    """A number within bounds. C(unit) is its unit in the plural."""

    least: float | None = None
    most: float | None = None
    unit: str = ""
    whole: bool = False
    # Empty text and nothing count as not given.
    empty: bool = False

    @property
    def type(self) -> str:  # type: ignore[override]
        return "int" if self.whole else "float"

    @property
    def bounds(self) -> str:
        """Its bounds in words; empty where it has none."""
        if self.most is None:
            return "" if self.least is None else f"{_plain(self.least)} or more"
        return f"from {_plain(self.least or 0)} to {_plain(self.most)}"

    def wrong(self, name: str, value: Any) -> Iterator[Problem]:
        if self.empty and value in (None, ""):
            return
        number = self._read(value)
        if number is None:
            yield name, self._no_number(value)
        elif (self.least is not None and number < self.least) or (self.most is not None and number > self.most):
            yield name, f"{shown(value)} is out of bounds; it has to be {self.bounds}{' ' if self.unit else ''}{self.unit}"

    def _read(self, value: Any) -> float | None:
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            return None
        # Text with a point, a sign of infinity or an underscore is no whole number to Ansible's modules.
        odd = isinstance(value, str) and (
            not value.isascii() or "_" in value or (self.whole and not value.strip().lstrip("+-").isdigit())
        )
        return None if odd or not math.isfinite(number) or (self.whole and number != int(number)) else number

    def _no_number(self, value: Any) -> str:
        said = shown(value) if isinstance(value, (str, int, float)) or value is None else _what(value)
        seconds = in_seconds(value) if isinstance(value, str) and self.unit == "seconds" else None
        if seconds is not None:
            return f"{said} is not a number of seconds; in seconds: {_plain(seconds)}"
        return f"{said} is not a {'whole ' if self.whole else ''}number{' of ' if self.unit else ''}{self.unit}"


@dataclass(frozen=True)
class Truth(Kind):
    """True or false. What else is true to a module ("y", " true") is false to a condition of Ansible."""

    type: ClassVar[str] = "bool"

    def wrong(self, name: str, value: Any) -> Iterator[Problem]:
        if not _TRUTH.match(str(value)):
            yield name, f"{shown(value)} is neither true nor false"


@dataclass(frozen=True)
class Choice(Kind):
    choices: tuple[str, ...] = ()  # type: ignore[misc]

    def wrong(self, name: str, value: Any) -> Iterator[Problem]:
        if str(value) not in self.choices:
            yield (
                name,
                f"{shown(value)} is none of {', '.join(self.choices)}{_text.meant(str(value).lower(), self.choices, NEAR)}",
            )


@dataclass(frozen=True)
class Progress(Kind):
    """One of some words. YAML reads the word off as false where it has no quotes."""

    type: ClassVar[str] = "raw"
    words: tuple[str, ...] = ()

    def wrong(self, name: str, value: Any) -> Iterator[Problem]:
        text = "off" if value is False else str(value).strip().lower()
        if text not in self.words:
            yield name, f"{shown(value)} is none of {', '.join(self.words)}{_text.meant(text, self.words, NEAR)}"


@dataclass(frozen=True)
class Words(Kind):
    """A list of words, such as a program and its arguments: nobody here splits text into words."""

    type: ClassVar[str] = "list"
    example: str = '["PROGRAM", "ARGUMENT"]'
    # Text is names between commas or blanks.
    text: bool = False

    def wrong(self, name: str, value: Any) -> Iterator[Problem]:
        if isinstance(value, str):
            if value and not self.text:
                yield name, f"is text, and has to be a list of words: {_as_json(name, self.example)}"
        elif not isinstance(value, (list, tuple)):
            yield name, f"is {_what(value)}, and has to be a list of words, such as {self.example}"
        elif any(isinstance(word, (Mapping, list, tuple)) or word is None for word in value):
            yield name, f"has something in it that is no word; it has to be a list of words, such as {self.example}"


@dataclass(frozen=True)
class Mapped(Kind):
    """A dictionary with some keys. Empty text is none, also in it: surveys and credentials of AWX give it for what they lack."""

    type: ClassVar[str] = "dict"
    keys: Mapping[str, Kind] = field(default_factory=dict)
    example: str = "{}"
    # A host without any may say so with nothing.
    empty: bool = False

    def wrong(self, name: str, value: Any) -> Iterator[Problem]:
        if value == "" or (self.empty and value is None):
            return
        if not isinstance(value, Mapping):
            yield name, f"is {_what(value)}, and has to be a dictionary: {_as_json(name, self.example)}"
            return
        for key, one in value.items():
            if key not in self.keys:
                close = _text.meant(str(key), self.keys, NEAR)
                yield name, f"has no key {shown(str(key))}{close}; it may have {', '.join(self.keys)}"
            elif one not in (None, ""):
                yield from self.keys[key].wrong(f"{name}.{key}", one)


@dataclass(frozen=True)
class TaskFile(Kind):
    """A file of tasks on the controller. One that is not there would end a turn in its middle."""

    def wrong(self, name: str, value: Any) -> Iterator[Problem]:
        yield from super().wrong(name, value)
        if isinstance(value, str) and os.path.isabs(value) and not os.path.isfile(value):
            yield name, f"there is no file {shown(value)} on the controller"


@dataclass(frozen=True)
class MostNodes(Kind):
    type: ClassVar[str] = "raw"

    def wrong(self, name: str, value: Any) -> Iterator[Problem]:
        text = str(value).strip()
        given = value is not None and text not in ("", "all")
        if given and (isinstance(value, bool) or not text.isascii() or not text.isdigit() or int(text) < 1):
            yield name, f"{shown(value)} is neither a whole number from 1 nor all"


@dataclass(frozen=True)
class Sha256(Kind):
    """A hash, or one for each architecture."""

    type: ClassVar[str] = "raw"

    def wrong(self, name: str, value: Any) -> Iterator[Problem]:
        each = {f"{name}.{key}": one for key, one in value.items()} if isinstance(value, Mapping) else {name: value}
        for part, one in each.items():
            if one not in (None, "") and not _SHA256.match(str(one)):
                yield part, f"{shown(one)} is not a SHA-256 (64 hex digits): copy it from the release's SHA256SUMS"


@dataclass(frozen=True)
class Groups(Kind):
    """Names of hosts and groups in order, which the plan looks up."""

    type: ClassVar[str] = "raw"

    def wrong(self, name: str, value: Any) -> Iterator[Problem]:
        if value is not None and not isinstance(value, (str, list, tuple)):
            yield name, f"is {_what(value)}, and has to be a list, such as [[n4, n5], [n1, n2, n3]] or [edge, core]"


@dataclass(frozen=True)
class Version(Kind):
    """One exact release. Whether it is given at all depends on what the run does."""

    def wrong(self, name: str, value: Any) -> Iterator[Problem]:
        found = list(super().wrong(name, value))
        if not found and value not in (None, ""):
            try:
                _versions.require_exact(str(value))
            except NatsError as exc:
                found = [(name, str(exc).partition(f"{name} ")[2])]
        yield from found


def _as_json(name: str, example: str) -> str:
    for part in reversed(name.split(".")):
        example = f'{{"{part}": {example}}}'
    return f"as an extra variable give it as JSON, -e '{example}'"
