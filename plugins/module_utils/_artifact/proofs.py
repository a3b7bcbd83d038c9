# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What server binaries of a node have to be: their hashes, in the state folder, where nobody but root writes.

A binary lies beside the one that runs, where its user may write. What is there is used only while it has its hash still.
"""

from __future__ import annotations

import os
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._files import safe as _safe
from ansible_collections.natsops.cluster.plugins.module_utils._files import trust as _trust
from ansible_collections.natsops.cluster.plugins.module_utils._state import files as _files

NAME = "binaries.json"


class Proofs:
    """The hashes in a state folder. Without one nothing is known, and nothing is noted."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder

    def is_from(self, binary: str, version: str, archive_sha256: str) -> bool:
        """Whether a binary is the one that was unpacked from the archive with this hash."""
        known = self._known(binary)
        return known.get("version") == version and known.get("archive") == archive_sha256.lower() and not self._unlike(binary)

    def is_noted(self, binary: str, version: str) -> bool:
        """Whether a binary is what was noted of it."""
        return self._known(binary).get("version") == version and not self._unlike(binary)

    def doubt(self, binary: str) -> str:
        """Why a binary may not be used, to go on a sentence about it; empty where it may.

        One of which no hash is known, as where it was staged by an older release of the collection, may be where nobody but root,
        or this user, can have put it there.
        """
        if self._known(binary):
            return self._unlike(binary)
        weak = ", ".join(map(str, _trust.weak_places(binary)))
        return (
            f"no hash of it is in {self._folder or 'a state folder'}, and others can have put it there, by {weak}" if weak else ""
        )

    def note(self, binary: str, version: str, sha256: str, archive_sha256: str = "") -> None:
        """Keep the hash of a binary that is known to be right, and where it is from. Raises StateError."""
        known = {"version": version, "sha256": sha256, "archive": archive_sha256.lower()}
        if self._folder is None or self._known(binary) == known:
            return
        with _files.guarded(self._folder):
            kept = {path: one for path, one in self._all().items() if os.path.lexists(path)}
            _files.replace(self._folder, {NAME: {"binaries": {**kept, binary: known}}})

    def _unlike(self, binary: str) -> str:
        sha256 = self._known(binary)["sha256"]
        try:
            got = _safe.sha256_of(binary)
        except OSError as exc:
            return f"it cannot be read ({exc.strerror or exc})"
        return "" if got == sha256 else f"its SHA-256 is {got}, and was {sha256}: somebody has replaced it since"

    def _known(self, binary: str) -> Mapping[str, str]:
        return self._all().get(binary, {})

    def _all(self) -> dict[str, dict[str, str]]:
        fields: Mapping[str, Any] = (self._folder and _files.read(self._folder, NAME).fields) or {}
        found = fields.get("binaries")
        return {path: one for path, one in found.items() if _is_proof(one)} if isinstance(found, dict) else {}


def _is_proof(known: Any) -> bool:
    return isinstance(known, dict) and all(isinstance(known.get(key), str) for key in ("version", "sha256", "archive"))
