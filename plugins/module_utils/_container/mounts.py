# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Where the files of a server in a container are, seen from the host: those that it sees, and those that its next start reads.

They differ where one file is mounted and was replaced since, as by a rename: the container keeps the old one, also when its
server reloads. A start mounts whatever has the path by then.
"""

from __future__ import annotations

import os
import posixpath
from typing import Callable, Iterable, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._files import config as _config


def at_start(root: str, mounts: Sequence[Mapping[str, str]]) -> Callable[[str], str]:
    """What tells where a path in the container lies on the host for the next start.

    C(root) is where the running container's files are, seen from the host, for what is mounted from nowhere; C(mounts) has the
    C(source) on the host and the C(destination) in the container of each folder or file that is mounted.
    """
    innermost_first = sorted(mounts, key=lambda mount: len(mount["destination"]), reverse=True)

    def located(path: str) -> str:
        normal = posixpath.normpath(path)
        for mount in innermost_first:
            folder, source = mount["destination"].rstrip("/"), mount["source"]
            if normal == folder or normal.startswith(f"{folder}/"):
                file = f"{source}{normal[len(folder) :]}"
                return file if source and _lies_there(source, file) else f"{root}{path}"
        return f"{root}{path}"

    return located


def _lies_there(source: str, file: str) -> bool:
    """Whether it is a file of this mount. A link to elsewhere leads to another place in the container than on the host."""
    real, whole = os.path.realpath(file), os.path.realpath(source)
    return os.path.isfile(real) and (real == whole or real.startswith(f"{whole.rstrip('/')}/"))


def replaced(root: str, located: Callable[[str], str], paths: Iterable[str]) -> bool:
    """Whether the next start reads something else in one of these files than the server sees there; not where that is unknown."""
    for path in paths:
        seen, then = _content(f"{root}{path}", root), _content(located(path), root)
        if seen is not None and then is not None and seen != then:
            return True
    return False


def _content(path: str, root: str) -> bytes | None:
    try:
        return _config.content(path, root)
    except OSError:
        return None
