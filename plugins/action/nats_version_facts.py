# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Read version facts of NATS servers on the controller, and judge them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils._audit import drift as _drift
from ansible_collections.natsops.cluster.plugins.module_utils._audit import fleet as _fleet
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._read import facts as _facts
from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import ReadingAction, Result
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import inventory as _inventory


class ActionModule(ReadingAction):
    """See the module of the same name."""

    SPEC = _facts.SPEC

    def work(self, task_vars: dict[str, Any]) -> Result:
        result = super().work(task_vars)
        facts = result.get("ansible_facts", result).get("nats_version")
        if facts:
            # Here, also where they were read on the node: the version policy stays on the controller.
            result["drift"] = self._drift(facts, task_vars)
        return result

    def _drift(self, facts: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        host = task_vars["inventory_hostname"]
        policy_file = _inventory.host_variable("nats_upgrade_policy_file", host, task_vars, self._templar)
        readings = tuple(_facts.reading_of(one) for one in facts.get("servers", [facts]))
        fleet = _fleet.Fleet(readings, datetime.now(timezone.utc), whole=False)
        return _drift.judge(fleet, _judge.load(policy_file or None)).brief()

    def read(self, params: Result, host: str, open_source: _options.OpenSource) -> Result:
        return {"changed": False, **_facts.result(params, _facts.version_facts(params, host, open_source=open_source))}
