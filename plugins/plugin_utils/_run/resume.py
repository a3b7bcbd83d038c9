# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a run that broke off has written goes on in the report of the run that takes it up, and its own report says which that is.

Not before the lock is ours: until then the other run may be at work still.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import EVENTS, PAGE, Event, Log, append_lines

# As a line of events.jsonl has it.
_TAKEN_UP = b'"kind":"taken_up"'
# What a run is recognised by that goes on with another, where no node's journal names it.
_SAME = ("group", "mode", "target")
_ENDED_WELL = ("done", "part_done", "nothing_to_do")


def take_up(log: Log) -> str:
    """Put the events of the run that this one goes on with before its own, and tell that run. Return what was done, in words."""
    own = log.own()
    earlier = _which(log.folder.parent, log.run, _last(own, "run_began"), _last(own, "planned"))
    if not earlier:
        return ""
    folder, found = log.folder.parent / earlier, False
    with log.forgiving():
        lines = lines_of(folder / EVENTS)
        found = bool(lines)
        append_lines(log.folder / EVENTS, lines)
    log.write("resumed", previous_run=earlier, found=found)
    if not found:
        return f"goes on with run {earlier}, of which nothing is in {log.folder.parent}"
    # Its folder may be another user's: its report then goes on saying that it has not ended.
    its = Log(folder, earlier)
    with its.forgiving():
        _end_half_a_line(folder / EVENTS)
    its.write("taken_up", by=log.run)
    return f"goes on with run {earlier}: {folder / PAGE}"


def lines_of(path: Path) -> bytes:
    """What a run has written, and those before it that it took up: without half a line at its end, and without what was said
    by another run that took it up. Empty where there is nothing."""
    try:
        whole = path.read_bytes().rpartition(b"\n")[0]
    except OSError:
        return b""
    return b"".join(line + b"\n" for line in whole.split(b"\n") if line and _TAKEN_UP not in line)


def _end_half_a_line(path: Path) -> None:
    """What a run that was killed was about to write: what follows is another line."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        whole = file.read() == b"\n"
    if not whole:
        append_lines(path, b"\n")


def _which(folder: Path, run: str, began: Mapping[str, Any], planned: Mapping[str, Any]) -> str:
    """The run to go on with: the one that the journals of nodes in mid-turn name, or a later one that took it up."""
    found = interrupted(folder, run, began)
    named = max((name for name in (planned.get("left_by") or {}).values() if _is_name(name) and name != run), default="")
    if not named or (found and any(event.get("run") == named for event in Log(folder / found, found).read())):
        return found
    return str(named)


def interrupted(folder: Path, run: str, began: Mapping[str, Any]) -> str:
    """The last run before this one in the same folder that did something to the same group, where it was for the same and did not
    end well; empty where it was for something else, or ended well."""
    runs = sorted((path.parent.name for path in folder.glob(f"*/{EVENTS}") if path.parent.name < run), reverse=True)
    for earlier in runs:
        own = Log(folder / earlier, earlier).own()
        first, outcome = _last(own, "run_began"), _last(own, "run_ended").get("outcome")
        touched = any(event["kind"] in ("phase", "resumed") for event in own)
        if first.get("check_mode") or first.get("group") != began.get("group") or not (touched or outcome in _ENDED_WELL):
            continue
        same = all(first.get(key) == began.get(key) for key in _SAME)
        return earlier if same and outcome in (None, "failed") else ""
    return ""


def _last(events: Sequence[Event], kind: str) -> Event:
    return next((event for event in reversed(events) if event["kind"] == kind), {})


def _is_name(name: object) -> bool:
    """Whether it can be a folder beside ours: it was read on a node."""
    return isinstance(name, str) and name not in ("", ".", "..") and os.path.basename(name) == name
