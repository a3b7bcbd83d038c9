# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Write an event of a run; begin and end the run."""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from pathlib import Path
from typing import Any

from ansible.release import __version__ as ansible_version

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._plan import plan as _plan
from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import NatsAction, Result
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import events as _events
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import resume as _run_resume
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import watch as _watch
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.controller import controller
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.teller import stats_of

_ROOT = Path(__file__).resolve().parents[2]
_UNWRITTEN = "No report is written, and a roll would be refused: {why}"
_VERSION = re.compile(r'^ *"?version"?: *"?([0-9][^",\s]*)', re.MULTILINE)


class ActionModule(NatsAction):
    """See the module of the same name."""

    def work(self, task_vars: dict[str, Any]) -> Result:
        _unused, params = self.validate_argument_spec(argument_spec=_specs.EVENT, required_if=_specs.EVENT_REQUIRED_IF)
        data = dict(params["data"])
        if params["kind"] == "run_began":
            return self._begin(params, data, task_vars)
        if params["kind"] == "resumed":
            return self._resume()
        if params["kind"] == "failed":
            return self._fail(params["msg"], data)
        if params["kind"] == "run_ended":
            return self._end()
        if params["kind"] == "log":
            # Shown at once, as debug shows it; what the role reads of a log was written by whoever talked to the server.
            return {
                "changed": False,
                "msg": [_text.line(str(line)) for line in data.get("lines") or ()],
                "_ansible_verbose_always": True,
            }
        self.told.tell(params["kind"], **data)
        return {"changed": False}

    def _begin(self, params: Result, data: Result, task_vars: dict[str, Any]) -> Result:
        _watch.screen(task_vars, self._templar)
        looks_only = params["looks_only"] or self._task.check_mode
        run = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + f"-{secrets.token_hex(3)}"
        result: Result = {"changed": False, "run": run, "folder": "", "report": ""}
        try:
            log = _events.begin(params["report_dir"], run)
        except NatsError as exc:
            if not looks_only:
                raise
            # What is asked for is the plan; that a roll would be refused for this is said as well, here and at the end.
            why = str(exc).removeprefix("refused: ").removesuffix(" Nothing was touched.")
            return {**result, "unwritten": why, "warnings": [_UNWRITTEN.format(why=why)]}
        own = controller()
        with contextlib.suppress(NatsError):  # what is no number is refused by the plan
            data["max_nodes"] = _plan.most_nodes(data.get("max_nodes"))
        log.write(
            "run_began",
            **data,
            check_mode=looks_only,
            controller={key: own[key] for key in ("host", "user", "pid")},
            collection_version=collection_version(),
            ansible_version=ansible_version,
        )
        if log.warnings:
            result["warnings"] = log.warnings
        result.update(folder=str(log.folder), report=log.page, **stats_of(log, "failed"))
        self.told.fold(result)
        return result

    def _resume(self) -> Result:
        log = self.told.log
        told = _run_resume.take_up(log) if log and not self._task.check_mode else ""
        return {"changed": False, **({"msg": told} if told else {})}

    def _fail(self, msg: str, data: Result) -> Result:
        refusal = data.pop("refusal", None)
        self.told.about = data
        return {"failed": True, "changed": False, "msg": msg.rstrip(), **({"refusal": refusal} if refusal else {})}

    def _end(self) -> Result:
        if self.told.log is None:
            return {"changed": False, "msg": [_UNWRITTEN.format(why=self.told.unwritten)]}
        run = self.told.write_end()
        return {"changed": False, "msg": [*run.lines, f"Report: {self.told.log.page}"], **stats_of(self.told.log, run.outcome)}


def collection_version() -> str:
    """The version of this collection, installed or in a clone; empty where neither file says it."""
    for name in ("MANIFEST.json", "galaxy.yml"):
        with contextlib.suppress(OSError):
            found = _VERSION.search((_ROOT / name).read_text(encoding="utf-8"))
            if found:
                return found.group(1)
    return ""
