# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""What the actions share: work on the controller, and work on a node that may be lost."""

from __future__ import annotations

import contextlib
from typing import Any, ClassVar, Dict

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.natsops.cluster.plugins.module_utils import _arguments, _http
from ansible_collections.natsops.cluster.plugins.module_utils._errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._situation import Situation
from ansible_collections.natsops.cluster.plugins.plugin_utils import _looking, _targets

Result = Dict[str, Any]
display = Display()
# Ansible loads an action in the process that it forks its workers from.
_http.warm_up()


def warn_without_httpx() -> None:
    if _http.httpx is None:
        display.warning("httpx cannot be imported on the controller: servers are read through Ansible's own urls, more slowly")


class NatsAction(ActionBase):
    """An action whose work is in C(work), which returns a result or raises NatsError."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        result = super().run(tmp, task_vars)
        try:
            result.update(self.work(task_vars or {}))
        except NatsError as exc:
            result.update(failed=True, msg=str(exc), **exc.details)
        return result

    def work(self, task_vars: dict[str, Any]) -> Result:
        raise NotImplementedError

    def on_node(self, module_args: dict[str, Any], task_vars: dict[str, Any]) -> Result:
        """Run the module of the same name on the task's host.

        A host that cannot be reached is a failure of the task here, and not the state "unreachable": for that Ansible runs
        neither rescue nor always, so that nothing could be said or put right.
        """
        try:
            return self._execute_module(module_args=module_args, task_vars=task_vars)
        except AnsibleConnectionFailure as exc:
            host = task_vars.get("inventory_hostname", "the host")
            raise NatsError(
                f"{host} was lost in the step '{self._task.name}': it cannot be reached ({exc}). What was under way there may "
                "have run to its end, or not",
                lost_host=host,
            ) from exc

    def cleanup(self, force: bool = False) -> None:
        # A lost host keeps its temporary folder; that must not turn the failure above into "unreachable" after all.
        with contextlib.suppress(AnsibleConnectionFailure):
            super().cleanup(force)


class NodeAction(NatsAction):
    """An action that only runs its module on the node."""

    _requires_connection = True

    def work(self, task_vars: dict[str, Any]) -> Result:
        return self.on_node(dict(self._task.args), task_vars)


class ReadingAction(NatsAction):
    """An action that reads servers: on the controller, in this process, or through its module on the node."""

    SPEC: ClassVar[dict[str, dict[str, Any]]] = {}

    def arguments(self, task_vars: dict[str, Any]) -> Result:
        """The options, with what the inventory says of the host where they say nothing."""
        _unused, params = self.validate_argument_spec(argument_spec=self.SPEC, mutually_exclusive=_arguments.ONE_SOURCE)
        self.fill(params, task_vars)
        if params["hosts"] is not None:
            params["servers"] = self.servers_of(params, task_vars)
        elif params["servers"] is None and params["monitor_url"] is None:
            host = task_vars["inventory_hostname"]
            params["monitor_url"] = _targets.monitor_url(host, params["probe_from"], task_vars, self._templar)
        return params

    def fill(self, params: Result, task_vars: dict[str, Any]) -> None:
        """Put in what the inventory says of how to read, where the options say nothing."""
        host = task_vars["inventory_hostname"]
        for option in ("probe_from", "validate_certs", "ca_path"):
            if params[option] is None:
                params[option] = _targets.host_variable(f"nats_upgrade_{option}", host, task_vars, self._templar)
        params["probe_from"] = params["probe_from"] or "controller"
        try:
            params["validate_certs"] = boolean(True if params["validate_certs"] is None else params["validate_certs"])
        except TypeError as exc:
            raise NatsError(f"nats_upgrade_validate_certs is neither true nor false: {exc}") from exc

    def servers_of(self, params: Result, task_vars: dict[str, Any]) -> list[dict[str, str]]:
        """Name and monitor URL of each host that the option hosts names."""
        if params["probe_from"] == "node":
            raise NatsError("hosts are read from the controller; with probe_from: node, run the task once for each host")
        return [
            {"name": host, "monitor_url": _targets.monitor_url(host, "controller", task_vars, self._templar)}
            for host in params["hosts"]
        ]

    def work(self, task_vars: dict[str, Any]) -> Result:
        params = self.arguments(task_vars)
        if params["probe_from"] == "node":
            return self.on_node({key: value for key, value in params.items() if value is not None}, task_vars)
        warn_without_httpx()
        return self.read(params, task_vars["inventory_hostname"])

    def read(self, params: Result, host: str) -> Result:
        raise NotImplementedError


class LookingAction(ReadingAction):
    """An action that looks at the whole cluster, for a plan or a status."""

    def situation(self, params: Result, task_vars: dict[str, Any]) -> Situation:
        """What the servers of the option hosts say, and what was found out on the nodes."""
        self.fill(params, task_vars)
        warn_without_httpx()
        return _looking.look(
            _arguments.settings(params),
            _arguments.targets({"servers": self.servers_of(params, task_vars)}),
            {host: node for host, node in (params["nodes"] or {}).items() if node},
            max_lag=params["max_lag"],
            settle_seconds=params["settle_seconds"],
        )
