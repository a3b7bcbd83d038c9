# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""NATS server versions as values. Pure: no I/O, and nothing but the standard library, for it runs on nodes too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError

# With numbers of a length that can be counted through: a version is what some program says.
_SEMVER = re.compile(
    r"^(?P<major>0|[1-9][0-9]{0,4})\.(?P<minor>0|[1-9][0-9]{0,4})\.(?P<patch>0|[1-9][0-9]{0,4})"
    r"(?:-(?P<suffix>[0-9A-Za-z][0-9A-Za-z.-]{0,99}))?(?:\+(?P<build>[0-9A-Za-z.-]+))?\Z"
)
# NATS published these after the release they are named for: 2.10.27-binary was an embargoed security release and
# 2.11.17-hotfix.1 mends 2.11.17. Semantic versioning would sort them before it.
_AFTER_THE_RELEASE = ("binary", "hotfix")


@total_ordering
@dataclass(frozen=True)
class ServerVersion:
    """A version of nats-server, ordered as NATS means it: preview < RC < release < binary and hotfix."""

    major: int
    minor: int
    patch: int
    suffix: str = ""

    def __str__(self) -> str:
        base = f"{self.major}.{self.minor}.{self.patch}"
        return f"{base}-{self.suffix}" if self.suffix else base

    @property
    def is_prerelease(self) -> bool:
        return bool(self.suffix) and not self.suffix.lower().startswith(_AFTER_THE_RELEASE)

    def _key(self) -> tuple[Any, ...]:
        rank = 0 if self.is_prerelease else (2 if self.suffix else 1)
        # Semantic versioning 2.0, 11.4: numeric identifiers are lower than the others and compare as numbers.
        words = tuple(
            (0, int(word), "") if word.isdigit() else (1, 0, word.lower())
            for word in (self.suffix.split(".") if self.suffix else ())
        )
        return (self.major, self.minor, self.patch, rank, words)

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, ServerVersion):
            return NotImplemented
        return self._key() < other._key()

    def as_dict(self) -> dict[str, Any]:
        return {
            "major": self.major,
            "minor": self.minor,
            "patch": self.patch,
            "suffix": self.suffix,
            "prerelease": self.is_prerelease,
        }


def parse(text: str) -> ServerVersion:
    """Return the version that C(text) names exactly; raises NatsError for anything else, a leading v included."""
    match = _SEMVER.match(text)
    if not match:
        raise NatsError(f"'{text}' is not a version of nats-server such as 2.15.1")
    return ServerVersion(int(match["major"]), int(match["minor"]), int(match["patch"]), match["suffix"] or "")


def parse_or_none(text: str) -> ServerVersion | None:
    """Return the version, or None where a server reports something of its own making."""
    try:
        return parse(text)
    except NatsError:
        return None


def require_exact(text: str) -> ServerVersion:
    """Return the version of a target that names one release exactly; else raise NatsError with the way out."""
    try:
        return parse(text)
    except NatsError:
        without_v = re.sub(r"^[vV]", "", text.strip())
        if parse_or_none(without_v):
            # An extra variable beats every set_fact, so the v cannot be taken off for the URL templates.
            hint = f"leave the v out: -e nats_upgrade_version={without_v}"
        else:
            hint = "name one release, for example: -e nats_upgrade_version=2.15.1"
        seen = f"is '{text}', which is not an exact version" if text else "is not set, and has to be an exact version"
        raise NatsError(
            f"refused: nats_upgrade_version {seen}. Every node has to get the same "
            f"release, today and when the run is repeated; {hint}",
            refusal="not_exact",
        ) from None
