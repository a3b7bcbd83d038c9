# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Run a module on the node; a node that is lost meanwhile is a failure that says so. See meta/runtime.yml for which."""

from __future__ import annotations

from ansible_collections.natsops.cluster.plugins.plugin_utils._actions import NodeAction


class ActionModule(NodeAction):
    """The action of every module that works on a node and on nothing else."""
