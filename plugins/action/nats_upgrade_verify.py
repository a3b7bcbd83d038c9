# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The steps after the last turn: the whole cluster is verified, its clients are counted or moved, and the run ends."""

from __future__ import annotations

from typing import Callable

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs
from ansible_collections.natsops.cluster.plugins.plugin_utils._action import staging as _staging
from ansible_collections.natsops.cluster.plugins.plugin_utils._action import verifying as _verifying
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import Result
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.several import SeveralAction

_SAW = "What a client saw in the turn of each node:"


class ActionModule(SeveralAction):
    """See the module of the same name."""

    _requires_connection = True

    def several(self) -> Result:
        _unused, params = self.validate_argument_spec(argument_spec=_specs.VERIFY)
        return _STEPS[params["step"]](self)

    def verify(self) -> Result:
        # A cluster that is not current ends the run, and not before the temporary servers are gone.
        self.vars.update(__nats_upgrade_phase="verify", __nats_upgrade_rescued=True)
        verified = self.attempt("nats_health_wait", **_verifying.whole_cluster(self.known))
        del self.vars["__nats_upgrade_phase"], self.vars["__nats_upgrade_rescued"]
        saw = []
        if self.known.flag("__nats_upgrade_probes"):
            saw = self.call("nats_client_probe", **_staging.probe_end(self.known)).get("lines") or []
        return {
            "changed": False,
            **({"msg": [_SAW, *saw], "_ansible_verbose_always": True} if saw else {}),
            **({"problem": str(verified.get("msg") or _staging.FAILED)} if verified.get("failed") else {}),
        }

    def end(self) -> Result:
        """C(lines): what has become of all, for people."""
        told, problem = self.known.own("surge_told"), self.known.own("verified").get("problem")
        if problem:
            raise NatsError(f"{problem}\n{told}" if told is not None else problem)
        lines, stats, connections = [told] if told else [], {}, None
        if not self._task.check_mode:
            # Clients stay where they fled to, which is told after every roll. They are moved only where it is wanted, with no
            # lock: every round makes sure first that all servers are healthy, and so waits for another run that drains one.
            self.vars["__nats_upgrade_phase"] = "rebalance"
            balance = self.call("nats_rebalance", **_verifying.clients(self.known))
            del self.vars["__nats_upgrade_phase"]
            lines += balance["lines"]
            connections, stats = balance["connections"], _stats(balance)
        ended = self.call("nats_upgrade_event", kind="run_ended")
        stats |= _stats(ended)
        return {
            "changed": False,
            "lines": [*lines, *ended["msg"]],
            "connections": connections,
            **({"ansible_stats": {"data": stats, "per_host": False, "aggregate": True}} if stats else {}),
        }


def _stats(result: Result) -> Result:
    """What a workflow gets of it."""
    return dict((result.get("ansible_stats") or {}).get("data") or {})


_STEPS: dict[str, Callable[[ActionModule], Result]] = {"verify": ActionModule.verify, "end": ActionModule.end}
