# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Copy an image file to the node where one is given, and run the module of the same name there."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import NodeAction, Result


class ActionModule(NodeAction):
    """See the module of the same name."""

    def work(self, task_vars: dict[str, Any]) -> Result:
        args = dict(self._task.args)
        file = args.pop("image_file", None)
        if file is None or self._task.check_mode:
            return self.on_node(args, task_vars)
        if not os.path.isfile(os.path.expanduser(file)):
            raise NatsError(f"there is no image file {file} on the controller", refusal="no_image")
        return self.on_node({**args, "image_file": self.copied(os.path.expanduser(file), task_vars)}, task_vars)
