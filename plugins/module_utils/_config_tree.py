# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# This module util is PRIVATE to the collection: it may change in any release.
"""A whole nats-server configuration as dictionaries and lists. Pure but for the reader given.

Values stay text, keys are in lower case. nats-server -t is the judge of a config: what is damaged is read as far as it goes.
"""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Iterator, Mapping, Tuple

from ansible_collections.natsops.cluster.plugins.module_utils._config import Reader

_TOKEN = re.compile(
    r"""(?P<space>[\s,;]+)|(?P<comment>\#[^\n]*|//[^\n]*)|(?P<string>"(?:\\.|[^"\\])*"|'[^']*')
|(?P<text>\(\s*\n.*?\n\s*\))|(?P<open>[{\[])|(?P<close>[}\]])|(?P<sign>[=:])|(?P<word>[^\s,;{}\[\]"']+)""",
    re.VERBOSE | re.DOTALL,
)
# Account and stream names are keys too: nothing but the words of the server itself may be taken for those.
_KEY_WORD = re.compile(r"[^\s=:{}\[\]\"',;]+")
_DEEPEST_INCLUDE = 10

Tree = Dict[str, Any]
_Token = Tuple[str, str]


def read(path: str, reader: Reader, environment: Mapping[str, str]) -> Tree:
    """The configuration in a file. Included files count as if they stood there, and $NAME is looked up as nats-server does.

    C(reader) returns the text of a file and may raise OSError, which is passed on.
    """
    return _Parser(reader, environment).file(path, [], 0)


class _Parser:
    def __init__(self, reader: Reader, environment: Mapping[str, str]) -> None:
        self._reader, self._environment = reader, environment

    def file(self, path: str, scopes: list[Tree], depth: int) -> Tree:
        text = self._reader(path).strip()
        if text.startswith("{") and text.endswith("}"):  # nats-server takes JSON too
            text = text[1:-1]
        tree: Tree = {}
        self._map(_Tokens(text), tree, [*scopes, tree], path, depth)
        return tree

    def _map(self, tokens: _Tokens, tree: Tree, scopes: list[Tree], path: str, depth: int) -> None:
        while True:
            kind, key = tokens.key()
            if kind in ("end", "close"):
                return
            if kind == "open":
                continue
            if kind == "word" and key == "include":
                included = os.path.join(os.path.dirname(path), tokens.value()[1])
                if depth < _DEEPEST_INCLUDE:
                    tree.update(self.file(included, scopes, depth + 1))
                continue
            tree[key] = self._value(tokens, tokens.value(), scopes, path, depth)

    def _value(self, tokens: _Tokens, token: _Token, scopes: list[Tree], path: str, depth: int) -> Any:
        kind, text = token
        if kind == "open" and text == "{":
            inner: Tree = {}
            self._map(tokens, inner, [*scopes, inner], path, depth)
            return inner
        if kind == "open":
            return list(self._items(tokens, scopes, path, depth))
        # A bcrypt hash begins as a variable does.
        if kind == "word" and text.startswith("$") and not text.startswith("$2a$"):
            return self._variable(text[1:], scopes)
        return text

    def _items(self, tokens: _Tokens, scopes: list[Tree], path: str, depth: int) -> Iterator[Any]:
        while True:
            token = tokens.value()
            if token[0] in ("end", "close"):
                return
            yield self._value(tokens, token, scopes, path, depth)

    def _variable(self, name: str, scopes: list[Tree]) -> Any:
        for scope in reversed(scopes):
            if name in scope:
                return scope[name]
        return self._environment.get(name, "")


class _Tokens:
    """What stands in a file, one after the other, without blanks and comments."""

    def __init__(self, text: str) -> None:
        self._text, self._position = text, 0

    def key(self) -> _Token:
        """The next key; a word ends at = or : there."""
        kind, text = self._next(key=True)
        while kind == "sign":
            kind, text = self._next(key=True)
        return kind, text

    def value(self) -> _Token:
        kind, text = self._next(key=False)
        while kind == "sign":
            kind, text = self._next(key=False)
        return kind, text

    def _next(self, *, key: bool) -> _Token:
        while True:
            match = _TOKEN.match(self._text, self._position)
            if match is None:
                return "end", ""
            self._position, kind, text = match.end(), str(match.lastgroup), match.group()
            if kind in ("space", "comment"):
                continue
            if kind == "word" and key:
                word = _KEY_WORD.match(text)
                text = word.group() if word else text
                self._position = match.start() + len(text)
            if kind == "string":
                text = text[1:-1]
            return kind, text
