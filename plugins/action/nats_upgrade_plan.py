# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Plan on the controller: read the servers, judge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._plan import order as _order
from ansible_collections.natsops.cluster.plugins.module_utils._plan import plan as _plan
from ansible_collections.natsops.cluster.plugins.module_utils._plan import planner as _planner
from ansible_collections.natsops.cluster.plugins.module_utils._plan import restart as _restart
from ansible_collections.natsops.cluster.plugins.module_utils._plan import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation, apart, is_meta_leader
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._read import facts as _facts
from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs
from ansible_collections.natsops.cluster.plugins.module_utils._values import known as _known
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import LookingAction, Result, without_credentials
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Log
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.teller import stats_of


class ActionModule(LookingAction):
    """See the module of the same name."""

    def work(self, task_vars: dict[str, Any]) -> Result:
        _unused, params = self.validate_argument_spec(
            argument_spec=_specs.PLAN, mutually_exclusive=[("servers", "hosts")], required_if=_specs.PLAN_REQUIRED_IF
        )
        most = _plan.most_nodes(params["max_nodes"])
        policy = _judge.load(params["policy_file"])
        hosts = params["hosts"] or [server["name"] for server in params["servers"] or ()]
        order = _order.parse(params["order"], hosts, task_vars["groups"]) if params["order"] else ()
        situation = self._situation(params, task_vars)
        accepted = {"waive": params["waive"], "refuse_r1": params["refuse_r1"], "order": order}
        if params["mode"] == "restart":
            situation = _restart.with_digests(situation, params["config_digests"] or {})
            plan = _planner.plan_restart(situation, policy, every=params["restart_all"], reboot=params["reboot"], **accepted)
        else:
            source = without_credentials(params["source"])
            plan = _planner.plan_upgrade(situation, params["version"], policy, source=source, **accepted)
        if most:
            plan = plan.only(most, situation.nodes)
        told = {**plan.as_dict(), "lines": _text.lines(plan), "note_lines": _text.notes(plan)}
        refused = _text.refused(plan) if plan.settled.refusals else None
        # A plan without hosts only tells whether what is asked for makes sense.
        stats = self._tell(plan, situation, told) if params["hosts"] is not None and self.told.runs else {}
        if refused and params["fail_when_refused"]:
            # Without servers there is nothing in it that the error does not say.
            raise NatsError(str(refused), **({"plan": told} if plan.clusters else {}), **refused.details)
        return {"changed": False, "plan": told, "refusal": str(refused or ""), **stats}

    def _tell(self, plan: _plan.Plan, situation: Situation, told: Result) -> Result:
        """Write the plan down as an event of the run, and give it to the workflow around it."""
        if self.told.log:
            self._write(self.told.log, plan, situation, told)
        return stats_of(self.told.log, "refused" if plan.settled.refusals else "failed", nats_upgrade_plan=told)

    def _write(self, log: Log, plan: _plan.Plan, situation: Situation, told: Result) -> None:
        findings = ("refusals", "waived", "warnings")
        log.write(
            "planned",
            **{key: told[key] for key in ("target", "clusters", "order", "later", "done", "left_out", *findings)},
            servers={
                server.host: {
                    "server_name": server.facts.server_name,
                    "version": server.facts.version,
                    "connections": server.facts.connections,
                    "meta_leader": is_meta_leader(server),
                }
                for server in situation.servers
            },
            estimate=told["estimated_seconds"],
            seconds={step.host: step.seconds for step in plan.steps},
            assets_down={step.host: list(step.fragile) for step in plan.steps if step.fragile},
            about={step.host: _text.besides(step, leader_last=plan.leader_last) for step in plan.steps},
            ways_back=list(plan.ways_back),
            notes=told["note_lines"],
            surge=[place.host for place in plan.surge],
            resumes=[step.host for step in plan.steps if step.resumes],
            # By the journals of the nodes, whose turn broke off in which run.
            left_by={step.host: situation.journal(step.host).get("run_id") for step in plan.steps if step.resumes},
        )

    def _situation(self, params: Result, task_vars: dict[str, Any]) -> Situation:
        if params["hosts"] is not None:
            situation = self.situation(params, task_vars)
            lacking = params["rebalance"] and self.without_account(params["hosts"], task_vars)
            return replace(situation, asks_without_account=bool(lacking))
        own, foreign = apart(self.nodes(params))
        readings = _known.settled([_facts.reading_of(server) for server in params["servers"] or ()])
        return Situation(tuple(readings), (), own, foreign=foreign)
