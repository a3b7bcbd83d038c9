"""What becomes of a server's store behind its back: files that are lost while it is down, or while it runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from nats.errors import Error

from tests.lab.binaries import LabError
from tests.lab.load_assets import MOST_SINGLES, connect, make_stream, until_done
from tests.lab.node import Node

# A server makes small blocks, of 32 kB, for a stream that may not grow beyond four of them.
SMALL_BLOCKS = {"max_bytes": 120_000}
SIZE, MESSAGES = 2_700, 40
CONSUMER = "worker"


async def make_blocks(servers: Sequence[str], name: str, **config: object) -> None:
    """Make a stream whose messages lie in several files: with three replicas, or as many as are said."""
    await make_stream(servers, name, f"{name.lower()}.>", MESSAGES, payload=b"x" * SIZE, **{**SMALL_BLOCKS, **config})


async def make_single_blocks(servers: Sequence[str], on: str) -> str:
    """Make one of one replica on the server of this name, with a consumer that has acknowledged half of it; return its name."""
    client = await connect(servers, "app", "app")
    try:
        jetstream = client.jetstream(timeout=10)
        for number in range(MOST_SINGLES):
            name = f"ONE{number}"
            await make_blocks(servers, name)
            made = await jetstream.stream_info(name)
            if made.cluster and made.cluster.leader == on:
                # Of three replicas the leader's is the one that is left.
                await jetstream.update_stream(made.config.evolve(num_replicas=1))
                subscription = await jetstream.pull_subscribe(f"{name.lower()}.>", durable=CONSUMER)
                for message in await subscription.fetch(MESSAGES // 2, timeout=10):
                    await message.ack_sync(timeout=10)
                return name
            await jetstream.delete_stream(name)
    finally:
        await client.close()
    raise LabError(f"none of {MOST_SINGLES} streams was led by {on}")


async def make_anew(servers: Sequence[str], name: str, fullest: str) -> None:
    """Have the replicas of a stream made anew from one of them, as the refusal says."""
    client = await connect(servers, "app", "app")
    try:
        jetstream = client.jetstream(timeout=10)
        stepdown = json.dumps({"placement": {"preferred": fullest}}).encode()

        async def lead() -> None:
            if (await jetstream.stream_info(name)).cluster.leader != fullest:
                await client.request(f"$JS.API.STREAM.LEADER.STEPDOWN.{name}", stepdown, timeout=10)
                raise Error(f"{fullest} does not lead {name} yet")

        await until_done(lead)
        config = (await jetstream.stream_info(name)).config
        await jetstream.update_stream(config.evolve(num_replicas=1))
        await jetstream.update_stream(config.evolve(num_replicas=3))
    finally:
        await client.close()


def stream_folder(node: Node, name: str) -> Path:
    found = list(node.folder.glob(f"**/jetstream/APP/streams/{name}"))
    if len(found) != 1:
        raise AssertionError(f"{node.name} has {len(found)} folders of the stream {name}")
    return found[0]


def lose_first_block(node: Node, name: str) -> None:
    """Remove the oldest messages of a server's copy of a stream, as a disk does that loses a file. The server has to be down."""
    blocks = sorted((stream_folder(node, name) / "msgs").glob("*.blk"), key=lambda path: int(path.stem))
    if len(blocks) < 2:
        raise AssertionError(f"{node.name} has {len(blocks)} blocks of the stream {name}: it would be empty, and that heals")
    blocks[0].unlink()


def lose_progress(node: Node, stream: str, consumer: str) -> None:
    """Remove what a consumer has delivered and what was acknowledged. The server has to be down."""
    (stream_folder(node, stream) / "obs" / consumer / "o.dat").unlink()


def lose_store(node: Node) -> None:
    """Remove all that a server has stored, while it may run."""
    for folder in node.folder.glob("**/jetstream"):
        shutil.rmtree(folder)
