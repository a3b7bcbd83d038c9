# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Read the events of a run as they come, for what shows them."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.plugin_utils._report import build as _build
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import EVENTS, Event
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.teller import SUMMARY


class Follow:
    """The events in the folder of a run, each once."""

    def __init__(self, folder: str) -> None:
        self.folder, self._read = folder, 0

    def more(self) -> list[Event]:
        """Those since the last time: whole lines only, for a worker may be writing one. None where they cannot be read."""
        whole = b""
        with contextlib.suppress(OSError), open(os.path.join(self.folder, EVENTS), "rb") as file:
            file.seek(self._read)
            whole = file.read().rpartition(b"\n")[0]
        if not whole:
            return []
        self._read += len(whole) + 1
        return [_build.event_of(line) for line in whole.split(b"\n") if line]


def folder_of(result: Mapping[str, Any]) -> str:
    """The folder of the run that a result is of, by itself or by what a workflow gets of it; empty where it is of none."""
    folder = result.get("folder")
    if result.get("run") and isinstance(folder, str):
        return folder
    stats = result.get("ansible_stats")
    data = stats.get("data") if isinstance(stats, Mapping) else None
    summary = data.get(SUMMARY) if isinstance(data, Mapping) else None
    report = summary.get("report") if isinstance(summary, Mapping) else None
    return os.path.dirname(report) if isinstance(report, str) else ""
