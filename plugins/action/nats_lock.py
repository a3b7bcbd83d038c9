# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Say who the controller is, run the module on the node, and take the lock over from a run that died on this controller."""

from __future__ import annotations

from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils._state import keys as _keys
from ansible_collections.natsops.cluster.plugins.module_utils._state import lock as _lock
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import NatsAction, Result
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import inventory as _inventory
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.controller import controller, is_dead

_LEFT = "The lock there ends by itself with its lease, whoever holds it. Mend the connection and run again"


class ActionModule(NatsAction):
    """See the module of the same name."""

    _requires_connection = True

    def work(self, task_vars: dict[str, Any]) -> Result:
        self.validate_argument_spec(argument_spec=_lock.SPEC, required_if=_lock.REQUIRED_IF)
        # In a loop, too, this is the name of one host: Ansible reads the template for each item before it gets here.
        host = self._task.delegate_to or task_vars["inventory_hostname"]
        args = {name: value for name, value in self._task.args.items() if value is not None}
        args.setdefault("state_dir", _inventory.state_dir(host, task_vars, self._templar))
        args.setdefault("controller", controller())
        result = self.on_node(args, task_vars, _LEFT)
        holder = result.get("lock") or {}
        refused = args["state"] == "acquired" and result.get("refusal") == "locked" and not _keys.no_lock(holder)
        if refused and is_dead(holder["controller"], args["controller"]):
            result = self.on_node({**args, "take_over": holder["run_id"]}, task_vars, _LEFT)
            if not result.get("failed"):
                result["msg"] = f"took over the lock of {_lock.holder(holder)}: that process has gone"
        if result.get("failed") and self._task.delegate_to:
            result["msg"] = f"{host}: {result.get('msg')}"
        return result
