# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The rules of the version policy as values. version_policy.yml says what each of them means.

For the controller only: this is the one module util that imports packaging, and no module may import it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Tuple

from ansible_collections.natsops.cluster.plugins.module_utils._core.versions import ServerVersion, parse_or_none

try:
    from packaging.specifiers import Specifier, SpecifierSet
    from packaging.version import Version
except ImportError:
    HAS_PACKAGING = False  # load() of _policy/file.py says so
else:
    HAS_PACKAGING = True

# A minor series as numbers: (2, 15).
MinorKey = Tuple[int, int]

_CLAUSE = re.compile(r"^(\s*(?:[<>]=?|[!=]=)\s*)(\S+)(\s*)\Z")
# What NATS calls a stage of a release, and what Python packages do, in the same order.
_STAGES = {"alpha": "a", "beta": "a", "preview": "b", "rc": "rc"}


def as_package_version(version: ServerVersion) -> Version:
    """The version in the order of Python packages, for 2.12.0-RC.1 is no version there and 2.11.17-hotfix.1 is one of its own."""
    base = f"{version.major}.{version.minor}.{version.patch}"
    if not version.suffix:
        return Version(base)
    match = re.match(r"^([A-Za-z]*)\D*(\d*)", version.suffix)
    word, number = (match[1].lower(), int(match[2] or 0)) if match else ("", 0)
    if version.is_prerelease:
        return Version(f"{base}{_STAGES.get(word, '.dev')}{number}")
    # There is one -binary, of the day of the release, and hotfixes count from 1.
    return Version(f"{base}.post{0 if word == 'binary' else number}")


@dataclass(frozen=True)
class Range:
    """Versions between bounds, or several such ranges."""

    text: str
    _alternatives: tuple[SpecifierSet, ...] = field(compare=False, repr=False)

    @classmethod
    def of(cls, *texts: str) -> Range:
        """Raises ValueError (packaging's InvalidSpecifier) for text that is no range."""
        if not all(text.strip() and "===" not in text for text in texts):
            raise ValueError("a range without a bound holds every version, and === compares texts")
        return cls(" or ".join(texts), tuple(SpecifierSet(",".join(map(_translated, text.split(",")))) for text in texts))

    def __contains__(self, version: ServerVersion) -> bool:
        wanted = as_package_version(version)
        return any(all(_holds(clause, wanted) for clause in alternative) for alternative in self._alternatives)


def _translated(clause: str) -> str:
    match = _CLAUSE.match(clause)
    version = parse_or_none(match[2]) if match else None
    return f"{match[1]}{as_package_version(version)}{match[3]}" if match and version else clause


def _holds(clause: Specifier, version: Version) -> bool:
    # To Python packages <2.12.0 is without 2.12.0rc1 and >2.11.17 without 2.11.17.post1. NATS means plain order.
    if clause.operator == "<":
        return version < Version(clause.version)
    if clause.operator == ">":
        return version > Version(clause.version)
    return bool(clause.contains(version, prereleases=True))


@dataclass(frozen=True)
class Note:
    """What to know of a minor before stepping to it. C(config_keys) are set in the note that is about them."""

    minor: str
    text: str
    source: str
    config_keys: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {"minor": self.minor, "text": self.text, "source": self.source, "config_keys": list(self.config_keys)}


@dataclass(frozen=True)
class Minor:
    key: MinorKey
    released: date
    latest: ServerVersion
    api_level: int
    end_of_life: bool
    notes: tuple[Note, ...]
    config_keys: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.key[0]}.{self.key[1]}"


@dataclass(frozen=True)
class Window:
    """How far one step may go: minors up, months between their first releases, minors down."""

    minors: int
    months: int
    minors_down: int
    source: str


@dataclass(frozen=True)
class NeverReleased:
    id: str
    versions: Range
    why: str
    source: str


@dataclass(frozen=True)
class Stone:
    """C(old) may not be followed by C(new) at once; C(by) has to run in between."""

    id: str
    old: Range
    new: Range
    severity: str
    waivable: bool
    by: ServerVersion | None
    why: str
    source: str


@dataclass(frozen=True)
class Floor:
    """What comes with going down from C(old) to C(new)."""

    id: str
    old: Range
    new: Range
    hard: bool
    slow_start: bool
    why: str
    source: str


@dataclass(frozen=True)
class BadRelease:
    id: str
    versions: Range
    severity: str
    when: frozenset[str]
    fixed_in: str
    advisories: tuple[str, ...]
    why: str
    source: str


@dataclass(frozen=True)
class Feature:
    """A field in the configuration of a stream or consumer that not every server knows."""

    id: str
    kind: str
    field: str
    value: str
    since: MinorKey
    level: int
    why: str
    source: str

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The field as keys, one in the other."""
        return tuple(self.field.split("."))


@dataclass(frozen=True)
class LogNoise:
    id: str
    pattern: re.Pattern[str]
    why: str
    source: str


@dataclass(frozen=True)
class Policy:
    """All that is known of versions. C(minors) are in order, oldest first, and there is at least one."""

    minors: tuple[Minor, ...]
    window: Window
    never_released: tuple[NeverReleased, ...]
    stepping_stones: tuple[Stone, ...]
    downgrade_floors: tuple[Floor, ...]
    bad_releases: tuple[BadRelease, ...]
    features: tuple[Feature, ...]
    expected_log_noise: tuple[LogNoise, ...]
