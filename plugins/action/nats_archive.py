# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Fetch a release archive to the controller."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import download as _download
from ansible_collections.natsops.cluster.plugins.module_utils._node import keys as _keys
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import NatsAction, Result


class ActionModule(NatsAction):
    """See the module of the same name."""

    def work(self, task_vars: dict[str, Any]) -> Result:
        _unused, params = self.validate_argument_spec(argument_spec=_download.SPEC)
        nodes = {host: _keys.checked(host, node) for host, node in params["nodes"].items()}
        result = _download.act({**params, "nodes": nodes}, check_mode=self._task.check_mode)
        if params["state"] != "asked" and not self._task.check_mode:
            self.told.tell("fetched", file=os.path.basename(str(result["path"])), sha256=result.get("sha256"))
        return result
