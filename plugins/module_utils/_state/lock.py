# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The lock of a node: at most one run at a time works on it, and a run that has died holds it no longer than its lease.

C(judge) is pure. The clock is the node's own, and the one that nobody sets (CLOCK_BOOTTIME), so that neither a controller whose
clock is wrong nor a step of the node's clock ends or lengthens a lease.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._state import files as _files
from ansible_collections.natsops.cluster.plugins.module_utils._state import keys as _keys
from ansible_collections.natsops.cluster.plugins.module_utils._state.files import Content, Fields

NAME = "lock.json"
LEASE_SECONDS = 120.0
# What a lock is for where it is for no version.
RESTART = "restart"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["acquired", "renewed", "released", "read"], "required": True},
    "state_dir": {"type": "path", "default": _files.FOLDER},
    "run_id": {"type": "str"},
    "lease_seconds": {"type": "float", "default": LEASE_SECONDS},
    "controller": {"type": "dict"},
    "target": {"type": "str"},
    "take_over": {"type": "str"},
}
REQUIRED_IF = [("state", state, ["run_id"]) for state in ("acquired", "renewed", "released")]
_LONGEST_LEASE_SECONDS = 366 * 86400.0
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Moment:
    """A time on the node: C(wall) in seconds since 1970, C(boottime) in seconds since the boot that C(boot_id) names."""

    wall: float
    boottime: float
    boot_id: str


@dataclass(frozen=True)
class Judged:
    """What a lock is worth: C(state) is free, ours, held, expired or unreadable. C(seconds_left) of the lease may be negative."""

    state: str
    lock: Fields | None = None
    seconds_left: float | None = None
    unreadable: str = ""

    def as_dict(self) -> Fields | None:
        """For results and facts; None where there is no lock."""
        if self.state == "free":
            return None
        left = None if self.seconds_left is None else round(self.seconds_left, 1)
        said = f"held by {holder(self.lock)}" if self.lock else f"it cannot be read ({self.unreadable})"
        if self.state == "expired":
            said += ", whose lease is over"
        own = {"state": self.state, "expires_in_seconds": left, "unreadable": self.unreadable, "said": said}
        return {**(self.lock or {}), **own}


def judge(content: Content, now: Moment, run_id: str) -> Judged:
    """What the lock that was read is worth at this moment to this run. A lock of this run is ours, its lease over or not."""
    lock = content.fields
    if lock is None:
        return Judged("unreadable", unreadable=content.unreadable) if content.unreadable else Judged("free")
    unreadable = _keys.no_lock(lock)
    if unreadable:
        return Judged("unreadable", unreadable=unreadable)
    try:
        left = _seconds_left(lock, now)
    except ValueError as exc:  # a 30th of February
        return Judged("unreadable", unreadable=f"it is not a lock: {exc}")
    if lock["run_id"] == run_id:
        return Judged("ours", lock, left)
    return Judged("held" if left > 0 else "expired", lock, left)


def _seconds_left(lock: Mapping[str, Any], now: Moment) -> float:
    if lock["node_boot_id"] == now.boot_id:
        return float(lock["expires_boottime_seconds"]) - now.boottime
    # The node was restarted since. The wall clock has to do; but all of the time since the boot has passed since the lease
    # was renewed, which ends it on a machine that boots with its clock in the past.
    expires = datetime.strptime(lock["expires_at"], _TIME).replace(tzinfo=timezone.utc).timestamp()
    return min(expires - now.wall, float(lock["lease_seconds"]) - now.boottime)


def fresh(run_id: str, controller: Fields, target: str, lease_seconds: float, now: Moment) -> Fields:
    """A new lock."""
    lock = {"run_id": run_id, "controller": controller, "target": target, "since": _files.utc_text(now.wall)}
    return renewed(lock, lease_seconds, now)


def renewed(lock: Fields, lease_seconds: float, now: Moment) -> Fields:
    """The same lock with a lease that begins now."""
    return {
        **lock,
        "renewed_at": _files.utc_text(now.wall),
        "expires_at": _files.utc_text(now.wall + lease_seconds),
        "lease_seconds": lease_seconds,
        "node_boot_id": now.boot_id,
        "renewed_boottime_seconds": round(now.boottime, 3),
        "expires_boottime_seconds": round(now.boottime + lease_seconds, 3),
    }


def holder(lock: Mapping[str, Any]) -> str:
    """Who holds a lock, for people."""
    controller = lock.get("controller") or {}
    name = f"{controller.get('user', 'somebody')}@{controller.get('host', 'an unknown controller')}"
    target = f", for the upgrade to {lock['target']}" if lock.get("target") else ""
    target = ", for a rolling restart" if lock.get("target") == RESTART else target
    return f"{name} (pid {controller.get('pid', 'unknown')}, run {lock.get('run_id')}) since {lock.get('since')}{target}"


def refused(judged: Judged, path: str) -> NatsError:
    """Why the lock cannot be had."""
    if judged.lock is None:
        text = (
            f"refused: the lock {path} on this host cannot be read ({judged.unreadable}), and does not say who works on this "
            "server. It is written in one piece, so that a disk, or an editor, has damaged it. Make sure that no other run is "
            f"under way, delete {path} and run again. Nothing was touched"
        )
    else:
        text = (
            f"refused: the lock {path} on this host is held by {holder(judged.lock)}. Two runs at once could stop two servers of "
            f"one cluster. Its lease ends at {judged.lock.get('expires_at')} (in {judged.seconds_left:.0f} s); a run that lives "
            "renews it, and that of a dead one ends by itself. Wait for that run, or if it is dead for the end of the lease, and "
            "run again. Nothing was touched"
        )
    return NatsError(text, refusal="locked", lock=judged.as_dict())


def lost(judged: Judged, path: str, run_id: str) -> NatsError:
    """The lock that this run counted on is not there any more."""
    if judged.lock is not None:
        instead = f"held by {holder(judged.lock)}"
    else:
        instead = f"it cannot be read ({judged.unreadable})" if judged.unreadable else "there is none, so somebody has removed it"
    return NatsError(
        f"the lock {path} on this host is no longer ours (run {run_id}): {instead}; stopped before anything else was "
        "touched. Another run may take it once the lease is over, as when this run stood still for longer than that. See what is "
        "under way on this server, and run again once nothing is",
        refusal="locked",
        lock=judged.as_dict(),
    )


def now() -> Moment:
    """This moment on this node."""
    try:
        boot_id = BOOT_ID.read_text(encoding="ascii").strip()
    except OSError as exc:
        raise NatsError(
            f"{BOOT_ID} cannot be read ({exc.strerror}): a lease counts from the boot of the node, and needs /proc there"
        ) from exc
    return Moment(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), boot_id)


def look(folder: str, run_id: str = "") -> Judged:
    """What the lock in this folder is worth to a run."""
    return judge(_files.read(folder, NAME), now(), run_id)


def proved(folder: str, run_id: str) -> Fields:
    """The lock, which is ours; raises NatsError with C(refusal=locked) where it is not."""
    judged = look(folder, run_id)
    if judged.state != "ours" or judged.lock is None:
        raise lost(judged, _path(folder), run_id)
    return judged.lock


def require_lease(seconds: float) -> None:
    """Raise NatsError where a lease would have no length, or no end."""
    if not 0 < seconds <= _LONGEST_LEASE_SECONDS:
        raise NatsError(
            "lease_seconds has to be greater than 0: that is how long a run that has died holds the lock. A year is the most"
        )


def act(params: Mapping[str, Any], *, check_mode: bool) -> Fields:
    """Do what the option state says; return the result of the module."""
    require_lease(params["lease_seconds"])
    if params["state"] == "read":
        return _result(look(params["state_dir"], params["run_id"] or ""))
    return {"acquired": _acquire, "renewed": _renew, "released": _release}[params["state"]](params, check_mode)


def _acquire(params: Mapping[str, Any], check_mode: bool) -> Fields:
    folder, run_id = params["state_dir"], params["run_id"]
    if check_mode:
        judged = look(folder, run_id)
        _may_have(judged, params)
        return _result(judged)
    with _files.guarded(folder):
        judged, moment = look(folder, run_id), now()
        _may_have(judged, params)
        if judged.state == "ours" and judged.lock is not None:
            lock = renewed(judged.lock, params["lease_seconds"], moment)
        else:
            lock = fresh(run_id, params["controller"] or {}, params["target"] or "", params["lease_seconds"], moment)
            _require_readable(lock, moment)
        _files.replace(folder, {NAME: lock})
    took_over = judged.lock["run_id"] if judged.lock is not None and judged.state != "ours" else ""
    return _result(look(folder, run_id), took_over)


def _require_readable(lock: Fields, moment: Moment) -> None:
    """A lock that no run could read, this one included, would have to be removed by hand."""
    unreadable = judge(Content(lock), moment, "").unreadable
    if unreadable:
        raise NatsError(f"the lock is not written: {unreadable}. Nothing was written; give what the key has to be")


def _may_have(judged: Judged, params: Mapping[str, Any]) -> None:
    # A dead run is named and not just said to be dead: another may have taken the lock since somebody looked.
    known_dead = judged.lock is not None and params["take_over"] == judged.lock["run_id"]
    if judged.state not in ("free", "ours", "expired") and not known_dead:
        raise refused(judged, _path(params["state_dir"]))


def _renew(params: Mapping[str, Any], check_mode: bool) -> Fields:
    folder, run_id = params["state_dir"], params["run_id"]
    if check_mode:
        judged = look(folder, run_id)
        if judged.state not in ("ours", "free"):  # a check has not acquired it
            raise lost(judged, _path(folder), run_id)
        return _result(judged)
    keep(folder, run_id, params["lease_seconds"], {})
    return _result(look(folder, run_id))


def keep(folder: str, run_id: str, lease_seconds: float, files: Mapping[str, Fields], *, renew: bool = True) -> None:
    """Renew our lease, and write other files of the folder, by their names, in the same breath.

    Raises NatsError with C(refusal=locked) where the lock is not ours, and StateError where something cannot be written.
    """
    proved(folder, run_id)  # before the folder is made again, where it has gone
    with _files.guarded(folder):
        lock = renewed(proved(folder, run_id), lease_seconds, now())
        _files.replace(folder, {**({NAME: lock} if renew else {}), **files})


def _release(params: Mapping[str, Any], check_mode: bool) -> Fields:
    folder, run_id = params["state_dir"], params["run_id"]
    if look(folder, run_id).state == "ours" and not check_mode:
        with _files.guarded(folder):
            if look(folder, run_id).state == "ours":
                _files.remove(folder, NAME)
    return _result(look(folder, run_id))


def _result(judged: Judged, took_over: str = "") -> Fields:
    return {"changed": False, "state": judged.state, "lock": judged.as_dict(), "took_over": took_over}


def _path(folder: str) -> str:
    return os.path.join(folder, NAME)
