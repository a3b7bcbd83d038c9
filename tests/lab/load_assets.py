"""The streams and the consumer that a load uses, and reading a whole stream back."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import nats
from nats.aio.client import Client
from nats.errors import Error
from nats.js.api import AckPolicy, ConsumerConfig, ExternalStream, StreamConfig, StreamSource
from nats.js.errors import NotFoundError

from tests.lab.binaries import LabError

STREAM, SUBJECTS = "ORDERS", "orders.>"
LOCAL_STREAM, LOCAL_SUBJECTS = "LOCAL", "local.>"
COPY_STREAM = "COPY"
DURABLE = "worker"
LOCAL_MESSAGES = 10
MOST_SINGLES = 60
MESSAGE_ID = "Nats-Msg-Id"
CONNECT_SECONDS = 60.0
ASSET_SECONDS = 120.0
READ_SECONDS = 180.0
READ_BATCH = 500
PAUSE_SECONDS = 0.05
# What a client library fills in.
STREAM_DEFAULTS = {
    "retention": "limits",
    "storage": "file",
    "discard": "old",
    **dict.fromkeys(("max_consumers", "max_msgs", "max_bytes"), -1),
    "max_age": 0,
}


async def connect(servers: Sequence[str], user: str | None, password: str | None, **options: Any) -> Client:
    """Connect so that a lost server is replaced fast and without end. The first server given is the first tried."""
    errors: list[Exception] = []

    async def remember(error: Exception) -> None:
        errors[:] = [error]

    settings: dict[str, Any] = {
        "servers": list(servers),
        "user": user,
        "password": password,
        "connect_timeout": 2,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.05,
        # Which client sits on which server is then the same in each run.
        "dont_randomize": True,
        # The default writes every lost connection to the terminal.
        "error_cb": remember,
    }
    try:
        # Without end also means the first time: a wrong password would be tried for ever.
        return await asyncio.wait_for(nats.connect(**{**settings, **options}), CONNECT_SECONDS)
    except asyncio.TimeoutError:
        reason = f": {errors[0]}" if errors else ""
        raise LabError(f"no connection to {', '.join(servers)} within {CONNECT_SECONDS:g} s{reason}") from None


def replicas_for(servers: Sequence[str]) -> int:
    return min(3, len(servers))


async def create_assets(servers: Sequence[str], user: str | None = "app", password: str | None = "app", **options: Any) -> None:
    """Make the streams ORDERS (replicated) and LOCAL (one replica) and the durable consumer, where they are missing."""
    client = await connect(servers, user, password, **options)
    try:
        await until_done(lambda: _make(client, replicas_for(servers)))
    finally:
        await client.close()


async def make_stream(
    servers: Sequence[str], name: str, subject: str, messages: int = 0, *, payload: bytes = b"kept", **config: Any
) -> None:
    """Make a stream and put messages into it. ``config`` is as the server reads it: the library does not know every feature."""
    client = await connect(servers, "app", "app")
    wanted = {**STREAM_DEFAULTS, "name": name, "subjects": [subject], "num_replicas": replicas_for(servers), **config}

    async def make() -> None:
        answer = json.loads((await client.request(f"$JS.API.STREAM.CREATE.{name}", json.dumps(wanted).encode(), timeout=10)).data)
        if "error" in answer:
            raise Error(f"{name}: {answer['error']}")

    async def put(number: int) -> None:
        # By its id it is stored once, however often it is sent.
        message = {"payload": payload, "timeout": 5, "headers": {MESSAGE_ID: f"{name}-{number}"}}
        await client.jetstream().publish(subject.replace(">", str(number)), **message)

    try:
        await until_done(make)
        for number in range(messages):
            await until_done(lambda number=number: put(number))
    finally:
        await client.close()


async def make_copy(servers: Sequence[str], domain: str, leaf: str) -> None:
    """Have a leaf node copy the stream ORDERS of the servers, which are of another JetStream domain."""
    await create_assets(servers)
    client = await connect([leaf], "app", "app")
    try:
        source = StreamSource(name=STREAM, external=ExternalStream(api=f"$JS.{domain}.API"))
        await _ensure_stream(client, StreamConfig(name=COPY_STREAM, mirror=source))
    finally:
        await client.close()


async def make_single(servers: Sequence[str], on: str, user: str = "app", password: str = "app") -> str:
    """Make a stream of one replica on the server of this name, and return its own name.

    The cluster puts one replica after the other in the same place; of three, what is left is the leader, which may be any.
    """
    client = await connect(servers, user, password)
    try:
        jetstream = client.jetstream(timeout=5)
        for number in range(MOST_SINGLES):
            config = StreamConfig(name=f"SINGLE{number}", subjects=[f"single.{number}"], num_replicas=replicas_for(servers))
            await until_done(lambda config=config: _ensure_stream(client, config))
            made = await jetstream.stream_info(str(config.name))
            if made.cluster and made.cluster.leader == on:
                await jetstream.update_stream(config.evolve(num_replicas=1))
                return str(config.name)
            await jetstream.delete_stream(str(config.name))
    finally:
        await client.close()
    raise LabError(f"none of {MOST_SINGLES} streams was led by {on}")


async def until_done(work: Callable[[], Awaitable[None]]) -> None:
    """Do what may be done more than once, until it is done."""
    deadline = time.monotonic() + ASSET_SECONDS
    while True:
        try:
            return await work()
        except (Error, asyncio.TimeoutError) as error:
            # A cluster that has just elected its leader may not answer the first request, or not know yet where there is room.
            if time.monotonic() > deadline:
                reason = str(error) or type(error).__name__
                raise LabError(f"streams not made within {ASSET_SECONDS:g} s: {reason}") from error
            await asyncio.sleep(PAUSE_SECONDS)


async def _make(client: Client, replicas: int) -> None:
    jetstream = client.jetstream(timeout=5)
    await _ensure_stream(client, StreamConfig(name=STREAM, subjects=[SUBJECTS], num_replicas=replicas))
    await _ensure_stream(client, StreamConfig(name=LOCAL_STREAM, subjects=[LOCAL_SUBJECTS], num_replicas=1))
    consumer = ConsumerConfig(durable_name=DURABLE, ack_policy=AckPolicy.EXPLICIT, ack_wait=5, max_ack_pending=5000)
    await jetstream.add_consumer(STREAM, consumer)
    for number in range(LOCAL_MESSAGES):
        await jetstream.publish("local.item", str(number).encode(), headers={MESSAGE_ID: f"local-{number}"})


async def _ensure_stream(client: Client, config: StreamConfig) -> None:
    jetstream = client.jetstream(timeout=5)
    try:
        await jetstream.stream_info(str(config.name))
    except NotFoundError:
        await jetstream.add_stream(config)


async def ids_in_stream(servers: Sequence[str], user: str | None, password: str | None, prefix: str, **options: Any) -> list[str]:
    """Read the whole stream through a new consumer and return the message ids that begin with the prefix."""
    client = await connect(servers, user, password, **options)
    try:
        return await asyncio.wait_for(_read(client, prefix), READ_SECONDS)
    except asyncio.TimeoutError:
        raise LabError(f"the stream {STREAM} could not be read back within {READ_SECONDS:g} s") from None
    finally:
        await client.close()


async def _read(client: Client, prefix: str) -> list[str]:
    while True:
        try:
            return await _read_once(client, prefix)
        except (Error, asyncio.TimeoutError):
            # Counted from the start again: the reader itself must not make duplicates.
            await asyncio.sleep(PAUSE_SECONDS)


async def _read_once(client: Client, prefix: str) -> list[str]:
    jetstream = client.jetstream(timeout=5)
    last = (await jetstream.stream_info(STREAM)).state.last_seq
    settings = ConsumerConfig(ack_policy=AckPolicy.NONE, headers_only=True, mem_storage=True, num_replicas=1)
    reader = await jetstream.pull_subscribe(SUBJECTS, stream=STREAM, config=settings)
    found: list[str] = []
    sequence = 0
    while sequence < last:
        for message in await reader.fetch(READ_BATCH, timeout=2):
            sequence = message.metadata.sequence.stream
            identity = (message.headers or {}).get(MESSAGE_ID, "")
            if identity.startswith(prefix):
                found.append(identity)
    return found
