"""Many simulated NATS servers at once, each on a loopback address of its own, and real HTTP: 127.N.0.1, 127.N.0.2 and so on.

One socket listens on all of 127/8, and the address that a connection was made to tells which server is meant. They run in one
thread, with an event loop of its own.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

# The answer of a server, by its number and the path: a body, bytes that are no JSON, or None for one that hangs. Whoever raises
# ConnectionError closes the connection.
Answer = Callable[[int, str], Any]


def address(number: int) -> str:
    """The loopback address of a server, counted from 0."""
    return f"127.77.{number // 250}.{number % 250 + 1}"


class ManyServers:
    """Answers for every address while in ``with``; counts requests, and how many were under way at once."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.requests = self.at_once = self.most_at_once = self.port = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> ManyServers:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *unused: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    def url(self, number: int) -> str:
        return f"http://{address(number)}:{self.port}"

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connection, "0.0.0.0", 0, backlog=4096)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        *_unused, third, fourth = map(int, writer.get_extra_info("sockname")[0].split("."))
        number = third * 250 + fourth - 1
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                self.requests += 1
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                try:
                    # A moment in which the others get on, so that what is under way at once is.
                    await asyncio.sleep(0)
                    body = self._answer(number, request.split(b" ", 2)[1].decode())
                    if body is None:
                        await reader.read(1)
                finally:
                    self.at_once -= 1
                text = body if isinstance(body, bytes) else json.dumps(body).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
