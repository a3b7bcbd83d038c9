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

from ansible_collections.natsops.cluster.plugins.module_utils import _config_files
from ansible_collections.natsops.cluster.plugins.module_utils._config_files import Included, Reader

_TOKEN = re.compile(
    r"""(?P<space>[\s,;]+)|(?P<comment>\#[^\n]*|//[^\n]*)|(?P<string>"(?:\\.|[^"\\])*"?|'[^']*'?)
|(?P<text>\([^\S\n]*\n)|(?P<open>[{\[])|(?P<close>[}\]])|(?P<sign>[=:])|(?P<word>[^\s,;{}\[\]"']+)""",
    re.VERBOSE | re.DOTALL,
)
# What ends a text of several lines, which is opened above: a line with nothing before it.
_END_OF_TEXT = re.compile(r"^[^\S\n]*\)", re.MULTILINE)
# Account and stream names are keys too: nothing but the words of the server itself may be taken for those.
_KEY_WORD = re.compile(r"[^\s=:{}\[\]\"',;]+")
# What variables may repeat: a list of ten lists of ten lists ... is written in a few lines.
_MOST_REPEATED = 4_000_000

Tree = Dict[str, Any]
_Token = Tuple[str, str]


def read(path: str, reader: Reader, environment: Mapping[str, str]) -> Tree:
    """The configuration in a file. Included files count as if they stood there, and $NAME is looked up as nats-server does.

    C(reader) returns the text of a file and may raise OSError, which is passed on.
    """
    return _Parser(reader, environment).file(path, [])


class _Parser:
    def __init__(self, reader: Reader, environment: Mapping[str, str]) -> None:
        self._files, self._environment = Included(reader), environment
        self._depth, self._left = 0, _MOST_REPEATED

    def file(self, path: str, scopes: list[Tree]) -> Tree:
        tree: Tree = {}
        with self._files.file(path) as whole:
            text = whole.strip()
            if text.startswith("{") and text.endswith("}"):  # nats-server takes JSON too
                text = text[1:-1]
            self._map(_Tokens(text), tree, [*scopes, tree], path)
        return tree

    def _map(self, tokens: _Tokens, tree: Tree, scopes: list[Tree], path: str) -> None:
        while True:
            kind, key = tokens.key()
            if kind in ("end", "close"):
                return
            if kind == "open":
                continue
            if kind == "word" and key == "include":
                included = os.path.join(os.path.dirname(path), tokens.value()[1])
                tree.update(self.file(included, scopes))
                continue
            tree[key] = self._value(tokens, tokens.value(), scopes, path)

    def _value(self, tokens: _Tokens, token: _Token, scopes: list[Tree], path: str) -> Any:
        kind, text = token
        if kind == "open":
            if self._depth >= _config_files.DEEPEST_BLOCK:
                raise _config_files.too_deep()
            self._depth += 1
            try:
                return self._block(tokens, text, scopes, path)
            finally:
                self._depth -= 1
        # A bcrypt hash begins as a variable does.
        if kind == "word" and text.startswith("$") and not text.startswith("$2a$"):
            value = self._variable(text[1:], scopes)
            self._repeat(value, self._depth)
            return value
        return text

    def _block(self, tokens: _Tokens, opened: str, scopes: list[Tree], path: str) -> Any:
        if opened != "{":
            return list(self._items(tokens, scopes, path))
        inner: Tree = {}
        self._map(tokens, inner, [*scopes, inner], path)
        return inner

    def _repeat(self, value: Any, depth: int) -> None:
        """Count what is there once more, and how deep it lies by now."""
        self._left -= 1 + (len(value) if isinstance(value, str) else 0)
        if self._left < 0:
            raise _config_files.refused(f"variables repeat more than {_MOST_REPEATED} values or characters")
        if isinstance(value, str):
            return
        if depth >= _config_files.DEEPEST_BLOCK:
            raise _config_files.too_deep()
        for one in [*value, *value.values()] if isinstance(value, dict) else value:
            self._repeat(one, depth + 1)

    def _items(self, tokens: _Tokens, scopes: list[Tree], path: str) -> Iterator[Any]:
        while True:
            token = tokens.value()
            if token[0] in ("end", "close"):
                return
            yield self._value(tokens, token, scopes, path)

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
            if kind == "text":
                ended = _END_OF_TEXT.search(self._text, self._position)
                self._position = ended.end() if ended else len(self._text)
                text = self._text[match.start() : self._position]
            if kind == "word" and key:
                word = _KEY_WORD.match(text)
                text = word.group() if word else text
                self._position = match.start() + len(text)
            if kind == "string":
                text = text[1:-1]
            return kind, text
