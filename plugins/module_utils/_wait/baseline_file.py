# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a cluster had before a node was stopped, kept on the controller until the node is back: see _judge/baseline.py."""

from __future__ import annotations

import json
import os
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core import fields as _fields
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._files import report as _report

_NUMBER = _fields.whole(-(2**63), 2**64)
_THREE = _fields.Key(
    "three whole numbers", lambda value: isinstance(value, list) and len(value) == 3 and all(map(_NUMBER.fits, value))
)
_REMOVING = {
    **dict.fromkeys(("max_msgs", "max_bytes", "max_msgs_per_subject", "max_age"), _NUMBER),
    **dict.fromkeys(("allow_msg_ttl", "allow_rollup_hdrs"), _fields.FLAG),
    **dict.fromkeys(("retention", "discard"), _fields.TEXT),
}
_CONTENT = {
    "held": _THREE.needed,
    **dict.fromkeys(("first_time", "now"), _fields.TEXT.needed),
    "removing": _fields.record(_REMOVING).needed,
    "progress": _fields.record_of(_THREE).needed,
}
_ASSET = {
    **dict.fromkeys(("created", "host", "kind"), _fields.TEXT.needed),
    **dict.fromkeys(("replicas", "last_sequence"), _NUMBER.needed),
    "memory": _fields.FLAG.needed,
    **dict.fromkeys(("delivered", "acknowledged"), _NUMBER),
    "content": _fields.record(_CONTENT),
}
_KEYS = {
    "node": _fields.TEXT.needed,
    "assets": _fields.record_of(_fields.record(_ASSET)).needed,
    "clients": _NUMBER.needed,
    "leafs": _fields.TEXTS,
}


def write(path: str, baseline: Mapping[str, Any]) -> None:
    """Keep it; raises NatsError where that cannot be done."""
    try:
        _report.make_folder(os.path.dirname(path))
        _report.replace(path, json.dumps(baseline))
    except OSError as exc:
        raise NatsError(
            f"{exc.filename or path} on the controller cannot be written ({exc.strerror}): what the cluster has is kept there, "
            "to be compared after the restart. Set nats_upgrade_report_dir to a folder that can be written"
        ) from exc


def read(path: str) -> Mapping[str, Any] | None:
    """What was kept; None where nothing is there (another controller went on with this turn)."""
    try:
        with open(path, encoding="utf-8") as file:
            kept = json.load(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as exc:
        raise NatsError(f"{path} on the controller cannot be read ({exc}): remove it and run again") from exc
    wrong = _fields.wrong(kept, _KEYS) if isinstance(kept, dict) else f"it is {_fields.shown(kept)}"
    if wrong:
        raise NatsError(f"{path} on the controller cannot be read ({wrong}): remove it and run again")
    return kept  # type: ignore[no-any-return]
