"""Each Molecule scenario, from nothing to nothing: it makes its image and its containers, and takes them away again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest

from tests.lab import engine
from tests.lab.locks import locked
from tests.lab.processes import end_marked

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
MARK = "NATSOPS_MOLECULE_RUN"
SCENARIOS = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
LONGEST_SECONDS = 900


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str) -> None:
    engine.provide()
    # Its machines and its folder are named by the scenario: on one machine, it can be run once at a time.
    with locked(f"scenario-{scenario}"):
        status, passed = molecule("test", scenario)
    assert status == 0, f"molecule test --scenario-name {scenario} ended with status {status}: what it said is below"
    assert passed, "no test ran in verify"


def molecule(command: str, scenario: str) -> tuple[int, bool]:
    """Run molecule, print what it says as it goes, and return its status and whether tests have passed."""
    mark, passed = uuid.uuid4().hex, False
    child = subprocess.Popen(
        [str(BIN / "molecule"), command, "--scenario-name", scenario],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "MOLECULE_COMMAND_BORDERS": "false", MARK: mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    bound = threading.Timer(LONGEST_SECONDS, lambda: end_marked(f"{MARK}={mark}"))
    bound.start()
    try:
        assert child.stdout is not None
        for line in child.stdout:
            print(line, end="", flush=True)
            passed = passed or " passed" in line
        return child.wait(), passed
    finally:
        bound.cancel()
        # Whatever is left of it when we were interrupted. Its machines go with the run of the tests.
        end_marked(f"{MARK}={mark}")
        child.wait()
