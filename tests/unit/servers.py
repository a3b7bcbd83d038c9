"""Real servers on the loopback address, in threads: some answer as a NATS server does, some misbehave."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Callable

HOST = "127.0.0.1"


class _Background:
    """Something that serves in a thread while a C(with) lasts."""

    port: int
    scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{HOST}:{self.port}"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        raise NotImplementedError


class _QuietServer(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True
    block_on_close = False

    def __init__(self, *arguments: Any) -> None:
        self.connections: list[socket.socket] = []
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.append(request)
        super().process_request(request, client_address)

    def server_close(self) -> None:
        """Close the connections that clients keep open too: a server that has gone answers none of them."""
        super().server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what some tests are about."""


class WebServer(_Background):
    """Answers each request with what C(answer) returns for it; counts requests, and how many were under way at once."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], Any], certificate: Path | None = None) -> None:
        self.requests: list[str] = []
        self.most_at_once = 0
        self._at_once, self._lock = 0, threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer._serve(self, answer)

            def do_HEAD(self) -> None:
                outer._serve(self, answer)

            def log_message(self, *unused: object) -> None:
                pass

        self._server = _QuietServer((HOST, 0), Handler)
        self.port = self._server.server_address[1]
        if certificate:
            self.scheme = "https"
            self._server.socket = tls_context(certificate).wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )

    def __enter__(self) -> WebServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    @property
    def connections(self) -> int:
        """How many were made."""
        return len(self._server.connections)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler, answer: Callable[[BaseHTTPRequestHandler], Any]) -> None:
        with self._lock:
            self.requests.append(handler.path)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            given = answer(handler)
        finally:
            # Before the answer goes out: its reader may send the next request at once.
            with self._lock:
                self._at_once -= 1
        status, headers, body = given if isinstance(given, tuple) else (200, {}, json.dumps(given).encode())
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


class RawServer(_Background):
    """Reads a request, or some bytes of what is none, and does with the connection what C(behave) does.

    Without C(reads) that is left to C(behave) too.
    """

    def __init__(self, behave: Callable[[socket.socket], None], *, scheme: str = "http", reads: bool = True) -> None:
        self._behave, self.scheme, self._reads = behave, scheme, reads
        self._socket = socket.create_server((HOST, 0), backlog=64)
        self.port = self._socket.getsockname()[1]

    def __enter__(self) -> RawServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def _accept(self) -> None:
        while True:
            try:
                connection, _unused = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                if self._reads:
                    connection.recv(4096)
                self._behave(connection)
            except OSError:  # the client has gone
                return

    def stop(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def tls_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def truncate(connection: socket.socket) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n{"server_id":')


def close(connection: socket.socket) -> None:
    """Return at once: the connection is closed without an answer."""


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang(connection: socket.socket) -> None:
    """Say nothing until the client goes away."""
    connection.recv(1)


def drip(connection: socket.socket) -> None:
    """An answer that never ends, a byte every 50 ms, until the client goes away or 30 s have passed."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n")
    connection.settimeout(0.05)
    for _unused in range(600):
        connection.sendall(b" ")
        try:
            if not connection.recv(1):
                return
        except TimeoutError:
            continue


_silent: list[socket.socket] = []


def free_port() -> int:
    """A port at which nobody listens, nor will: it stays ours to the end of the tests, and connections to it are refused."""
    held = socket.socket()
    held.bind((HOST, 0))
    _silent.append(held)
    return int(held.getsockname()[1])
