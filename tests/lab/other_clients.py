"""The least of an MQTT and of a websocket client: enough to see that a server takes one."""

from __future__ import annotations

import base64
import os
import socket
from dataclasses import dataclass

from tests.lab.binaries import LabError
from tests.lab.ports import HOST

SECONDS = 60.0


@dataclass(frozen=True)
class Session:
    """The answer to an MQTT client that wants its session kept."""

    was_known: bool


def mqtt_session(port: int, client: str = "lab", user: str = "app", password: str = "app") -> Session:
    """Connect with MQTT 3.1.1 and leave again. The server keeps the session in a stream ($MQTT_sess)."""
    # Name and level of the protocol; user and password follow, and the session is not to be cleaned; keep alive of 60 s.
    variable = _text("MQTT") + bytes([4, 0xC0, 0, 60])
    body = variable + _text(client) + _text(user) + _text(password)
    with socket.create_connection((HOST, port), timeout=SECONDS) as connection:
        connection.sendall(bytes([0x10, len(body)]) + body)
        answer = b""
        while len(answer) < 4:
            part = connection.recv(4 - len(answer))
            if not part:
                raise LabError(f"the MQTT port {port} closed the connection after {answer!r}")
            answer += part
        if answer[0] != 0x20 or answer[3] != 0:
            raise LabError(f"the MQTT port {port} refuses the client: {answer!r}")
        connection.sendall(bytes([0xE0, 0]))
    return Session(was_known=bool(answer[2] & 1))


def _text(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode()


def websocket_status(port: int) -> int:
    """The HTTP status with which the port answers a client that wants to talk websocket; 101 is yes."""
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET / HTTP/1.1\r\nHost: {HOST}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with socket.create_connection((HOST, port), timeout=SECONDS) as connection:
        connection.sendall(request.encode())
        return int(connection.recv(4096).split(b" ", 2)[1])
