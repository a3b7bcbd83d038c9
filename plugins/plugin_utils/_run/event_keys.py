# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the keys of an event have to be by which a run says how it ended, or goes on. The report takes what there is. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core import fields as _fields
from ansible_collections.natsops.cluster.plugins.module_utils._core.fields import (
    FLAG,
    SECONDS,
    TEXT,
    TEXTS,
    Key,
    optional,
    record,
    record_of,
)

_TEXTS_BY_NAME = optional(record_of(TEXTS))
_EACH: Mapping[str, Key] = {"kind": TEXT.needed, "at": TEXT.needed, "run": TEXT}
_KEYS: Mapping[str, Mapping[str, Key]] = {
    "run_began": {
        "hosts": optional(TEXTS),
        **dict.fromkeys(("group", "mode", "target"), optional(TEXT)),
        **dict.fromkeys(("check_mode", "restarts_all"), optional(FLAG)),
    },
    "planned": {
        **dict.fromkeys(("order", "later", "done"), TEXTS),
        "left_out": optional(TEXTS),
        "clusters": record_of(TEXTS),
        "servers": record_of(record({"version": TEXT})),
        "seconds": optional(record_of(SECONDS)),
        "assets_down": _TEXTS_BY_NAME,
        "left_by": optional(record()),
    },
    "interrupted": {"by": TEXT.needed},
    # Between these times are measured.
    "phase": {"at": _fields.TIME.needed, **dict.fromkeys(("phase", "state"), TEXT.needed)},
    "node_done": {"host": TEXT.needed, "seconds": optional(SECONDS), "new_version": optional(TEXT)},
}


def fits(event: Mapping[str, Any]) -> bool:
    """Whether it is an event as this collection writes it, in all that is judged by."""
    if _fields.wrong(event, _EACH) or _fields.wrong(event, _KEYS.get(event["kind"], {})):
        return False
    try:
        if event["kind"] == "phase":
            datetime.fromisoformat(event["at"].replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):  # a 30th of February
        return False
    return True
