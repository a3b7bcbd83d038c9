# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a task tells of itself in a run: its phase, what became of it, and why the run ends where it fails.

The role says by variables of a task what there is to tell: __nats_upgrade_phase, the phase of the turn that it belongs to;
__nats_upgrade_event, an event that has happened once it has succeeded; __nats_upgrade_rescued, that a failure does not end the
run yet, because it is seen to first. Outside of a run nothing is told.
"""

from __future__ import annotations

import time
from typing import Any, Mapping

from ansible.utils.display import Display

from ansible_collections.natsops.cluster.plugins.plugin_utils._report import outcome as _outcome
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import broken_off as _broken_off
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import signals as _signals
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import turns as _turns
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import verbose as _verbose
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import watch as _watch
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Log

Result = dict[str, Any]
SUMMARY = "nats_upgrade_summary"
# Phases that are of the cluster, and not of the host that happens to run the task.
_OF_ALL = ("surge_join", "surge_leave", "verify", "rebalance")
# From this on (-vvv) also what is very long is shown whole.
_WHOLE = 3
display = Display()


class Teller:
    """The events of one task. C(log) is None where there is no run, or nothing is kept of it."""

    def __init__(self, task: Any, task_vars: Mapping[str, Any], templar: Any, *, has_phase: bool = True) -> None:
        self._task, self._vars, self._templar = task, task_vars, templar
        # What only decides is no part of the phase that it decides in.
        self._has_phase = has_phase
        began = task_vars.get("__nats_upgrade_began") or {}
        self.runs = bool(began.get("run"))
        # Why a run that only looks has no report.
        self.unwritten = str(began.get("unwritten") or "")
        self.log = Log(str(began["folder"]), str(began["run"])) if self.runs and began.get("folder") else None
        self._begin = 0.0
        # More about a failure, for its event.
        self.about: Mapping[str, Any] = {}

    @property
    def host(self) -> str:
        """The host that the task is about."""
        return str(self._task.delegate_to or self._vars.get("inventory_hostname") or "")

    @property
    def phase(self) -> str:
        return str(self._value("phase") or "") if self._has_phase else ""

    def _value(self, name: str) -> Any:
        name = f"__nats_upgrade_{name}"
        return self._templar.template(self._vars[name]) if name in self._vars else None

    def began(self) -> None:
        self._begin = time.time()
        if self.log:
            _signals.at(self._place(self.log))
        if self.phase and not self._task.check_mode:
            self.tell_phase(self.phase, "began", at=self._begin)

    def _place(self, log: Log) -> _broken_off.Place:
        lease = str(self._vars.get("nats_upgrade_lock_lease_seconds", ""))
        return _broken_off.Place(
            run=log.run,
            folder=str(log.folder),
            host=self.host,
            step=str(self._task.name),
            # A template would have to be worked out for each task.
            lease=lease if lease.isdigit() else "",
            in_awx="awx_job_id" in self._vars,
        )

    def tell(self, kind: str, **keys: Any) -> None:
        """Write an event, where there is somewhere to write it."""
        if self.log:
            self.log.write(kind, **keys)

    def tell_phase(self, phase: str, state: str, **more: Any) -> None:
        of_all = not self._task.delegate_to and (self._task.run_once or phase in _OF_ALL)
        self.tell("phase", **({} if of_all else {"host": self.host}), phase=phase, state=state, **more)

    def ended(self, result: Result) -> None:
        """Tell how the task ended, and put what belongs to it into its result."""
        failed = bool(result.get("failed"))
        if not self.runs:
            return
        if self.phase and not self._task.check_mode:
            self._phase_ended("failed" if failed else "ended", result)
        if failed:
            self._failed(result)
        elif not self._task.check_mode:
            self._happened(result)
        if self.log and self.log.warnings:
            result["warnings"] = [*result.get("warnings", ()), *self.log.warnings]
        self.fold(result)

    def _phase_ended(self, state: str, result: Result) -> None:
        now, detail = time.time(), {"detail": _first_line(result)} if state == "failed" else {}
        parts = {name: seconds for name, seconds in (result.get("seconds") or {}).items() if seconds is not None}
        if not parts:
            self.tell_phase(self.phase, state, seconds=round(now - self._begin, 3), **detail)
            return
        # Several phases in one call on the node, which says how long each took; the first has been told when it began.
        at = now - sum(parts.values())
        for number, (phase, seconds) in enumerate(parts.items()):
            if number:
                self.tell_phase(phase, "began", at=at)
            at += seconds
            last = number == len(parts) - 1
            more = {"seconds": seconds, **(detail if last else {})}
            if phase == "start" and result.get("new_pid"):
                more["pid"] = result["new_pid"]
            self.tell_phase(phase, state if last else "ended", at=at, **more)

    def _happened(self, result: Result) -> None:
        event = self._value("event")
        if not event or not self.log:
            return
        # A template makes an empty text of what is not known.
        about = {key: None if value == "" else value for key, value in event.items() if key != "kind"}
        if event["kind"] == "node_done":
            self._done(about)
        else:
            if event["kind"] == "put_back":
                self._tell_outage(back=True)
            self.log.write(event["kind"], **{"host": self.host, **about})
        result.update(stats_of(self.log, "failed"))

    def _done(self, about: dict[str, Any]) -> None:
        """A node is done: with what follows from the events before."""
        if self.log is None:
            return
        self._tell_outage(back=True)
        seconds = _turns.turn_seconds(self.log.own(), self.host, time.time())
        self.log.write("node_done", host=self.host, seconds=seconds, **about)
        line = _turns.so_far(self.log.own())
        # The roll's own callback says it at the end of the line that the turn is done.
        if line and not _watch.is_roll():
            _watch.screen(self._vars, self._templar).say_now(line)

    def _tell_outage(self, *, back: bool) -> None:
        """What was down while the server of this host was away, or still is."""
        if self.log is None:
            return
        outage = _turns.outage(self.log.read(), self.host, time.time(), back)
        if outage:
            self.log.write("r1_outage", host=self.host, **outage.as_dict())

    def _failed(self, result: Result) -> None:
        """Where the run ends with this failure: tell so, and say in its message where the report is."""
        # failed_when: whether it is a failure at all is for the role to say.
        if self.log is None or self._task.failed_when or self._value("rescued"):
            return
        refusal = result.get("refusal") or next(iter(result.get("refusals") or ()), None)
        msg = str(result.get("msg") or "failed").rstrip()
        told = {"step": self._task.name, "msg": msg, **({"refusal": refusal} if refusal else {}), **self.about}
        if told.get("stopped") is not False:
            self._tell_outage(back=False)
        self.log.write("failed", **{"host": self.host, **told})
        story = self.write_end()
        result["msg"] = f"{story.last_words(msg)}\nReport: {self.log.page}"

    def write_end(self) -> _outcome.Story:
        if self.log is None:
            return _outcome.Story()
        story = _outcome.story(self.log.own())
        self.log.write("run_ended", **story.as_event())
        return story

    def fold(self, result: Result) -> None:
        """Without -v nothing of a result is shown; with it everything, but of what is very long only the first of it."""
        if display.verbosity >= _WHOLE or result.get("failed") or result.get("_ansible_verbose_always"):
            return
        text = _verbose.folded(result) if display.verbosity else ""
        if text:
            display.v(f"{self.host} => {text}  (-vvv for all)")
        if text or not display.verbosity:
            result["_ansible_verbose_override"] = True


def _first_line(result: Mapping[str, Any]) -> str:
    return str(result.get("msg") or "failed").strip().split("\n", 1)[0]


def stats_of(log: Log | None, outcome: str, **more: Any) -> Result:
    """What a workflow gets of this run. It may be cut off after any task, so that until its end it counts as failed."""
    if log:
        more[SUMMARY] = _outcome.story(log.own()).summary(outcome, log.page)
    return {"ansible_stats": {"data": more, "per_host": False, "aggregate": True}}
