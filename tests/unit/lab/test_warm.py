"""A run of Ansible that is a fork ends as one that starts by itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import forks, warm
from tests.lab.binaries import ROOT
from tests.lab.processes import look, wait_until

PYTHON = [sys.executable]
PIPED = [""]
CONFIG = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
SECONDS = 120.0


@pytest.fixture(scope="module")
def node() -> Iterator[str]:
    with warm.forking("node") as name:
        yield name


def ended(node: str, program: str, *, env: dict[str, str] | None = None, folder: str = "/") -> tuple[int, str, str]:
    status, stdout, stderr = forks.run(node, PIPED, folder, env or {}, program.encode(), SECONDS)
    return status, stdout.decode(), stderr.decode()


def test_it_has_its_own_folder_environment_and_session_and_its_writing_is_told_apart(node: str, tmp_path: Path) -> None:
    program = "import os, sys; print(os.getcwd(), dict(os.environ), os.getsid(0) == os.getpid()); print('no', file=sys.stderr)"
    assert ended(node, program, env={"A": "b"}, folder=str(tmp_path)) == (0, f"{tmp_path} {{'A': 'b'}} True\n", "no\n")


@pytest.mark.parametrize(
    "end", ["sys.exit(3)", "sys.exit()", "sys.exit('no')", "1 / 0", "os.kill(os.getpid(), 9)", "os._exit(5)"]
)
def test_it_ends_as_python_does(node: str, end: str) -> None:
    program = f"import atexit, os, sys; atexit.register(print, 'end'); {end}"
    real = subprocess.run(PYTHON, input=program, capture_output=True, text=True, check=False)
    status, stdout, stderr = ended(node, program)
    assert (status, stdout, stderr.splitlines()[-1:]) == (real.returncode, real.stdout, real.stderr.splitlines()[-1:])


def test_nothing_of_one_is_in_the_next_or_in_one_beside_it(node: str) -> None:
    ended(node, "import sys, os; sys.modules['left'] = sys; os.chdir('/tmp'); os.environ['LEFT'] = '1'")
    assert ended(node, "import sys, os; print('left' in sys.modules, os.getcwd(), 'LEFT' in os.environ)")[1] == "False / False\n"


def test_one_that_takes_too_long_is_ended(node: str) -> None:
    with pytest.raises(subprocess.TimeoutExpired) as expired:
        forks.run(node, PIPED, "/", {}, b"import os, time; print(os.getpid(), flush=True); time.sleep(600)", 1)
    assert wait_until(lambda: look(int(expired.value.output)) is None, SECONDS)
