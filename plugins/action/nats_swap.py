# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Run the module of the same name on the node, and show how many clients are left."""

from __future__ import annotations

from ansible_collections.natsops.cluster.plugins.plugin_utils._action.drain import DrainAction


class ActionModule(DrainAction):
    """See the module of the same name."""
