# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The bounds of a configuration, which may include itself: see _files/config.py for why. Pure: it is given what reads a file."""

from __future__ import annotations

import contextlib
import os
from typing import Callable, Iterator

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError

MOST_BYTES = 8 * 2**20
MOST_FILES = 10_000
DEEPEST_INCLUDE = 100
DEEPEST_BLOCK = 50
_SHOWN = 5

Reader = Callable[[str], str]


class Included:
    """The files of one configuration as they are read one inside the other. Raises NatsError where that would never end."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._open: list[str] = []
        self._files = self._bytes = 0

    @contextlib.contextmanager
    def file(self, path: str) -> Iterator[str]:
        """The text of a file, which is being read for the length of the C(with)."""
        normal = os.path.normpath(path)
        if normal in self._open:
            raise refused(" includes ".join([*self._open[self._open.index(normal) :][-_SHOWN:], normal]))
        if len(self._open) >= DEEPEST_INCLUDE:
            raise refused(f"{self._open[0]} includes files that include files, more than {DEEPEST_INCLUDE} deep, to {normal}")
        text = self._read(path)
        self._files += 1
        self._bytes += len(text)
        if self._bytes > MOST_BYTES or self._files > MOST_FILES:
            raise refused(
                f"{(self._open or [normal])[0]} and what it includes are more than {MOST_BYTES} bytes or {MOST_FILES} files"
            )
        self._open.append(normal)
        try:
            yield text
        finally:
            self._open.pop()


def too_deep() -> NatsError:
    return refused(f"blocks and lists lie in each other more than {DEEPEST_BLOCK} deep")


def refused(what: str) -> NatsError:
    return NatsError(
        f"the configuration is not read to its end: {what}. A server that reads it runs out of memory or of time, now or at its "
        "next start. Fix the configuration, or set nats_upgrade_config_path to the right one. Nothing was changed"
    )
