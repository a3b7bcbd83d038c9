"""Each Molecule scenario, from nothing to nothing: it makes its image and its containers, and takes them away again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest
import yaml

from tests.lab import engine, images
from tests.lab.binaries import server_binary
from tests.lab.locks import locked
from tests.lab.mirror import release_mirror
from tests.lab.processes import end_marked

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
MARK = "NATSOPS_MOLECULE_RUN"
SCENARIOS = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
# A bound for a busy machine; it takes 2 to 4 minutes beside others.
LONGEST_SECONDS = 1800


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str) -> None:
    provide()
    # Its machines and its folder are named by the scenario: on one machine, it can be run once at a time.
    with locked(f"scenario-{scenario}"):
        status, passed = molecule("test", scenario)
    assert status == 0, f"molecule test --scenario-name {scenario} ended with status {status}: what it said is below"
    assert passed, "no test ran in verify"


def provide() -> None:
    """Have what is made once for all. To wait for a mirror, or for others who do, is no part of a scenario."""
    engine.provide()
    images.provide()
    shared = yaml.safe_load((ROOT / ".config" / "molecule" / "config.yml").read_text(encoding="utf-8"))
    variables = shared["provisioner"]["inventory"]["group_vars"]["nats"]
    server_binary(variables["lab_version_before"])
    release_mirror([variables["nats_upgrade_version"]])


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
