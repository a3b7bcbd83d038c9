# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Find out how a server is run, on its node, with the name of the host that the facts are of, and check what came from there."""

from __future__ import annotations

from typing import Any

from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import NodeAction, Result, node_of


class ActionModule(NodeAction):
    """See the module of the same name."""

    def work(self, task_vars: dict[str, Any]) -> Result:
        host = self._task.delegate_to or task_vars["inventory_hostname"]
        result = self.on_node({"host": host, **self._task.args}, task_vars)
        found = {} if result.get("failed") else node_of(host, result)
        if found and "nats_node" in result:
            result["nats_node"] = found
        elif found:
            result["ansible_facts"]["nats_node"] = found
        return result
