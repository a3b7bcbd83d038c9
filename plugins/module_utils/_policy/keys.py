# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The keys that a version policy file may have, and how each is read. For the controller only, as rules.py is. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Callable, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _versions
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._policy.rules import MinorKey, Range

# What may be in use in a cluster and decide whether a bad release matters to it.
USAGES = (
    "auth_callout",
    "compression",
    "encryption",
    "gateways",
    "interest_or_workqueue_streams",
    "leafnodes",
    "mqtt",
    "per_subject_limits",
    "r1_streams",
    "sources",
    "standalone",
    "websocket",
)
REQUIRED = object()
_SHOWN = 60


class WrongValueError(Exception):
    """A value that a key cannot have. It says what is wanted instead: "it has to be ..."."""


@dataclass(frozen=True)
class Key:
    """How to read the value of a key, and what it is where it is not given."""

    wanted: str
    convert: Callable[[Any], Any]
    default: Any = REQUIRED

    def read(self, value: Any) -> Any:
        """Return the value as rules have it; raises WrongValueError."""
        try:
            return self.convert(value)
        except (TypeError, ValueError, NatsError) as exc:
            raise WrongValueError(self.wanted) from exc


def shown(value: Any) -> str:
    """A value as it was seen, short enough for a message."""
    if value is None:
        return "empty"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def minor(value: Any) -> MinorKey:
    """Return the numbers of a minor such as 2.15; raises WrongValueError. Without quotes YAML would read 2.10 as 2.1."""
    match = re.match(r"^(\d+)\.(\d+)\Z", value) if isinstance(value, str) else None
    if not match:
        raise WrongValueError('a minor in quotes, such as "2.15"')
    return int(match[1]), int(match[2])


def _minor(value: Any) -> MinorKey:
    try:
        return minor(value)
    except WrongValueError as exc:
        raise ValueError(str(exc)) from exc


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError
    return value.strip()


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(map(_text, value))


def _list(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError
    return value


def _day(value: Any) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise TypeError
    return value


def _range(value: Any) -> Range:
    return Range.of(*(_texts(value) if isinstance(value, list) and value else [_text(value)]))


def _usages(value: Any) -> frozenset[str]:
    words = frozenset(_texts(value) if isinstance(value, list) and value else [_text(value)])
    if not words <= set(USAGES):
        raise ValueError
    return words


def _version(value: Any) -> _versions.ServerVersion:
    return _versions.parse(_text(value))


def _pattern(value: Any) -> re.Pattern[str]:
    try:
        return re.compile(_text(value))
    except re.error as exc:
        raise ValueError from exc


def _one_of(*allowed: str) -> Callable[[Any], str]:
    def choose(value: Any) -> str:
        if value not in allowed:
            raise ValueError
        return str(value)

    return choose


_A_TEXT = Key("text", _text)
_SOURCE = Key("text: where this can be looked up", _text)
_A_RANGE = Key('a range of versions, such as ">=2.12.0,<2.12.9", or a list of them', _range)
_SEVERITY = Key("refuse or warn", _one_of("refuse", "warn"))
_SAID = {"why": _A_TEXT, "source": _SOURCE}
_ID = {"id": Key("text: the name of the rule", _text)}


def _a_flag(default: bool) -> Key:
    return Key("true or false", _flag, default)


DISABLED = _a_flag(False)
NOTE: Mapping[str, Key] = {"text": _A_TEXT, "source": _SOURCE}
MINOR: Mapping[str, Key] = {
    "released": Key("a day, such as 2026-09-17", _day),
    "latest": Key("a version, such as 2.15.2", _version),
    "api_level": Key("a number, such as 5", _count),
    "end_of_life": _a_flag(False),
    "notes": Key("a list of notes, each with text and source", _list, ()),
    "config_keys": Key("a list of names", _texts, ()),
}
WINDOW: Mapping[str, Key] = {
    "minors": Key("a number, such as 1", _count),
    "months": Key("a number, such as 12", _count),
    "minors_down": Key("a number, such as 1", _count),
    "source": _SOURCE,
}
NEVER_RELEASED: Mapping[str, Key] = {**_ID, "versions": _A_RANGE, **_SAID}
STEPPING_STONES: Mapping[str, Key] = {
    **_ID,
    "from": _A_RANGE,
    "to": _A_RANGE,
    "severity": _SEVERITY,
    "waivable": _a_flag(True),
    "by": Key("a version, such as 2.14.7", _version, None),
    **_SAID,
}
DOWNGRADE_FLOORS: Mapping[str, Key] = {
    **_ID,
    "from": _A_RANGE,
    "to": _A_RANGE,
    "hard": _a_flag(False),
    "slow_start": _a_flag(False),
    **_SAID,
}
BAD_RELEASES: Mapping[str, Key] = {
    **_ID,
    "versions": _A_RANGE,
    "severity": _SEVERITY,
    "when": Key(f"one or a list of {', '.join(USAGES)}", _usages, frozenset()),
    "fixed_in": Key("text, such as 2.12.9", _text, ""),
    "advisories": Key("a list of texts, such as [CVE-2025-30215]", _texts, ()),
    **_SAID,
}
FEATURES: Mapping[str, Key] = {
    **_ID,
    "kind": Key("stream or consumer", _one_of("stream", "consumer")),
    "field": Key("the name of a field in the configuration", _text),
    "value": Key("text", _text, ""),
    "since": Key('a minor in quotes, such as "2.15"', _minor),
    "level": Key("a number, such as 5", _count, 0),
    **_SAID,
}
EXPECTED_LOG_NOISE: Mapping[str, Key] = {**_ID, "pattern": Key("a regular expression", _pattern), **_SAID}
