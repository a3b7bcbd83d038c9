# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a client does while a cluster is rolled: publish to a stream, consume, ask and be answered, publish without a stream.

Each goes on through every failure, as a client in production would, and is counted in a tally.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.natsops.cluster.plugins.plugin_utils._probe.figures import Tally
from ansible_collections.natsops.cluster.plugins.plugin_utils._read.nats_client import FAILURES

PUBLISH_TIMEOUT_SECONDS = 2.0
FETCH_TIMEOUT_SECONDS = 1.0
REQUEST_TIMEOUT_SECONDS = 1.0
PAUSE_SECONDS = 0.05
MESSAGE_ID = "Nats-Msg-Id"


@dataclass(frozen=True)
class Names:
    """Where the messages go. C(ids) is what the id of every message of this load begins with, and of no other."""

    stream: str
    consumer: str
    subject: str
    echo: str
    ids: str
    plain: str = ""


@dataclass
class Traffic:
    """The work of the clients until C(stop) is set; then what is under way may take C(last_seconds) more."""

    names: Names
    rate: float
    request_rate: float
    last_seconds: float
    tally: Tally = field(default_factory=Tally)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, client: Any) -> None:
        """Publish to the stream, each message until it is acknowledged: under one id, so that it is stored once."""
        number, due = 0, time.monotonic()
        while not self.stop.is_set():
            await self._until_acknowledged(client, number)
            number += 1
            due = await _pace(due, 1 / self.rate)

    async def _until_acknowledged(self, client: Any, number: int) -> None:
        tally, jetstream, begin = self.tally, client.jetstream(), time.monotonic()
        identity = f"{self.names.ids}{number}"
        tally.publish.wanted()
        while not (self.stop.is_set() and time.monotonic() - begin > self.last_seconds):
            try:
                acknowledged = await jetstream.publish(
                    self.names.subject, identity.encode(), timeout=PUBLISH_TIMEOUT_SECONDS, headers={MESSAGE_ID: identity}
                )
            except FAILURES as error:
                tally.publish_failed += 1
                tally.note("publish", error)
                if not isinstance(error, asyncio.TimeoutError):
                    # Answered at once: nobody leads the stream in this moment, or there is no connection.
                    await asyncio.sleep(PAUSE_SECONDS)
                continue
            tally.publish.came()
            tally.deduplicated += bool(acknowledged.duplicate)
            tally.stream.acknowledged(number, acknowledged.seq)
            tally.consume.acknowledged(acknowledged.seq)
            return
        tally.publish.close()

    async def consume(self, client: Any) -> None:
        """Take message after message from the durable consumer, and at the end those that are still to come."""
        tally = self.tally
        subscription = await client.jetstream().pull_subscribe_bind(consumer=self.names.consumer, stream=self.names.stream)
        ends_at: float | None = None
        while True:
            if self.stop.is_set():
                ends_at = ends_at or time.monotonic() + self.last_seconds
                if not tally.stream.missing or time.monotonic() > ends_at:
                    break
            try:
                # One at a time: a larger batch is handed over when it is full, which would look like an interruption.
                for message in await subscription.fetch(1, timeout=FETCH_TIMEOUT_SECONDS):
                    self._take(message)
                    await message.ack()
            except FAILURES as error:
                if isinstance(error, asyncio.TimeoutError) and not tally.consume.is_waiting:
                    continue  # there was nothing to deliver
                tally.fetch_failed += 1
                tally.note("fetch", error)
                await asyncio.sleep(PAUSE_SECONDS)
        tally.consume.close()

    def _take(self, message: Any) -> None:
        sequence = message.metadata.sequence.stream
        self.tally.consume.delivered(sequence)
        identity = (message.headers or {}).get(MESSAGE_ID, "")
        if identity.startswith(self.names.ids):
            self.tally.stream.take(int(identity[len(self.names.ids) :]), sequence)

    async def request(self, client: Any) -> None:
        """Ask whoever answers, and wait for the answer."""
        tally, due = self.tally, time.monotonic()
        while not self.stop.is_set():
            tally.request.wanted()
            try:
                await client.request(self.names.echo, b"?", timeout=REQUEST_TIMEOUT_SECONDS)
            except FAILURES as error:
                tally.requests_failed += 1
                tally.note("request", error)
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                tally.requests_ok += 1
                tally.request.came()
            due = await _pace(due, 1 / self.request_rate)
        tally.request.close()

    async def send(self, client: Any) -> None:
        """Publish without a stream: nobody acknowledges it, and what is on its way when a connection ends is lost."""
        number, due = 0, time.monotonic()
        while not self.stop.is_set():
            try:
                await client.publish(self.names.plain, str(number).encode())
            except FAILURES as error:
                self.tally.note("send", error)
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            self.tally.plain.sent.add(number)
            self.tally.deliver.acknowledged(number)
            number += 1
            due = await _pace(due, 1 / self.rate)

    async def receive(self, message: Any) -> None:
        """Take a message that was published without a stream."""
        number = int(message.data)
        self.tally.deliver.delivered(number)
        self.tally.plain.take(number, number)


async def respond(message: Any) -> None:
    """Answer a request."""
    await message.respond(message.data)


async def _pace(due: float, interval: float) -> float:
    """Wait for the next turn and return when it was due. What an outage has delayed is not made up for in a burst."""
    following = max(due + interval, time.monotonic())
    await asyncio.sleep(following - time.monotonic())
    return following
