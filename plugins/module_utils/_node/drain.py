# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Lame duck mode: find the server, signal it, wait for its exit; and where wanted, have a successor at once."""

from __future__ import annotations

import time
from typing import Any, Mapping, Protocol

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._node import supervisor as _supervisor
from ansible_collections.natsops.cluster.plugins.module_utils._node.replacement import Successor
from ansible_collections.natsops.cluster.plugins.module_utils._read import reply as _reply

SPEC: dict[str, dict[str, Any]] = {
    "timeout_seconds": {"type": "float", "default": 150.0},
    "monitor_url": {"type": "str"},
    "expected_process": {
        "type": "dict",
        "options": {"pid": {"type": "int"}, "start_ticks": {"type": "int"}, "uid": {"type": "int"}},
    },
}
TURN_SPEC: dict[str, dict[str, Any]] = {
    "state_dir": {"type": "path"},
    "run_id": {"type": "str"},
    "lease_seconds": {"type": "float"},
}
TURN = ("state_dir", "run_id", "lease_seconds")


class Turn(Protocol):
    """What is told of each step before it is done, and raises NatsError where it may not be. See Turn in _state/journal.py."""

    warnings: list[str]

    def step(self, name: str, *, must_be_written: bool = False) -> None:
        """Write to the journal that this step is about to be done."""

    def sleep(self, seconds: float) -> None:
        """Wait, and keep the lock meanwhile."""


class Unkept:
    """A turn that nobody keeps a journal of."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def step(self, name: str, *, must_be_written: bool = False) -> None:
        """Nothing is written."""

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def drain(params: Mapping[str, Any], *, check_mode: bool, turn: Turn | None = None) -> dict[str, Any]:
    """Put the server in lame duck mode and wait until it has exited; return the result of the module."""
    turn = turn or Unkept()
    if params["timeout_seconds"] <= 0:
        raise NatsError("timeout_seconds has to be greater than 0")
    supervisor = _supervisor.of(params)
    found = supervisor.find()
    process = found.process
    _require_expected(process, params.get("expected_process"))
    result: dict[str, Any] = {
        "changed": False,
        "pid": process.pid if process else None,
        "found_by": found.found_by,
        "exit_seen": process is None,
        "drain_seconds": None,
        "clients_at_start": None,
    }
    if process is None:
        return {**result, "msg": f"the server does not run: {found.absence}"}
    result["clients_at_start"] = _clients(params["monitor_url"])
    if check_mode:
        return {**result, "changed": True, "msg": f"would send SIGUSR2 to {process.program} (pid {process.pid})"}
    try:
        turn.step("draining", must_be_written=True)
        # False: it has exited between the look and the signal.
        result["changed"] = supervisor.lame_duck(process)
        exited, elapsed = _process.wait_for_exit(process, params["timeout_seconds"], sleep=turn.sleep)
    except NatsError as exc:
        raise NatsError(str(exc), **{**result, **exc.details}) from exc
    if not exited:
        raise NatsError(_still_there(process, elapsed, _clients(params["monitor_url"])), **result)
    return {**result, "exit_seen": True, "drain_seconds": round(elapsed, 3), "msg": f"drained in {elapsed:.1f} s"}


def _require_expected(process: _process.Process | None, expected: Mapping[str, Any] | None) -> None:
    """Raise NatsError where another process was found than the one that is meant. One that has exited meanwhile is no other."""
    if process is None or expected is None:
        return
    seen = {"pid": process.pid, "start_ticks": process.start_ticks, "uid": _process.uid_of(process)}
    unlike = [name for name in seen if seen[name] != expected.get(name)]
    if not unlike:
        return
    meant = "no process" if expected.get("pid") is None else _named(expected)
    raise NatsError(
        f"refused: other_process: {process.program} ({_named(seen)}) was found, and {meant} was there when this run looked "
        f"before ({', '.join(unlike)}: not the same). It may be another server, as where a stale pid file names a process of "
        "another instance by now, and draining it would stop the wrong one. Nothing was signalled. If the server was only "
        "restarted meanwhile, run again; else remove a stale pid file, and set nats_upgrade_pid_file or "
        "nats_upgrade_service_name to what names the right server",
        refusal="other_process",
    )


def _named(process: Mapping[str, Any]) -> str:
    return f"pid {process.get('pid')}, start time {process.get('start_ticks')}, user {process.get('uid')}"


def swap(params: Mapping[str, Any], successor: Successor, *, check_mode: bool) -> dict[str, Any]:
    """Drain the server, switch to its successor, and start that; return the result of the module.

    With a state_dir, the lock is proved to be ours before the signal and before each step after it, the steps are written to
    the journal, and the lease is renewed. Once the server has exited, only a lost lock keeps it from being started again: what
    the disk does not take is in C(warnings). Raises NatsError whose details say how far it came: C(exit_seen), C(switched),
    C(started).
    """
    if not check_mode:
        successor.require_ready()
    result: dict[str, Any] = {"changed": False, "exit_seen": False, "switched": False, "started": False, "removed": []}
    result.update(new_pid=None, new_start_ticks=None, seconds={})
    part, begin = "drain", time.monotonic()

    def next_part(name: str) -> None:
        nonlocal part, begin
        now = time.monotonic()
        result["seconds"][part] = round(now - begin, 3)
        part, begin = name, now

    try:
        if not check_mode:
            _supervisor.of(params).require_held()
        turn = Unkept() if check_mode else _turn(params)
        result.update(drain(params, check_mode=check_mode, turn=turn))
        if check_mode:
            return {**result, "changed": True}
        next_part("swap")
        turn.step("switching")
        successor.switch()
        result["switched"] = result["changed"] = True
        later = bool(params.get("start_later"))
        next_part("start")
        turn.step("rebooting" if later else "starting")
        process = successor.start()
        result["started"] = not later
        if process is not None:
            result.update(new_pid=process.pid, new_start_ticks=process.start_ticks)
        next_part("")
    except NatsError as exc:
        next_part("")
        details = {**result, **exc.details}
        raise NatsError(f"{exc}{_left_behind(details)}", **details) from exc
    if turn.warnings:
        result["warnings"] = turn.warnings
    result["removed"] = successor.tidy()
    return result


def _turn(params: Mapping[str, Any]) -> Turn:
    if not params.get("state_dir"):
        return Unkept()
    # Here and not above, as for counting clients.
    from ansible_collections.natsops.cluster.plugins.module_utils._state import journal as _journal

    return _journal.Turn(params["state_dir"], params["run_id"], params["lease_seconds"])


def _left_behind(details: Mapping[str, Any]) -> str:
    """How the server was left, for a run that has lost its lock."""
    if details.get("refusal") != "locked":
        return ""
    if details.get("exit_seen"):
        return ". The server does not run, and was not started: the run that has the lock starts it, or else the next run does"
    if details.get("changed"):
        return ". The server is in lame duck mode, which cannot be called back, and exits: the run that has the lock starts it"
    return ". Nothing was signalled"


def _clients(monitor_url: str | None) -> int | None:
    if not monitor_url:
        return None
    # Here and not above: most calls need no HTTP, and a module on a node compiles whatever it imports each time it runs.
    from ansible_collections.natsops.cluster.plugins.module_utils._read import http_door as _http_door
    from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor

    target = _monitor.Target(monitor_url, monitor_url)
    with _http_door.open_door(_reply.Settings(timeout_seconds=2.0, validate_certs=False)) as door:
        facts = _monitor.read_facts(door, [target])[0].facts
    return facts.connections if facts else None


def _still_there(process: _process.Process, elapsed: float, clients: int | None) -> str:
    who = "" if clients is None else f" with {clients} clients still connected"
    return (
        f"{process.program} (pid {process.pid}) is in lame duck mode and has not exited after {elapsed:.0f} s{who}. "
        "A drain cannot be called back, and nothing more was sent. Wait and run again (the module waits on), raise the "
        "timeout above lame_duck_duration of the server, or look at who is still connected (/connz)"
    )
