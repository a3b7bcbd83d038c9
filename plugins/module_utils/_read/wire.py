# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""One GET by the standard library alone, with one deadline from the connection to the last byte.

urllib and http.client bound each read, so that a server that sends a byte a second is waited for without end. Here every wait,
for the handshake and the header too, takes what is left of one deadline. No redirect is followed, no proxy used that was not
given, and nothing is unpacked: whoever calls this decides.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import re
import socket
import ssl
import time
import urllib.parse
from typing import Any, Callable, Iterator, Tuple

from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Settings

# Before Python 3.10 they are two.
TIMED_OUT = (socket.timeout, TimeoutError)
# User and password.
Credentials = Tuple[str, str]
_PORTS = {"http": 80, "https": 443}
# What may stand in a path and a query as it is.
_PATH_CHARACTERS = "%/:=&?~#+!$,;'@()*[]"
_HOST = re.compile(r"[A-Za-z0-9._:%-]+")


class Deadline:
    """Until when something has to be done. C(silence) bounds each single wait on the way there."""

    def __init__(self, seconds: float, silence: float | None = None) -> None:
        self._ends, self._silence = time.monotonic() + seconds, silence

    def left(self) -> float:
        """Seconds that are left, always some; raises socket.timeout where there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        return left if self._silence is None else min(left, self._silence)


def get(
    url: str,
    deadline: Deadline,
    context: Callable[[], ssl.SSLContext],
    *,
    body: Deadline | None = None,
    credentials: Credentials | None = None,
    proxy: str = "",
    method: str = "GET",
) -> http.client.HTTPResponse:
    """Ask for a URL and return the answer once its header is there; closing it closes the connection.

    C(body) is the deadline for the rest, where it is another one; C(credentials) come before those in the URL. Raises OSError,
    http.client.HTTPException or ValueError.
    """
    parts = urllib.parse.urlsplit(url)
    host, port = place_of(parts)
    through = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else None
    name = f"[{host}]" if ":" in host else host
    shown = name if port == _PORTS[parts.scheme] else f"{name}:{port}"
    target = urllib.parse.quote(urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, "")), safe=_PATH_CHARACTERS)
    headers = {"Host": shown, "User-Agent": "natsops", "Accept-Encoding": "identity", "Connection": "close"}
    who = credentials or credentials_in(parts)
    if who:
        headers["Authorization"] = _basic(*who)
    with contextlib.ExitStack() as undo:
        wire = _Wire(_dial(*place_of(through or parts), deadline), deadline)
        undo.callback(wire.close)
        if through and parts.scheme == "https":
            _ask(wire, "CONNECT", f"{name}:{port}", {"Host": f"{name}:{port}", **_to_proxy(through)}, undo)
        elif through:
            target, headers = f"http://{shown}{target}", {**headers, **_to_proxy(through)}
        if parts.scheme == "https":
            wire.secure(context(), host)
        response = _ask(wire, method, target, headers, undo)
        undo.pop_all()
    # The answer keeps the connection from here on.
    wire.close()
    wire.deadline = body or deadline
    return response


def blocks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """What is in an answer, as it comes. Raises as get does, also where it ends before all that was announced is there."""
    while True:
        block = response.read1(1 << 16)
        if not block:
            break
        yield block
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)


def place_of(parts: urllib.parse.SplitResult) -> tuple[str, int]:
    """Host and port of an address. Raises ValueError where it has none, or is of another kind."""
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"{parts.scheme or 'an address without scheme'}: it has to be http://HOST or https://HOST")
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode("ascii")
    if not _HOST.fullmatch(host):
        raise ValueError(f"{host!r} is no host name")
    return host, parts.port or _PORTS[parts.scheme]


def ssl_context(settings: Settings) -> ssl.SSLContext:
    """Whom to trust. Raises OSError where the authorities cannot be read."""
    context = ssl.create_default_context(cafile=settings.ca_path)
    if not settings.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def credentials_in(parts: urllib.parse.SplitResult) -> Credentials | None:
    """User and password that stand in an address."""
    if parts.username is None:
        return None
    return urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or "")


def credentials_apart(url: str) -> tuple[str, dict[str, str]]:
    """An address without its user and password, and the header that has them instead: a library may log what it asks for."""
    parts = urllib.parse.urlsplit(url)
    who = credentials_in(parts)
    if who is None:
        return url, {}
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return urllib.parse.urlunsplit(bare), {"Authorization": _basic(*who)}


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def _to_proxy(proxy: urllib.parse.SplitResult) -> dict[str, str]:
    credentials = credentials_in(proxy)
    return {"Proxy-Authorization": _basic(*credentials)} if credentials else {}


def _dial(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first address of a host that lets us, each in its share of the time."""
    found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    for number, (family, kind, protocol, _unused, address) in enumerate(found, 1):
        candidate = socket.socket(family, kind, protocol)
        try:
            candidate.settimeout(deadline.left() / (len(found) - number + 1))
            candidate.connect(address)
            return candidate
        except OSError:
            candidate.close()
            if number == len(found):
                raise
    raise socket.gaierror(f"{host} has no address")


def _ask(wire: _Wire, method: str, target: str, headers: dict[str, str], undo: contextlib.ExitStack) -> http.client.HTTPResponse:
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    wire.sendall("\r\n".join(lines).encode("ascii"))
    response = http.client.HTTPResponse(wire, method=method)  # type: ignore[arg-type]  # all that it uses of a socket
    undo.callback(response.close)
    response.begin()
    if method == "CONNECT" and response.status != http.client.OK:
        raise OSError(f"the proxy answers HTTP {response.status} {response.reason}")
    return response


class _Wire:
    """A socket whose every wait is bounded by one deadline: as much of a socket as http.client uses."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self.deadline, self._socket = deadline, connected

    def secure(self, context: ssl.SSLContext, host: str) -> None:
        self._socket.settimeout(self.deadline.left())
        self._socket = context.wrap_socket(self._socket, server_hostname=host)

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self.deadline.left())
        self._socket.sendall(data)

    def makefile(self, *_unused: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self, self._socket.makefile("rb", buffering=0)), 1 << 16)

    def wait_no_longer(self) -> None:
        self._socket.settimeout(self.deadline.left())

    def close(self) -> None:
        """What reads from it keeps it open."""
        self._socket.close()


class _Reader(io.RawIOBase):
    def __init__(self, wire: _Wire, raw: socket.SocketIO) -> None:
        self._wire, self._raw = wire, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._wire.wait_no_longer()
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
