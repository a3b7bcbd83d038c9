# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The rights of another user for as long as something of theirs is read."""

from __future__ import annotations

import contextlib
import os
from typing import Iterator, Sequence


@contextlib.contextmanager
def as_user(uid: int, gid: int, groups: Sequence[int]) -> Iterator[None]:
    """For the length of a C(with), root has the rights of this user. Anybody else goes on with their own.

    Of the whole process, so not where threads are at work.
    """
    if os.geteuid() != 0 or uid == 0:
        yield
        return
    own_gid, own_groups = os.getegid(), os.getgroups()
    try:
        os.setgroups(groups)
        os.setegid(gid)
        os.seteuid(uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(own_gid)
        os.setgroups(own_groups)
