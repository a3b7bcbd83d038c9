# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Members of Raft groups whose names a leader does not know: one that has started since a member died knows its id only. Pure.

The id follows from the server's name (measured, 2.14.6 and 2.15.1: n5 is C8OtEtgR), so that both can be told to be one.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Iterable

# What a leader calls a member that it has not heard of since it started. It is removed by its id, and by no name.
_NAMELESS = re.compile(r"Server name unknown at this time \(peerID: (\w+)\)\Z")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 8


@lru_cache(maxsize=4096)
def id_of(name: str) -> str:
    """The id that the server of this name has in each group."""
    return "".join(_DIGITS[byte % len(_DIGITS)] for byte in hashlib.sha256(name.encode()).digest()[:_LENGTH])


def id_in(said: str) -> str:
    """The id, where a leader knows no more of a member; empty where it says a name."""
    nameless = _NAMELESS.match(said)
    return nameless[1] if nameless else ""


def called(said: str, names: Iterable[str]) -> set[str]:
    """All that leaders may call the member which one of them calls so: C(names) are those that it may have."""
    known = {name for name in names if id_of(name) == id_in(said)} if id_in(said) else {said}
    return {said, *known, *(f"Server name unknown at this time (peerID: {id_of(name)})" for name in known)}


def is_of(said: str, name: str) -> bool:
    """Whether a member is the server of this name."""
    return said == name or id_in(said) == id_of(name)
