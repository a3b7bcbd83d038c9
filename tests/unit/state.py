"""The lock and the journal of a node, in a folder of a test."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._state import journal as _journal
from ansible_collections.natsops.cluster.plugins.module_utils._state import lock as _lock

ADA = {"host": "build7", "boot_id": "b", "pid_namespace": "pid:[1]", "pid": 4711, "start_ticks": 5, "user": "ada"}
HELD = "held by ada@build7 (pid 4711, run {run}) since "


class Clock:
    """The clock of a node that nobody sets, which goes on only while somebody sleeps, and no further than that."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # From a whole number of seconds sums are exact. Nothing that was written before is of a later moment.
        self.boottime = float(int(time.clock_gettime(time.CLOCK_BOOTTIME)) + 1)
        monkeypatch.setattr(time, "sleep", self.sleep)
        monkeypatch.setattr(time, "clock_gettime", lambda _which: self.boottime)

    def now(self) -> float:
        return self.boottime

    def sleep(self, seconds: float) -> None:
        self.boottime += seconds


def defaults(spec: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {name: option.get("default") for name, option in spec.items()}


def lock(folder: Path, state: str, run_id: str = "", *, check: bool = False, **given: Any) -> dict[str, Any]:
    """The result of nats_lock."""
    asked = {"state": state, "state_dir": str(folder), "run_id": run_id, "controller": ADA, "target": "2.15.1", **given}
    return _lock.act({**defaults(_lock.SPEC), **asked}, check_mode=check)


def write_down(folder: Path, state: str, run_id: str, *, check: bool = False, **given: Any) -> dict[str, Any]:
    """The result of nats_journal."""
    asked = {"state": state, "state_dir": str(folder), "run_id": run_id, "target": "2.15.1", "old_version": "2.14.6", **given}
    return _journal.record({**defaults(_journal.SPEC), **asked}, check_mode=check)


def on_disk(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    return content


def steps(folder: Path) -> list[str]:
    return [entry["step"] for entry in on_disk(folder, _journal.NAME)["steps"]]


def lock_that_expired(folder: Path, run_id: str) -> None:
    lock(folder, "acquired", run_id, lease_seconds=0.001)
    time.sleep(0.01)


def steal(folder: Path, run_id: str = "other") -> None:
    """Another run takes the lock over, in one piece: at no moment is there none."""
    lock(folder, "acquired", run_id, take_over=on_disk(folder, _lock.NAME)["run_id"])
