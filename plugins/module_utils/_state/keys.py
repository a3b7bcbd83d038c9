# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the keys of a journal and of a lock have to be, wherever they were read: on the node, or in what it sent. Pure.

Other programs, and people, may have written there; a disk may have lost half of it. Of a record with one wrong key nothing is
taken: half of a turn is worse than none.
"""

from __future__ import annotations

from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core import fields as _fields
from ansible_collections.natsops.cluster.plugins.module_utils._core.fields import Key

STEPS = ["began", "held", "draining", "switching", "starting", "rebooting", "returning", "done", "put_back"]
FINISHED = ("done", "put_back")
_PATH, _WORDS = _fields.optional(_fields.TEXT), _fields.optional(_fields.TEXTS)
_TEXT, _TEXTS = _fields.optional(_fields.PRINTABLE), _fields.optional(_fields.PRINTABLES)
_NAME, _NUMBER = _fields.optional(_fields.NAME), _fields.optional(_fields.whole())

_STEP: Mapping[str, Key] = {
    "step": _fields.one_of(STEPS).needed,
    "at": _fields.TIME.needed,
    "run_id": _fields.NAME.needed,
}
_EXPECTATION: Mapping[str, Key] = {
    "server_name": _TEXT,
    "started_after": _fields.optional(_fields.TIME),
    **dict.fromkeys(("peers", "gateways", "leaf_accounts", "raft_groups"), _TEXTS),
}
JOURNAL: Mapping[str, Key] = {
    "run_id": _fields.NAME.needed,
    "target": _fields.VERSION.needed,
    "old_version": _fields.VERSION.needed,
    "since": _fields.TIME.needed,
    "step": _fields.one_of(STEPS).needed,
    "steps": _fields.records(_STEP).needed,
    "resumed_by": _fields.NAMES.needed,
    "data": _fields.record({"mode": _TEXT, "cluster": _TEXT, "waive": _TEXTS}).needed,
    "pid": _fields.optional(_fields.PID),
    "start_ticks": _fields.optional(_fields.TICKS),
    "argv": _WORDS,
    **dict.fromkeys(("binary_path", "config_path", "cwd"), _PATH),
    "expectation": _fields.optional(_fields.record(_EXPECTATION)),
    "assets": _TEXTS,
}
LOCK: Mapping[str, Key] = {
    "run_id": _fields.NAME.needed,
    "controller": _fields.record(
        {
            **dict.fromkeys(("host", "user", "boot_id", "pid_namespace"), _NAME),
            **dict.fromkeys(("pid", "start_ticks"), _NUMBER),
        }
    ).needed,
    "target": _fields.optional(_fields.VERSION),
    **dict.fromkeys(("since", "renewed_at", "expires_at"), _fields.TIME.needed),
    **dict.fromkeys(("lease_seconds", "renewed_boottime_seconds", "expires_boottime_seconds"), _fields.SECONDS.needed),
    "node_boot_id": _fields.NAME.needed,
}


def no_journal(record: Mapping[str, Any]) -> str:
    """Why a record is no journal; empty where it is one."""
    wrong = _fields.wrong(record, JOURNAL)
    return f"it is not a journal: {wrong}" if wrong else ""


def no_lock(record: Mapping[str, Any]) -> str:
    """Why a record is no lock; empty where it is one."""
    wrong = _fields.wrong(record, LOCK)
    return f"it is not a lock: {wrong}" if wrong else ""


def unfinished(journal: Mapping[str, Any] | None) -> bool:
    """Whether the node's last turn has not come to its end. One that cannot be read says nothing, and so is not."""
    return journal is not None and journal["step"] not in FINISHED
