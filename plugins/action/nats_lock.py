# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Say who the controller is, run the module on the node, and take the lock over from a run that died on this controller."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils import _lock, _process, _state_keys
from ansible_collections.natsops.cluster.plugins.plugin_utils import _targets
from ansible_collections.natsops.cluster.plugins.plugin_utils._actions import NatsAction, Result

# What two runs have to share for a process id of the one to mean anything to the other.
_SAME_MACHINE = ("host", "boot_id", "pid_namespace")
_LEFT = "The lock there ends by itself with its lease, whoever holds it. Mend the connection and run again"


class ActionModule(NatsAction):
    """See the module of the same name."""

    _requires_connection = True

    def work(self, task_vars: dict[str, Any]) -> Result:
        self.validate_argument_spec(argument_spec=_lock.SPEC, required_if=_lock.REQUIRED_IF)
        # In a loop, too, this is the name of one host: Ansible reads the template for each item before it gets here.
        host = self._task.delegate_to or task_vars["inventory_hostname"]
        args = {name: value for name, value in self._task.args.items() if value is not None}
        args.setdefault("state_dir", _targets.state_dir(host, task_vars, self._templar))
        args.setdefault("controller", controller())
        result = self.on_node(args, task_vars, _LEFT)
        holder = result.get("lock") or {}
        refused = args["state"] == "acquired" and result.get("refusal") == "locked" and not _state_keys.no_lock(holder)
        if refused and is_dead(holder["controller"], args["controller"]):
            result = self.on_node({**args, "take_over": holder["run_id"]}, task_vars, _LEFT)
            if not result.get("failed"):
                result["msg"] = f"took over the lock of {_lock.holder(holder)}: that process has gone"
        if result.get("failed") and self._task.delegate_to:
            result["msg"] = f"{host}: {result.get('msg')}"
        return result


def controller() -> Result:
    """Who runs this, so that another run can say who that was and, on the same machine, whether it still lives.

    Empty values where the controller has no /proc: nobody then takes its lock over before the lease is over.
    """
    pid = main_pid()
    process = _process.look(pid)
    try:
        boot_id, namespace = _lock.BOOT_ID.read_text(encoding="ascii").strip(), os.readlink("/proc/self/ns/pid")
    except OSError:
        boot_id = namespace = ""
    return {
        "host": os.uname().nodename,
        "boot_id": boot_id,
        "pid_namespace": namespace,
        "pid": pid,
        "start_ticks": process.start_ticks if process else 0,
        "user": _user(),
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        return str(os.getuid())


def main_pid() -> int:
    """The process that lives as long as the run. This one is a worker that is forked from it for one task."""
    own, parent = _argv(os.getpid()), os.getppid()
    line = _ancestors(parent)
    # A forked worker has the arguments of the process that it was forked from.
    forked_from = [pid for pid in line[: _same(own, line)] if own]
    named = [pid for pid in line if any(os.path.basename(word).startswith("ansible") for word in _argv(pid)[:2])]
    # Never this process itself: one that ends with the task would pass for a run that has died.
    return [*forked_from[-1:], *named[:1], parent][0]


def _same(own: tuple[str, ...], line: list[int]) -> int:
    return next((index for index, pid in enumerate(line) if _argv(pid) != own), len(line))


def _argv(pid: int) -> tuple[str, ...]:
    process = _process.look(pid)
    return process.argv if process else ()


def _ancestors(pid: int) -> list[int]:
    line = []
    while pid > 1:
        line.append(pid)
        try:
            status = (Path("/proc") / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            break
        pid = int(dict(row.split(":", 1) for row in status.splitlines())["PPid"])
    return line


def is_dead(holder: Mapping[str, Any], us: Mapping[str, Any]) -> bool:
    """Whether the process that holds a lock is known to have gone, which only its own machine can tell."""
    if not us.get("boot_id") or any(holder.get(name) != us.get(name) for name in _SAME_MACHINE):
        return False
    process = _process.look(int(holder.get("pid") or 0))
    return process is None or process.start_ticks != holder.get("start_ticks")
