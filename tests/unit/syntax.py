"""What stands in files of Python: each is parsed once in a process, however many tests ask what is in it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path


@cache
def tree(path: Path) -> ast.Module:
    """Who asks leaves it as it is."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All of it, in the order of ast.walk."""
    return tuple(ast.walk(tree(path)))
