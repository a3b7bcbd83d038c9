"""How many looks a busy cluster takes to be seen well: ``python -m tests.bench.busy``. Asserts nothing.

Many streams with three replicas, some publishers each, on a real loopback cluster; then the wait of nats_health_wait, as it is
and with every look for itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import nats
from nats.js import JetStreamContext

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._judge import busy_replicas as _busy_replicas
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading
from ansible_collections.natsops.cluster.plugins.module_utils._wait import health as _health
from tests.lab.cluster import LoopbackCluster

TIMEOUT_SECONDS = 60.0


def wait(cluster: LoopbackCluster) -> str:
    params: dict[str, Any] = {name: spec.get("default") for name, spec in _health.SPEC.items()}
    servers = [{"name": name, "monitor_url": cluster.monitor_url(name)} for name in cluster.nodes]
    try:
        result = _health.wait_until_back({**params, "servers": servers, "stopping": "n1", "timeout_seconds": TIMEOUT_SECONDS})
    except NatsError as error:
        return f"not back: {error}"[:200]
    return f"{result['polls']} looks, {result['elapsed_seconds']:.1f} s"


@contextlib.contextmanager
def each_look_for_itself() -> Iterator[None]:
    steadied = _busy_replicas.Steady.steadied

    def as_read(_self: _busy_replicas.Steady, readings: Sequence[Reading]) -> list[Reading]:
        return list(readings)

    _busy_replicas.Steady.steadied = as_read  # type: ignore[method-assign]
    yield
    _busy_replicas.Steady.steadied = steadied  # type: ignore[method-assign]


async def measure(cluster: LoopbackCluster, options: argparse.Namespace) -> None:
    client = await nats.connect(cluster.urls, user="app", password="app")
    stream = client.jetstream(timeout=10)
    sent = 0

    async def publish(js: JetStreamContext, subject: str) -> None:
        nonlocal sent
        while True:
            with contextlib.suppress(nats.errors.Error):
                await js.publish(subject, b"x" * 64)
                sent += 1
            await asyncio.sleep(0.01)

    for number in range(options.streams):
        await stream.add_stream(name=f"B{number}", subjects=[f"busy.{number}"], num_replicas=3)
    tasks = [
        asyncio.create_task(publish(stream, f"busy.{number}"))
        for number in range(options.streams)
        for _unused in range(options.publishers)
    ]
    for what, way in (("each look for itself", each_look_for_itself()), ("as it is", contextlib.nullcontext())):
        with way:
            for _unused in range(options.waits):
                before, begin = sent, asyncio.get_running_loop().time()
                said = await asyncio.to_thread(wait, cluster)
                rate = (sent - before) / (asyncio.get_running_loop().time() - begin)
                print(f"{what}: {said}, {rate:.0f} messages a second", flush=True)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await client.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.busy", description=str(__doc__).splitlines()[0])
    parser.add_argument("--version", default="2.15.1")
    parser.add_argument("--streams", type=int, default=150)
    parser.add_argument("--publishers", type=int, default=2, help="for each stream")
    parser.add_argument("--waits", type=int, default=5)
    options = parser.parse_args()
    with LoopbackCluster(options.version) as cluster:
        asyncio.run(measure(cluster, options))


if __name__ == "__main__":
    main()
