# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The files of a nats-server configuration, read with bounds and with the rights of the server: another user may write them.

A server has no bounds of its own (measured on 2.10.26 to 2.15.1): a file that includes itself fills its stack or its memory,
it waits for a FIFO for ever and reads /dev/zero until it is killed. What is refused here starts no server either, but for what
nobody writes: blocks 50 deep, a hundred files one inside the other, 8 MiB.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from typing import Callable, Sequence, Tuple

from ansible_collections.natsops.cluster.plugins.module_utils._config.included import MOST_BYTES, Reader
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._files import rights as _rights
from ansible_collections.natsops.cluster.plugins.module_utils._files import trust as _trust

# A user, their group and their other groups.
Rights = Tuple[int, int, Sequence[int]]


def reader(located: Callable[[str], str], files: list[str], rights: Rights | None, root: str) -> Reader:
    """What reads a file of a configuration where it lies, and adds it to the files that were read.

    With the rights of the server, for its user may have written there the name of a file that is none of theirs; of a
    container, whose files are in C(root), nothing outside of it.
    """

    def text_of(path: str) -> str:
        files.append(path)
        if rights is None or os.geteuid() != 0:
            return content(located(path), root).decode("utf-8", "replace")
        try:
            with _rights.as_user(*rights):
                return content(located(path), root).decode("utf-8", "replace")
        except PermissionError as exc:
            raise NatsError(
                f"the configuration {path} cannot be read by user {rights[0]}, as whom the server runs ({exc.strerror}), so that "
                "the server would not start again. Give that user the right to read it, and to enter the folders on the way to "
                "it, or set nats_upgrade_config_path"
            ) from exc

    return text_of


def content(path: str, root: str = "") -> bytes:
    """What is in a file that is one. Raises OSError where it cannot be opened, or is something else than a file, or too large.

    A link is followed, as the server does it; one in a container (C(root)) leads to where it leads in there.
    """
    is_inside = bool(root) and path.startswith(f"{root}/")
    found = inside(root, path[len(root) :]) if is_inside else path
    # Without waiting, as for the other end of a FIFO.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    opened = os.open(found, flags | os.O_NOFOLLOW if is_inside else flags)
    try:
        seen = os.fstat(opened)
        if not stat.S_ISREG(seen.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", path)
        if seen.st_size > MOST_BYTES:
            raise OSError(errno.EFBIG, f"it has {seen.st_size} bytes, and {MOST_BYTES} at most are read", path)
        with open(opened, "rb", closefd=False) as file:
            # Files of /proc, such as the environment of this very process, say that they are empty.
            return file.read(seen.st_size)
    finally:
        os.close(opened)


def inside(root: str, path: str) -> str:
    """Where a path in a container leads, seen from the host: the kernel would follow a link in it to a file of the host."""
    names, found, links = path.split("/"), "", 0
    while names:
        name = names.pop(0)
        if name in ("", ".", ".."):
            found = posixpath.dirname(found).rstrip("/") if name == ".." else found
            continue
        try:
            target = os.readlink(f"{root}{found}/{name}")
        except OSError:  # no link, or nothing at all: opening it says which
            found = f"{found}/{name}"
            continue
        links += 1
        if links > _trust.MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        found = "" if target.startswith("/") else found
        names = [*target.split("/"), *names]
    return f"{root}{found}"


def unreadable(exc: OSError, config_path: str, runs: str | None) -> NatsError:
    """What to say of a configuration that cannot be read, or of a file that it includes.

    C(runs) is what the process was started with where the inventory names another one; None where it names none.
    """
    path = str(exc.filename or config_path)
    if isinstance(exc, PermissionError):
        return NatsError(
            f"the configuration {path} cannot be read ({exc.strerror}): run with become (-b), or set nats_upgrade_config_path"
        )
    if not isinstance(exc, (FileNotFoundError, NotADirectoryError)):
        return NatsError(
            f"the configuration {path} cannot be read ({exc.strerror}): set nats_upgrade_config_path to the right one"
        )
    missing = _first_missing(path)
    what = path if missing == path else f"{path} (nor {missing})"
    if os.path.normpath(path) != os.path.normpath(config_path):
        return NatsError(
            f"there is no configuration {what}, which {config_path} includes: the server would not start again. "
            "Deploy it, or fix the include, or set nats_upgrade_config_path to the right configuration"
        )
    if runs is None:
        return NatsError(
            f"there is no configuration {what}, with which the server is started: it would not start again. Deploy it, or set "
            "nats_upgrade_config_path to the right one"
        )
    seen = f"; the server runs with {runs}" if runs else ""
    return NatsError(
        f"there is no configuration {what}, and nats_upgrade_config_path names it{seen}: set nats_upgrade_config_path to what is "
        "there"
    )


def _first_missing(path: str) -> str:
    """The highest folder on the way to a file that is not there, or the file."""
    parent = os.path.dirname(path)
    return path if parent == path or os.path.isdir(parent) else _first_missing(parent)
