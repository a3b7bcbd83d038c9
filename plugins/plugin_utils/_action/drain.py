# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The action of every module that drains a server: it runs on the node, and meanwhile the clients left are counted from here."""

from __future__ import annotations

from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options
from ansible_collections.natsops.cluster.plugins.module_utils._read.monitor import Target
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Answer
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import ReadingAction, Result
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import watch as _watch

_REQUEST_SECONDS = 2.0


class DrainAction(ReadingAction):
    """Run the module of the same name on the node, and show how many clients are left."""

    _requires_connection = True

    def work(self, task_vars: dict[str, Any]) -> Result:
        args = dict(self._task.args)
        if not self.told.runs or self._task.check_mode:
            return self.on_node(args, task_vars)
        screen = _watch.screen(task_vars, self._templar)
        with _watch.drain(self.told.host, screen, self.told.log, self._count(task_vars)):
            result = self.on_node(args, task_vars)
        for text in result.get("warnings") or ():
            self.told.tell("note", host=self.told.host, text=str(text))
        return result

    def _count(self, task_vars: dict[str, Any]) -> _watch.Ask | None:
        """What counts the clients of the server that drains, by HTTP from here: the system account hears no more of it, and the
        connection to the node is taken."""
        how = {name: option.get("default") for name, option in _options.HOW_TO_READ.items()}
        self.fill(how, task_vars)
        if how["probe_from"] == "node":
            return None
        try:
            if self.account(self.told.host, task_vars):
                return None
            target = Target(self.told.host, self.address(self.told.host, task_vars))
        except NatsError:
            return None
        how["request_timeout_seconds"] = _REQUEST_SECONDS

        def count() -> int | None:
            try:
                with _options.open_http(how) as source:
                    reply = source.ask([(target, "/varz")])[0]
            except NatsError:
                return None
            return _watch.connections(reply.body if isinstance(reply, Answer) else None)

        return count
