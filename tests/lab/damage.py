"""What becomes of a server's store behind its back: files that are lost while it is down, or while it runs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.lab.load_assets import make_stream
from tests.lab.node import Node

# A server makes small blocks, of 32 kB, for a stream that may not grow beyond four of them.
SMALL_BLOCKS = {"max_bytes": 120_000}
SIZE, MESSAGES = 2_700, 40


async def make_blocks(servers: Sequence[str], name: str, **config: object) -> None:
    """Make a stream whose messages lie in several files: with three replicas, or as many as are said."""
    await make_stream(servers, name, f"{name.lower()}.>", MESSAGES, payload=b"x" * SIZE, **{**SMALL_BLOCKS, **config})


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


def lose_store(node: Node, account: str = "APP") -> None:
    """Remove all that a server has of an account, while it may run."""
    for folder in node.folder.glob(f"**/jetstream/{account}"):
        shutil.rmtree(folder)
