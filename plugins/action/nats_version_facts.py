# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Read version facts of NATS servers on the controller."""

from __future__ import annotations

from ansible_collections.natsops.cluster.plugins.module_utils import _facts
from ansible_collections.natsops.cluster.plugins.plugin_utils._actions import ReadingAction, Result


class ActionModule(ReadingAction):
    """See the module of the same name."""

    SPEC = _facts.SPEC

    def read(self, params: Result, host: str) -> Result:
        return {"changed": False, "ansible_facts": {"nats_version": _facts.version_facts(params, host)}}
