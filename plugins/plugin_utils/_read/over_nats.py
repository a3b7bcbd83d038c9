# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What monitoring ports answer, asked over a connection of the system account of NATS.

One request per path for the whole cluster ($SYS.REQ.SERVER.PING.VARZ and the like); every server answers for itself, and is
known by its server_name. Measured on 2.10.26 to 2.15.1: answers have the same keys as by HTTP, come within milliseconds, and
a server in lame duck mode gives none at all. Nothing tells a server that is slow from one that is away but time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import reply as _reply
from ansible_collections.natsops.cluster.plugins.module_utils._read.monitor import Target
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Answer, Fault, Reply
from ansible_collections.natsops.cluster.plugins.module_utils._values.checked import ODD, text
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import nats_client as _nats_client

VARIABLE = "nats_upgrade_system_account"
_SUBJECT = "$SYS.REQ.SERVER.PING."
# The words of a query that are others in a request.
_OPTION = {"consumers": "consumer", "acc": "account"}
_NUMBERS = ("limit", "offset")
# How long after the last answer a server is waited for that has given none: one that answered before, and one that did not.
_PATIENCE_SECONDS = 2.0
_PATIENCE_WITH_THE_SILENT_SECONDS = 0.5
# The id of a server, which is the name of one that has none.
_NO_NAME = re.compile(r"N[A-Z2-7]{55}\Z")
_SERVER_ID = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
# Of how many servers that are of no host the names are told.
_STRANGERS = 20
_SILENT = "no answer over NATS: it is down, in lame duck mode, or has no routes to the others"


def check(account: Any) -> dict[str, Any]:
    """The account as given, if it can be used. Raises NatsError that shows no secret."""
    return _nats_client.check(account, VARIABLE)


@dataclass
class _Request:
    """One path, asked of all servers at once: the subject, the options, and what has come back, by server name."""

    subject: str
    body: bytes
    wanted: tuple[Target, ...]
    # The names of their servers.
    names: frozenset[str]
    replies: dict[str, Reply] = field(default_factory=dict)
    # Whether anybody has answered, be it a server that was not asked for.
    heard: bool = False


class SystemAccount:
    """Answers over a connection of the system account. C(names) are the names that the server of a target may have."""

    def __init__(
        self,
        account: Mapping[str, Any],
        servers: Sequence[str],
        names: Mapping[str, Sequence[str]],
        timeout_seconds: float,
        max_bytes: int = _reply.MAX_BYTES,
    ) -> None:
        self._account, self._timeout, self._max_bytes = check(account), timeout_seconds, max_bytes
        # How much each server has sent since it was asked.
        self._sent: dict[str, int] = {}
        self._servers = list(self._account.get("servers") or servers)
        self._names = names
        self._ours = frozenset(name for of_it in names.values() for name in of_it)
        self._loop = asyncio.new_event_loop()
        self._client: Any = None
        # The client from its first attempt on, while self._client is one that was let in.
        self._trying: Any = None
        self._inbox = ""
        self._open: dict[str, _Request] = {}
        self._asked = 0
        self._seen: set[str] = set()
        self._silent: set[str] = set()
        self._problem = self._last_error = ""
        # Servers that did not let us in, and what they said; and those of them that did so since we were let in last.
        self._refusals: dict[str, str] = {}
        self._refused: set[str] = set()

    def __enter__(self) -> SystemAccount:
        return self

    def __exit__(self, *unused: object) -> None:
        if self._client is not None:
            self._loop.run_until_complete(self._client.close())
        self._loop.close()

    def ask(self, questions: Sequence[tuple[Target, str]]) -> list[Reply]:
        """See Source in module_utils/_read/monitor.py."""
        return self._loop.run_until_complete(self._ask(questions)) if questions else []

    def tell(self, verb: str, clients: Sequence[tuple[str, int]]) -> None:
        """Send LDM or KICK for clients, each named by the id of its server and its own there. One that has gone is no error."""
        self._loop.run_until_complete(self._tell(verb, clients))

    async def _tell(self, verb: str, clients: Sequence[tuple[str, int]]) -> None:
        # An id is what a server says. In a subject a dot, a blank or a star of it would address others, or say something else.
        wrong = sorted({server for server, _unused in clients if not _SERVER_ID.match(server)})
        if wrong:
            raise NatsError(f"{wrong[0][:60]!r} is not the id of a NATS server (/varz, server_id): no clients were asked to move")
        sent = [
            self._client.request(f"$SYS.REQ.SERVER.{server}.{verb}", json.dumps({"cid": cid}).encode(), timeout=self._timeout)
            for server, cid in clients
        ]
        # What came of it is seen by counting again.
        await asyncio.gather(*sent, return_exceptions=True)
        if self._problem:
            raise NatsError(self._problem)

    async def _ask(self, questions: Sequence[tuple[Target, str]]) -> list[Reply]:
        self._news = asyncio.Event()
        # A server that ends a connection because it has other users now ends it for good.
        if self._client is None or self._client.is_closed:
            fault = await self._connect()
            if fault:
                return [fault] * len(questions)
        requests = {}
        self._sent.clear()
        for path in dict.fromkeys(path for _unused, path in questions):
            self._asked += 1
            wanted = tuple(target for target, asked in questions if asked == path)
            names = frozenset(name for target in wanted for name in self._names_of(target))
            requests[path] = self._open[str(self._asked)] = _Request(*_request(path), wanted, names)
        await self._send()
        await self._collect(list(requests.values()))
        self._open.clear()
        return [self._reply(requests[path], target) for target, path in questions]

    async def _send(self) -> None:
        for token, request in self._open.items():
            if any(self._name(request, target) is None for target in request.wanted):
                # A connection that has just ended is seen by whoever waits for the answers.
                with contextlib.suppress(*_nats_client.FAILURES):
                    await self._client.publish(request.subject, request.body, reply=f"{self._inbox}.{token}")

    async def _collect(self, requests: Sequence[_Request]) -> None:
        """Until every server has answered everything, or it has become idle to wait for the rest."""
        now = self._loop.time
        deadline = now() + self._timeout
        heard = False
        until = deadline
        while True:
            missing = {
                target.name: target for request in requests for target in request.wanted if not self._name(request, target)
            }
            if not missing or self._problem or self._client.is_closed:
                break
            if heard:
                until = min(deadline, now() + self._patience(requests, list(missing.values())))
            try:
                await asyncio.wait_for(self._news.wait(), max(0.0, until - now()))
            except asyncio.TimeoutError:
                break
            self._news.clear()
            heard = any(request.heard for request in requests)
        if missing and not self._client.is_connected:
            self._judge_refusals(given=True)
        if self._problem:
            raise NatsError(self._problem)
        self._silent = set(missing)

    def _patience(self, requests: Sequence[_Request], missing: Sequence[Target]) -> float:
        answering = [target for target in missing if any(self._name(request, target) for request in requests)]
        if answering:
            return self._timeout  # /jsz of many streams takes its time
        if all(target.name in self._silent for target in missing):
            return _PATIENCE_WITH_THE_SILENT_SECONDS
        return _PATIENCE_SECONDS

    def _name(self, request: _Request, target: Target) -> str | None:
        """The name under which the server of a target has answered, if it has."""
        return next((name for name in self._names_of(target) if name in request.replies), None)

    def _names_of(self, target: Target) -> Sequence[str]:
        return self._names.get(target.name, (target.name,))

    def _reply(self, request: _Request, target: Target) -> Reply:
        name = self._name(request, target)
        if name is not None:
            return request.replies[name]
        return Fault(_SILENT + _of_no_host(sorted(self._seen - self._ours)) + self._too_large() + self._not_let_in())

    def _too_large(self) -> str:
        if not _nats_client.dropped(self._client):
            return ""
        return (
            f". A message of more than {self._max_bytes / _reply.MIB:g} MiB was not taken: where a server has so many streams "
            "and consumers, raise nats_upgrade_max_answer_mib"
        )

    def _not_let_in(self) -> str:
        """Which servers do not let us in, to be put behind something else; empty where all do that were tried."""
        return "".join(f". {place} does not let us in over NATS ({said})" for place, said in sorted(self._refusals.items()))

    async def _heard(self, message: Any) -> None:
        request = self._open.get(message.subject.rpartition(".")[2])
        if request is None:
            return
        if not message.data and (message.headers or {}).get("Status") == "503":
            if not self._seen:
                self._problem = (
                    f"nobody answers the user of {VARIABLE} on {request.subject}: it is not a user of the system account "
                    "(system_account in the configuration of the servers), which alone may ask"
                )
            self._news.set()
            return
        # What is larger is dropped while it comes, but for what comes in one piece.
        name, reply = _read(message.data) if len(message.data) <= self._max_bytes else ("", None)
        if not name:
            return
        request.heard = True
        if name in request.names:
            self._sent[name] = self._sent.get(name, 0) + len(message.data)
            request.replies[name] = reply if self._sent[name] <= self._max_bytes else _reply.too_much(self._max_bytes)
        if name in self._ours or len(self._seen - self._ours) < _STRANGERS:
            self._seen.add(name)
        self._news.set()

    async def _connect(self) -> Fault | None:
        """Connect to whichever server lets us in. A fault where none does now; raises NatsError where that is our own fault."""
        wanted = {
            "error_cb": self._failed,
            "reconnected_cb": self._back,
            "closed_cb": self._closed,
            **_nats_client.options(self._account, self._servers, VARIABLE),
        }
        deadline = self._loop.time() + self._timeout
        self._trying = _nats_client.new(self._max_bytes)
        client, outcome = await _nats_client.connect(
            self._servers, wanted, lambda: bool(self._problem) or self._loop.time() >= deadline, self._trying
        )
        if client is not None:
            self._let_in()
            self._client, self._inbox = client, client.new_inbox()
            # What has come and was not looked at yet may be an answer of every server at once.
            most = self._max_bytes * max(2, len(self._names))
            await client.subscribe(f"{self._inbox}.*", cb=self._heard, pending_bytes_limit=most)
            return None
        self._judge_refusals(given=True)
        problem = self._problem or _nats_client.unusable(outcome, VARIABLE)
        if problem:
            raise NatsError(problem)
        where = ", ".join(map(_reply.without_credentials, self._servers))
        away = f"no NATS server of {where} can be reached: {self._last_error or 'no answer'}"
        return Fault(away + self._not_let_in())

    def _let_in(self) -> None:
        self._refused.clear()
        self._refusals.pop(_nats_client.place(self._trying), None)

    async def _failed(self, error: Exception) -> None:
        """What the connection meets: a server that is away is left to it, and so is one that refuses us while others may not."""
        text, place = _nats_client.said(error), _nats_client.place(self._trying)
        if not _nats_client.is_refusal(text):
            self._last_error = text
            self._problem = _nats_client.tls_problem(text, VARIABLE) or self._problem
        elif not place or _nats_client.is_forbidden(text):
            # What we may not do once we are in is the same everywhere.
            self._refuse(text)
        else:
            self._refusals[place] = text
            self._refused.add(place)
            self._judge_refusals(given=False)
        self._news.set()

    def _judge_refusals(self, *, given: bool) -> None:
        """Take refusals for our own fault once every server has refused us: a roll may give them other users one by one.

        With C(given) it is enough that those did whose addresses we were given: the others may have addresses that mean nothing
        here. That is for the end of the time.
        """
        if self._refused and _nats_client.places(self._trying, given=given) <= self._refused:
            self._refuse(", ".join(sorted(set(self._refusals.values()))))

    def _refuse(self, said: str) -> None:
        self._problem = self._problem or (
            f"the servers do not let us in over NATS ({said}): {VARIABLE} has to name a user of the system "
            "account, with the right password, creds or nkey. Nothing was read"
        )

    async def _back(self) -> None:
        """What was asked over a connection that is gone is asked again."""
        self._let_in()
        await self._send()
        self._news.set()

    async def _closed(self) -> None:
        self._news.set()


def _of_no_host(names: Sequence[str]) -> str:
    if not names:
        return ""
    told = f"; or another name is its own. These answered and are of no host: {', '.join(names)}"
    if not any(map(_NO_NAME.match, names)):
        return told
    return (
        f"{told}. A server without a server_name answers as its id, another one after each start, so that over NATS nothing "
        "tells which host runs it: give it a server_name, or read it by HTTP"
    )


def _request(path: str) -> tuple[str, bytes]:
    """Subject and body of the request that asks what a path asks."""
    parts = urlsplit(path)
    # state=open is what /connz says by itself, and is a number here.
    query = {_OPTION.get(key, key): _value(key, value) for key, value in parse_qsl(parts.query) if key != "state"}
    return _SUBJECT + parts.path.strip("/").upper(), json.dumps(query).encode() if query else b""


def _value(key: str, text: str) -> Any:
    # An account may be called true, or 7.
    if key in _NUMBERS:
        return int(text)
    return text if key == "acc" else text == "true"


def _read(data: bytes) -> tuple[str, Reply]:
    """Name of the server and what it would have answered by HTTP."""
    try:
        return _answered(_reply.decode(data.decode("utf-8", "replace")))
    except (*ODD, MemoryError):
        return "", Fault("its answer over NATS is none of a NATS server")


def _answered(body: Any) -> tuple[str, Reply]:
    name = text(body["server"], "name")
    if body.get("error"):
        return name, Answer(int(body["error"].get("code") or 500), body["error"], "")
    inner = body.get("data")
    status = inner.get("status_code") if isinstance(inner, dict) else None
    return name, Answer(int(status or 200), inner, "")
