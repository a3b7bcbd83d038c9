# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is taken from an answer whatever it is, for what listens on a port may be any program. Pure."""

from __future__ import annotations

import json
from typing import Any, Iterable, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text

# What an answer of another shape than expected makes Python raise: [[[[..., 1e999, a list where a record should be.
ODD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def decoded(text: str) -> Any:
    """The JSON in a text; raises one of ODD where it is none."""
    return json.loads(text)


def text(record: Mapping[str, Any], key: str) -> str:
    """A text of a record as it is compared and shown, empty where it is left out. Raises TypeError where it is something else."""
    return _named(record.get(key, ""), key)


def named(record: Mapping[str, Any], key: str = "name") -> str:
    """The same of a text that has to be there; raises KeyError where it is left out."""
    return _named(record[key], key)


def texts(values: Iterable[Any], what: str) -> tuple[str, ...]:
    """The values, as they are compared and shown, if all are texts; else raises TypeError."""
    return tuple(_named(value, what) for value in values)


def _named(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{what} is {str(value)[:40]}")
    return _text.name(value)
