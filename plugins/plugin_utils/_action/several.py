# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Several of our actions in one task of the role: a task costs a process, and lines on the screen."""

from __future__ import annotations

from typing import Any, Mapping

from ansible.plugins.loader import action_loader

from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import EndedError, NatsAction, Result
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.turn_values import Known

_NAMESPACE = "natsops.cluster"


class SeveralAction(NatsAction):
    """An action whose C(several) calls other actions of ours. Each tells of itself what a task of its own would tell.

    C(vars) are the variables of the task, to which it may add what it has found out.
    """

    # What is told is told by the actions that are called, but for a failure between them.
    HAS_PHASE = False

    vars: dict[str, Any]
    known: Known

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        self._warnings: list[str] = []
        result = super().run(tmp, task_vars)
        warnings = [*self._warnings, *result.get("warnings", ())]
        return {**result, "warnings": warnings} if warnings else result

    def work(self, task_vars: dict[str, Any]) -> Result:
        self.vars = dict(task_vars)
        self.known = Known(self.vars, self._templar)
        return self.several()

    def ended(self, result: Result) -> None:
        if result.get("failed"):
            self.told.about = result.pop("about", {})
            super().ended(result)

    def several(self) -> Result:
        raise NotImplementedError

    def call(self, name: str, /, **args: Any) -> Result:
        """Do what a task with this action of ours would do, and return its result. Where it fails, so does the task.

        An option that is None is not given.
        """
        result = self.attempt(name, **args)
        if result.get("failed"):
            raise EndedError(result)
        return result

    def attempt(self, name: str, /, **args: Any) -> Result:
        """As C(call), but what a failure means is for the caller to say.

        It ends the run, and tells so, unless C(vars) have __nats_upgrade_rescued.
        """
        task = self._task.copy()
        task.action = f"{_NAMESPACE}.{name}"
        task.args = {option: value for option, value in args.items() if value is not None}
        action = action_loader.get(
            task.action,
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar.copy_with_new_env(available_variables=self.vars),
            shared_loader_obj=self._shared_loader_obj,
        )
        try:
            result: Result = action.run(task_vars=self.vars)
        finally:
            # Ansible does so after each task, for the action of the task alone: a release that was copied would be left there.
            action.cleanup()
        self._warnings += result.pop("warnings", [])
        return result

    def with_vars(self, more: Mapping[str, Any]) -> Known:
        """What is known where these variables have these values."""
        return Known({**self.vars, **more}, self._templar.copy_with_new_env(available_variables={**self.vars, **more}))
