"""What a program that speaks NATS may send instead of answers, against a server of our own that speaks a little of it."""

from __future__ import annotations

import json
import re
import socket
from typing import Any, Callable, Sequence

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._read.monitor import Target
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Answer, Fault, Reply
from ansible_collections.natsops.cluster.plugins.plugin_utils._read.over_nats import SystemAccount
from tests.unit.servers import RawServer

N1, N2 = Target("n1", "nats:n1"), Target("n2", "nats:n2")
ACCOUNT = {"user": "sys", "password": "sys"}
MOST = 100_000
# Answers a request with these messages.
Answering = Callable[[str], Sequence[bytes]]


class Nats(RawServer):
    """Lets everybody in, and answers each request with what it is told to."""

    def __init__(self, answers: Answering) -> None:
        self.answers, self.connections = answers, 0
        super().__init__(self.speak, scheme="nats", reads=False)

    def speak(self, connection: socket.socket) -> None:
        self.connections += 1
        connection.sendall(b'INFO {"server_id":"N","version":"2.15.1","proto":1,"headers":true,"max_payload":1048576}\r\n')
        with connection.makefile("rb") as lines:
            for line in lines:
                self.hear(connection, line.decode(), lines)

    def hear(self, connection: socket.socket, line: str, lines: Any) -> None:
        if line.startswith("PING"):
            connection.sendall(b"PONG\r\n")
        published = re.match(r"PUB \$SYS\.REQ\.SERVER\.PING\.(\S+) (\S+) (\d+)", line)
        if published:
            lines.read(int(published[3]) + 2)
            for message in self.answers(published[1]):
                connection.sendall(b"MSG %s 1 %d\r\n%s\r\n" % (published[2].encode(), len(message), message))


def message(name: str, **data: Any) -> bytes:
    return json.dumps({"server": {"name": name}, "data": data}).encode()


def ask(server: Nats, *questions: tuple[Target, str], timeout_seconds: float = 30.0) -> list[Reply]:
    with SystemAccount(ACCOUNT, [server.url], {}, timeout_seconds, MOST) as source:
        return source.ask(questions)


def test_answers_come_from_a_server_of_our_own_as_from_a_real_one() -> None:
    with Nats(lambda _: [message("n1", version="1"), message("n2", version="2")]) as server:
        assert ask(server, (N1, "/varz"), (N2, "/varz")) == [Answer(200, {"version": "1"}, ""), Answer(200, {"version": "2"}, "")]


def test_a_message_that_is_too_large_is_not_kept_and_what_comes_after_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library takes whatever size is announced."""
    kept = 0
    parse = SystemAccount._heard

    async def heard(self: SystemAccount, given: Any) -> None:
        nonlocal kept
        kept = max(kept, len(given.data))
        await parse(self, given)

    monkeypatch.setattr(SystemAccount, "_heard", heard)
    with Nats(lambda _: [message("n1", text="x" * 5_000_000), message("n2", version="2")]) as server:
        found = ask(server, (N1, "/varz"), (N2, "/varz"))
    assert isinstance(found[0], Fault)
    assert "A message of more than 0.0953674 MiB was not taken" in found[0].message
    assert (found[1], kept <= MOST) == (Answer(200, {"version": "2"}, ""), True)


def test_what_one_server_answers_is_counted_together() -> None:
    with Nats(lambda _: [message("n1", text="x" * (MOST // 3)), message("n2")]) as server:
        paths = [f"/raftz?acc={number}" for number in range(5)]
        found = ask(server, *((N1, path) for path in paths), (N2, "/varz"))
    faults = [reply for reply in found if isinstance(reply, Fault)]
    assert len(faults) == 3
    assert faults[0].message.startswith("it answers with more than 0.0953674 MiB")


def test_of_strangers_a_few_names_are_kept_and_no_answers() -> None:
    strangers = [message(f"stranger-{number:04}") for number in range(1000)]
    with Nats(lambda _: [*strangers, message("n2")]) as server:
        found = ask(server, (N1, "/varz"), (N2, "/varz"))
    assert isinstance(found[0], Fault)
    told = set(re.findall(r"stranger-\d+", found[0].message))
    assert (0 < len(told) <= 20, found[1]) == (True, Answer(200, {}, ""))


def test_a_line_without_end_is_not_gathered() -> None:
    def speak(connection: socket.socket) -> None:
        connection.sendall(b'INFO {"server_id":"N"}\r\n')
        connection.recv(4096)
        connection.sendall(b"PONG\r\n")
        sent = 0
        try:
            while sent < 100_000_000:
                sent += connection.send(b"x" * 100_000)
        finally:
            sizes.append(sent)

    sizes: list[int] = []
    with Nats(lambda _: []) as server:
        server._behave = speak
        (found,) = ask(server, (N1, "/varz"), timeout_seconds=1.0)
    assert isinstance(found, Fault)
    assert sizes
    assert max(sizes) < 50_000_000
