# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who may write what lies at a path: whoever may decides what a program there does.

Trusted are root and the user that this runs as. C(weak) is pure: it sees the file system through what it is given.
"""

from __future__ import annotations

import grp
import os
import posixpath
import pwd
import stat
from dataclasses import dataclass
from typing import Any, Callable

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError

REFUSAL = "unsafe_path"
# As the kernel does.
MOST_LINKS = 40


@dataclass(frozen=True)
class Weak:
    """A place on the way to a path that others can change."""

    path: str
    uid: int
    mode: int
    link: bool = False

    def __str__(self) -> str:
        if self.link:
            return f"the link {self.path} (owner {user_name(self.uid)})"
        return f"{self.path} (owner {user_name(self.uid)}, mode {self.mode:04o})"

    def as_dict(self) -> dict[str, Any]:
        return {"path": self.path, "owner": user_name(self.uid), "mode": f"{self.mode:04o}", "link": self.link}


def weak(
    path: str,
    trusted: frozenset[int],
    *,
    lstat: Callable[[str], os.stat_result] = os.lstat,
    readlink: Callable[[str], str] = os.readlink,
    is_private: Callable[[int, int], bool] = lambda _uid, _gid: False,
) -> list[Weak]:
    """The places on the way to a path, itself included, that others than the trusted users can write, in order.

    What is not there yet is none of them. In a folder with the sticky bit, as /tmp, only the owner of an entry can give its name
    to something else. C(is_private) says of a user and a group that nobody else is in it.
    """
    found: dict[str, Weak] = {}
    here, rest, links = "/", ["", *names(path)], 0
    while rest:
        place = posixpath.normpath(posixpath.join(here, rest.pop(0)))
        try:
            seen = lstat(place)
        except OSError:
            break
        if _is_weak(seen, trusted, is_private):
            found[place] = Weak(place, seen.st_uid, stat.S_IMODE(seen.st_mode), stat.S_ISLNK(seen.st_mode))
        if not stat.S_ISLNK(seen.st_mode):
            here = place
            continue
        links += 1
        if links > MOST_LINKS:
            break
        target = readlink(place)
        here, rest = "/" if target.startswith("/") else here, [*names(target), *rest]
    return list(found.values())


def names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _is_weak(seen: os.stat_result, trusted: frozenset[int], is_private: Callable[[int, int], bool]) -> bool:
    if seen.st_uid not in trusted:
        return True
    if stat.S_ISLNK(seen.st_mode) or (stat.S_ISDIR(seen.st_mode) and seen.st_mode & stat.S_ISVTX):
        return False
    by_group = seen.st_mode & stat.S_IWGRP and not is_private(seen.st_uid, seen.st_gid)
    return bool(seen.st_mode & stat.S_IWOTH or by_group)


def is_private(uid: int, gid: int) -> bool:
    """Whether a group is the user's own, of its name and without other members."""
    try:
        user, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except KeyError:
        return False
    return user.pw_gid == gid and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def trusted_users() -> frozenset[int]:
    """Root, and whoever this runs as."""
    return frozenset({0, os.geteuid()})


def weak_places(path: str) -> list[Weak]:
    """The places on the way to a path of this machine that others can write."""
    return weak(os.path.join(os.getcwd(), path), trusted_users(), is_private=is_private)


def is_weak(seen: os.stat_result) -> bool:
    """Whether others can write a file itself, wherever it lies."""
    return _is_weak(seen, trusted_users(), is_private)


def require(path: str, why: str) -> None:
    """Raise NatsError where others can write what lies at a path, or give its name to something else."""
    places = weak_places(path)
    if places:
        raise NatsError(
            f"refused: unsafe_path: others than {user_name(os.geteuid())} can change what {path} is, by "
            f"{', '.join(map(str, places))}, and {why}. Give what is named to root (chown root:root), writable by its owner "
            "alone (chmod go-w), and run again",
            refusal=REFUSAL,
        )
