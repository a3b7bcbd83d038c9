# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Check the variables of a role for every host."""

from __future__ import annotations

from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import NatsAction, Result
from ansible_collections.natsops.cluster.plugins.plugin_utils._variables import check as _check


class ActionModule(NatsAction):
    """See the module of the same name."""

    def work(self, task_vars: dict[str, Any]) -> Result:
        _unused, params = self.validate_argument_spec(argument_spec=_specs.VARIABLES)
        found = _check.of_group(params["role"], task_vars, self._templar, wants_version=params["wants_version"])
        found.refuse()
        warnings = found.lines(found.odd)
        return {"changed": False, "checked": list(found.hosts), **({"warnings": warnings} if warnings else {})}
