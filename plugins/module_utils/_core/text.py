# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Text for people: lists and durations as they are said, and text from elsewhere made printable. Pure.

What a terminal would obey, or not show, in text from servers, clients, configurations and other programs is written out.

A user of one account can name a stream with the escapes that clear a screen, or with a line end and a line of Ansible's own. So
names are made printable where they are read, before anything is compared, by a function under which two different names never
become one: what is compared, kept, sent to the controller and shown is the same text. Only what is asked of a server by name, as
an account, stays as it was. Whole messages, which have lines and may hold such names already, are made printable at the end.
"""

from __future__ import annotations

import re
from typing import Any, Iterable, Sequence

# The same on every Python, for a name may be read on a node and compared on the controller: ranges, and not str.isprintable,
# which knows the Unicode of its day. Controls (C0, C1), what has no width, what turns the direction of writing, line and
# paragraph separators, fillers, variation selectors, halves of surrogates, tags.
_HIDDEN = (
    "\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff"
)
# A backslash that would look like one of our own, so that a name which has the letters of an escape stays another one than the
# name which has what the escape stands for.
_IN_NAMES = re.compile(rf"[{_HIDDEN}]|\\(?=[xuU])")
_IN_MESSAGES = re.compile(rf"(?![\n\t])[{_HIDDEN}]")
# How many names a message lists before it counts the rest.
NAMED = 5
# How many lines it lists.
LISTED = 10
# How much of a word has to be right for it to be taken for another one.
_LIKE = 0.6


def name(text: str) -> str:
    """A name, or any other text that is compared, as one line. Different texts stay different ones."""
    return text if _is_plain(text) and "\\" not in text else _IN_NAMES.sub(_written_out, text)


def message(text: str) -> str:
    """A message of one line or several. Of what is printable nothing changes, names that were made so included."""
    return text if _is_plain(text) else _IN_MESSAGES.sub(_written_out, text.replace("\r\n", "\n"))


def line(text: str) -> str:
    """A message that has to be one line."""
    return message(text).replace("\n", "\\x0a").replace("\t", "\\x09")


def said(value: Any) -> Any:
    """What a task says: a message, or a list of them. Anything else stays as it is."""
    if isinstance(value, str):
        return message(value)
    return [said(one) for one in value] if isinstance(value, (list, tuple)) else value


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _written_out(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def listed(lines: Sequence[str]) -> str:
    """The first lines, one under the other, and how many more there are."""
    return "\n".join([*lines[:LISTED], *([f"  and {len(lines) - LISTED} more"] if len(lines) > LISTED else [])])


def named(names: Iterable[str], most: int = NAMED) -> str:
    """The first names, and how many more there are."""
    every = list(names)
    text = ", ".join(every[:most])
    return f"{text} and {len(every) - most} more" if len(every) > most else text


def near(word: str, known: Iterable[str], like: float = _LIKE) -> str:
    """The known word that this one was probably meant to be; empty where none is close."""
    # Only once something is wrong: what runs on nodes need not load it.
    import difflib

    return next(iter(difflib.get_close_matches(word, list(known), 1, like)), "")


def meant(word: str, known: Iterable[str], like: float = _LIKE) -> str:
    """What to say behind a word that is not known."""
    close = near(word, known, like)
    return f" (did you mean {close}?)" if close else ""


def duration(seconds: float) -> str:
    """A duration as people say it: 40 s, 3 min, 2 h 10 min."""
    if round(seconds) < 100:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
