# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Have a client on the controller see what a roll does to clients, and say it."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._judge import findings as _findings
from ansible_collections.natsops.cluster.plugins.module_utils._read.options import CLIENT_PROBE
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import NatsAction, Result
from ansible_collections.natsops.cluster.plugins.plugin_utils._probe import control as _control
from ansible_collections.natsops.cluster.plugins.plugin_utils._probe import session as _session
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import inventory as _inventory
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import controller as _controller

_PERMISSIONS = "publish to $JS.API.INFO, $JS.API.STREAM.>, $JS.API.CONSUMER.> and $JS.ACK.>"


class ActionModule(NatsAction):
    """See the module of the same name."""

    def work(self, task_vars: dict[str, Any]) -> Result:
        _unused, params = self.validate_argument_spec(argument_spec=CLIENT_PROBE)
        self._params, self._waived = params, _findings.require_known(params["waive"])
        self._folder = os.path.join(params["report_dir"], params["run_id"])
        if self._task.check_mode and params["state"] != "checked":
            return {"lines": []}
        work = {"checked": self._check, "started": self._start, "read": self._read, "stopped": self._stop}
        return work[params["state"]](task_vars)

    def _wanted(self, task_vars: dict[str, Any]) -> _session.Wanted:
        host = task_vars["inventory_hostname"]
        account = self._params["account"] or _inventory.host_variable(_session.VARIABLE, host, task_vars, self._templar)
        account = _session.check(account)
        if not _process.PROC.joinpath("self", "stat").exists():
            raise NatsError(f"{_session.VARIABLE} needs a controller with /proc (Linux): leave it out on this one")
        hosts = self._params["hosts"] or [host]
        servers = account.get("servers") or _inventory.client_urls(hosts, task_vars, self._templar)
        return _session.Wanted(account, servers, self._params["run_id"], self._params["replicas"])

    def _check(self, task_vars: dict[str, Any]) -> Result:
        try:
            without = _session.look(self._wanted(task_vars))
        except NatsError as exc:
            raise NatsError(f"refused: {exc}. Nothing was touched.") from exc
        return {"lines": [], **_said(without)}

    def _start(self, task_vars: dict[str, Any]) -> Result:
        began = _control.start(self._folder, self._wanted(task_vars), _controller.controller())
        said = _said(began["without_jetstream"])
        for warning in said.get("warnings", ()):
            self.told.tell("note", text=warning)
        removed = [f"removed the stream {name}, which a probe that died had left" for name in began["removed"]]
        return {"lines": removed, **said}

    def _read(self, _task_vars: dict[str, Any]) -> Result:
        """The figures of the step that has just ended; what is too much fails, or warns where it is waived."""
        result: Result = {}
        try:
            result["step"] = step = _control.read(self._folder, self._params["step"] or "")
            self.told.tell("client_probe", **_control.figures(step))
            message = _control.too_much(self._folder, step, self._params["max_gap_seconds"])
        except NatsError as exc:
            message = str(exc)
        result["lines"] = _control.lines(self._folder)
        if message and "client_impact" not in self._waived:
            raise NatsError(f"refused: client_impact: {message}", refusal="client_impact", **result)
        return {**result, "warnings": [message] if message else []}

    def _stop(self, _task_vars: dict[str, Any]) -> Result:
        before = len(_control.steps(self._folder))
        ended = _control.stop(self._folder)
        warnings, found = [], _control.steps(self._folder)
        for step in found[before:]:
            self.told.tell("client_probe", **_control.figures(step))
            warnings += [_control.too_much(self._folder, step, self._params["max_gap_seconds"])]
        if ended.get("failed"):
            warnings += [f"the client probe had ended by itself: {ended['reason']}"]
        if ended.get("stream_removed") is False:
            warnings += [
                f"the client probe could not remove its stream {_session.STREAM_PREFIX}{self._params['run_id']}: "
                "the next probe does, or remove it by hand"
            ]
        return {
            "lines": _control.lines(self._folder),
            "step": found[-1] if found else None,
            "total": ended.get("total"),
            "warnings": [warning for warning in warnings if warning],
        }


def _said(without_jetstream: str) -> Result:
    """What to say of a part that is left out."""
    if not without_jetstream:
        return {"jetstream": True}
    return {
        "jetstream": False,
        "warnings": [
            f"the client probe leaves streams out ({without_jetstream}): it sees requests and messages without a stream only. "
            f"For streams, the user of {_session.VARIABLE} needs an account with JetStream and room for one stream, "
            f"and may have to be allowed to {_PERMISSIONS}"
        ],
    }
