# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Count clients, and ask them to move, on the controller."""

from __future__ import annotations

from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options
from ansible_collections.natsops.cluster.plugins.module_utils._wait import rebalance as _rebalance
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import ReadingAction, Result
from ansible_collections.natsops.cluster.plugins.plugin_utils._read.over_nats import SystemAccount
from ansible_collections.natsops.cluster.plugins.plugin_utils._read.several import Several
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import watch as _watch
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.teller import stats_of


class ActionModule(ReadingAction):
    """See the module of the same name."""

    SPEC = _rebalance.SPEC

    def work(self, task_vars: dict[str, Any]) -> Result:
        _unused, params = self.validate_argument_spec(argument_spec=self.SPEC)
        self.fill(params, task_vars)
        params["move"] = params["move"] and not self._task.check_mode
        targets = _options.targets({**params, "servers": self.servers_of(params, task_vars)})
        with self.source(task_vars)(params) as source, _watch.rebalance(self._screen(task_vars)) as watch:
            over_nats = not self.without_account(params["hosts"], task_vars)
            tell = source.tell if over_nats and isinstance(source, (SystemAccount, Several)) else None
            result = _rebalance.Rebalance(params, source, targets, tell, watch=watch).run()
        self.told.tell("clients", **{key: result[key] for key in ("connections", "even", "asked", "told")})
        given = stats_of(None, "", nats_upgrade_connections=result["connections"]) if self.told.runs else {}
        return {**result, **given}

    def _screen(self, task_vars: dict[str, Any]) -> _watch.Screen:
        return _watch.screen(task_vars, self._templar) if self.told.runs else _watch.Screen("off")
