# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Read monitoring ports that are bound to loopback: one small module on each server's own host, over its own connection."""

from __future__ import annotations

import contextvars
import copy
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Mapping, Sequence

from ansible import constants
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import connection_loader

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read.monitor import Target
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Answer, Fault, Reply
from ansible_collections.natsops.cluster.plugins.module_utils._values.checked import ODD
from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import node_python as _node_python
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import inventory as _inventory

MODULE = "natsops.cluster.nats_monitor_read"
# Each host costs two processes on the controller while it is read (ssh, and what waits for it).
_AT_ONCE = 10

# Runs the module on a host with these options, and returns its result.
Run = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]


class OverNodes:
    """Answers read on the servers' own hosts, several at once. A host that is lost is a server that does not answer."""

    def __init__(self, run: Run, options: Mapping[str, Any]) -> None:
        self._run, self._options = run, dict(options)
        # What the hosts have read on, because it is going to be asked next. Never kept for longer: it would be old.
        self._ahead: dict[tuple[Target, str], Reply] = {}

    def __enter__(self) -> OverNodes:
        return self

    def __exit__(self, *unused: object) -> None:
        """The connections end with the task."""

    def ask(self, questions: Sequence[tuple[Target, str]]) -> list[Reply]:
        """See Source in module_utils/_read/monitor.py."""
        ahead, self._ahead = self._ahead, {}
        paths: dict[Target, list[str]] = {}
        for target, path in questions:
            if (target, path) not in ahead:
                paths.setdefault(target, []).append(path)
        with ThreadPoolExecutor(max(1, min(len(paths), _AT_ONCE))) as pool:
            # Ansible keeps what it knows of the task in context variables, which a new thread does not have.
            asked = [
                (target, pool.submit(contextvars.copy_context().run, self._read, target, of_it))
                for target, of_it in paths.items()
            ]
            replies = {target: iter(future.result()) for target, future in asked}
        return [ahead[question] if question in ahead else next(replies[question[0]]) for question in questions]

    def _read(self, target: Target, paths: Sequence[str]) -> list[Reply]:
        host = target.name
        try:
            result = self._run(host, {**self._options, "urls": [target.url(path) for path in paths], "follow": True})
        except AnsibleConnectionFailure as exc:
            return [Fault(f"its host cannot be reached, to be read there: {exc}")] * len(paths)
        except AnsibleError as exc:
            raise NatsError(f"{host}: monitoring cannot be read there: {exc}") from exc
        if "replies" not in result:
            said = str(result.get("msg") or result.get("module_stderr") or "no result").strip()
            return [Fault(f"monitoring cannot be read on its host: {said}", bool(result.get("lasting")))] * len(paths)
        try:
            replies = [_reply(told) for told in result["replies"]]
            ahead = {(target, path): _reply(told) for path, told in result.get("followed", {}).items()}
        except ODD as exc:
            return [Fault(f"what came back from its host is no reading of it ({str(exc)[:100]})")] * len(paths)
        if len(replies) != len(paths):
            return [Fault(f"{len(replies)} answers came back from its host to {len(paths)} questions")] * len(paths)
        self._ahead.update(ahead)
        return replies


def _reply(told: Mapping[str, Any]) -> Reply:
    if "error" in told:
        return Fault(str(told["error"]), bool(told["lasting"]), told["status"])
    return Answer(int(told["status"]), told["body"], str(told["text"]))


class Hosts:
    """Runs modules on hosts other than the task's own, each over one connection that is kept. Never with become."""

    def __init__(self, action: ActionBase, task_vars: Mapping[str, Any]) -> None:
        self._action, self._task_vars = action, task_vars
        self._made: dict[str, tuple[ActionBase, dict[str, Any]]] = {}

    def prepare(self, hosts: Sequence[str]) -> None:
        """Open what several threads are going to use: making it is not for several threads."""
        for host in hosts:
            if host not in self._made:
                self._made[host] = self._make(host)

    def run(self, host: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run the module there. Raises AnsibleConnectionFailure where the host is lost."""
        action, variables = self._made[host]
        result: Mapping[str, Any] = action._execute_module(module_name=MODULE, module_args=dict(args), task_vars=variables)
        fault = _node_python.fault(action, result, host)
        return {"failed": True, "msg": fault, "lasting": True} if fault else result

    def _make(self, host: str) -> tuple[ActionBase, dict[str, Any]]:
        action = self._action
        variables = _inventory.variables_of(host, self._task_vars)
        templar = action._templar.copy_with_new_env(available_variables=variables)

        def value(name: str) -> Any:
            return templar.template(variables[name]) if name in variables else None

        context = copy.copy(action._play_context)
        context.become = False
        context.remote_addr = value("ansible_host") or host
        context.remote_user = value("ansible_user") or context.remote_user
        context.connection = value("ansible_connection") or action._task.connection or constants.DEFAULT_TRANSPORT
        connection = connection_loader.get(
            context.connection, context, None, task_uuid=action._task._uuid, ansible_playbook_pid=str(os.getppid())
        )
        if connection is None:
            raise NatsError(f"{host}: there is no connection plugin {context.connection} (ansible_connection)")
        connection.set_become_plugin(None)
        keys = {**action._task.dump_attrs(), "timeout": context.timeout}
        keys.pop("retries", None)
        if context.password:
            keys["password"] = context.password
        for kind, plugin in (("connection", connection), ("shell", connection._shell)):
            names = constants.config.get_plugin_vars(kind, plugin._load_name)
            plugin.set_options(task_keys=keys, var_options={name: value(name) for name in names if name in variables})
        return type(action)(action._task, connection, context, action._loader, templar, action._shared_loader_obj), variables
