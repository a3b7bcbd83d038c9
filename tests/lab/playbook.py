"""Run ansible-playbook of this environment, bounded in time, with nothing left of it afterwards."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.lab.binaries import ROOT, LabError
from tests.lab.processes import Process, all_processes, end, has_environment

MARK = "NATSOPS_LAB_RUN"
# So long ansible-playbook may take to end its own workers.
INTERRUPT_SECONDS = 10.0
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
RECAP_LINE = re.compile(r"^(\S+)\s*:\s+((?:\w+=\d+\s*)+)$", re.MULTILINE)


@dataclass(frozen=True)
class PlaybookRun:
    """How a run ended. The texts are empty where the output went to the terminal."""

    returncode: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        return parse_recap(self.stdout)

    @property
    def changed(self) -> int:
        """Changed tasks of all hosts."""
        return sum(counts.get("changed", 0) for counts in self.recap.values())


def run_playbook(
    playbook: Path,
    inventory_file: Path,
    extra_vars: Mapping[str, Any],
    *,
    env: Mapping[str, str] | None = None,
    timeout_seconds: float,
    capture: bool = True,
) -> PlaybookRun:
    """Run the playbook from the root of the repository. Without ``capture`` it writes to the terminal as it goes."""
    mark = uuid.uuid4().hex
    pipe = subprocess.PIPE if capture else None
    begin = time.monotonic()
    child = subprocess.Popen(
        _command(playbook, inventory_file, extra_vars),
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), **(env or {}), MARK: mark},
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        text=True,
        # Ctrl-C on the terminal comes to us only; we pass it on and then wait.
        start_new_session=True,
    )
    try:
        stdout, stderr = child.communicate(timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        stdout = _interrupt(child, mark)
        raise LabError(f"{playbook.name} did not end within {timeout_seconds:g} s\n{_tail(stdout)}") from None
    except BaseException:
        _interrupt(child, mark)
        raise
    return PlaybookRun(child.returncode, stdout or "", stderr or "", time.monotonic() - begin)


def parse_recap(output: str) -> dict[str, dict[str, int]]:
    """Return host -> {ok, changed, unreachable, failed, ...} from the PLAY RECAP."""
    recap = COLOUR.sub("", output).rpartition("PLAY RECAP")[2]
    return {host: {name: int(count) for name, count in _pairs(counts)} for host, counts in RECAP_LINE.findall(recap)}


def _pairs(counts: str) -> list[tuple[str, str]]:
    return re.findall(r"(\w+)=(\d+)", counts)


def _command(playbook: Path, inventory_file: Path, extra_vars: Mapping[str, Any]) -> list[str]:
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    # As YAML, a version stays text and a list stays a list.
    variables = yaml.safe_dump(dict(extra_vars), default_flow_style=True, width=10**6).strip()
    return [program, "-i", str(inventory_file), str(playbook), "-e", variables]


def _interrupt(child: subprocess.Popen[str], mark: str) -> str:
    """End the run and all its workers, which are in sessions of their own, and return what it said. Servers stay."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGTERM)
    try:
        stdout, _unused = child.communicate(timeout=INTERRUPT_SECONDS)
    except subprocess.TimeoutExpired:
        stdout = ""
    left = [process for process in all_processes() if has_environment(process, f"{MARK}={mark}")]
    end([process for process in left if not _is_server(process)])
    child.wait(INTERRUPT_SECONDS)
    return stdout or ""


def _is_server(process: Process) -> bool:
    return bool(process.argv) and Path(process.argv[0]).name.startswith("nats-server")


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-20:])
