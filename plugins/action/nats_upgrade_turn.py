# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Decide in a node's turn: whose it is, what a failure means, whether the old version goes back, and what is said of it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, Callable, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import NatsAction, Result
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.turn_values import Known
from ansible_collections.natsops.cluster.plugins.plugin_utils._turn import machine as _machine
from ansible_collections.natsops.cluster.plugins.plugin_utils._turn import message as _message
from ansible_collections.natsops.cluster.plugins.plugin_utils._turn import recover as _recover
from ansible_collections.natsops.cluster.plugins.plugin_utils._turn.recover import Recovery


class ActionModule(NatsAction):
    """See the module of the same name."""

    HAS_PHASE = False

    def work(self, task_vars: dict[str, Any]) -> Result:
        _unused, params = self.validate_argument_spec(argument_spec=_specs.TURN)
        known = Known(task_vars, self._templar)
        step, task = params["step"], params["task"]
        # Read as it is: a template of ansible-core 2.17 and 2.18 makes text of it, and not always the same again.
        result = task_vars.get("ansible_failed_result") or {}
        if step == "begin":
            return {"changed": False, **self._begin(known)}
        if step == "close":
            return {"changed": False, **known.own("turn"), "outcome": "upgraded"}
        if step == "failed":
            stage = _recover.stage(known.failed(result))
            recovery = _recover.begun(stage, task, _said(result), str(result.get("refusal") or ""))
        else:
            recovery = Recovery.of(known.own("failed"))
            if step == "stopped":
                return self._stopped(known, recovery)
            recovery = _STEPS[step](known, recovery, task, result)
        return {"changed": False, **asdict(recovery)}

    def _begin(self, known: Known) -> Result:
        """C(stop) says why the run has to end before this turn; empty where it goes on."""
        lost, server, host = known.lost(), known.server_now(), known.host
        if lost:
            return {"stop": _machine.stopped_before(host, lost, known.own("surge_joining") or [])}
        if server is None:
            return {"stop": _machine.unread(host, str((known.own("now") or {}).get("msg") or ""))}
        wanted, journaled = known.wanted(), known.journaled()
        return {
            "stop": "",
            "outcome": _machine.outcome(server, wanted, journaled),
            "has_target": _machine.arrived(server, wanted, journaled),
        }

    def _stopped(self, known: Known, recovery: Recovery) -> Result:
        turn = known.stopped(recovery.stage, recovery.failure, recovery.besides, recovery.put_back)
        # For its event. What was about to be drained and was not has not been down.
        untouched = {"stopped": False} if recovery.stage == "untouched" else {}
        self.told.about = {"step": recovery.step, "server_log": list(turn.log), **untouched}
        refusal = {"refusal": recovery.refusal} if recovery.refusal else {}
        return {"failed": True, "changed": False, "msg": _message.stopped(turn).rstrip(), **refusal}


def _said(result: Mapping[str, Any]) -> str:
    return str(result.get("msg", "failed"))


def _failed_too(known: Known, recovery: Recovery, task: str, result: Mapping[str, Any]) -> Recovery:
    return _recover.failed_too(
        recovery, task, _said(result), named=result.get("lost_host") is not None, lost=known.is_lost(result)
    )


_STEPS: dict[str, Callable[[Known, Recovery, str, Mapping[str, Any]], Recovery]] = {
    "failed_too": _failed_too,
    "ended": lambda _known, recovery, _task, _result: _recover.ended(recovery),
    "revived": lambda _known, recovery, _task, _result: _recover.revived(recovery),
    "not_revived": lambda _known, recovery, task, result: _recover.not_revived(recovery, task, _said(result)),
    "looked": lambda known, recovery, _task, _result: _recover.looked(recovery, known.seen(), known.wanted()),
    "decided": lambda known, recovery, _task, _result: _recover.decided(recovery, known.seen(), known.wanted()),
    "proved": lambda _known, recovery, _task, _result: replace(recovery, can_go_back=True),
    "is_back": lambda known, recovery, _task, _result: _recover.is_back(recovery, known.wanted()),
    "is_not_back": lambda known, recovery, task, result: _recover.is_not_back(
        recovery, known.wanted(), known.seen(), task, _said(result)
    ),
}
