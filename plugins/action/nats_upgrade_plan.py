# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Plan on the controller: read the servers, judge."""

from __future__ import annotations

from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils import _facts, _plan, _plan_text, _policy
from ansible_collections.natsops.cluster.plugins.module_utils._errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._situation import Situation
from ansible_collections.natsops.cluster.plugins.modules.nats_upgrade_plan import SPEC
from ansible_collections.natsops.cluster.plugins.plugin_utils._actions import LookingAction, Result


class ActionModule(LookingAction):
    """See the module of the same name."""

    def work(self, task_vars: dict[str, Any]) -> Result:
        _unused, params = self.validate_argument_spec(argument_spec=SPEC, mutually_exclusive=[("servers", "hosts")])
        policy = _policy.load(params["policy_file"])
        plan = _plan.make_plan(
            self._situation(params, task_vars),
            params["version"],
            policy,
            waive=params["waive"],
            refuse_r1=params["refuse_r1"],
        )
        told = {**plan.as_dict(), "lines": _plan_text.lines(plan), "note_lines": _plan_text.notes(plan)}
        if plan.settled.refusals and params["fail_when_refused"]:
            refused = _plan_text.refused(plan)
            # Without servers there is nothing in it that the error does not say.
            raise NatsError(str(refused), **({"plan": told} if plan.clusters else {}), **refused.details)
        refusal = str(_plan_text.refused(plan)) if plan.settled.refusals else ""
        return {"changed": False, "plan": told, "refusal": refusal}

    def _situation(self, params: Result, task_vars: dict[str, Any]) -> Situation:
        if params["hosts"] is not None:
            return self.situation(params, task_vars)
        nodes = {host: node for host, node in (params["nodes"] or {}).items() if node}
        return Situation(tuple(_facts.reading_of(server) for server in params["servers"] or ()), (), nodes)
