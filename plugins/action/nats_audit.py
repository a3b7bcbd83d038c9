# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Judge drift on the controller: read the servers, judge, write."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from datetime import datetime, timezone
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._audit import drift as _drift
from ansible_collections.natsops.cluster.plugins.module_utils._audit import fleet as _fleet
from ansible_collections.natsops.cluster.plugins.module_utils._audit import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._plan import situation as _situation
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options
from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import ReadingAction, Result, node_of
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import inventory as _inventory
from ansible_collections.natsops.cluster.plugins.plugin_utils._variables import check as _check


class ActionModule(ReadingAction):
    """See the module of the same name."""

    def work(self, task_vars: dict[str, Any]) -> Result:
        task_vars = _inventory.remembering(task_vars)
        # Here and not by a task of its own, which would put together all variables of a large fleet once more.
        found = _check.of_group("nats_audit", task_vars, self._templar)
        found.refuse()
        _unused, params = self.validate_argument_spec(argument_spec=_specs.AUDIT)
        self.fill(params, task_vars)
        failing = _fleet.FAILING if params["fail_on"] is None else _fleet.require_known(params["fail_on"])
        if params["max_mismatch_seconds"] < 0 or params["active_seconds"] < 0:
            raise NatsError("nats_audit_max_mismatch_seconds and nats_audit_active_seconds have to be 0 or more")
        policy = _judge.load(params["policy_file"])
        # Before a long read, not after it.
        _require_folder(params["output"])
        drift = _drift.judge(
            self._fleet(params, task_vars),
            policy,
            _fleet.Limits(params["max_mismatch_seconds"], params["active_seconds"]),
            failing,
        )
        odd = found.lines(found.odd)
        return {**self._told(drift, params), **({"warnings": odd} if odd else {})}

    def _fleet(self, params: Result, task_vars: dict[str, Any]) -> _fleet.Fleet:
        targets = _options.targets({**params, "servers": self.servers_of(params, task_vars)})
        with self.source(task_vars)(params) as source:
            readings = _monitor.read_members(source, targets)
        found = {host: node for host, result in params["nodes"].items() if (node := node_of(host, result))}
        nodes, foreign = _situation.apart(found)
        return _fleet.Fleet(
            readings=tuple(readings),
            now=datetime.now(timezone.utc),
            names={host: _inventory.server_names(host, task_vars, self._templar) for host in params["hosts"]},
            nodes=nodes,
            unlooked={
                **{host: _why_not(result) for host, result in params["nodes"].items() if host not in found},
                **{host: f"the facts given for it were read on {place}" for host, place in foreign.items()},
            },
            expected=frozenset(
                name for host in params["expected"] for name in _inventory.server_names(host, task_vars, self._templar)
            ),
        )

    def _told(self, drift: _drift.Drift, params: Result) -> Result:
        lines, output = _text.lines(drift), params["output"]
        text = {
            "table": lambda: "\n".join(lines) + "\n",
            "json": lambda: _text.as_json(drift),
            "prometheus": lambda: _text.prometheus(drift, time.time()),
        }[params["format"]]()
        if output and self._task.check_mode:
            lines += ["", f"{params['format']} not written to {output}: check mode"]
        elif output:
            _write(output, text)
            lines += ["", f"{params['format']} written to {output}"]
        else:
            lines = text.splitlines()
        # Ansible shows an empty line as a pair of quotes.
        shown = [line for line in lines if line]
        return {"changed": False, "audit": drift.brief(), "lines": shown, "failure": _text.failure(drift)}


def _why_not(result: Mapping[str, Any]) -> str:
    """Why there are no facts of a node. Of a module that could not run, Ansible's message says to look into its output."""
    output = str(result.get("module_stderr") or result.get("module_stdout") or "").strip().splitlines()
    return output[-1] if output else str(result.get("msg") or "not looked at")


def _require_folder(output: str | None) -> None:
    folder = os.path.dirname(os.path.abspath(output)) if output else ""
    if folder and not (os.path.isdir(folder) and os.access(folder, os.W_OK)):
        raise NatsError(
            f"nats_audit_output: {folder} is no folder on the controller that can be written: make it, or name another"
        )


def _write(path: str, text: str) -> None:
    """Replace the file in one step: whoever reads it at that moment sees the old or the new one, and no half."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        # What cannot be encoded becomes a question mark: for one odd name the whole file would be lost.
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="replace", dir=folder, delete=False
        ) as file, contextlib.ExitStack() as left:
            # Whatever happens: the folder may be one in which every file is read.
            left.callback(os.unlink, file.name)
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.replace(file.name, path)
            left.pop_all()
    except OSError as exc:
        raise NatsError(f"nats_audit_output: {path} cannot be written: {exc.strerror or exc}") from exc
