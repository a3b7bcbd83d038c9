"""How long ordered consumers and KV watches stand still in a roll: ``python -m tests.bench.standstill``. Asserts nothing.

Rolls a real loopback cluster by lame duck, as the official procedure does, while nats-py clients read what is written; with
``--modules FOLDER``, a folder in which npm has installed nats.js, its clients read it too. A wait is the time from the
acknowledgement of a message to its arrival, so that what publishers wait for does not count.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.js.api import ConsumerConfig, StreamConfig
from nats.js.errors import APIError

from tests.lab.binaries import LabError, server_binary
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_assets import connect, until_done
from tests.lab.node import Settings, lay_out
from tests.lab.processes import wait_until

SCRIPT = Path(__file__).with_suffix(".mjs")
RATE = 10.0
FLOW_SECONDS = 120.0
# Longer than any of them takes to notice. One that is silent for good shows as missing messages.
REST_SECONDS = 150.0
ATTEMPT_SECONDS = 1.0
STREAM, BUCKET = "ORDERED", "WATCHED"
PREFIXES = ("ordered.", f"$KV.{BUCKET}.")
Python = Callable[[str, Client], Awaitable[None]]


@dataclass
class Seen:
    """When each message was acknowledged, and when each reader had it."""

    # What was stored before the roll does not count: readers start at the first message, however late they are.
    begin: float = float("inf")
    written: bool = False
    stored: dict[int, float] = field(default_factory=dict)
    arrived: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))

    def saw(self, label: str, number: int) -> None:
        self.arrived[label].setdefault(number, time.monotonic())

    def counted(self) -> list[int]:
        return [number for number, at in self.stored.items() if at >= self.begin]

    def longest(self, label: str) -> tuple[float, int]:
        """The wait and its message: the first of a standstill waits for as long as that lasted."""
        times = self.arrived[label]
        return max((times[number] - self.stored[number], number) for number in self.counted() if number in times)

    def missing(self, label: str) -> int:
        return sum(number not in self.arrived[label] for number in self.counted())


async def write(seen: Seen, client: Client) -> None:
    """Store each number twice, in the stream and in the bucket. Its time is that of the later acknowledgement."""
    jetstream, number = client.jetstream(), 0

    async def publish(subject: str) -> None:
        await jetstream.publish(subject, b"", timeout=ATTEMPT_SECONDS)

    while not seen.written:
        for prefix in PREFIXES:
            await until_done(partial(publish, f"{prefix}{number}"))
        seen.stored[number] = time.monotonic()
        number += 1
        await asyncio.sleep(1 / RATE)


def python_clients(seen: Seen) -> dict[str, Python]:
    def callback(label: str) -> Callable[[Any], Awaitable[None]]:
        async def saw(message: Any) -> None:
            seen.saw(label, int(message.subject.rpartition(".")[2]))

        return saw

    def ordered(heartbeat: float | None) -> Python:
        async def read(label: str, client: Client) -> None:
            options: dict[str, Any] = {"ordered_consumer": True, "idle_heartbeat": heartbeat, "cb": callback(label)}

            async def subscribe() -> None:
                await client.jetstream().subscribe("ordered.>", stream=STREAM, **options)

            await until_done(subscribe)

        return read

    async def watch(label: str, client: Client) -> None:
        watcher = await (await client.jetstream().key_value(BUCKET)).watchall()
        async for entry in watcher:
            if entry:
                seen.saw(label, int(entry.key))

    return {"ordered": ordered(None), "ordered,idle_heartbeat=1s": ordered(1), "watch": watch}


async def start_python(seen: Seen, urls: list[str], readers: list[asyncio.Task[None]]) -> list[Client]:
    clients = []

    async def quiet(_error: Exception) -> None:
        """The default writes every lost connection to the terminal."""

    for kind, read in python_clients(seen).items():
        for first in range(len(urls)):
            servers = urls[first:] + urls[:first]
            client = await nats.connect(servers, user="app", password="app", dont_randomize=True, error_cb=quiet)
            clients.append(client)
            readers.append(asyncio.create_task(read(f"nats-py:{kind}@{first + 1}", client)))
    return clients


@contextlib.asynccontextmanager
async def javascript(seen: Seen, urls: list[str], modules: Path | None) -> Any:
    """The nats.js clients as one process, which is ended whatever happens."""
    if modules is None:
        yield
        return
    # Node looks for packages beside the script.
    script = modules / SCRIPT.name
    shutil.copy(SCRIPT, script)
    process = await asyncio.create_subprocess_exec("node", str(script), *urls, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None

    async def read(stream: asyncio.StreamReader) -> None:
        while line := (await stream.readline()).decode():
            label, _blank, number = line.rstrip().rpartition(" ")
            seen.saw(label, int(number))

    task = asyncio.create_task(read(process.stdout))
    try:
        yield
    finally:
        process.kill()
        await process.wait()
        await task


async def make_assets(urls: list[str]) -> None:
    client = await connect(urls, "app", "app")
    jetstream = client.jetstream(timeout=10)

    async def make() -> None:
        # A try before may have made it, and not heard so.
        with contextlib.suppress(APIError):
            await jetstream.add_stream(StreamConfig(name=STREAM, subjects=["ordered.>"], num_replicas=3))
        await jetstream.stream_info(STREAM)
        with contextlib.suppress(APIError):
            await jetstream.create_key_value(bucket=BUCKET, replicas=3)
        await jetstream.key_value(BUCKET)
        for kind in ("durable", "durable_expires_2s"):
            for first in range(len(urls)):
                name = f"durable_nats_js_{kind}_{first + 1}"
                await jetstream.add_consumer(STREAM, ConsumerConfig(durable_name=name, ack_policy="none"))

    try:
        await until_done(make)
    finally:
        await client.close()


def places(cluster: LoopbackCluster) -> dict[str, int]:
    """How many consumers with one replica each server has."""
    counts = dict.fromkeys(cluster.nodes, 0)
    for name in cluster.nodes:
        for account in cluster.jsz(name, "accounts=true&streams=true&consumers=true&config=true")["account_details"]:
            for stream in account.get("stream_detail") or ():
                consumers = stream.get("consumer_detail") or ()
                counts[name] += sum(c["config"].get("num_replicas") == 1 for c in consumers)
    return counts


def roll(cluster: LoopbackCluster, options: argparse.Namespace) -> None:
    begin = time.monotonic()
    for name in options.order.split(","):
        print(f"{time.monotonic() - begin:7.2f} s  {name} drains; consumers with one replica: {places(cluster)}", flush=True)
        cluster.lame_duck(name)
        gone = time.monotonic()
        lay_out(cluster.nodes[name], server_binary(options.to), cluster.config_of(name))
        time.sleep(options.down)
        cluster.start_node(name)
        cluster.wait_ready()
        print(f"{time.monotonic() - begin:7.2f} s  {name} is back, {time.monotonic() - gone:.2f} s after its exit", flush=True)
        time.sleep(options.pause)


async def measure(cluster: LoopbackCluster, options: argparse.Namespace) -> None:
    seen, urls = Seen(), cluster.urls
    await make_assets(urls)
    writer = await connect(urls, "app", "app")
    readers: list[asyncio.Task[None]] = []
    clients = [writer, *await start_python(seen, urls, readers)]
    async with javascript(seen, urls, options.modules):
        writing = asyncio.create_task(write(seen, writer))
        expected = len(python_clients(seen)) * len(urls) + (options.kinds * len(urls) if options.modules else 0)
        if not await asyncio.to_thread(wait_until, lambda: len(seen.arrived) >= expected, FLOW_SECONDS):
            raise LabError(f"after {FLOW_SECONDS:g} s only these receive: {', '.join(sorted(seen.arrived))}")
        seen.begin = time.monotonic()
        await asyncio.to_thread(roll, cluster, options)
        await all_have(seen, max(seen.stored) + 1)
        seen.written = True
        await writing
        await all_have(seen, max(seen.stored))
    for task in readers:
        task.cancel()
    table(seen)
    for client in clients:
        await client.close()


async def all_have(seen: Seen, number: int) -> None:
    """Wait until every reader has come so far. One that never does shows in the table."""
    await asyncio.to_thread(wait_until, lambda: all(max(times) >= number for times in list(seen.arrived.values())), REST_SECONDS)


def table(seen: Seen) -> None:
    print(f"{'client':34} {'longest wait of each, and how far into the roll it began, in s':48} missing")
    kinds = defaultdict(list)
    for label in sorted(seen.arrived):
        kinds[label.partition("@")[0]].append(label)
    for kind, labels in kinds.items():
        longest = [seen.longest(label) for label in labels]
        cells = " ".join(f"{wait:6.2f} at {seen.stored[number] - seen.begin:4.0f}" for wait, number in longest)
        print(f"{kind:34} {cells:48} {sum(map(seen.missing, labels))}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="since", default="2.14.6")
    parser.add_argument("--to", default="2.15.1")
    parser.add_argument("--modules", type=lambda text: Path(text).resolve())
    parser.add_argument("--kinds", type=int, default=11, help="how many kinds of nats.js clients to wait for")
    parser.add_argument("--order", default="n1,n2,n3")
    parser.add_argument("--grace", default="1ms", help="lame_duck_grace_period")
    parser.add_argument("--down", type=float, default=0.0, help="seconds that a server stays down")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two turns")
    options = parser.parse_args()
    with LoopbackCluster(options.since, settings=Settings(lame_duck_grace_period=options.grace)) as cluster:
        asyncio.run(measure(cluster, options))


if __name__ == "__main__":
    os.nice(10)
    sys.exit(main())
