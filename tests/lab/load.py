"""A client load on a cluster: publisher, durable consumer and request/reply, each on its own connection.

``python -m tests.lab.load --servers nats://... --report FILE`` prints ``ready`` once everything flows, runs until
SIGTERM or SIGINT, then reads the whole stream back and writes what it found.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import ssl
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nats.aio.client import Client

from ansible_collections.natsops.cluster.plugins.plugin_utils._probe.traffic import Names, Traffic, respond
from ansible_collections.natsops.cluster.plugins.plugin_utils._read.nats_client import FAILURES
from tests.lab.binaries import LabError
from tests.lab.load_assets import DURABLE, STREAM, connect, create_assets, ids_in_stream
from tests.lab.load_report import LoadReport, report

REQUESTS_PER_MESSAGE = 0.5
FLOW_SECONDS = 60.0
LAST_MESSAGE_SECONDS = 60.0
REQUEST_SUBJECT = "echo.load"


@dataclass(frozen=True)
class Options:
    servers: tuple[str, ...]
    report: Path
    user: str = "app"
    password: str = "app"
    rate: float = 200.0
    creds: Path | None = None
    ca: Path | None = None

    @property
    def login(self) -> tuple[str | None, str | None]:
        return (None, None) if self.creds else (self.user, self.password)

    @property
    def security(self) -> dict[str, Any]:
        """How to connect where a user and a password are not all."""
        options: dict[str, Any] = {}
        if self.creds:
            options["user_credentials"] = str(self.creds)
        if self.ca:
            options["tls"] = ssl.create_default_context(cafile=str(self.ca))
        return options


@dataclass
class Running:
    """One run of the load: its options, and the traffic of its clients."""

    options: Options
    traffic: Traffic
    clients: list[Client] = field(default_factory=list)

    async def connect(self) -> Client:
        """Open another connection. Each starts at the next server, so that every server has clients."""
        servers, first = self.options.servers, len(self.clients) % len(self.options.servers)
        rotated = servers[first:] + servers[:first]

        async def disconnected() -> None:
            if not self.traffic.stop.is_set():
                self.traffic.tally.left[""] += 1
                self.traffic.tally.note("disconnect", "a connection was lost")

        options = {**self.options.security, "disconnected_cb": disconnected}
        client = await connect(rotated, *self.options.login, **options)
        self.clients.append(client)
        return client


async def run(options: Options) -> LoadReport:
    """Run the load until a signal comes, and return what it saw."""
    ids = f"{uuid.uuid4().hex[:12]}-"
    names = Names(stream=STREAM, consumer=DURABLE, subject="orders.new", echo=REQUEST_SUBJECT, ids=ids)
    traffic = Traffic(names, options.rate, options.rate * REQUESTS_PER_MESSAGE, LAST_MESSAGE_SECONDS)
    running = Running(options, traffic)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, traffic.stop.set)
    await create_assets(options.servers, *options.login, **options.security)
    publisher, consumer, responder, requester = [await running.connect() for _unused in range(4)]
    await responder.subscribe(REQUEST_SUBJECT, cb=respond)
    begin = time.monotonic()
    work = [traffic.publish(publisher), traffic.consume(consumer), traffic.request(requester), _announce(traffic)]
    tasks = [asyncio.ensure_future(part) for part in work]
    try:
        await asyncio.gather(*tasks)
        duration = time.monotonic() - begin
        present = await ids_in_stream(options.servers, *options.login, ids, **options.security)
    finally:
        for task in tasks:
            task.cancel()
        for client in running.clients:
            await client.close()
    return report(traffic.tally, duration, [int(identity[len(ids) :]) for identity in present])


async def _announce(traffic: Traffic) -> None:
    """Say that everything flows, or fail: a load that never flowed must not look like a good one."""
    deadline, tally = time.monotonic() + FLOW_SECONDS, traffic.tally
    while not (len(tally.stream.sent) and len(tally.stream.received) and tally.requests_ok) and not traffic.stop.is_set():
        if time.monotonic() > deadline:
            counts = len(tally.stream.sent), len(tally.stream.received), tally.requests_ok
            seen = "{} acknowledged, {} delivered, {} answered".format(*counts)
            raise LabError(f"no flow after {FLOW_SECONDS:g} s: {seen}")
        await asyncio.sleep(0.01)
    print("ready", flush=True)


def _options(arguments: list[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.load", description="Put a client load on a cluster.")
    parser.add_argument("--servers", required=True, help="client URLs, separated by commas")
    parser.add_argument("--user", default="app")
    parser.add_argument("--password", default="app")
    parser.add_argument("--creds", type=Path, help="credentials file, instead of user and password")
    parser.add_argument("--ca", type=Path, help="PEM file with the authority of the servers, for TLS")
    parser.add_argument("--report", required=True, type=Path, help="JSON file to write at the end")
    parser.add_argument("--rate", type=float, default=200.0, help="messages per second (default: %(default)g)")
    given = parser.parse_args(arguments)
    return Options(**{**vars(given), "servers": tuple(given.servers.split(","))})


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    try:
        seen = asyncio.run(run(options))
    except (LabError, OSError, *FAILURES) as error:
        print(f"load: {error or type(error).__name__}", file=sys.stderr)
        return 1
    seen.write(options.report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
