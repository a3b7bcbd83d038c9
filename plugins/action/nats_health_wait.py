# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Wait on the controller until servers are really back."""

from __future__ import annotations

import time
from typing import Any, Callable

from ansible.errors import AnsibleConnectionFailure

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options
from ansible_collections.natsops.cluster.plugins.module_utils._wait import health as _health
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import ReadingAction, Result
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import inventory as _inventory
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import watch as _watch


class ActionModule(ReadingAction):
    """See the module of the same name."""

    SPEC = _health.SPEC

    def work(self, task_vars: dict[str, Any]) -> Result:
        self._task_vars = task_vars
        return super().work(task_vars)

    def read(self, params: Result, host: str, open_source: _options.OpenSource) -> Result:
        lock = None if self._task.check_mode else params["renew_lock"]
        sleep = self._renewing(lock) if lock else time.sleep
        wait = {"open_source": open_source, "look_once": self._task.check_mode, "sleep": sleep}
        if not self.told.runs or self._task.check_mode:
            return _health.wait_until_back(params, host, **wait)
        screen = _watch.screen(self._task_vars, self._templar)
        try:
            watch = _watch.Waiting(host, self.told.phase, screen, self.told.log)
            result = _health.wait_until_back(params, host, **wait, watch=watch)
        finally:
            screen.close()
        self._note(host, result)
        return result

    def _note(self, host: str, result: Result) -> None:
        """What has come back less than it was, or that nothing has."""
        if "damage" in result:
            self.told.tell("compared", host=host, damage=result["damage"])
        for text in (result.get("clients_lost"), result.get("leafs_lost"), "; ".join(result.get("damage") or ())):
            if text:
                self.told.tell("note", host=host, text=text)

    def _renewing(self, lock: dict[str, Any]) -> Callable[[float], None]:
        """A sleep that renews the lock on the task's host when a third of its lease has passed."""
        renewed = time.monotonic()

        def sleep(seconds: float) -> None:
            nonlocal renewed
            time.sleep(seconds)
            if time.monotonic() - renewed >= lock["lease_seconds"] / 3:
                self._renew(lock)
                renewed = time.monotonic()

        return sleep

    def _renew(self, lock: dict[str, Any]) -> None:
        folder = _inventory.state_dir(self._task_vars["inventory_hostname"], self._task_vars, self._templar)
        try:
            result = self._execute_module(
                module_name="natsops.cluster.nats_lock",
                module_args={"state": "renewed", "state_dir": folder, **lock},
                task_vars=self._task_vars,
            )
        except AnsibleConnectionFailure:
            return  # what is waited for tells whether the host is lost; a lease outlives a short cut
        if result.get("refusal") == "locked":
            raise NatsError(str(result["msg"]), refusal="locked")
