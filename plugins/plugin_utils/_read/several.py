# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Servers that are not all read in the same way: a connection for each system account, and HTTP for those that have none."""

from __future__ import annotations

import contextlib
import contextvars
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read.monitor import Source, Target
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Answer, Reply
from ansible_collections.natsops.cluster.plugins.plugin_utils._read.over_nats import SystemAccount

_SHOWN = 5


class Several:
    """Answers of several sources, all asked at once. C(sources) says of each target, by its name, which one it is read by."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = dict(sources)
        # By the id of a server the connection that its clients are asked over.
        self._accounts: dict[str, SystemAccount] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Several:
        for source in dict.fromkeys(self._sources.values()):
            self._stack.enter_context(source)
        return self

    def __exit__(self, *unused: object) -> None:
        self._stack.close()

    def ask(self, questions: Sequence[tuple[Target, str]]) -> list[Reply]:
        """See Source in module_utils/_read/monitor.py."""
        parts: dict[Source, list[int]] = {}
        for number, (target, _unused) in enumerate(questions):
            parts.setdefault(self._sources[target.name], []).append(number)
        replies: dict[int, Reply] = {}
        with ThreadPoolExecutor(max(1, len(parts))) as pool:
            # Ansible keeps what it knows of the task in context variables, which a new thread does not have.
            asked = [
                (source, of_it, pool.submit(contextvars.copy_context().run, source.ask, [questions[number] for number in of_it]))
                for source, of_it in parts.items()
            ]
            for source, of_it, future in asked:
                try:
                    replies.update(zip(of_it, future.result()))
                except NatsError as exc:
                    raise NatsError(f"{self._whose(source)}: {exc}", **exc.details) from exc
        self._remember(questions, replies)
        return [replies[number] for number in range(len(questions))]

    def tell(self, verb: str, clients: Sequence[tuple[str, int]]) -> None:
        """See SystemAccount: each client over the connection that its server has answered on."""
        parts: dict[SystemAccount, list[tuple[str, int]]] = {}
        for server, cid in clients:
            parts.setdefault(self._accounts[server], []).append((server, cid))
        for account, of_it in parts.items():
            account.tell(verb, of_it)

    def _whose(self, source: Source) -> str:
        hosts = [host for host, own in self._sources.items() if own is source]
        more = len(hosts) - _SHOWN
        return ", ".join(hosts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")

    def _remember(self, questions: Sequence[tuple[Target, str]], replies: Mapping[int, Reply]) -> None:
        for number, (target, path) in enumerate(questions):
            source, reply = self._sources[target.name], replies[number]
            if path == "/varz" and isinstance(source, SystemAccount) and isinstance(reply, Answer):
                self._accounts[_server_id(reply.body)] = source


def _server_id(varz: Any) -> str:
    return str(varz.get("server_id", "")) if isinstance(varz, dict) else ""
