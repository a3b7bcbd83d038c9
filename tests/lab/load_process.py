"""The client load as a process of its own, so that it does not compete with the program that watches the upgrade."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.lab.binaries import ROOT, LabError
from tests.lab.load_report import LoadReport

READY_SECONDS = 180.0
# The last message, the last delivery and reading the stream back have bounds of 60, 60 and 180 s.
STOP_SECONDS = 330.0
KILL_SECONDS = 60.0


class Load:
    """``with Load(servers, report) as load: ...; result = load.stop()``. The load flows when the block begins."""

    def __init__(
        self, servers: Sequence[str], report: Path, *, user: str = "app", password: str = "app", rate: float = 20.0
    ) -> None:
        self.report = report
        self.log = report.with_suffix(".log")
        self._command = [sys.executable, "-m", "tests.lab.load", "--servers", ",".join(servers)]
        self._command += ["--user", user, "--password", password, "--report", str(report), "--rate", f"{rate:g}"]
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Load:
        self.report.unlink(missing_ok=True)
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                self._command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                # Ctrl-C on the terminal must not end it before its owner does.
                start_new_session=True,
            )
        try:
            self._wait_ready()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._kill()

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> LoadReport:
        """End the load, wait until it has read the stream back, and return its report."""
        child = self._running()
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        try:
            status = child.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise LabError(f"the load did not end within {timeout_seconds:g} s after SIGTERM{self._words()}") from None
        if status != 0 or not self.report.exists():
            raise LabError(f"the load ended with status {status}{self._words()}")
        return LoadReport.read(self.report)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise LabError("the load was not started: use it in a with statement")
        return self._child

    def _wait_ready(self) -> None:
        child, deadline, said = self._running(), time.monotonic() + READY_SECONDS, b""
        assert child.stdout is not None
        while b"ready" not in said:
            if not select.select([child.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise LabError(f"the load does not flow after {READY_SECONDS:g} s{self._words()}")
            part = os.read(child.stdout.fileno(), 1024)
            if not part:
                raise LabError(f"the load ended with status {child.wait(KILL_SECONDS)}{self._words()}")
            said += part

    def _kill(self) -> None:
        child = self._running()
        if child.poll() is None:
            child.kill()
        child.wait(KILL_SECONDS)
        if child.stdout:
            child.stdout.close()

    def _words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
        return ": " + " ".join(lines) if lines else ""
