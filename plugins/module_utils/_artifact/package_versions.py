# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What package managers write, read: versions of packages, and what an installation would do. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterable, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import fields as _fields
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError

# Of a staged or kept package: its files lie beside the manifest, and nowhere else.
MANIFEST_KEYS = {
    **dict.fromkeys(("name", "version"), _fields.NAME.needed),
    "package_version": _fields.TEXT.needed,
    "files": _fields.NAMES_OF_FILES.needed,
    "units": _fields.NAMES,
    **dict.fromkeys(("sha256", "binary"), _fields.TEXT),
}
# 1:2.15.1+dfsg-2: epoch, version of the program, repacked source, revision of the package.
_EPOCH = re.compile(r"^\d+:")
_REPACKED = re.compile(r"\+(?:dfsg|ds|repack)[\d.]*$")
_SIMULATED = re.compile(r"^(Inst|Remv) (\S+)(?: \[[^\]]*\])?(?: \((\S+))?", re.MULTILINE)


def upstream(package_version: str) -> str:
    """The version of the program in a version of its package: 2.15.1 in 1:2.15.1-2. What comes before it sorts before it."""
    version = _EPOCH.sub("", package_version)
    return _REPACKED.sub("", version.rpartition("-")[0] or version).replace("~", "-")


def choose(name: str, target: str, offered: Iterable[str], wanted: str = "") -> str:
    """The one version of the package that holds the target; C(wanted) names it where there are several.

    Raises NatsError that says what the repositories have.
    """
    known = list(dict.fromkeys(offered))
    fitting = [version for version in known if upstream(version) == target]
    if wanted and wanted in fitting:
        return wanted
    if not wanted and len(fitting) == 1:
        return fitting[0]
    have = f"they have {', '.join(known[:12])}{' and more' if len(known) > 12 else ''}" if known else "they have none of it"
    if wanted:
        raise NatsError(
            f"refused: nats_upgrade_package_version is {wanted}, which is not a package of {target} that the configured "
            f"repositories have: {have}. Nothing was touched",
            refusal="no_package",
        )
    if fitting:
        raise NatsError(
            f"refused: several packages of {name} hold {target}: {', '.join(fitting)}. Set nats_upgrade_package_version to the "
            "one that is meant. Nothing was touched",
            refusal="no_package",
        )
    raise NatsError(
        f"refused: no package of {name} in the configured repositories holds {target}: {have}. Nothing was touched; add the "
        "repository that has it, or set nats_upgrade_package_file to a package",
        refusal="no_package",
    )


@dataclass(frozen=True)
class Simulated:
    """What apt-get would do: packages to install with their versions, and packages to remove."""

    install: tuple[tuple[str, str], ...]
    remove: tuple[str, ...]


def simulated(text: str) -> Simulated:
    """What C(apt-get install --simulate) says."""
    found = [match.groups() for match in _SIMULATED.finditer(text)]
    return Simulated(
        tuple((name, version) for what, name, version in found if what == "Inst"),
        tuple(name for what, name, _version in found if what == "Remv"),
    )


def madison(text: str) -> list[str]:
    """The versions in the answer of C(apt-cache madison): package, version and source between bars."""
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
    return [row[1] for row in rows if len(row) == 3]


def units_in(paths: Sequence[str]) -> list[str]:
    """The services among the files of a package, by the names that its scripts use."""
    units = [path.rpartition("/")[2] for path in paths if "/systemd/system/" in path and path.endswith(".service")]
    return sorted({*units, *(path.rpartition("/")[2] for path in paths if "/etc/init.d/" in path)})


def last_lines(text: str, count: int = 6) -> str:
    """The end of what a command said, as one line, without progress."""
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip() and "(Reading database" not in line]
    return " / ".join(lines[-count:])
