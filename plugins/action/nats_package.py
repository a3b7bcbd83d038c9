# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Copy a package file to the node, where there is one, and run the module of the same name there."""

from __future__ import annotations

from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import CopyingAction


class ActionModule(CopyingAction):
    """See the module of the same name."""

    FILE = "file"
