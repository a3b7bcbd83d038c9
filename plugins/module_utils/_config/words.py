# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Keys, single values and blanks of a nats-server configuration, as the server takes its text apart. Pure.

The rules are measured on 2.10.26 to 2.15.1, with all their oddities: _config/test_tree_real.py asks real servers about
each of them. Where versions differ, the newest one is followed, which takes more.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Union

# What ends a file for the server, wherever it stands.
NUL = "\0"
# Of Unicode. Python knows a few more.
_BLANK = "\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_COMMENT = r"(?:\#|//)[^\n\r\0]*"
BLANKS = re.compile(f"[{_BLANK}]*")
BLANKS_AND_COMMENTS = re.compile(f"(?:[{_BLANK}]+|{_COMMENT})*")
# What may stand between a value and the end of its line; a lone slash at the top level only.
SPACES = re.compile(r"[ \t]*")
SPACES_AND_COMMENTS = re.compile(rf"(?:[ \t]+|{_COMMENT})*")
SPACES_AND_SLASHES = re.compile(r"(?:[ \t]+|/(?!/))*")
COMMENT = re.compile(_COMMENT)
SIGN = re.compile(r"[=:]?")

_KEY = re.compile(f"[\\s\\S][^{_BLANK}=:\0]*")
_BARE = re.compile(r"[^\n\r\0;,\]} \t'\\]*")
_INCLUDED = re.compile(r"[^\n\r\0;} \t']*")
_QUOTED = {quote: re.compile(f"[^{quote}\0]*") for quote in "'\""}
_ESCAPABLE = re.compile(r'[^"\\\0]*')
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r", '"': '"', "\\": "\\"}
_BYTES = re.compile("[\udc80-\udcff]+")
_HEX = re.compile(r"[0-9a-fA-F]{2}")
# A text of several lines ends at a bracket that is alone in its line, without blanks or a carriage return.
_END_OF_TEXT = re.compile(r"\n\)(?=[\n\0]|\Z)")

_DIGITS = re.compile(r"-?\d+")
_LEADING_ZEROS = re.compile(r"\A(-?)0+(?=\d)")
_MOST_DIGITS = 20
_REST_OF_FLOAT = re.compile(r"\.\d+")
_REST_OF_ADDRESS = re.compile(r"\.[\d.:-]*")
_REST_OF_DATE = re.compile(r"-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_SUFFIX = re.compile(r"[kKmMgGtTpPeE][bBiI]*")
_ENDS_NUMBER = ("", *"\n\r\0;,} \t")
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}
_BOOLS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

Scalar = Union[str, int, float, bool]


class DamagedError(Exception):
    """The server would not take this text, for this reason."""


class EndedError(Exception):
    """The server takes a quote with nothing behind it for the end of a file, without a word."""


class Variable(str):
    """The name in a reference to a variable."""


class Words:
    """A text that is read from its beginning to its end."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1

    def peek(self) -> str:
        """The next character; empty at the end."""
        return self.text[self.at : self.at + 1]

    def take(self, pattern: re.Pattern[str]) -> str:
        """What of this comes next, if anything."""
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return match.group() if match else ""

    def took(self, *characters: str) -> bool:
        """Whether one of these came next; it is read. The end of the text, "", may come as often as it likes."""
        following = self.peek()
        self.at += len(following) if following in characters else 0
        return following in characters

    def bare_key(self) -> str:
        """A key without quotes: it may begin with anything."""
        return self.take(_KEY)

    def quoted(self, *ends: str) -> str:
        """What is between two quotes; nothing in it is escaped. C(ends) are what ends a file behind the first of them."""
        quote = self.peek()
        self.at += 1
        text = self.take(_QUOTED[quote])
        if self.took(quote):
            return text
        if not text and self.peek() in ends:
            raise EndedError
        raise DamagedError(f"no {quote} ends what one begins")

    def included(self) -> str:
        """The file that an include names."""
        self.take(SPACES)
        first = self.peek()
        if first in ("'", '"'):
            return self.quoted()
        if first and (first in "[{(-\\\n\r" or first.isdecimal()):
            raise DamagedError(f"include and then {first!r}")
        name = self.take(_INCLUDED)
        self.took("'")
        return name

    def scalar(self) -> Scalar | Variable | None:
        """A value that is neither a block nor a list; None for the few numbers that the server drops without a word."""
        first = self.peek()
        if first == "'":
            return self.quoted("")
        if first == '"':
            return self._escaped_string()
        if first == "(":
            return self._text()
        if first == "-" or first.isdecimal():
            return self._number()
        if first and first in ".\n\r":
            raise DamagedError("no value" if first != "." else "a value begins with a dot")
        return self._bare()

    def _escaped_string(self) -> str:
        self.at += 1
        parts = self._with_escapes(_ESCAPABLE)
        if self.took('"'):
            return _joined(parts)
        if not parts[-1] and not self.peek():
            raise EndedError
        raise DamagedError('no " ends what one begins')

    def _text(self) -> str:
        end = _END_OF_TEXT.search(self.text, self.at + 1)
        text = self.text[self.at + 1 : end.start() + 1] if end else NUL
        if NUL in text or end is None:
            raise DamagedError("no ) alone in a line ends what a ( begins")
        self.at = end.end()
        # At the very end of a file the bracket is a part of the text.
        return text if self.peek() else text + ")"

    def _bare(self, taken: str = "") -> Scalar | Variable:
        parts = self._with_escapes(_BARE)
        text = taken + _joined(parts)
        if not self.took("'") and len(parts) == 1:
            if text.lower() in _BOOLS:
                return _BOOLS[text.lower()]
            if text.startswith("$"):
                return Variable(text[1:])
        return text

    def _with_escapes(self, plain: re.Pattern[str]) -> list[str]:
        """What is plain, and between that what is escaped."""
        parts = [self.take(plain)]
        while self.took("\\"):
            parts += [self._escape(), self.take(plain)]
        return parts

    def _escape(self) -> str:
        letter = self.peek()
        self.at += 1
        if letter == "x":
            digits = self.take(_HEX)
            if digits:
                byte = int(digits, 16)
                return chr(byte) if byte < 0x80 else chr(0xDC00 + byte)
        if not letter or letter not in _ESCAPED:
            raise DamagedError(f"\\{letter} is no escape")
        return _ESCAPED[letter]

    def _number(self) -> Scalar | Variable | None:
        digits = self.take(_DIGITS)
        if not digits:
            raise DamagedError("- and no digit after it")
        following, is_negative = self.peek(), digits.startswith("-")
        if following == ".":
            return self._float(digits)
        suffix = self.take(_SUFFIX)
        if suffix:
            return _whole(digits, suffix) if self.peek() in _ENDS_NUMBER else self._bare(digits + suffix)
        if following == "-" and not is_negative:
            return self._date(digits)
        if is_negative or following in _ENDS_NUMBER:
            return _whole(digits, "")
        # Whatever follows is a letter of a word, also what would end one: [1] is not a list of one.
        self.at += 1
        return self._bare(digits + following)

    def _float(self, digits: str) -> Scalar:
        digits += self.take(_REST_OF_FLOAT)
        if "." not in digits:
            raise DamagedError(f"{digits}. and no digit after it")
        if self.peek() == ".":
            return digits + self.take(_REST_OF_ADDRESS)
        if not digits.isascii() or float(digits) in (float("inf"), float("-inf")):
            raise DamagedError("a number is out of range")
        return float(digits)

    def _date(self, digits: str) -> str:
        date = digits + self.take(_REST_OF_DATE)
        try:
            # Python has no year 0, which is a leap year, and knows other digits.
            date.encode("ascii")
            datetime.strptime(date.replace("0000-", "2000-", 1), "%Y-%m-%dT%H:%M:%SZ")
        except ValueError as exc:
            raise DamagedError(f"{date}- is no date") from exc
        return date


def _joined(parts: list[str]) -> str:
    """The parts as one text. The bytes of a character of UTF-8 may be escaped one by one."""
    return _BYTES.sub(lambda found: found.group().encode("utf-8", "surrogateescape").decode("utf-8", "replace"), "".join(parts))


def _whole(digits: str, suffix: str) -> int | None:
    digits = _LEADING_ZEROS.sub(r"\1", digits)
    # Python refuses to read thousands of digits.
    if not digits.isascii() or len(digits) > _MOST_DIGITS or not -(2**63) <= int(digits) < 2**63:
        raise DamagedError("a number is out of range")
    number = int(digits)
    if not suffix:
        return number
    unit = suffix[1:].lower()
    if unit not in ("", "b", "i", "ib"):
        return None
    factor: int = (1024 if unit else 1000) ** _POWERS[suffix[0].lower()]
    number *= factor
    # It has 64 bits there.
    return (number + 2**63) % 2**64 - 2**63
