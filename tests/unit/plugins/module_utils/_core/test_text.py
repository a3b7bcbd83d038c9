from __future__ import annotations

import re
import sys

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding

HIDDEN = {
    "\x1b[2J\x1b[31m": r"\x1b[2J\x1b[31m",
    "\x9b2J": r"\x9b2J",
    "ORDERS\nok: [n1]": r"ORDERS\x0aok: [n1]",
    "a\rb\r\nc\td": r"a\x0db\x0d\x0ac\x09d",
    "a\x85b\u2028c\u2029d": r"a\x85b\u2028c\u2029d",
    "\x00\x08\x7f": r"\x00\x08\x7f",
    "n1\u202e1n\u2066x\u2069": r"n1\u202e1n\u2066x\u2069",
    "OR\u200bDERS\ufeff\u00ad": r"OR\u200bDERS\ufeff\xad",
    "a\u3164b\u115fc": r"a\u3164b\u115fc",
    "\ud800\udfff": r"\ud800\udfff",
    "a\ufe0f\U000e0041": r"a\ufe0f\U000e0041",
}
SHOWN = ["ORDERS", "größer als 数据 \U0001f680", "a b/c.d-e_f*>", "quote \" and '", "\\d+\\.\\w", ""]


@pytest.mark.parametrize(("raw", "written"), HIDDEN.items(), ids=[ascii(raw) for raw in HIDDEN])
def test_what_is_hidden_in_a_name_is_written_out(raw: str, written: str) -> None:
    assert (_text.name(raw), _text.line(raw.replace("\r\n", "\n")).count("\n")) == (written, 0)


@pytest.mark.parametrize("text", SHOWN)
def test_what_is_seen_stays(text: str) -> None:
    assert (_text.name(text), _text.message(text), _text.line(text)) == (text, text, text)


def original(name: str) -> str:
    """The name that was written out so."""
    return re.sub(r"\\(?:x(..)|u(.{4})|U(.{8}))", lambda m: chr(int(m[1] or m[2] or m[3], 16)), name)


ALIKE = [
    "\x1b",
    r"\x1b",
    "\\\x1b",
    r"\\x1b",
    r"\x5cx1b",
    r"\\x5cx1b",
    r"\u001b",
    "\ud800",
    r"\ud800",
    "?",
    "\ufffd",
    r"\x5c",
    "\\",
    r"\\",
]


def test_two_names_never_become_one() -> None:
    names = [f"{one}{other}{end}" for one in ALIKE for other in ALIKE for end in ("", "x1b", "u001b")]
    assert {original(_text.name(name)) for name in names} == set(names)
    assert len({_text.name(name) for name in names}) == len(set(names))


def test_every_character_alone_is_printable_afterwards_and_another_than_all_others() -> None:
    written = {_text.name(chr(code)) for code in range(sys.maxunicode + 1)}
    assert len(written) == sys.maxunicode + 1
    controls = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")
    assert [text for text in written if controls.search(text)] == []


def test_a_message_keeps_its_lines_and_the_names_that_are_written_out_in_it() -> None:
    name = _text.name("a\x1b[2J\nb\\x1b")
    assert _text.message(f"one: {name}\r\n\ttwo\x1b[A\u202e") == f"one: {name}\n\ttwo\\x1b[A\\u202e"
    assert _text.message(_text.message(name)) == name
    assert _text.line("a\nb\tc") == r"a\x0ab\x09c"


def test_what_a_task_says_is_a_message_or_several() -> None:
    assert _text.said(["a\x1b", ("b\x07", 1)]) == ["a\\x1b", ["b\\x07", 1]]
    assert _text.said(None) is None


def test_an_error_and_a_finding_say_nothing_that_a_terminal_obeys_whatever_they_quote() -> None:
    assert str(NatsError("refused:\n  /tmp/\x1b]0;x\x07")) == "refused:\n  /tmp/\\x1b]0;x\\x07"
    assert Finding("locked", "n1: \u202e").message == "n1: \\u202e"


def test_the_word_that_was_meant_is_offered_where_one_is_close_enough() -> None:
    assert _text.meant("pasword", ["user", "password"]) == " (did you mean password?)"
    assert _text.meant("x", ["user", "password"]) == _text.near("x", ["user"]) == ""
    assert (_text.near("passed", ["password"]), _text.near("passed", ["password"], 0.8)) == ("password", "")
