# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What happens in a run, written as it happens: one line of JSON for each event, on the controller.

A line is appended by one write, so that events of several workers do not mix, and a run that dies leaves all that it has
written. The report is made of the events anew each time, and replaced as a whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._files import report as _report
from ansible_collections.natsops.cluster.plugins.module_utils._state import files as _files
from ansible_collections.natsops.cluster.plugins.plugin_utils._page import page as _page
from ansible_collections.natsops.cluster.plugins.plugin_utils._report import build as _build
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import event_keys as _event_keys

Event = Dict[str, Any]
EVENTS, JSON, PAGE = "events.jsonl", "report.json", "report.html"
# After these the report is up to date at once; after the others some seconds old at most while anything happens, more where it is
# large: made of two megabytes, for 30 nodes, it takes 0.7 s.
IMPORTANT = frozenset(
    {"run_began", "planned", "resumed", "taken_up", "put_back", "node_done", "failed", "interrupted", "run_ended"}
)
_STALE_SECONDS, _BYTES_PER_SECOND = 5.0, 50_000
# What a mistake in the making of a report may raise: it is not worth a cluster that is left half upgraded.
_MISTAKES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
VARIABLE = "nats_upgrade_report_dir"


class Log:
    """The events of one run. What cannot be written is said in C(warnings): a roll does not stop in its middle for that."""

    def __init__(self, folder: str | Path, run: str) -> None:
        self.folder, self.run = Path(folder), run
        self.warnings: list[str] = []

    @property
    def page(self) -> str:
        return str(self.folder / PAGE)

    def write(self, kind: str, *, at: float | None = None, **keys: Any) -> None:
        """Append one event, of now or of another time, and see to the report."""
        event = {"at": moment(time.time() if at is None else at), "run": self.run, "kind": kind, **keys}
        with self.forgiving():
            size = append(self.folder / EVENTS, event)
            if is_important(event) or _age(self.folder / PAGE) >= _STALE_SECONDS + size / _BYTES_PER_SECOND:
                publish(self.folder)

    @contextlib.contextmanager
    def forgiving(self) -> Iterator[None]:
        """What goes wrong in here becomes a warning."""
        try:
            yield
        except OSError as exc:
            self._warn(f"{exc.filename or self.folder} cannot be written ({exc.strerror})")
        except _MISTAKES as exc:
            self._warn(f"the report in {self.folder} cannot be made ({type(exc).__name__}: {exc})")

    def read(self) -> list[Event]:
        """All events so far by their time, also those of the runs that this one goes on with; none where they cannot be read.

        A line that is damaged, or that another program has written there, is none.
        """
        with contextlib.suppress(OSError):
            events = [event for event in _build.read_events(self.folder / EVENTS) if _event_keys.fits(event)]
            # What is told of a step afterwards has the time at which it happened.
            return sorted(events, key=lambda event: str(event["at"]))
        return []

    def own(self) -> list[Event]:
        """The events of this run alone."""
        return [event for event in self.read() if event.get("run") == self.run]

    def _warn(self, what: str) -> None:
        # One text for all of a run: Ansible shows the same warning once.
        text = f"{what}: the report of this run is not complete. The run goes on"
        if text not in self.warnings:
            self.warnings.append(text)


def begin(folder: str | Path, run: str) -> Log:
    """Make the folder of a run. Raises NatsError where nothing can be written there."""
    path = Path(os.path.abspath(os.path.expanduser(str(folder)))) / run
    try:
        _report.make_folder(str(path))
        os.close(_open(path / EVENTS))
    except OSError as exc:
        raise NatsError(
            f"refused: {exc.filename or path} on the controller cannot be written ({exc.strerror}): what happens goes there, "
            f"and what the cluster has before each node is stopped, to be compared afterwards. Set {VARIABLE} to a folder that "
            "can be written. Nothing was touched."
        ) from exc
    return Log(path, run)


def is_important(event: Mapping[str, Any]) -> bool:
    """From the begin of a drain on a node is without its server: whoever looks after a run was killed has to see that."""
    if event["kind"] == "phase":
        return event.get("state") == "failed" or (event.get("phase"), event.get("state")) == ("drain", "began")
    return event["kind"] in IMPORTANT


def append(path: Path, event: Mapping[str, Any]) -> int:
    """Append it, and return how large the file is then."""
    return append_lines(path, json.dumps(event, default=str, separators=(",", ":")).encode() + b"\n")


def append_lines(path: Path, lines: bytes) -> int:
    """Append whole lines, and return how large the file is then."""
    descriptor = _open(path)
    try:
        os.write(descriptor, lines)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    return _report.opened(path, os.O_WRONLY | os.O_APPEND)


def publish(folder: Path) -> None:
    """Make the report of all events so far. Several workers may do so at once: the last one has seen everything."""
    with (folder / EVENTS).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        report = _build.build(_build.read_events(folder / EVENTS))
        _report.replace(folder / JSON, json.dumps(report, default=str))
        _report.replace(folder / PAGE, _page.render(report))


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def moment(seconds: float) -> str:
    """A time as events have it: UTC, with milliseconds."""
    return _files.utc_text(seconds, "milliseconds")


def seconds_of(at: str) -> float:
    return datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()
