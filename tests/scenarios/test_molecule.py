"""Each Molecule scenario, from nothing to nothing: it makes its image and its containers, and takes them away again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SCENARIOS = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
LONGEST_SECONDS = 900


@pytest.fixture(scope="session")
def images() -> None:
    """A container engine that answers, and the image that the containers are made of."""
    for module in ("tests.lab.engine", "tests.lab.images"):
        done = subprocess.run([sys.executable, "-m", module], cwd=ROOT, timeout=600, check=False)
        assert done.returncode == 0, f"{module} failed"


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.usefixtures("images")
def test_scenario(scenario: str, tmp_path: Path) -> None:
    log = tmp_path / "molecule.log"
    with log.open("wb") as out:
        done = subprocess.run(
            [str(BIN / "molecule"), "test", "--scenario-name", scenario],
            cwd=ROOT,
            env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "MOLECULE_COMMAND_BORDERS": "false"},
            stdout=out,
            stderr=subprocess.STDOUT,
            timeout=LONGEST_SECONDS,
            check=False,
        )
    text = log.read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, text[-12000:]
    assert " passed" in text, "no test ran in verify"
