# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The columns in which the stdout callback natsops.cluster.roll shows a roll. Pure.

What the callback prints and what a wait prints from a worker of Ansible stand below each other, so both are laid out here.
"""

from __future__ import annotations

import textwrap
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text

NAME = "natsops.cluster.roll"
# The word for each phase of a turn. Those of the whole cluster stand at the left, as PLAN and READY do.
STEPS: Mapping[str, str] = {
    "gate": "gate",
    "hold": "hold",
    "drain": "drain",
    "swap": "switch",
    "start": "start",
    "catch_up": "back",
    "soak": "soak",
    "put_back": "put back",
}
HEADS: Mapping[str, str] = {
    "stage": "READY",
    "surge_join": "JOIN",
    "surge_leave": "LEAVE",
    "verify": "VERIFY",
    "rebalance": "CLIENTS",
}
_STEP, _HEAD = 6, 8
GAP = "  "


class Line(NamedTuple):
    """One line on the screen. C(tone) is what it means: good, bad, warn, or empty for everything else."""

    text: str
    tone: str = ""


def head(word: str, text: str) -> str:
    """VERIFY  3 of 3 run 2.14.6"""
    return f"{word:<{_HEAD}}{text}".rstrip()


class Turns:
    """The columns of all turns: wide enough for every host of the plan."""

    def __init__(self, order: Sequence[str] = ()) -> None:
        self._order = tuple(order)
        self._width = max((len(self.who(host, len(self._order))) for host in self._order), default=0)

    def who(self, host: str, number: int) -> str:
        return f"{number}/{len(self._order)} {host}" if host in self._order else host

    def line(self, at: str, who: str, step: str, text: str) -> str:
        """21:59:32  1/3 n2  gate    the cluster can lose it"""
        return GAP.join([clock(at), f"{who:<{self._width}}", f"{step:<{_STEP}}", _text.line(text)]).rstrip()


def clock(at: str) -> str:
    """The time of day of an event, UTC."""
    return at[11:19]


def wait(events: Iterable[Mapping[str, Any]], at: str, host: str, phase: str, text: str) -> str:
    """What a wait shows, laid out as what the callback shows before and after it; C(events) are those of the run."""
    if phase in HEADS:
        return head(HEADS[phase], _text.line(text))
    order: Sequence[str] = ()
    done: set[str] = set()
    for event in events:
        if event["kind"] == "planned":
            order = event.get("order") or ()
        elif event["kind"] == "node_done":
            done.add(event["host"])
    turns = Turns(order)
    return turns.line(at, turns.who(host, len(done - {host}) + 1), STEPS.get(phase, phase), text)


def wrapped(text: str, columns: int, first: str = GAP, then: str = GAP * 2) -> list[str]:
    """A long text in lines of so many columns. What is one word stays one: a path or a command is there to be copied."""
    lines = textwrap.wrap(
        _text.line(text),
        width=max(40, columns),
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [first.rstrip()]


def rows(table: Sequence[Sequence[str]]) -> list[str]:
    """A table with each column as wide as it has to be."""
    widths = [max(map(len, column)) for column in zip(*table)]
    return [(GAP + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths))).rstrip() for row in table]
