"""The linters, each a test: what they say is in the failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

LINTERS = {
    "ruff": ["ruff", "check", "."],
    "ruff-format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "yamllint": ["yamllint", "--strict", "."],
    "ansible-lint": ["ansible-lint", "--offline"],
    "plugin-docs": ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--skip-rstcheck", "."],
    "changelog": ["antsibull-changelog", "lint"],
    # A page, a link or an anchor that is not there is a warning, and a warning ends it.
    "docs": ["mkdocs", "build", "--strict", "--quiet"],
}


@pytest.mark.parametrize("linter", LINTERS)
def test_is_clean(linter: str) -> None:
    program, *arguments = LINTERS[linter]
    run = subprocess.run(
        [str(BIN / program), *arguments],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "NO_COLOR": "1", "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        # Without the caches of an earlier run, and beside other workers.
        timeout=900,
        check=False,
    )
    assert run.returncode == 0, f"{run.stdout[-6000:]}\n{run.stderr[-3000:]}"


def test_no_file_holds_a_path_of_this_machine() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    here = str(ROOT)
    found = [
        name
        for name in listed.split("\0")
        if name and (ROOT / name).is_file() and here in (ROOT / name).read_text(encoding="utf-8", errors="replace")
    ]
    assert not found
