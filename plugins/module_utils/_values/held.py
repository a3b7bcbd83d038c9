# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What one server has of a stream, from its own answer of /jsz. Pure."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple


class Held(NamedTuple):
    """The messages of one copy of a stream. Of an empty one the first sequence is the next that it will give."""

    messages: int
    first: int
    last: int

    @property
    def holes(self) -> int:
        """How many between the first and the last are not there: deleted, or lost. It does not grow with what is written."""
        return self.last - self.first + 1 - self.messages

    def __str__(self) -> str:
        return f"{self.messages} messages ({self.first} to {self.last})" if self.messages else f"no messages (up to {self.last})"


def parse_held(state: Mapping[str, Any]) -> Held | None:
    """The state of a stream; None where the answer has none."""
    if state.get("last_seq") is None:
        return None
    messages, last = int(state.get("messages", 0)), int(state["last_seq"])
    # What servers give as the first sequence of an empty stream depends on how it became empty.
    return Held(messages, int(state.get("first_seq", 0)) if messages else last + 1, last)
