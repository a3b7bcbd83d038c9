# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the client probe has in the cluster: its connections, its subjects, and a stream with a consumer of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Callable, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import reply as _reply
from ansible_collections.natsops.cluster.plugins.plugin_utils._probe.traffic import Names, respond
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import nats_client as _nats_client

VARIABLE = "nats_upgrade_client_probe"
ALSO = ("token", "subject_prefix", "rate")
STREAM_PREFIX = "NATSOPS_PROBE_"
CONSUMER = "probe"
SUBJECT_PREFIX = "natsops.probe"
RATE = 20.0
MOST_RATE = 1000.0
# A probe that lives publishes many times a second: a stream that has been silent for so long has nobody any more.
SILENT_SECONDS = 60.0
CONNECT_SECONDS = 10.0
ASK_SECONDS = 2.0
PROVED_SECONDS = 5.0
MADE_SECONDS = 15.0
REMOVED_SECONDS = 20.0
CLOSED_SECONDS = 3.0
_NO_JETSTREAM = (10039, 10076)  # of the account, of the server
_NANO = 1_000_000_000
_BYTES = 16 << 20


def check(account: Any) -> dict[str, Any]:
    """The variable as given, with what it leaves out. Raises NatsError that shows no secret."""
    given = _nats_client.check(account, VARIABLE, also=ALSO, anybody=True)
    given.setdefault("subject_prefix", SUBJECT_PREFIX)
    prefix = str(given["subject_prefix"])
    if not all(prefix.split(".")) or any(char in prefix for char in "*> \t"):
        raise NatsError(f"{VARIABLE}.subject_prefix is {prefix!r}: give a subject without wildcards, such as {SUBJECT_PREFIX}")
    try:
        given["rate"] = float(given.get("rate", RATE))
    except (TypeError, ValueError):
        given["rate"] = 0.0
    if not 0 < given["rate"] <= MOST_RATE:
        raise NatsError(
            f"{VARIABLE}.rate is {account['rate']!r}: give messages per second, more than 0 and at most {MOST_RATE:g}"
        )
    return given


@dataclass(frozen=True)
class Wanted:
    """What a probe is started with: who it is, where it connects, and the run whose stream it makes."""

    account: Mapping[str, Any]
    servers: Sequence[str]
    run_id: str
    replicas: int

    @property
    def root(self) -> str:
        return f"{self.account['subject_prefix']}.{self.run_id}"

    @property
    def names(self) -> Names:
        return Names(
            stream=f"{STREAM_PREFIX}{self.run_id}",
            consumer=CONSUMER,
            subject=f"{self.root}.stream",
            echo=f"{self.root}.echo",
            ids=f"{self.run_id}-",
            plain=f"{self.root}.plain",
        )


@dataclass
class Session:
    """The connections of a probe. C(denied) holds what the servers did not let it do."""

    wanted: Wanted
    clients: dict[str, Any] = field(default_factory=dict)
    denied: list[str] = field(default_factory=list)
    last_error: str = ""

    async def connect(self, name: str, **callbacks: Any) -> Any:
        """Open one more connection. Each starts at the next server, so that every one of the first ones has a client."""
        servers = list(self.wanted.servers)
        first = len(self.clients) % len(servers)
        problems: list[str] = []

        async def failed(error: Exception) -> None:
            self.last_error = text = _nats_client.said(error)
            if "permissions violation" in text.lower():
                self.denied.append(text)
            elif _nats_client.is_refusal(text):
                problems.append(
                    f"the servers do not let the client probe in ({text}): {VARIABLE} has to name an ordinary user, with "
                    "the right password, token, creds or nkey"
                )
            elif _nats_client.tls_problem(text, VARIABLE):
                problems.append(_nats_client.tls_problem(text, VARIABLE))

        options = {
            **_nats_client.options(self.wanted.account, servers, VARIABLE),
            "name": f"natsops-probe-{name}",
            "error_cb": failed,
            # Which client sits on which server is then the same in each run.
            "dont_randomize": True,
            # Nothing but its own subjects has to be allowed.
            "inbox_prefix": f"{self.wanted.root}.inbox",
            **callbacks,
        }
        deadline = time.monotonic() + CONNECT_SECONDS
        client, outcome = await _nats_client.connect(
            [*servers[first:], *servers[:first]], options, lambda: bool(problems) or time.monotonic() > deadline
        )
        if client is None:
            where = ", ".join(map(_reply.without_credentials, servers))
            away = (
                f"the client probe reaches no NATS server of {where} ({self.last_error or 'no answer'}): set {VARIABLE}.servers"
            )
            raise NatsError((problems or [_nats_client.unusable(outcome, VARIABLE) or away])[0])
        self.clients[name] = client
        return client

    async def close(self) -> None:
        for client in self.clients.values():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(client.close(), CLOSED_SECONDS)

    async def prove(self, asking: Any, answering: Any, sending: Any, receiving: Any, take: Callable[[Any], Any] | None) -> None:
        """Have a request answered and a message delivered, and go on with both, messages to C(take); or say why not."""
        names, heard = self.wanted.names, asyncio.Event()

        async def hear(message: Any) -> None:
            if not message.data:
                heard.set()
            elif take:
                await take(message)

        await answering.subscribe(names.echo, cb=respond)
        await receiving.subscribe(names.plain, cb=hear)
        error: BaseException = NatsError("no answer")
        deadline = time.monotonic() + PROVED_SECONDS
        # Until the interest has reached the servers that are asked, nobody is there.
        while not self.denied and time.monotonic() < deadline:
            try:
                await asking.request(names.echo, b"?", timeout=ASK_SECONDS)
                await sending.publish(names.plain, b"")
                await asyncio.wait_for(heard.wait(), 0.2)
                return
            except _nats_client.FAILURES as exc:
                error = exc
                await asyncio.sleep(0.05)
        raise NatsError(self._no_flow(error))

    def _no_flow(self, error: BaseException) -> str:
        prefix = self.wanted.account["subject_prefix"]
        if self.denied:
            return (
                f"the user of {VARIABLE} may not do what the client probe does ({self.denied[-1]}): let it publish and "
                f"subscribe to {prefix}.>, or give a subject_prefix that it may use"
            )
        return (
            f"a request of the client probe on {self.wanted.names.echo} is not answered by its own other connection "
            f"({_nats_client.said(error)}): are all of {VARIABLE}.servers of one cluster?"
        )

    async def ask(
        self, client: Any, verb: str, body: Mapping[str, Any] | None = None, seconds: float = ASK_SECONDS
    ) -> dict[str, Any]:
        """Ask the JetStream API. Raises NatsError with what it says, or with what keeps it from answering."""
        known = len(self.denied)
        try:
            message = await client.request(f"$JS.API.{verb}", json.dumps(body).encode() if body else b"", timeout=seconds)
        except _nats_client.FAILURES as error:
            if len(self.denied) > known:
                raise NatsError(f"the user may not use it ({self.denied.pop()})", lasting=True) from None
            nobody = isinstance(error, _nats_client.NOBODY_ANSWERS)
            raise NatsError("the servers have none" if nobody else _nats_client.said(error)) from None
        answer: dict[str, Any] = json.loads(message.data)
        if "error" in answer:
            problem = answer["error"]
            code = problem.get("err_code")
            lasting = code in _NO_JETSTREAM or 400 <= int(problem.get("code") or 0) < 500
            raise NatsError(f"{problem.get('description')} ({code})", lasting=lasting, code=int(problem.get("code") or 0))
        return answer

    async def without_jetstream(self, client: Any) -> str:
        """Why this user has no JetStream; empty where it has."""
        try:
            await self.ask(client, "INFO")
        except NatsError as error:
            return str(error)
        return ""

    async def make_stream(self, client: Any) -> str:
        """Make the stream and its consumer; return why that cannot be, empty where it was done. Then nothing of it is left."""
        names, deadline, may_be_there = self.wanted.names, time.monotonic() + MADE_SECONDS, False
        stream = {
            "name": names.stream,
            "subjects": [names.subject],
            "num_replicas": self.wanted.replicas,
            "storage": "file",
            "retention": "limits",
            "discard": "old",
            # It keeps nothing for long, should nobody be left to remove it.
            "max_age": 3600 * _NANO,
            "max_bytes": _BYTES,
            "max_consumers": -1,
            "max_msgs": -1,
            "duplicate_window": 120 * _NANO,
            "description": f"client probe of natsops.cluster, run {self.wanted.run_id}: removed at its end",
        }
        consumer = {
            "durable_name": names.consumer,
            "ack_policy": "explicit",
            "deliver_policy": "all",
            "replay_policy": "instant",
            # What went down with a connection is given again so much later: a client of ours takes no time over a message.
            "ack_wait": 2 * _NANO,
            "max_ack_pending": 5000,
            "inactive_threshold": 3600 * _NANO,
        }
        verb = f"CONSUMER.DURABLE.CREATE.{names.stream}.{names.consumer}"
        while True:
            try:
                await self.ask(client, f"STREAM.CREATE.{names.stream}", stream, 5)
                may_be_there = True
                await self.ask(client, verb, {"stream_name": names.stream, "config": consumer}, 5)
                return ""
            except NatsError as error:
                # A cluster that has just elected a leader may not answer the first request.
                lasting = error.details.get("lasting")
                # Where no answer came in time it may have been made all the same.
                may_be_there = may_be_there or not lasting
                if lasting or time.monotonic() > deadline:
                    if may_be_there:
                        await self.remove_stream(client, names.stream)
                    return str(error)
                await asyncio.sleep(0.2)

    async def find(self, client: Any, stream: str, sequence: int) -> tuple[bool, str]:
        """Whether a stream has this message, and that in words. What cannot be found out counts as not."""
        try:
            await self.ask(client, f"STREAM.MSG.GET.{stream}", {"seq": sequence})
        except NatsError as error:
            return False, f"asked for it, the servers say: {error}"
        return True, "the stream has it, and the consumer has not given it"

    async def remove_stream(self, client: Any, name: str) -> bool:
        """Remove a stream of ours; whether it has gone."""
        deadline = time.monotonic() + REMOVED_SECONDS
        while time.monotonic() < deadline:
            try:
                await self.ask(client, f"STREAM.DELETE.{name}")
                return True
            except NatsError as error:
                if error.details.get("lasting"):
                    return error.details.get("code") == 404
                await asyncio.sleep(0.2)
        return False

    async def remove_left(self, client: Any) -> list[str]:
        """Remove streams of probes that have died without removing them; return their names."""
        removed = []
        try:
            listed = await self.ask(client, "STREAM.NAMES", {"subject": f"{self.wanted.account['subject_prefix']}.>"})
            for name in listed.get("streams") or []:
                if name.startswith(STREAM_PREFIX) and name != self.wanted.names.stream:
                    info = await self.ask(client, f"STREAM.INFO.{name}")
                    if is_left_over(info, datetime.now(timezone.utc)) and await self.remove_stream(client, name):
                        removed.append(name)
        except NatsError:
            pass  # another run finds it; this one may go on
        return removed


def is_left_over(info: Mapping[str, Any], now: datetime) -> bool:
    """Whether the stream of a probe has nobody any more, by what the servers say of it. Pure.

    By their clock where they tell it: this machine's may be wrong.
    """
    state = info.get("state") or {}
    moments = [_moment(str(info.get("created") or "")), _moment(str(state.get("last_ts") or ""))]
    last = max((moment for moment in moments if moment), default=None)
    return last is not None and ((_moment(str(info.get("ts") or "")) or now) - last).total_seconds() > SILENT_SECONDS


def _moment(text: str) -> datetime | None:
    """A time as the servers write it, with up to nine digits of a second."""
    try:
        return datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def look(wanted: Wanted) -> str:
    """Make sure that this user can be a probe, and leave nothing: returns why it has no JetStream, empty where it has."""

    async def run() -> str:
        session = Session(wanted)
        try:
            client = await session.connect("check")
            await session.prove(client, client, client, client, None)
            return await session.without_jetstream(client)
        finally:
            await session.close()

    # Not asyncio.run: at its end that waits for whatever the library has left running, which may not let itself be cancelled.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(run())
    finally:
        loop.close()
