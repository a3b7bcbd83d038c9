# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# This module util is PRIVATE to the collection: it may change in any release.
"""Lame duck mode: find the server, signal it, wait for its exit."""

from __future__ import annotations

import signal
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils import _http, _monitor, _node, _process
from ansible_collections.natsops.cluster.plugins.module_utils._errors import NatsError

SPEC: dict[str, dict[str, Any]] = {
    "timeout_seconds": {"type": "float", "default": 150.0},
    "monitor_url": {"type": "str"},
}


def drain(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Put the server in lame duck mode and wait until it has exited; return the result of the module."""
    if params["timeout_seconds"] <= 0:
        raise NatsError("timeout_seconds has to be greater than 0")
    found, _unit = _node.find(params)
    process = found.process
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
    # False: it has exited between the look and the signal.
    result["changed"] = _process.send(process, signal.SIGUSR2)
    exited, elapsed = _process.wait_for_exit(process, params["timeout_seconds"])
    if not exited:
        raise NatsError(_still_there(process, elapsed, _clients(params["monitor_url"])), **result)
    return {**result, "exit_seen": True, "drain_seconds": round(elapsed, 3), "msg": f"drained in {elapsed:.1f} s"}


def _clients(monitor_url: str | None) -> int | None:
    if not monitor_url:
        return None
    target = _monitor.Target(monitor_url, monitor_url)
    with _http.open_door(_http.Settings(timeout_seconds=2.0, validate_certs=False)) as door:
        facts = _monitor.read_facts(door, [target])[0].facts
    return facts.connections if facts else None


def _still_there(process: _process.Process, elapsed: float, clients: int | None) -> str:
    who = "" if clients is None else f" with {clients} clients still connected"
    return (
        f"{process.program} (pid {process.pid}) is in lame duck mode and has not exited after {elapsed:.0f} s{who}. "
        "A drain cannot be called back, and nothing more was sent. Wait and run again (the module waits on), raise the "
        "timeout above lame_duck_duration of the server, or look at who is still connected (/connz)"
    )
