"""A client load on a cluster: publisher, durable consumer and request/reply, each on its own connection.

``python -m tests.lab.load --servers nats://... --report FILE`` prints ``ready`` once everything flows, runs until
SIGTERM or SIGINT, then reads the whole stream back and writes what it found.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, NoRespondersError
from nats.js.errors import NoStreamResponseError

from tests.lab.binaries import LabError
from tests.lab.load_assets import DURABLE, MESSAGE_ID, STREAM, connect, create_assets, ids_in_stream
from tests.lab.load_report import LoadReport, Tally

PUBLISH_TIMEOUT_SECONDS = 2.0
FETCH_TIMEOUT_SECONDS = 1.0
REQUEST_TIMEOUT_SECONDS = 1.0
PAUSE_SECONDS = 0.05
REQUESTS_PER_MESSAGE = 0.5
FLOW_SECONDS = 20.0
LAST_MESSAGE_SECONDS = 30.0
REQUEST_SUBJECT = "echo.load"
FAILURES = (Error, asyncio.TimeoutError, ConnectionError)


@dataclass(frozen=True)
class Options:
    servers: tuple[str, ...]
    report: Path
    user: str = "app"
    password: str = "app"
    rate: float = 200.0


@dataclass
class Running:
    """One run of the load: its options, counters and the wish to stop."""

    options: Options
    tally: Tally = field(default_factory=Tally)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    prefix: str = field(default_factory=lambda: f"{uuid.uuid4().hex[:12]}-")
    clients: list[Client] = field(default_factory=list)

    async def connect(self) -> Client:
        """Open another connection. Each starts at the next server, so that every server has clients."""
        servers, first = self.options.servers, len(self.clients) % len(self.options.servers)
        rotated = servers[first:] + servers[:first]

        async def disconnected() -> None:
            if not self.stop.is_set():
                self.tally.disconnects += 1
                self.tally.note("disconnect", "a connection was lost")

        client = await connect(rotated, self.options.user, self.options.password, disconnected_cb=disconnected)
        self.clients.append(client)
        return client


async def run(options: Options) -> LoadReport:
    """Run the load until a signal comes, and return what it saw."""
    running = Running(options)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.stop.set)
    await create_assets(options.servers, options.user, options.password)
    publisher, consumer, responder, requester = [await running.connect() for _ in range(4)]
    await responder.subscribe(REQUEST_SUBJECT, cb=_respond)
    running.tally = Tally()
    work = [_publish(running, publisher), _consume(running, consumer), _request(running, requester)]
    tasks = [asyncio.ensure_future(part) for part in (*work, _announce(running))]
    try:
        await asyncio.gather(*tasks)
        duration = time.monotonic() - running.tally.begin
        running.tally.delivery.close()
        present = await ids_in_stream(options.servers, options.user, options.password, running.prefix)
    finally:
        for task in tasks:
            task.cancel()
        for client in running.clients:
            await client.close()
    return running.tally.report(duration, present)


async def _announce(running: Running) -> None:
    """Say that everything flows, or fail: a load that never flowed must not look like a good one."""
    deadline = time.monotonic() + FLOW_SECONDS
    while not running.tally.flows and not running.stop.is_set():
        if time.monotonic() > deadline:
            tally = running.tally
            counts = len(tally.acknowledged), len(tally.received), tally.requests_ok
            seen = "{} acknowledged, {} delivered, {} answered".format(*counts)
            raise LabError(f"no flow after {FLOW_SECONDS:g} s: {seen}")
        await asyncio.sleep(0.01)
    print("ready", flush=True)


async def _publish(running: Running, client: Client) -> None:
    number, due = 0, time.monotonic()
    while not running.stop.is_set():
        await _publish_until_acknowledged(running, client, f"{running.prefix}{number}")
        number += 1
        due = await _pace(due, 1 / running.options.rate)


async def _publish_until_acknowledged(running: Running, client: Client, identity: str) -> None:
    tally, jetstream, begin = running.tally, client.jetstream(), time.monotonic()
    while not _gave_up(running, begin):
        try:
            acknowledgement = await jetstream.publish(
                "orders.new", identity.encode(), timeout=PUBLISH_TIMEOUT_SECONDS, headers={MESSAGE_ID: identity}
            )
        except FAILURES as error:
            tally.publish_failed += 1
            tally.note("publish", error)
            if isinstance(error, (NoStreamResponseError, NoRespondersError)):
                # Answered at once: nobody leads the stream in this moment.
                await asyncio.sleep(PAUSE_SECONDS)
            continue
        tally.stall.offer(time.monotonic() - begin)
        tally.deduplicated += bool(acknowledgement.duplicate)
        tally.acknowledged[identity] = acknowledgement.seq
        tally.delivery.acknowledged(acknowledgement.seq)
        return
    tally.stall.offer(time.monotonic() - begin)


def _gave_up(running: Running, begin: float) -> bool:
    """Tell whether to leave the last message: after the stop, and after having tried for long."""
    return running.stop.is_set() and time.monotonic() - begin > LAST_MESSAGE_SECONDS


async def _consume(running: Running, client: Client) -> None:
    tally = running.tally
    subscription = await client.jetstream().pull_subscribe_bind(consumer=DURABLE, stream=STREAM)
    stopped_at: float | None = None
    while stopped_at is None or (_undelivered(running) and time.monotonic() - stopped_at < LAST_MESSAGE_SECONDS):
        if running.stop.is_set() and stopped_at is None:
            stopped_at = time.monotonic()
        try:
            # One at a time: a larger batch is handed over when it is full, which would look like a gap.
            for message in await subscription.fetch(1, timeout=FETCH_TIMEOUT_SECONDS):
                _take(running, message)
                await message.ack()
        except FAILURES as error:
            if isinstance(error, asyncio.TimeoutError) and not tally.delivery.is_waiting:
                continue  # there was nothing to deliver
            tally.fetch_failed += 1
            tally.note("fetch", error)
            await asyncio.sleep(PAUSE_SECONDS)


def _take(running: Running, message: Msg) -> None:
    running.tally.delivery.delivered(message.metadata.sequence.stream)
    identity = (message.headers or {}).get(MESSAGE_ID, "")
    if identity.startswith(running.prefix):
        running.tally.received.add(identity)


def _undelivered(running: Running) -> bool:
    return len(running.tally.received) < len(running.tally.acknowledged)


async def _respond(message: Msg) -> None:
    await message.respond(message.data)


async def _request(running: Running, client: Client) -> None:
    tally, due = running.tally, time.monotonic()
    last_answer, interval = due, 1 / (running.options.rate * REQUESTS_PER_MESSAGE)
    while not running.stop.is_set():
        try:
            await client.request(REQUEST_SUBJECT, b"?", timeout=REQUEST_TIMEOUT_SECONDS)
        except FAILURES as error:
            tally.requests_failed += 1
            tally.note("request", error)
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            tally.requests_ok += 1
            tally.request_gap.offer(time.monotonic() - last_answer)
            last_answer = time.monotonic()
        due = await _pace(due, interval)
    tally.request_gap.offer(time.monotonic() - last_answer)


async def _pace(due: float, interval: float) -> float:
    """Wait for the next turn and return when it was due. What an outage has delayed is not made up for in a burst."""
    following = max(due + interval, time.monotonic())
    await asyncio.sleep(following - time.monotonic())
    return following


def _options(arguments: list[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.load", description="Put a client load on a cluster.")
    parser.add_argument("--servers", required=True, help="client URLs, separated by commas")
    parser.add_argument("--user", default="app")
    parser.add_argument("--password", default="app")
    parser.add_argument("--report", required=True, type=Path, help="JSON file to write at the end")
    parser.add_argument("--rate", type=float, default=200.0, help="messages per second (default: %(default)g)")
    given = parser.parse_args(arguments)
    return Options(tuple(given.servers.split(",")), given.report, given.user, given.password, given.rate)


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    try:
        report = asyncio.run(run(options))
    except (LabError, OSError, *FAILURES) as error:
        print(f"load: {error or type(error).__name__}", file=sys.stderr)
        return 1
    report.write(options.report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
