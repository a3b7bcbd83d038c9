# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# This module util is PRIVATE to the collection: it may change in any release.
"""The only door to HTTP: many small GETs at once, through httpx where it can be imported, else through Ansible's own urls;
and one large file at a time, through urls always, because that knows file:// too.

Whatever happens to one request is a value (an Answer or a Fault), because a server that restarts is a reading and not an
error. Proxies of the environment are not used: monitoring is read inside one's own network.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gzip
import http.client
import importlib
import importlib.util
import re
import resource
import socket
import ssl
import sys
import time
import urllib.error
import urllib.parse
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any, Iterator, Protocol, Sequence, Union

from ansible.module_utils.urls import open_url

from ansible_collections.natsops.cluster.plugins.module_utils._shapes import ODD, decoded

try:
    import httpx
except ImportError:
    httpx = None  # type: ignore[assignment]  # the fallback below needs nothing but Ansible

# Servers share this many pools of connections, and each pool keeps so many for the next requests. The servers of a cluster have
# one each. With one pool for 1000 servers, which looks through all its connections for every request, that alone took 23 s;
# with one for each of them a fleet had as many sockets open, and a process may have 1024 files where nobody says otherwise.
_POOLS, _KEPT = 50, 4


@dataclass(frozen=True)
class Settings:
    """How to ask. C(ca_path) is a PEM file or None for the system's; the timeout is for each request."""

    timeout_seconds: float = 5.0
    validate_certs: bool = True
    ca_path: str | None = None
    max_in_flight: int = 50


@dataclass(frozen=True)
class Answer:
    """A complete reply. C(body) is decoded JSON; C(text) is the reply where it is not JSON, and C(body) is None then."""

    status: int
    body: Any
    text: str


@dataclass(frozen=True)
class Fault:
    """No usable reply. A lasting fault will not mend itself by waiting: a wrong address, certificate or program."""

    message: str
    lasting: bool = False
    status: int | None = None


Reply = Union[Answer, Fault]


class Address(Protocol):
    """What can be asked by HTTP: it knows the URL of a path."""

    def url(self, path: str) -> str:
        """The whole URL."""


class Door:
    """Answers to many URLs at once. Keep it for a whole wait: connections are reused. Use as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __enter__(self) -> Door:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def ask(self, questions: Sequence[tuple[Address, str]]) -> list[Reply]:
        """Return one reply for each server and path: this door as one of the sources of _monitor.py."""
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
                return [_ca_fault(exc, self.settings)] * len(urls)
        return self._loop.run_until_complete(self._gather(urls))

    def _new_context(self, secure: bool) -> ssl.SSLContext:
        # Loading the system's certificates takes longer than ten polls, so it is done for https only.
        return ssl_context(self.settings) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def _pool(self, url: str) -> httpx.AsyncClient:
        """The pool of the server that an address is of: servers get them in turn."""
        server = "/".join(url.split("/", 3)[:3])
        place = self._places.setdefault(server, len(self._places) % _POOLS)
        if place == len(self._pools):
            kept = max(1, min(_KEPT, _most_files() // 4 // _POOLS))
            self._pools.append(
                httpx.AsyncClient(
                    verify=self._context or True,
                    # A request is bounded as a whole, below: bounds of its own for each read cost a tenth of all the work.
                    timeout=None,
                    limits=httpx.Limits(max_connections=None, max_keepalive_connections=kept),
                    trust_env=False,
                )
            )
        return self._pools[place]

    def warm_up(self) -> None:
        self._context = self._new_context(secure=False)
        self._pool("http://127.0.0.1:8222")
        with contextlib.suppress(ImportError):
            importlib.import_module("anyio._backends._asyncio")
        self.close()

    async def _gather(self, urls: Sequence[str]) -> list[Reply]:
        places = asyncio.Semaphore(_most_at_once(self.settings))

        async def get(url: str) -> Reply:
            wrong = _address_fault(url)
            if wrong:
                return wrong
            async with places:
                try:
                    # The whole, and not each read, for a server that drips a byte at a time.
                    reply = await asyncio.wait_for(self._pool(url).get(url), self.settings.timeout_seconds)
                    return _answer(reply.status_code, reply.content, reply.headers.get("location"))
                except (httpx.HTTPError, httpx.InvalidURL, OSError, asyncio.TimeoutError, *ODD) as exc:
                    return _fault(exc, self.settings)

        return list(await asyncio.gather(*(get(url) for url in urls)))

    def close(self) -> None:
        for pool in self._pools:
            self._loop.run_until_complete(pool.aclose())
        self._loop.close()


class UrlsDoor(Door):
    """Through ansible.module_utils.urls, a thread for each request in flight: slower, and there wherever Ansible is."""

    def get_many(self, urls: Sequence[str]) -> list[Reply]:
        with ThreadPoolExecutor(max_workers=max(1, min(len(urls), _most_at_once(self.settings)))) as pool:
            return list(pool.map(self._get, urls))

    def _get(self, url: str) -> Reply:
        wrong = _address_fault(url)
        if wrong:
            return wrong
        deadline = time.monotonic() + self.settings.timeout_seconds
        try:
            try:
                reply: Any = open_url(
                    url,
                    timeout=self.settings.timeout_seconds,
                    validate_certs=self.settings.validate_certs,
                    ca_path=self.settings.ca_path,
                    use_proxy=False,
                    use_netrc=False,
                    follow_redirects="none",
                    decompress=False,
                )
            except urllib.error.HTTPError as exc:
                reply = exc
            with reply:
                body = _read_until(reply, deadline)
                if reply.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                return _answer(reply.status, body, reply.headers.get("Location"))
        # ValueError: an address that urllib does not take. Ansible's own ConnectionError and SSLValidationError are OSErrors.
        except (OSError, http.client.HTTPException, EOFError, zlib.error, *ODD) as exc:
            return _fault(exc, self.settings)


def _read_until(reply: Any, deadline: float) -> bytes:
    """urllib bounds each read; this bounds the whole, for a server that drips a byte at a time."""
    blocks = []
    while True:
        block = reply.read1(1 << 16)
        blocks.append(block)
        if not block:
            break
        if time.monotonic() > deadline:
            raise socket.timeout
    if getattr(reply, "length", 0):
        raise http.client.IncompleteRead(b"")
    return b"".join(blocks)


def warm_up() -> None:
    """Import now what httpx imports at its first request: 0.3 s that each of Ansible's workers would take again."""
    if httpx is not None:
        HttpxDoor(Settings()).warm_up()
        if importlib.util.find_spec("sniffio") is None:
            # It tries to import this at every request, and Python then searches the disk each time: a third of all its work.
            sys.modules["sniffio"] = None  # type: ignore[assignment]


def open_door(settings: Settings) -> Door:
    """The best door that this machine has."""
    return HttpxDoor(settings) if httpx is not None else UrlsDoor(settings)


def open_stream(url: str, settings: Settings, username: str | None = None, password: str | None = None) -> IO[bytes] | Fault:
    """Open one large file for reading, redirects followed: releases are kept behind them. file:// is a local path."""
    try:
        reply: IO[bytes] = open_url(
            url,
            timeout=settings.timeout_seconds,
            validate_certs=settings.validate_certs,
            ca_path=settings.ca_path,
            url_username=username,
            url_password=password,
            force_basic_auth=bool(username),
            follow_redirects="safe",
        )
    except urllib.error.HTTPError as exc:
        return Fault(f"HTTP {exc.code} {exc.reason}", lasting=True, status=exc.code)
    except FileNotFoundError:
        return Fault("there is no such file", lasting=True, status=404)
    except (OSError, http.client.HTTPException, ValueError) as exc:
        if any(isinstance(cause, FileNotFoundError) for cause in _chain(exc)) or "No such file" in str(exc):
            return Fault("there is no such file", lasting=True, status=404)
        return _fault(exc, settings)
    return reply


def without_credentials(url: str) -> str:
    """The address as it may be shown: no user and no password."""
    return re.sub(r"(?<=://)[^/]*@", "", url)


def ssl_context(settings: Settings) -> ssl.SSLContext:
    """Whom to trust. Raises OSError where the authorities cannot be read."""
    context = ssl.create_default_context(cafile=settings.ca_path)
    if not settings.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _most_files() -> int:
    """How many files and sockets this process may have open at once."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def _most_at_once(settings: Settings) -> int:
    """Requests under way at once: as many as allowed, and no more than there are files for. A host name may take two sockets."""
    return max(1, min(settings.max_in_flight, _most_files() // 3))


def _answer(status: int, content: bytes, location: str | None) -> Reply:
    # Whatever else the headers say: JSON is UTF-8, and there are names of encodings that no text is in.
    text = content.decode("utf-8", "replace")
    if 300 <= status < 400:
        return Fault(f"HTTP {status} redirects to {location or 'nowhere'}: give the final address", lasting=True)
    if "HTTP request to an HTTPS server" in text:
        return Fault("the port speaks https: write https:// in the monitor URL", lasting=True)
    if status in (401, 403):
        return Fault(
            f"HTTP {status}: something in front of the server asks for credentials: write them into the monitor URL "
            "(https://USER:PASSWORD@HOST), or give an address that goes past it",
            lasting=True,
        )
    try:
        body = decoded(text)
    except ODD:
        if status in (502, 503, 504):
            return Fault(f"HTTP {status} from a proxy: no server behind it")
        return Answer(status, None, text)
    # Not both: the answers of a large fleet are in memory at once.
    return Answer(status, body, "")


def _address_fault(url: str) -> Fault | None:
    try:
        parts = urllib.parse.urlsplit(url)
        if parts.hostname and (parts.port is None or parts.port):
            return None
        problem = "it names no host and port"
    except ValueError as exc:
        problem = str(exc)
    return Fault(f"{without_credentials(url)} is not an address: {problem}", lasting=True)


def _ca_fault(exc: OSError, settings: Settings) -> Fault:
    return Fault(f"ca_path {settings.ca_path} is not a file of certificates: {exc.strerror or exc}", lasting=True)


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while exc is not None and exc not in seen:
        seen.append(exc)
        yield exc
        reason = getattr(exc, "reason", None)
        exc = reason if isinstance(reason, BaseException) else (exc.__cause__ or exc.__context__)


def _fault(exc: BaseException, settings: Settings) -> Fault:
    causes = list(_chain(exc))
    text = "; ".join(str(cause) for cause in causes)
    if any(isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE) for cause in causes):
        return Fault(
            f"no more files can be opened on this side, of {_most_files()} at once: raise that (ulimit -n), or ask fewer servers "
            "at once (max_in_flight)"
        )
    for cause in causes:
        if isinstance(cause, FileNotFoundError):
            return _ca_fault(cause, settings)
    tls = _tls_fault(causes, text)
    if tls:
        return tls
    timed_out = (socket.timeout, asyncio.TimeoutError, TimeoutError) + ((httpx.TimeoutException,) if httpx else ())
    if any(isinstance(cause, timed_out) for cause in causes):
        return Fault(f"no complete answer within {settings.timeout_seconds:g} s")
    if "Connection refused" in text or "Connect call failed" in text:
        return Fault("connection refused")
    if any(isinstance(cause, socket.gaierror) for cause in causes) or "Name or service not known" in text:
        return Fault("the host name cannot be resolved")
    broken = any(isinstance(cause, http.client.IncompleteRead) for cause in causes)
    if broken or "without sending complete message body" in text:
        return Fault("the reply broke off in the middle")
    closed = any(isinstance(cause, (ConnectionResetError, http.client.RemoteDisconnected)) for cause in causes)
    if closed or "disconnected" in text:
        return Fault("the server closed the connection without an answer")
    return Fault(str(exc) or type(exc).__name__, lasting=isinstance(exc, ODD))


def _tls_fault(causes: Sequence[BaseException], text: str) -> Fault | None:
    if "CERTIFICATE_VERIFY_FAILED" in text:
        reason = next((c.verify_message for c in causes if isinstance(c, ssl.SSLCertVerificationError)), text)
        return Fault(f"its certificate is not trusted ({reason}): give ca_path, or the name that it is for", lasting=True)
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text:
        return Fault("the port does not speak https: write http:// in the monitor URL", lasting=True)
    if "EOF occurred" in text and any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Fault("the server closed the connection without an answer")
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Fault(f"TLS: {text}: openssl s_client -connect HOST:PORT shows what the port speaks", lasting=True)
    return None
