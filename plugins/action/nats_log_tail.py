# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Run the module of the same name on the node; losing the node is a failure that says so."""

from __future__ import annotations

from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import NodeAction


class ActionModule(NodeAction):
    """See the module of the same name."""
