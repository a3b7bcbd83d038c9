# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Start, read and end the client probe, which is a process of its own on the controller."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.poll import poll_until
from ansible_collections.natsops.cluster.plugins.module_utils._files import report as _report
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _host_process
from ansible_collections.natsops.cluster.plugins.module_utils._values.checked import ODD
from ansible_collections.natsops.cluster.plugins.plugin_utils._probe import figures as _figures
from ansible_collections.natsops.cluster.plugins.plugin_utils._probe import process as _probe_process
from ansible_collections.natsops.cluster.plugins.plugin_utils._probe.session import VARIABLE, Wanted

LIMIT = "nats_upgrade_client_probe_max_gap_seconds"
_PID, _LOG = "client-probe.pid", "client-probe.log"
# Each has bounds of its own for what it does; these are for a machine that is busy.
_EXEC_SECONDS, _BEGIN_SECONDS, _STEP_SECONDS, _END_SECONDS = 10.0, 120.0, 120.0, 180.0

Record = Mapping[str, Any]


def start(folder: str, wanted: Wanted, owner: Mapping[str, Any]) -> Record:
    """Start the probe and wait until everything flows; returns what it said then."""
    told = {
        "account": dict(wanted.account),
        "servers": list(wanted.servers),
        "run_id": wanted.run_id,
        "replicas": wanted.replicas,
        "folder": os.path.abspath(folder),
        "owner": {"pid": owner["pid"], "start_ticks": owner["start_ticks"]},
    }
    _report.make_folder(folder)
    log = os.path.join(folder, _LOG)
    os.close(_report.opened(log, os.O_WRONLY))
    argv = [sys.executable, *_identity(folder)]
    pid = _host_process.start_detached(argv, cwd=None, log_path=log, told=json.dumps(told).encode())
    # It has no command for a moment, between the two programs that it is.
    process = poll_until(
        lambda: _host_process.look(pid),
        lambda seen: seen is None or bool(seen.argv),
        timeout_seconds=_EXEC_SECONDS,
        shortest_interval_seconds=0.001,
        longest_interval_seconds=0.1,
    ).value
    ticks = process.start_ticks if process else 0
    _report.replace(Path(folder) / _PID, json.dumps({"pid": pid, "start_ticks": ticks}))
    began = _wait_for(folder, bool, _BEGIN_SECONDS)
    if not began or began[0]["kind"] != "began":
        stop(folder)
        raise NatsError(f"the client probe cannot run: {_why(folder, began)}. Set {VARIABLE} so that it can, or leave it out")
    return began[0]


def read(folder: str, host: str) -> Record:
    """End the step that is under way, and begin that of a host; returns the figures of the one that ended."""
    seen = len(steps(folder))
    _report.replace(Path(folder) / _probe_process.STEP, host)
    process = _running(folder)
    if process and _host_process.send(process, signal.SIGUSR1):
        records = _wait_for(folder, lambda found: len(_of_kind(found, "step")) > seen, _STEP_SECONDS)
        if len(_of_kind(records, "step")) > seen:
            return _of_kind(records, "step")[seen]
    raise NatsError(
        f"the client probe has ended by itself ({_why(folder, _records(folder))}), so that nobody sees what clients see. "
        "Run the same playbook again: it goes on with a new probe; or go on without with nats_upgrade_waive: [client_impact]",
        refusal="client_impact",
    )


def stop(folder: str) -> Record:
    """End the probe, which removes its stream; returns what it said last, which is nothing where there was no probe."""
    process = _running(folder)
    if process:
        _host_process.send(process, signal.SIGTERM)
        _host_process.wait_for_exit(process, _END_SECONDS)
        # Its stream stays then, and the next probe removes it.
        _host_process.send(process, signal.SIGKILL)
    return next(iter(_of_kind(_records(folder), "ended")), {})


def steps(folder: str) -> list[Record]:
    """The figures of every step that has ended."""
    return _of_kind(_records(folder), "step")


def lines(folder: str) -> list[str]:
    """What the probe saw, for people: each step, and all of it."""
    return _figures.table(steps(folder))


def too_much(folder: str, step: Record, max_gap_seconds: float) -> str:
    """What to say where a step was more than is accepted; empty where not. What was before the first node stops nothing."""
    found = _figures.exceeded(step, max_gap_seconds) if step["host"] else []
    if not found:
        return ""
    observed = os.path.join(folder, _probe_process.OBSERVED)
    return (
        f"while {step['host']} was taken, clients {' and '.join(found)} ({LIMIT} is {max_gap_seconds:g}). "
        "Your own clients saw the like, and each node to come may do the same to them. "
        f"See when it was in {observed}, and why in the logs of the servers. "
        "Then run the same playbook again, which goes on with the next node; "
        f"raise {LIMIT}, or accept it with nats_upgrade_waive: [client_impact]"
    )


def figures(step: Record) -> dict[str, Any]:
    """What the events of the run tell of a step."""
    names = ("host", "longest_gap_seconds", "published", "received", "lost", "duplicated", "failed_requests", "since", "until")
    return {name: step[name] for name in (*names, "jetstream")}


def _running(folder: str) -> _host_process.Process | None:
    """The process that the pid file names, if it is the probe of this folder: by its start, and by what it was started as."""
    try:
        kept = json.loads((Path(folder) / _PID).read_text(encoding="utf-8"))
        pid, ticks = int(kept["pid"]), kept["start_ticks"]
    except (OSError, *ODD):
        return None
    process = _host_process.look(pid)
    if process is None or process.start_ticks != ticks or list(process.argv[1:]) != _identity(folder):
        return None
    return process


def _identity(folder: str) -> list[str]:
    """What stands in the command of the probe of this folder, and of no other process."""
    return [_probe_process.__file__, os.path.realpath(folder)]


def _wait_for(folder: str, enough: Callable[[Sequence[Record]], bool], seconds: float) -> list[Record]:
    """The records, once there are enough, or the probe has gone, or it took too long."""

    def look() -> tuple[bool, list[Record]]:
        # In this order: what it says last is there when it has gone.
        running = _running(folder) is not None
        return running, _records(folder)

    return poll_until(
        look,
        lambda seen: not seen[0] or enough(seen[1]),
        timeout_seconds=seconds,
        shortest_interval_seconds=0.02,
        longest_interval_seconds=0.1,
    ).value[1]


def _records(folder: str) -> list[Record]:
    try:
        text = (Path(folder) / _probe_process.OBSERVED).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    # A line that is being written ends later, and one that was torn, by a full disk for instance, tells nothing.
    found = (_record(line) for line in text.splitlines(keepends=True) if line.endswith("\n"))
    return [record for record in found if record]


def _record(line: str) -> Record:
    """What a line says; nothing where it is damaged."""
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) and "kind" in record else {}


def _of_kind(records: Sequence[Record], kind: str) -> list[Record]:
    return [record for record in records if record["kind"] == kind]


def _why(folder: str, records: Sequence[Record]) -> str:
    """Why a probe does not run, in its own words."""
    ended = _of_kind(records, "ended")
    if ended:
        return str(ended[-1]["reason"])
    if _running(folder):
        return "it does not answer"
    try:
        said = (Path(folder) / _LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        said = []
    return said[-1] if said else "its process was killed"
