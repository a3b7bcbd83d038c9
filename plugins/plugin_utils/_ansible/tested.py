# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The releases of ansible-core that the collection is tested with: product, tests and pages take them from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping


@dataclass(frozen=True)
class Core:
    """C(python) runs the controller in the tests of this release; C(node_python) is the oldest Python of a managed node."""

    minor: str
    release: str
    python: str
    node_python: str


# node_python is _PY_MIN in the release's own module_utils/basic.py; that of 2.17 is 3.7, but our modules need 3.8.
_CORES = (
    Core("2.17", "2.17.14", "3.11", "3.8"),
    Core("2.18", "2.18.19", "3.11", "3.8"),
    Core("2.19", "2.19.14", "3.11", "3.8"),
    Core("2.20", "2.20.10", "3.12", "3.9"),
    Core("2.21", "2.21.5", "3.13", "3.9"),
)
# Oldest first.
CORES: Mapping[str, Core] = {core.minor: core for core in _CORES}


def minor_of(version: str) -> str:
    """Return 2.21 for 2.21.5, and for 2.21.0rc1 or 2.22.0.dev0 as well."""
    return ".".join(version.split(".")[:2])


def newest() -> Core:
    return _CORES[-1]
