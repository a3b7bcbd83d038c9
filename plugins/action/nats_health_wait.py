# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Wait on the controller until NATS servers are really back."""

from __future__ import annotations

from ansible_collections.natsops.cluster.plugins.module_utils import _waiting
from ansible_collections.natsops.cluster.plugins.plugin_utils._actions import ReadingAction, Result


class ActionModule(ReadingAction):
    """See the module of the same name."""

    SPEC = _waiting.SPEC

    def read(self, params: Result, host: str) -> Result:
        return _waiting.wait_until_back(params, host, look_once=self._task.check_mode)
