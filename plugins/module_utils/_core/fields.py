# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the keys of a record have to be that may have been damaged, or written by somebody else: their types and ranges. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any, Callable, Collection, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text

# Seconds, and ticks of a clock: more than any machine runs.
_LONGEST = 10**12
_LARGEST_PID = 2**22
_LONGEST_TEXT = 65_536
_LONGEST_NAME = 200
_MOST_TEXTS = 1_000_000
# No version that a command line, an address or a message would take for anything else.
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~_-]{0,127}\Z")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z\Z")
_SHOWN = 60


@dataclass(frozen=True)
class Key:
    """What the value of a key has to be. C(keys) are those of the record that it is, or of each record in the list that it is."""

    wanted: str
    fits: Callable[[Any], bool]
    required: bool = False
    keys: Mapping[str, Key] | None = None

    @property
    def needed(self) -> Key:
        """The same, of a key that no record may leave out."""
        return replace(self, required=True)


def wrong(record: Mapping[str, Any], keys: Mapping[str, Key], where: str = "") -> str:
    """What is wrong with the first key that is not as it has to be; empty where none is. Keys that are not known may be there."""
    for name, key in keys.items():
        if name not in record:
            if key.required:
                return f"{where}{name} is missing"
            continue
        value, label = record[name], f"{where}{name}"
        if not key.fits(value):
            return f"{label} is {shown(value)}, and has to be {key.wanted}"
        inside = _wrong_inside(value, key, label)
        if inside:
            return inside
    return ""


def _wrong_inside(value: Any, key: Key, label: str) -> str:
    if key.keys is None or not isinstance(value, (dict, list)):
        return ""
    if isinstance(value, dict):
        return wrong(value, key.keys, f"{label}.")
    found = (wrong(one, key.keys, f"{label}[{number}].") for number, one in enumerate(value))
    return next(filter(None, found), "")


def shown(value: Any) -> str:
    """A value as it was seen, short enough for a message, and with nothing in it that a terminal would obey."""
    try:
        text = ascii(value)
    except (RecursionError, ValueError):  # nested too deep, or a number that is too long to be written
        return f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def optional(key: Key) -> Key:
    """The same, or nothing: null, or the empty text that a template makes of it."""
    return replace(key, wanted=f"{key.wanted}, or null", fits=lambda value: value is None or value == "" or key.fits(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def whole(least: int = 0, most: int = _LONGEST) -> Key:
    return Key(
        f"a whole number from {least} to {most}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most,
    )


def _is_time_span(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= _LONGEST and math.isfinite(value)


def one_of(allowed: Collection[str]) -> Key:
    return Key(f"one of {', '.join(allowed)}", lambda value: isinstance(value, str) and value in allowed)


def matching(pattern: str, wanted: str) -> Key:
    compiled = re.compile(rf"(?:{pattern})\Z")
    return Key(wanted, lambda value: isinstance(value, str) and bool(compiled.match(value)))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_TEXTS and all(map(_is_text, value))


def record(keys: Mapping[str, Key] | None = None) -> Key:
    return Key("a dictionary", lambda value: isinstance(value, dict), keys=keys)


def records(keys: Mapping[str, Key]) -> Key:
    return Key(
        "a list of dictionaries",
        lambda value: isinstance(value, list) and len(value) <= _MOST_TEXTS and all(isinstance(one, dict) for one in value),
        keys=keys,
    )


def record_of(each: Key) -> Key:
    """A dictionary with any keys, all of whose values have to be the same kind of thing."""

    def fits(value: Any) -> bool:
        return isinstance(value, dict) and all(each.fits(one) and not _wrong_inside(one, each, "") for one in value.values())

    return Key(f"a dictionary in which each value is {each.wanted}", fits)


FLAG = Key("true or false", lambda value: isinstance(value, bool))
TEXT = Key(f"text of {_LONGEST_TEXT} characters at most", _is_text)
TEXTS = Key("a list of texts", _are_texts)
# As names are, see _core/text.py.
PRINTABLE = Key("text that can be shown", lambda value: _is_text(value) and _text.line(value) == value)
PRINTABLES = Key("a list of texts that can be shown", lambda value: _are_texts(value) and all(map(PRINTABLE.fits, value)))
NAME = Key(
    f"text of 1 to {_LONGEST_NAME} characters that can be printed",
    lambda value: isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable(),
)
NAMES = Key("a list of names", lambda value: isinstance(value, list) and len(value) <= _MOST_TEXTS and all(map(NAME.fits, value)))
NAMES_OF_FILES = Key(
    "a list of names of files",
    lambda value: NAMES.fits(value) and all("/" not in one and one not in (".", "..") for one in value),
)
VERSION = Key("a version, such as 2.15.1", lambda value: isinstance(value, str) and bool(_VERSION.match(value)))
TIME = Key("a time in UTC, such as 2026-10-01T12:00:00Z", lambda value: isinstance(value, str) and bool(_TIME.match(value)))
SECONDS = Key(f"a number from 0 to {_LONGEST}", _is_time_span)
PID = whole(1, _LARGEST_PID)
TICKS = whole()
