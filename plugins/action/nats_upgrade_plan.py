# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Plan on the controller."""

from __future__ import annotations

from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils import _plan
from ansible_collections.natsops.cluster.plugins.modules.nats_upgrade_plan import SPEC
from ansible_collections.natsops.cluster.plugins.plugin_utils._actions import NatsAction, Result


class ActionModule(NatsAction):
    """See the module of the same name."""

    def work(self, task_vars: dict[str, Any]) -> Result:
        _unused, params = self.validate_argument_spec(argument_spec=SPEC)
        plan = _plan.make_plan(params["servers"], params["version"])
        if plan.refusals:
            raise _plan.refused(plan)
        return {"changed": False, "plan": plan.as_dict()}
