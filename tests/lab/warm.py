"""Runs of Ansible that begin with Ansible imported: each is a fork of a process that has done that once, see forks.py.

A run is what it is else: the same program with the same arguments, in a process of its own, with workers, and modules on the
node, in processes of theirs. What it does not do again is to start Python, to import, and to pack modules for the node.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from tests.lab import forks
from tests.lab.binaries import ROOT, LabError

PROGRAM = Path(forks.__file__)
BIN = Path(sys.executable).parent
# What every run finds in its environment.
ENVIRONMENT = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
# What Python and Ansible read when they start, which a fork does not do again; and what Ansible reads when it is needed.
AT_START = ("ANSIBLE_", "PYTHON", "LANG", "LC_")
LATER = ("ANSIBLE_CALLBACK_RESULT_FORMAT",)
STARTED_WITH = {**os.environ, **ENVIRONMENT}
# With it every run starts by itself.
COLD = "NATSOPS_COLD"
END_SECONDS = 30.0
# For the arguments of a program, which /proc shows where those of the forked process were.
ROOM = 4096


def takes(argv: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether a run would be the same as a fork."""
    program = Path(argv[0])
    return (
        COLD not in env
        and program.parent == BIN
        and program.name in forks.PROGRAMS
        # It is shown how modules are started.
        and "-vvv" not in argv
        and _at_start(env) == _at_start(STARTED_WITH)
    )


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(AT_START) and name not in LATER}


def run(argv: Sequence[str], env: Mapping[str, str], folder: Path, seconds: float) -> tuple[int, str, str]:
    """Run a program of Ansible. Return its exit status and what it wrote."""
    controller, node = _processes()
    try:
        status, *written = forks.run(controller, list(argv), str(folder), {**env, forks.NODE: node}, seconds=seconds)
    except subprocess.TimeoutExpired as exc:
        exc.stdout, exc.stderr = _text(exc.stdout), _text(exc.stderr)
        raise
    return status, _text(written[0]), _text(written[1])


def _text(written: bytes) -> str:
    return written.decode(errors="replace")


@cache
def _processes() -> tuple[str, str]:
    """The names of the two processes that are forked, which end with this one."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(forking("controller")), stack.enter_context(forking("node"))


@contextmanager
def forking(role: str) -> Iterator[str]:
    """Have a process to be forked. Gives its name."""
    name = f"natsops-{role}-{uuid.uuid4().hex}"
    argv = [sys.executable, str(PROGRAM), role, name, "-" * ROOM]
    # Where this process is killed it ends too: nobody can write to its standard input any more.
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(argv, env=STARTED_WITH, cwd=ROOT, start_new_session=True, **pipes) as child:
        assert child.stdin
        assert child.stdout
        if not child.stdout.readline():
            raise LabError(f"{PROGRAM.name} {role} ended with status {child.wait()}")
        try:
            yield name
        finally:
            child.stdin.close()
            child.wait(END_SECONDS)
