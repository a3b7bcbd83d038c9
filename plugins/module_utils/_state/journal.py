# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The journal of a node: how far its last turn in an upgrade has come, so that a later run can take it up.

Each step is on the disk before it is done. C(began), C(said) and C(unfinished) are pure.
"""

from __future__ import annotations

import time
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._state import files as _files
from ansible_collections.natsops.cluster.plugins.module_utils._state import keys as _keys
from ansible_collections.natsops.cluster.plugins.module_utils._state import lock as _lock
from ansible_collections.natsops.cluster.plugins.module_utils._state.files import Content, Fields, StateError

NAME = "journal.json"
BEGAN = "began"
STEPS = _keys.STEPS
# How the server ran, and what it has to be again: keys of the journal itself. All else that a run notes is its own, under "data".
KNOWN = {"pid", "start_ticks", "argv", "binary_path", "config_path", "cwd", "expectation", "assets"}
SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": STEPS, "required": True},
    "state_dir": {"type": "path", "default": _files.FOLDER},
    "run_id": {"type": "str", "required": True},
    "lease_seconds": {"type": "float", "default": _lock.LEASE_SECONDS},
    "require_lock": {"type": "bool", "default": True},
    "target": {"type": "str"},
    "old_version": {"type": "str"},
    "data": {"type": "dict"},
}
REQUIRED_IF = [("state", BEGAN, ["target", "old_version"])]


def began(run_id: str, target: str, old_version: str, data: Mapping[str, Any], wall: float) -> Fields:
    """A new journal. C(wall) is seconds since 1970."""
    own = {"run_id": run_id, "target": target, "old_version": old_version, "since": _files.utc_text(wall)}
    return said({**own, "steps": [], "resumed_by": [], "data": {}}, BEGAN, data, run_id, wall)


def said(journal: Fields, step: str, data: Mapping[str, Any], run_id: str, wall: float) -> Fields:
    """The journal with one step more, said by this run, and what it notes. Another run than before has taken the turn up."""
    resumed = [] if run_id == journal["run_id"] else [run_id]
    return {
        **journal,
        **{key: value for key, value in data.items() if key in KNOWN},
        "data": {**journal["data"], **{key: value for key, value in data.items() if key not in KNOWN}},
        "run_id": run_id,
        "step": step,
        "steps": [*journal["steps"], {"step": step, "at": _files.utc_text(wall, "milliseconds"), "run_id": run_id}],
        "resumed_by": [*journal["resumed_by"], *resumed],
    }


def as_dict(content: Content) -> Fields | None:
    """For results and facts; None where there is no journal."""
    if content.fields is None and not content.unreadable:
        return None
    return {**(content.fields or {}), "unfinished": _keys.unfinished(content.fields), "unreadable": content.unreadable}


def look(folder: str) -> Content:
    """The journal in this folder."""
    return checked(_files.read(folder, NAME))


def checked(content: Content) -> Content:
    """The same, or where a key is not what it has to be, unreadable: of a turn that is not known as a whole nothing is taken."""
    unreadable = _keys.no_journal(content.fields) if content.fields is not None else ""
    return Content(None, unreadable) if unreadable else content


def _with_numbers(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same with numbers that are numbers: a template of ansible-core 2.17 and 2.18 makes text of them."""
    given = {key: data[key] for key in ("pid", "start_ticks") if isinstance(data.get(key), str) and data[key].isdigit()}
    return {**data, **{key: int(text) for key, text in given.items()}}


def record(params: Mapping[str, Any], *, check_mode: bool) -> Fields:
    """Write a step, once the lock is proved to be ours; return the result of the module."""
    folder, run_id, data = params["state_dir"], params["run_id"], _with_numbers(params["data"] or {})
    _lock.require_lease(params["lease_seconds"])
    if check_mode:
        return _result(folder, run_id)
    if params["require_lock"]:
        _lock.proved(folder, run_id)
    if params["state"] == BEGAN:
        journal = _readable(began(run_id, params["target"], params["old_version"], data, time.time()))
    else:
        journal = _readable(said(_begun(folder, params["state"]), params["state"], data, run_id, time.time()))
    if params["require_lock"]:
        _lock.keep(folder, run_id, params["lease_seconds"], {NAME: journal})
    else:
        with _files.guarded(folder):
            _files.replace(folder, {NAME: journal})
    return _result(folder, run_id)


def _readable(journal: Fields) -> Fields:
    """The journal, as a later run will take it; raises NatsError where that would take it for a damaged one."""
    unreadable = _keys.no_journal(journal)
    if unreadable:
        raise NatsError(
            f"the step {journal['step']} is not written down: {unreadable}. No later run could take the turn up by it. Nothing "
            "was written; give what the key has to be"
        )
    return journal


def _begun(folder: str, step: str) -> Fields:
    content = look(folder)
    if content.fields is None:
        path = f"{folder}/{NAME}"
        what = f"{path} cannot be read ({content.unreadable})" if content.unreadable else f"there is no {path}"
        raise NatsError(
            f"the step {step} cannot be written down: {what}, so that nothing says which turn it belongs to, and a run that dies "
            f"in it could not be taken up. Say state: {BEGAN} first, which writes a new journal"
        )
    return content.fields


def _result(folder: str, run_id: str) -> Fields:
    return {"changed": False, "journal": as_dict(look(folder)), "lock": _lock.look(folder, run_id).as_dict()}


class Turn:
    """A turn under way in one call on the node: keeps the lease and the journal while the server is drained and replaced.

    Making one proves that the lock is ours, that the journal was begun, and that both can be written. Every step proves the
    lock again. Raises NatsError with C(refusal=locked) where it is not ours any more.
    """

    def __init__(self, folder: str, run_id: str, lease_seconds: float) -> None:
        _lock.require_lease(lease_seconds)
        self.warnings: list[str] = []
        self._folder, self._run_id, self._lease_seconds = folder, run_id, lease_seconds
        self._renew_from = 0.0
        _lock.proved(folder, run_id)
        self._journal = _begun(folder, "draining")
        self._keep({}, renew=True)

    def step(self, name: str, *, must_be_written: bool = False) -> None:
        """Prove the lock and write the step. Where it need not be written, a disk that does not take it makes a warning."""
        self._journal = said(self._journal, name, {}, self._run_id, time.time())
        try:
            # The lease only where it is due: it costs a second file, and time in which the node may be out of every quorum.
            self._keep({NAME: self._journal}, renew=_boottime() >= self._renew_from)
        except StateError as exc:
            if must_be_written:
                raise
            self.warnings.append(f"the step {name} was done and could not be written down: {exc}")

    def sleep(self, seconds: float) -> None:
        """Sleep, and renew the lease once a third of it is over."""
        time.sleep(seconds)
        if _boottime() >= self._renew_from:
            try:
                self._keep({}, renew=True)
            except StateError as exc:
                self._renew_from = _boottime() + self._lease_seconds / 3
                self.warnings.append(f"the lease of the lock could not be renewed: {exc}")

    def _keep(self, files: Mapping[str, Fields], *, renew: bool) -> None:
        _lock.keep(self._folder, self._run_id, self._lease_seconds, files, renew=renew)
        if renew:
            self._renew_from = _boottime() + self._lease_seconds / 3


def _boottime() -> float:
    """Seconds since the boot, the time that the machine was suspended included, as the lease counts."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
