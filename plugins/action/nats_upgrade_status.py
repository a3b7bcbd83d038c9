# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Tell on the controller what a roll has left behind."""

from __future__ import annotations

from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils._plan import status as _status
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import LookingAction, Result
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import controller as _controller
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import watch as _watch


class ActionModule(LookingAction):
    """See the module of the same name."""

    def work(self, task_vars: dict[str, Any]) -> Result:
        _unused, params = self.validate_argument_spec(argument_spec=_specs.STATUS)
        situation = self.situation(params, task_vars)
        us = _controller.controller()
        locks = [node["lock"] for node in situation.nodes.values() if node.get("lock")]
        holders = {str(lock.get("run_id", "?")): _controller.state_of(lock, us) for lock in locks}
        policy = _judge.load(params["policy_file"])
        told = _status.status(situation, policy, params["inventory"], params["group"], holders)
        # As they are to be run: what Ansible shows of a result is folded, and its quotes doubled.
        if _watch.is_roll():
            # It shows the lines of the state as they are, and these are among them.
            return {"changed": False, "status": told}
        screen = _watch.screen(task_vars, self._templar)
        for name, command in told["commands"].items():
            screen.say_now(f"{_status.SAID[name]}: {command}")
        return {"changed": False, "status": told}
