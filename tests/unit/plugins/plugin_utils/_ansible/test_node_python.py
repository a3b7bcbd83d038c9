"""Why a module could not run on a node: real shells and programs are asked, as over a connection."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import core as _core
from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import node_python as _node_python
from tests.old_python import stand_in

NOT_PARSED = {"failed": True, "msg": "MODULE FAILURE", "module_stdout": "", "module_stderr": "SyntaxError: invalid syntax"}
NEEDED = ".".join(map(str, _core.oldest_python()))


class Action:
    """What is used of an action that has run a module."""

    def __init__(self, interpreter: str | None) -> None:
        self._used_interpreter = interpreter and f"#!{interpreter}"
        self.asked = 0

    def _low_level_execute_command(self, command: str) -> dict[str, Any]:
        self.asked += 1
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
        return {"rc": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def fault(interpreter: Any, result: Any = None) -> str:
    return _node_python.fault(Action(str(interpreter)), NOT_PARSED if result is None else result, "n1")  # type: ignore[arg-type]


def script(folder: Path, *lines: str) -> Path:
    path = folder / "python"
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
    path.chmod(0o755)
    return path


def test_an_old_python_is_named_with_its_path_and_what_is_needed(tmp_path: Path) -> None:
    old = stand_in(tmp_path)
    assert fault(old) == (
        f"Python 3.6.15 ({old}) is too old: with ansible-core {_core.RUNNING} a node needs Python {NEEDED} or newer."
        " Set ansible_python_interpreter for n1 to such a Python, or install one"
    )


@pytest.mark.parametrize(
    "words", ["ansible-core requires a minimum of Python version 3.8.", "Ansible requires Python 3.9 or newer"]
)
def test_so_it_is_where_the_module_of_ansible_could_say_that_itself(tmp_path: Path, words: str) -> None:
    assert fault(stand_in(tmp_path), {"failed": True, "msg": words}).startswith("Python 3.6.15 (")


@pytest.mark.parametrize(
    ("interpreter", "status"),
    [("/no/such/python3", 127), ("no-such-python3", 127), ("/usr/bin/env no-such-python3", 127), ("/", 126)],
)
def test_a_python_that_is_not_there_is_named(interpreter: str, status: int) -> None:
    assert fault(interpreter).startswith(f"{interpreter} cannot be run as the Python of this host (exit status {status}): with")


def test_a_python_that_is_new_enough_is_not_the_reason() -> None:
    assert fault(sys.executable) == ""


def test_what_answers_like_no_python_is_not_judged(tmp_path: Path) -> None:
    assert fault(script(tmp_path, "echo Python 2.7; exit 3")) == ""


def test_one_that_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_node_python, "_SECONDS", 1)
    assert fault(script(tmp_path, "exec sleep 600")) == ""


def test_where_the_shell_is_not_reached_nothing_is_said() -> None:
    """As where sudo is not there: what has failed is not Python then."""
    action = Action("/no/such/python3")
    action._low_level_execute_command = lambda command: {"rc": 127, "stdout": "", "stderr": "sudo: not found"}  # type: ignore[method-assign]
    assert _node_python.fault(action, NOT_PARSED, "n1") == ""  # type: ignore[arg-type]


def test_a_host_that_is_lost_meanwhile_leaves_what_the_module_has_left() -> None:
    def lost(command: str) -> dict[str, Any]:
        raise AnsibleConnectionFailure("no route to host")

    action = Action("/usr/bin/python3")
    action._low_level_execute_command = lost  # type: ignore[method-assign]
    assert _node_python.fault(action, NOT_PARSED, "n1") == ""  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "result",
    [{"changed": False}, {"failed": True, "msg": "there is no pid file"}, {"failed": True, "msg": "Python is not its process"}],
)
def test_a_module_that_has_answered_costs_no_question(result: dict[str, Any]) -> None:
    action = Action("/no/such/python3")
    assert (_node_python.fault(action, result, "n1"), action.asked) == ("", 0)  # type: ignore[arg-type]


def test_without_an_interpreter_there_is_nothing_to_ask() -> None:
    action = Action(None)
    assert (_node_python.fault(action, NOT_PARSED, "n1"), action.asked) == ("", 0)  # type: ignore[arg-type]
