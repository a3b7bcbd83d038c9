# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Have the node say how its server is run, and take of that what such facts can be."""

from __future__ import annotations

from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils import _node_keys
from ansible_collections.natsops.cluster.plugins.plugin_utils._actions import NodeAction, Result


class ActionModule(NodeAction):
    """See the module of the same name."""

    def work(self, task_vars: dict[str, Any]) -> Result:
        result = super().work(task_vars)
        facts = result.get("ansible_facts")
        if facts and not result.get("failed"):
            host = self._task.delegate_to or task_vars["inventory_hostname"]
            result["ansible_facts"] = _node_keys.facts(host, facts)
        return result
