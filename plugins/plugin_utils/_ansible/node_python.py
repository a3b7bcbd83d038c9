# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Why a module could not run on a node at all: its Python is too old, or there is none.

Ansible sends a module without asking first, and what comes back then is a SyntaxError of its own files, or the shell's. So the
Python is asked for its version only after a module has failed in such a way: it costs nothing where all is well.
"""

from __future__ import annotations

import re
import shlex
from typing import Any, Mapping

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import core as _core

_MARK = "natsops-python"
# For any Python since 2.
_ASK = f"import sys; sys.stdout.write('{_MARK} %d.%d.%d ' % sys.version_info[:3])"
_SECONDS = 20
# Cannot be executed, and not found: see the shell's manual.
_NOT_RUN = (126, 127)
# How Ansible says it where its own file still runs: until 2.19, and since.
_ANSIBLES_WORDS = re.compile(r"^(ansible-core requires a minimum of|Ansible requires) Python ")


def fault(action: ActionBase, result: Mapping[str, Any], host: str) -> str:
    """Say of a module's result on this host that its Python is the reason, and what to do; "" where it is not.

    C(action) is the one that ran the module: over its connection, and as the same user, the Python is asked.
    """
    interpreter = str(getattr(action, "_used_interpreter", None) or "")[2:].strip()  # without #!
    if not interpreter or not _could_not_run(result):
        return ""
    wanted, (version, status) = _core.oldest_python(), _ask(action, interpreter)
    if version and version[:2] < wanted[:2]:
        seen = f"Python {_dotted(version)} ({interpreter}) is too old"
    elif not version and status in _NOT_RUN:
        seen = f"{interpreter} cannot be run as the Python of this host (exit status {status})"
    else:
        return ""
    return (
        f"{seen}: with ansible-core {_core.RUNNING} a node needs Python {_dotted(wanted)} or newer."
        f" Set ansible_python_interpreter for {host} to such a Python, or install one"
    )


def _could_not_run(result: Mapping[str, Any]) -> bool:
    """Whether it has failed, and not by saying so itself."""
    without_answer = "module_stdout" in result or "module_stderr" in result
    return bool(result.get("failed")) and (without_answer or bool(_ANSIBLES_WORDS.match(str(result.get("msg")))))


def _ask(action: ActionBase, interpreter: str) -> tuple[_core.Python, int | None]:
    """The version, empty where nothing answers like a Python, and the exit status, None where not even the shell has answered."""
    bounded = f'command -v timeout >/dev/null && set -- timeout {_SECONDS}; "$@" {interpreter} -c {shlex.quote(_ASK)}'
    try:
        answer = str(action._low_level_execute_command(f"{bounded}; echo {_MARK} status $?")["stdout"])
    except AnsibleError:  # lost meanwhile: what the module left is all there is
        return (), None
    version = re.search(rf"{_MARK} (\d+)\.(\d+)\.(\d+) ", answer)
    status = re.search(rf"{_MARK} status (\d+)", answer)
    return tuple(int(number) for number in version.groups()) if version else (), int(status[1]) if status else None


def _dotted(version: _core.Python) -> str:
    return ".".join(map(str, version))
