# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Many small GETs at once, through httpx where it can be imported, else through the standard library (wire.py).

Whatever happens to one request is a value (an Answer or a Fault), because a server that restarts is a reading and not an
error. Proxies of the environment are not used: monitoring is read inside one's own network. What answers may be any program:
the time for an answer and the bytes that a server may send are bounded, and nothing is unpacked.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import ssl
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Optional, Sequence, Tuple

from ansible_collections.natsops.cluster.plugins.module_utils._read import wire as _wire
from ansible_collections.natsops.cluster.plugins.module_utils._read.http_faults import (
    FAILURES,
    UnwelcomeError,
    answer,
    fault,
    most_files,
    of_address,
    of_authorities,
    require_plain,
)
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Address, Fault, Reply, Settings, too_much

try:
    import httpx
except ImportError:
    httpx = None  # type: ignore[assignment]  # PlainDoor needs nothing but Python

# Servers share this many pools of connections, and each pool keeps so many for the next requests. The servers of a cluster have
# one each. With one pool for 1000 servers, which looks through all its connections for every request, that alone took 23 s;
# with one for each of them a fleet had as many sockets open, and a process may have 1024 files where nobody says otherwise.
_POOLS, _KEPT = 50, 4
# Status, content, and where it redirects to.
_Raw = Tuple[int, bytearray, Optional[str]]


class Door:
    """Answers to many URLs at once. Keep it for a whole wait: connections are reused. Use as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __enter__(self) -> Door:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def ask(self, questions: Sequence[tuple[Address, str]]) -> list[Reply]:
        """Return one reply for each server and path: this door as one of the sources of monitor.py."""
        return self.get_many([address.url(path) for address, path in questions])

    def get_many(self, urls: Sequence[str]) -> list[Reply]:
        """Return one reply for each URL, in the same order; raises nothing that a server can cause."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the connections."""


class HttpxDoor(Door):
    """Through httpx: one event loop, and a bounded number of connection pools."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._loop = asyncio.new_event_loop()
        self._context: ssl.SSLContext | None = None
        self._pools: list[httpx.AsyncClient] = []
        self._places: dict[str, int] = {}

    def get_many(self, urls: Sequence[str]) -> list[Reply]:
        if self._context is None:
            try:
                self._context = self._new_context(any(url.startswith("https:") for url in urls))
            except OSError as exc:  # ssl.SSLError is one
                return [of_authorities(exc, self.settings)] * len(urls)
        # Decoded when all are there: the time of the others would run out meanwhile. Not kept longer than needed, of a fleet.
        raw = self._loop.run_until_complete(self._gather(urls))[::-1]
        return [answer(*one) if isinstance(one, tuple) else one for one in (raw.pop() for _unused in urls)]

    def _new_context(self, secure: bool) -> ssl.SSLContext:
        # Loading the system's certificates takes longer than ten polls, so it is done for https only.
        return _wire.ssl_context(self.settings) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def _pool(self, url: str) -> httpx.AsyncClient:
        """The pool of the server that an address is of: servers get them in turn."""
        place = self._places.setdefault(_server_of(url), len(self._places) % _POOLS)
        if place == len(self._pools):
            kept = max(1, min(_KEPT, most_files() // 4 // _POOLS))
            self._pools.append(
                httpx.AsyncClient(
                    verify=self._context or True,
                    # A request is bounded as a whole, below: bounds of its own for each read cost a tenth of all the work.
                    timeout=None,
                    limits=httpx.Limits(max_connections=None, max_keepalive_connections=kept),
                    trust_env=False,
                    headers={"Accept-Encoding": "identity"},
                )
            )
        return self._pools[place]

    def warm_up(self) -> None:
        self._context = self._new_context(secure=False)
        self._pool("http://127.0.0.1:8222")
        with contextlib.suppress(ImportError):
            importlib.import_module("anyio._backends._asyncio")
        self.close()

    async def _gather(self, urls: Sequence[str]) -> list[_Raw | Fault]:
        places, allowed = asyncio.Semaphore(_most_at_once(self.settings)), _Allowance(self.settings.max_bytes)

        async def get(url: str) -> _Raw | Fault:
            wrong = of_address(url)
            if wrong:
                return wrong
            async with places:
                try:
                    allowed.begin(url)
                    # The whole, and not each read, for a server that drips a byte at a time.
                    return await asyncio.wait_for(self._get(url, allowed), self.settings.timeout_seconds)
                except asyncio.TimeoutError:  # before Python 3.11 another one than TimeoutError
                    allowed.waited_in_vain(url)
                    return fault(TimeoutError(), self.settings)
                except (httpx.HTTPError, httpx.InvalidURL, *FAILURES) as exc:
                    return fault(exc, self.settings)

        return list(await asyncio.gather(*(get(url) for url in urls)))

    async def _get(self, url: str, allowed: _Allowance) -> _Raw:
        content = bytearray()
        # httpx logs each address that it asks for, and Ansible has what is logged in its own log file.
        bare, headers = _wire.credentials_apart(url)
        async with self._pool(url).stream("GET", bare, headers=headers) as reply:
            require_plain(reply.headers.get("Content-Encoding"))
            async for block in reply.aiter_raw():
                allowed.take(url, len(block))
                content += block
            return reply.status_code, content, reply.headers.get("Location")

    def close(self) -> None:
        self._loop.run_until_complete(self._let_go())
        self._loop.close()

    async def _let_go(self) -> None:
        for pool in self._pools:
            await pool.aclose()
        # Of what was broken off: the generators inside of httpx that are still there, and tasks that are about to close others.
        await self._loop.shutdown_asyncgens()
        await asyncio.sleep(0)
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)


class PlainDoor(Door):
    """Through the standard library, a thread for each request in flight: slower, and there wherever Python is."""

    _context: ssl.SSLContext | None = None

    def get_many(self, urls: Sequence[str]) -> list[Reply]:
        allowed = _Allowance(self.settings.max_bytes)
        with ThreadPoolExecutor(max_workers=max(1, min(len(urls), _most_at_once(self.settings)))) as pool:
            return list(pool.map(lambda url: self._get(url, allowed), urls))

    def _get(self, url: str, allowed: _Allowance) -> Reply:
        wrong = of_address(url)
        if wrong:
            return wrong
        content = bytearray()
        try:
            allowed.begin(url)
            with _wire.get(url, _wire.Deadline(self.settings.timeout_seconds), self._trusted) as reply:
                require_plain(reply.headers.get("Content-Encoding"))
                for block in _wire.blocks(reply):
                    allowed.take(url, len(block))
                    content += block
            return answer(reply.status, content, reply.headers.get("Location"))
        except FAILURES as exc:
            if isinstance(exc, _wire.TIMED_OUT):
                allowed.waited_in_vain(url)
            return fault(exc, self.settings)

    def _trusted(self) -> ssl.SSLContext:
        # Once for all requests, as it takes longer than ten of them; two threads may both be the first.
        self._context = self._context or _wire.ssl_context(self.settings)
        return self._context


class _Allowance:
    """What each server may take of us in one call: so many bytes, and the time for one answer that does not come."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._sent: dict[str, int] = {}
        self._late: set[str] = set()

    def begin(self, url: str) -> None:
        """Raises TimeoutError where the server has let us wait in vain: it may name any number of things to ask it about."""
        if _server_of(url) in self._late:
            raise TimeoutError

    def waited_in_vain(self, url: str) -> None:
        self._late.add(_server_of(url))

    def take(self, url: str, size: int) -> None:
        """Raises UnwelcomeError where the server has sent more than it may."""
        server = _server_of(url)
        with self._lock:
            self._sent[server] = self._sent.get(server, 0) + size
            if self._sent[server] > self._most:
                raise UnwelcomeError(too_much(self._most).message)


def warm_up() -> None:
    """Import now what httpx imports at its first request: 0.3 s that each of Ansible's workers would take again."""
    if httpx is not None:
        HttpxDoor(Settings()).warm_up()
        if importlib.util.find_spec("sniffio") is None:
            # It tries to import this at every request, and Python then searches the disk each time: a third of all its work.
            sys.modules["sniffio"] = None  # type: ignore[assignment]


def open_door(settings: Settings) -> Door:
    """The best door that this machine has."""
    return HttpxDoor(settings) if httpx is not None else PlainDoor(settings)


def _server_of(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])


def _most_at_once(settings: Settings) -> int:
    """Requests under way at once: as many as allowed, and no more than there are files for. A host name may take two sockets."""
    return max(1, min(settings.max_in_flight, most_files() // 3))
