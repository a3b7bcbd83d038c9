# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Say how the host's server is run, as its variables have it, and run the module of the same name on the node."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleError

from ansible_collections.natsops.cluster.plugins.module_utils._node import supervisor as _supervisor
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import NodeAction, Result
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.turn_values import Known

# The option that names the server, and the variable that says it, by nats_upgrade_service.
_NAMES = {"command": ("pid_file", "pid_file"), "docker": ("container", "service_name")}
_UNIT = ("service", "service_name")
# Options of a server that commands start, and the variables.
_COMMANDS = {
    "hold_command": "hold_command",
    "release_command": "release_command",
    "stop_command": "stop_command",
    "status_command": "status_command",
    "log_command": "log_command",
    "start_argv": "start_command",
    "start_detach": "start_detach",
}
# Options, and what was found out about the server before it was stopped.
_FOUND = {"chdir": "cwd", "output_path": "output_path", "log_path": "log_path", "uid": "uid"}


class ActionModule(NodeAction):
    """See the module of the same name."""

    def has_phase(self, task_vars: dict[str, Any]) -> bool:
        try:
            return not _supervisor.asks_nobody(self._arguments(task_vars))
        except AnsibleError:
            # It fails with that in its phase.
            return True

    def work(self, task_vars: dict[str, Any]) -> Result:
        args = self._arguments(task_vars)
        if _supervisor.asks_nobody(args):
            return {"changed": False}
        return self.on_node(args, task_vars)

    def _arguments(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        # A task's own variables, which for a temporary server are those of its host.
        self._known = Known(task_vars, self._templar)
        args = {name: value for name, value in self._task.args.items() if value is not None}
        args = {"host": self._task.delegate_to or task_vars["inventory_hostname"], **args}
        if not any(args.get(name) for name in ("pid_file", "service", "container")):
            args = {**self._by_variables(args), **args}
        return args

    def _by_variables(self, args: dict[str, Any]) -> dict[str, Any]:
        """How the server is run, by the variables of the role."""
        kind = self._variable("service") or "systemd"
        option, variable = _NAMES.get(kind, _UNIT)
        given = {option: self._variable(variable) or ("" if option == "pid_file" else "nats-server")}
        given["state_dir"] = self._variable("state_dir")
        if kind == "command":
            given.update({option: self._variable(variable) for option, variable in _COMMANDS.items()})
        if args.get("state") in ("started", "log"):
            node = self._known.own("node") or {}
            given.update({option: node.get(name) for option, name in _FOUND.items()})
            given["own_output_path"] = f"{given['state_dir']}/{args['host']}.out" if given["state_dir"] else None
        return {name: value for name, value in given.items() if value is not None}

    def _variable(self, name: str) -> Any:
        return self._known.value(f"nats_upgrade_{name}")
