# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What of a large result is shown: its lists and maps up to so many entries each, so that a cluster of 80 000 assets does not
fill the screen with them. Pure."""

from __future__ import annotations

import json
from typing import Any, Mapping

# Some hundred lines: what is read of a cluster with some dozens of assets is shown whole.
LARGE = 20_000
# Entries of each list and map, tried one after the other until all fits; then so many characters of a text.
_MOST = (20, 5, 2)
_LONGEST_TEXT = 400
# For a workflow: what matters of it is in the result besides.
_STATS = "ansible_stats"


def folded(result: Mapping[str, Any], large: int = LARGE) -> str:
    """The result as JSON in which what is long is cut, and says how much more there is; empty where the result is not large."""
    shown = {key: value for key, value in result.items() if not key.startswith("_ansible") and key != "invocation"}
    if len(_text(shown)) <= large:
        return ""
    shown.pop(_STATS, None)
    text = ""
    for most in _MOST:
        text = _text({key: _cut(value, most) for key, value in shown.items()})
        if len(text) <= large:
            return text
    return text[:large] + " ..."


def _text(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False, indent=1)


def _cut(value: Any, most: int) -> Any:
    if isinstance(value, Mapping):
        kept = {str(key): _cut(value[key], most) for key in list(value)[:most]}
        return {**kept, **({"...": f"{len(value) - most} more"} if len(value) > most else {})}
    if isinstance(value, (list, tuple)):
        return [*(_cut(one, most) for one in value[:most]), *([f"... {len(value) - most} more"] if len(value) > most else [])]
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return f"{value[:_LONGEST_TEXT]} ... {len(value) - _LONGEST_TEXT} more characters"
    return value
