# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# This module util is PRIVATE to the collection: it may change in any release.
"""What is taken from an answer whatever it is, for what listens on a port may be any program. Pure."""

from __future__ import annotations

import json
from typing import Any, Iterable, Mapping

# What an answer of another shape than expected makes Python raise: [[[[..., 1e999, a list where a record should be.
ODD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def decoded(text: str) -> Any:
    """The JSON in a text; raises one of ODD where it is none.

    Half a surrogate pair becomes a question mark: no server writes one, and nothing that has it can be written or shown.
    """
    body = json.loads(text)
    if "\\ud" in text or "\\uD" in text:
        body = json.loads(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))
    return body


def text(record: Mapping[str, Any], key: str) -> str:
    """A text of a record, empty where it is left out. Raises TypeError where it is something else: nobody looks again."""
    value = record.get(key, "")
    if not isinstance(value, str):
        raise TypeError(f"{key} is {str(value)[:40]}")
    return value


def texts(values: Iterable[Any], what: str) -> tuple[str, ...]:
    """The values, if all are texts; else raises TypeError."""
    found = tuple(values)
    wrong = [value for value in found if not isinstance(value, str)]
    if wrong:
        raise TypeError(f"{what} has {str(wrong[0])[:40]}")
    return found
