"""Data that is almost what it should be: a few changes, where they hurt."""

from __future__ import annotations

import copy
import json
from typing import Any, Collection, List, Sequence

from hypothesis import strategies as st

EVIL = "\x1b[2J\x9b31m\u202e\nok:[n1]\r\x07\u200b\\x1b\ud800"


class Deep(List[Any]):
    """Lists in lists, nearly as deep as Python calls, and as a parser of JSON goes. Shown in one word."""

    def __repr__(self) -> str:
        return "DEEP"


DEEP = Deep()
for _unused in range(900):
    DEEP = Deep([DEEP])
# Of names and words, of numbers, and of what looks like a version or a time.
ODD_TEXTS = [
    *("", " ", EVIL, "x" * 70_000, "../../etc", "/", "%s{0}{{ x }}", "$x", "null", "a > b > c"),
    *("0", "-1", "1e999", "²", "९", "9" * 5000),
    *("2.15.1", "2.15.x", "v2.15.1", "2.15.1-", "99999.99999.99999"),
    *("2026-02-30T25:61:61Z", "2026-11-21T10:00:00.000000000Z", "0001-01-01T00:00:00Z"),
]
ODD_NUMBERS = (0, -1, 1, 2**31, 2**63, -(2**63), 10**30, 1e308, -1e308, 0.5, float("inf"), float("-inf"), float("nan"))
characters = st.characters(codec=None, categories=("L", "N", "P", "S", "Z", "C"))
odd_texts = st.one_of(st.sampled_from(ODD_TEXTS), st.text(characters, max_size=12))
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(ODD_NUMBERS),
    odd_texts,
    st.just(DEEP),
    st.sampled_from(["[]", "{}", "[null]", "[[]]", "[{}]", '{"": null}', '{"name": {}}', '["x"]', "[1]"]).map(json.loads),
    st.lists(st.one_of(st.none(), st.integers(), odd_texts), max_size=3),
    st.dictionaries(odd_texts, st.one_of(st.none(), st.integers(), odd_texts), max_size=3),
)


def _paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to everything in it."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for key, one in inside for path in _paths(one, (*here, key)))]


def _named_texts(value: Any) -> set[str]:
    """The keys in it that have a text, or texts."""
    if isinstance(value, list):
        return {key for one in value for key in _named_texts(one)}
    if not isinstance(value, dict):
        return set()
    here = {
        key for key, one in value.items() if isinstance(one, str) or (one and isinstance(one, list) and isinstance(one[0], str))
    }
    return here.union(*map(_named_texts, value.values()))


def _hostile(value: Any, keys: Collection[str], here: bool = False) -> Any:
    """The same, with something that a terminal obeys in each text that has one of these keys."""
    if isinstance(value, dict):
        return {key: _hostile(one, keys, key in keys) for key, one in value.items()}
    if isinstance(value, list):
        return [_hostile(one, keys, here) for one in value]
    return f"{value}{EVIL}" if here and isinstance(value, str) else value


def changed(original: Any, most: int = 3) -> st.SearchStrategy[Any]:
    """The original with one thing changed, or a few; or the texts of some keys wherever they stand, which is what names do."""
    keys = sorted(_named_texts(original))
    flags = st.lists(st.booleans(), min_size=len(keys), max_size=len(keys))
    hostile = flags.map(lambda chosen: _hostile(original, [key for key, is_chosen in zip(keys, chosen) if is_chosen]))
    return st.one_of(*[_changed_in_places(original, most)] * 7, hostile) if keys else _changed_in_places(original, most)


def _changed_in_places(original: Any, most: int) -> st.SearchStrategy[Any]:
    ways = st.sampled_from([(0, *path) for path in _paths(original)])

    @st.composite
    def drawn(draw: st.DrawFn) -> Any:
        holder = [copy.deepcopy(original)]
        for _unused in range(draw(st.integers(1, most))):
            _change(draw, holder, draw(ways))
        return holder[0]

    return drawn()


def _change(draw: st.DrawFn, holder: Any, path: Sequence[Any]) -> None:
    inside, key = holder, path[-1]
    try:
        for one in path[:-1]:
            inside = inside[one]
        inside[key]
    except (IndexError, KeyError, TypeError):
        inside = None
    if not isinstance(inside, (dict, list)) or isinstance(inside, Deep):  # it went with an earlier change
        return
    value, how = inside[key], draw(st.sampled_from(("odd", "odd", "odd", "gone", "wrapped", "near", "moved")))
    if how == "odd":
        inside[key] = draw(odd)
    elif how == "gone" and inside is not holder:
        del inside[key]
    elif how == "wrapped":
        inside[key] = draw(st.sampled_from([[value], {"name": value}, [value, value], str(value)]))
    elif how == "near":
        inside[key] = _near(draw, value)
    elif how == "moved" and isinstance(inside, dict):
        inside[draw(odd_texts)] = inside.pop(key)


def _near(draw: st.DrawFn, value: Any) -> Any:
    """Of the same type, and not the same."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return draw(st.one_of(st.integers(), st.sampled_from([value + 1, value - 1, -value])))
    if isinstance(value, str):
        return draw(st.sampled_from([f"{value}{EVIL}", value.upper(), value[:-1], f"{value}\n", value * 2]))
    if isinstance(value, list):
        return value * 2 if draw(st.booleans()) else value[::-1]
    return value


@st.composite
def changed_text(draw: st.DrawFn, original: str, words: Sequence[str], most: int = 6) -> str:
    """A text with pieces taken out, put in, or there twice."""
    text = original
    for _unused in range(draw(st.integers(1, most))):
        begin = draw(st.integers(0, len(text)))
        end = min(len(text), begin + draw(st.integers(0, 40)))
        put = draw(st.one_of(st.sampled_from(words), odd_texts, st.just(text[begin:end] * 3)))
        text = text[:begin] + put + text[draw(st.sampled_from((begin, end))) :]
    return text


@st.composite
def changed_bytes(draw: st.DrawFn, original: bytes, most: int = 6) -> bytes:
    """Bytes of which some are other ones, are missing, or were put in."""
    data = bytearray(original)
    for _unused in range(draw(st.integers(1, most))):
        begin = draw(st.integers(0, len(data)))
        end = min(len(data), begin + draw(st.integers(0, 16)))
        data[begin:end] = draw(
            st.one_of(st.binary(max_size=16), st.just(b"\0" * 8), st.just(b"\xff" * 8), st.just(bytes(data[begin:end]) * 2))
        )
    return bytes(data)
