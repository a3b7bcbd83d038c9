# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Wait for temporary servers on the controller."""

from __future__ import annotations

from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options
from ansible_collections.natsops.cluster.plugins.module_utils._wait import surge as _surge
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import ReadingAction, Result


class ActionModule(ReadingAction):
    """See the module of the same name."""

    SPEC = _surge.SPEC

    def work(self, task_vars: dict[str, Any]) -> Result:
        _unused, params = self.validate_argument_spec(argument_spec=self.SPEC)
        self.fill(params, task_vars)
        cluster, surge = (
            _options.targets({**params, "servers": self.servers_of({**params, "hosts": hosts}, task_vars)})
            for hosts in (params["hosts"], params["surge"])
        )
        with self.source(task_vars)({**params, "hosts": params["hosts"] + params["surge"]}) as source:
            return _surge.Wait(params, source, cluster, surge).run()
