"""One suite for both doors, against real servers."""

from __future__ import annotations

import base64
import contextlib
import gzip
import logging
import os
import resource
import socket
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Callable, Iterator, Sequence

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._read import http_door as _http_door
from ansible_collections.natsops.cluster.plugins.module_utils._read import http_faults as _http_faults
from ansible_collections.natsops.cluster.plugins.module_utils._read import reply as _reply
from ansible_collections.natsops.cluster.plugins.module_utils._read.http_door import Door, HttpxDoor, PlainDoor
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Answer, Fault, Reply, Settings
from tests.lab.certificates import Authority
from tests.unit import servers
from tests.unit.servers import RawServer, WebServer

GET = Callable[..., Reply]
SHORT = 0.3


@pytest.fixture(params=[HttpxDoor, PlainDoor], ids=["httpx", "plain"])
def open_door(request: pytest.FixtureRequest) -> type[Door]:
    return request.param


@pytest.fixture
def get(open_door: type[Door]) -> GET:
    def ask(url: str, **settings: object) -> Reply:
        with open_door(Settings(**{"timeout_seconds": 60.0, **settings})) as door:
            return door.get_many([url])[0]

    return ask


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "our-authority")


@contextlib.contextmanager
def one_address(answer: object, certificate: Path | None = None) -> Iterator[WebServer]:
    with WebServer(lambda _: answer, certificate) as server:
        yield server


def test_json_is_decoded(get: GET) -> None:
    with one_address({"server_name": "n1"}) as server:
        assert get(f"{server.url}/varz") == Answer(200, {"server_name": "n1"}, "")
        assert server.requests == ["/varz"]


def test_a_query_arrives_as_it_was_asked(get: GET) -> None:
    with one_address({}) as server:
        get(f"{server.url}/raftz?acc=A%20B")
        assert server.requests == ["/raftz?acc=A%20B"]


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_json_with_another_status_is_an_answer(get: GET, status: int) -> None:
    with one_address((status, {}, b'{"status": "unavailable"}')) as server:
        assert get(f"{server.url}/healthz") == Answer(status, {"status": "unavailable"}, "")


def test_what_is_not_json_is_an_answer_without_a_body(get: GET) -> None:
    with one_address((200, {"Content-Type": "text/html"}, b"<html>hello</html>")) as server:
        assert get(server.url) == Answer(200, None, "<html>hello</html>")


def test_bytes_that_are_not_text_are_an_answer_without_a_body(get: GET) -> None:
    with one_address((200, {}, b"\xff\xfe\x00{")) as server:
        reply = get(server.url)
    assert isinstance(reply, Answer)
    assert reply.body is None


def test_nothing_that_is_packed_is_asked_for(get: GET) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> object:
        return {"asked": handler.headers.get("Accept-Encoding")}

    with WebServer(answer) as server:
        assert get(server.url) == Answer(200, {"asked": "identity"}, "")


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "br", "zstd", "identity, gzip"])
def test_an_answer_that_is_packed_is_refused_and_never_unpacked(get: GET, encoding: str) -> None:
    """A few bytes of that may become any number: 4 MB of gzip were 4 GiB."""
    packed = gzip.compress(b'{"a": 1}' + b" " * 10_000_000)
    with one_address((200, {"Content-Encoding": encoding}, packed)) as server:
        reply = get(server.url)
    expected = f"its answer is packed (Content-Encoding: {encoding}), which was not asked for"
    assert isinstance(reply, Fault)
    assert (reply.message[: len(expected)], reply.lasting) == (expected, True)


def test_an_answer_of_as_much_as_is_allowed_is_taken_and_one_byte_more_is_not(get: GET) -> None:
    body = b'{"a": 1}'
    with one_address((200, {}, body)) as server:
        assert get(server.url, max_bytes=len(body)) == Answer(200, {"a": 1}, "")
        reply = get(server.url, max_bytes=len(body) - 1)
    assert isinstance(reply, Fault)
    assert reply.lasting
    assert reply.message.startswith("it answers with more than ")
    assert reply.message.endswith("raise nats_upgrade_max_answer_mib")


@pytest.mark.parametrize("length", [b"Content-Length: 99999999999", b"Transfer-Encoding: chunked", b"X: until the end"])
def test_an_answer_without_end_is_broken_off(get: GET, length: bytes) -> None:
    sent = threading.Event()

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n%s\r\n\r\n" % length)
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"1000\r\n%s\r\n" % (b" " * 4096))
        sent.set()

    with RawServer(flood) as server:
        reply = get(server.url, max_bytes=200_000)
        assert sent.wait(30), "it is still being read"
    assert isinstance(reply, Fault)
    assert reply.message.startswith("it answers with more than 0.19")


def test_what_one_server_answers_is_counted_together_and_costs_the_others_nothing(open_door: type[Door]) -> None:
    body = b'"%s"' % (b"x" * 400)
    settings = Settings(timeout_seconds=60, max_bytes=1000)
    with one_address((200, {}, body)) as greedy, one_address((200, {}, body)) as other, open_door(settings) as door:
        replies = door.get_many([*(f"{greedy.url}/{path}" for path in range(5)), other.url])
        again = door.get_many([greedy.url])
    assert sum(isinstance(reply, Fault) for reply in replies[:5]) == 3
    assert isinstance(replies[5], Answer)
    assert isinstance(again[0], Answer)


def test_an_answer_for_which_there_is_no_memory_is_a_fault(get: GET, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(_unused: str) -> None:
        raise MemoryError

    monkeypatch.setattr(_http_faults, "decode", decode)
    with one_address({}) as server:
        assert get(server.url) == Fault("its answer takes more memory than there is on this side")


def test_an_answer_that_would_be_many_times_as_large_in_memory_is_not_decoded(get: GET, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reply, "_MOST_VALUES", 1000)
    for most, decoded in ((999, True), (1000, False)):
        body = b"[%s[]]" % (b"[]," * (most // 2))
        with one_address((200, {}, body)) as server:
            assert get(server.url) == (Answer(200, [[]] * (most // 2 + 1), "") if decoded else Answer(200, None, body.decode()))


def test_replies_come_in_the_order_asked_whatever_the_order_of_the_answers(open_door: type[Door]) -> None:
    done = {number: threading.Event() for number in range(8)}

    def answer(handler: BaseHTTPRequestHandler) -> object:
        number = int(handler.path[1:])
        # Each waits for the one asked after it: the answers go out last to first.
        if number < 7:
            done[number + 1].wait(5)
        done[number].set()
        return {"number": number}

    with WebServer(answer) as server, open_door(Settings(timeout_seconds=60)) as door:
        replies = door.get_many([f"{server.url}/{number}" for number in range(8)])
    assert [reply.body for reply in replies if isinstance(reply, Answer)] == [{"number": number} for number in range(8)]


@pytest.mark.parametrize("max_in_flight", [1, 3, 8])
def test_no_more_requests_are_under_way_at_once_than_allowed(open_door: type[Door], max_in_flight: int) -> None:
    full = threading.Barrier(max_in_flight)

    def answer(_unused: BaseHTTPRequestHandler) -> object:
        # Lets go only when as many as are allowed are there together, and had time to be joined by one too many.
        full.wait(5)
        threading.Event().wait(0.15)
        return {}

    with WebServer(answer) as server, open_door(Settings(timeout_seconds=60, max_in_flight=max_in_flight)) as door:
        replies = door.get_many([server.url] * max_in_flight * 2)
        assert server.most_at_once == max_in_flight
    assert all(isinstance(reply, Answer) for reply in replies)


def test_nothing_asked_is_nothing_answered(open_door: type[Door]) -> None:
    with open_door(Settings(timeout_seconds=60)) as door:
        assert door.get_many([]) == []


def test_one_that_does_not_answer_does_not_keep_the_others_from_it(open_door: type[Door]) -> None:
    with one_address({}) as server, open_door(Settings(timeout_seconds=60)) as door:
        replies = door.get_many([server.url, f"http://127.0.0.1:{servers.free_port()}", server.url])
    assert [type(reply) for reply in replies] == [Answer, Fault, Answer]


def test_a_door_can_be_used_again_and_sees_that_a_server_has_returned(open_door: type[Door]) -> None:
    with open_door(Settings(timeout_seconds=60)) as door:
        with one_address({"start": 1}) as server:
            assert isinstance(door.get_many([server.url])[0], Answer)
        assert door.get_many([server.url])[0] == Fault("connection refused")
        assert isinstance(door.get_many([server.url])[0], Fault)


def test_a_proxy_of_the_environment_is_not_used(get: GET, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = f"http://127.0.0.1:{servers.free_port()}"
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, dead)
    with one_address({}) as server:
        assert isinstance(get(server.url), Answer)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_but_named(get: GET, status: int) -> None:
    with one_address((status, {"Location": "http://127.0.0.1:1/elsewhere"}, b"")) as server:
        expected = f"HTTP {status} redirects to http://127.0.0.1:1/elsewhere: give the final address"
        assert get(server.url) == Fault(expected, lasting=True)


@pytest.mark.parametrize("status", [401, 403])
def test_a_question_for_credentials_is_lasting(get: GET, status: int) -> None:
    with one_address((status, {}, b"who are you")) as server:
        reply = get(server.url)
    assert isinstance(reply, Fault)
    assert reply.lasting
    asks = f"HTTP {status}: something in front of the server asks for credentials: write them into the monitor URL"
    assert reply.message.startswith(asks)


def test_credentials_in_the_monitor_url_are_in_nothing_that_a_library_logs(get: GET, caplog: pytest.LogCaptureFixture) -> None:
    """Ansible has in its log file what libraries log."""
    caplog.set_level(logging.DEBUG)
    encoded = base64.b64encode(b"ann:s3@cret").decode()
    with WebServer(lambda request: {"asked_by": request.headers["Authorization"]}) as server:
        reply = get(server.url.replace("://", "://ann:s3%40cret@") + "/varz?a=b%20c")
        assert (reply, server.requests) == (Answer(200, {"asked_by": f"Basic {encoded}"}, ""), ["/varz?a=b%20c"])
    assert [line for line in caplog.messages if any(word in line for word in ("ann", "s3", "cret", encoded))] == []


def test_credentials_in_the_monitor_url_are_given_to_whoever_asks_for_them(get: GET) -> None:
    """As that message advises."""
    expected = f"Basic {base64.b64encode(b'ann:s3cret').decode()}"

    def answer(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        if request.headers.get("Authorization") == expected:
            return 200, {}, b"{}"
        return 401, {"WWW-Authenticate": 'Basic realm="monitoring"'}, b""

    with WebServer(answer) as server:
        assert get(server.url.replace("://", "://ann:s3cret@")) == Answer(200, {}, "")


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_without_a_server_behind_it_may_have_one_later(get: GET, status: int) -> None:
    with one_address((status, {}, b"<html>Bad Gateway</html>")) as server:
        assert get(server.url) == Fault(f"HTTP {status} from a proxy: no server behind it")


def test_a_refused_connection_is_not_lasting(get: GET) -> None:
    assert get(f"http://127.0.0.1:{servers.free_port()}") == Fault("connection refused")


def test_a_host_name_that_does_not_resolve_is_named_so(get: GET) -> None:
    assert get("http://n1.invalid:8222/varz") == Fault("the host name cannot be resolved")


class Slow:
    """Sends a whole answer, but takes five times as long for it as anybody waits here, and never a pause that is long."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces, self.ended, self.sent_all = pieces, threading.Event(), False

    def __call__(self, connection: socket.socket) -> None:
        try:
            for piece in self.pieces:
                connection.sendall(piece)
                threading.Event().wait(SHORT * 5 / len(self.pieces))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            self.sent_all = True
        finally:
            self.ended.set()


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"HTTP/1.1 100 Continue\r\n\r\n"] * 15, id="many-times-100"),
        pytest.param([b"HTTP/1.1 200 OK\r\nX: ", *[b"x"] * 15, b"\r\nContent-Length: 2\r\n\r\n{}"], id="header"),
        pytest.param(
            [b"H", b"T", b"T", b"P", b"/1.1", b" 2", b"00", b" O", b"K\r", b"\nContent-Length: 2\r\n\r\n{}"], id="status"
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", *[b"X: y\r\n"] * 15, b"\r\n"],
            id="trailer",
        ),
    ],
)
def test_the_time_for_an_answer_counts_from_the_connection_to_the_last_byte(get: GET, pieces: Sequence[bytes]) -> None:
    """A header that came byte by byte held a timeout of 2 s for 48 s."""
    slow = Slow(pieces)
    with RawServer(slow) as server:
        assert get(server.url, timeout_seconds=SHORT) == Fault("no complete answer within 0.3 s")
        assert slow.ended.wait(30)
    assert not slow.sent_all, "it was waited for"


def test_a_server_that_hangs_is_not_waited_for_once_for_each_question(open_door: type[Door]) -> None:
    """What it is asked about next is what it named itself: a thousand accounts, each of them five seconds."""
    connections = threading.Semaphore(0)

    def hang(connection: socket.socket) -> None:
        connections.release()
        servers.hang(connection)

    settings = Settings(timeout_seconds=SHORT, max_in_flight=2)
    with RawServer(hang) as server, one_address({}) as other, open_door(settings) as door:
        urls = [f"{server.url}/raftz?acc={number}" for number in range(100)]
        replies = door.get_many([*urls, f"{other.url}/varz"])
        assert isinstance(door.get_many([server.url])[0], Fault)
    assert replies == [*[Fault("no complete answer within 0.3 s")] * 100, Answer(200, {}, "")]
    asked = sum(connections.acquire(blocking=False) for _unused in range(100))
    assert asked == 3, "in one call as many as at once, and one in the next"


@pytest.mark.parametrize("behave", [servers.hang, servers.drip], ids=["hangs", "drips"])
def test_a_server_that_never_finishes_is_left_after_the_timeout(get: GET, behave: Callable[..., None]) -> None:
    with RawServer(behave) as server:
        reply = get(server.url, timeout_seconds=SHORT)
    assert reply == Fault("no complete answer within 0.3 s")


@pytest.mark.parametrize(
    ("behave", "message"),
    [
        pytest.param(servers.truncate, "the reply broke off in the middle", id="truncated"),
        pytest.param(servers.close, "the server closed the connection without an answer", id="closed"),
        pytest.param(servers.reset, "the server closed the connection without an answer", id="reset"),
    ],
)
def test_a_server_that_goes_away_meanwhile_is_not_lasting(get: GET, behave: Callable[..., None], message: str) -> None:
    with RawServer(behave) as server:
        assert get(server.url) == Fault(message)


def test_a_program_that_does_not_speak_http_is_a_fault(get: GET) -> None:
    with RawServer(lambda connection: connection.sendall(b'INFO {"server_id":"N"}\r\n')) as server:
        assert isinstance(get(server.url), Fault)


@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:port/varz", "http://127.0.0.1:99999/varz"])
def test_an_address_that_is_none_is_lasting(get: GET, url: str) -> None:
    reply = get(url)
    assert isinstance(reply, Fault)
    assert reply.lasting


def test_https_with_an_authority_of_ones_own_is_read(get: GET, authority: Authority) -> None:
    with one_address({"server_name": "n1"}, authority.issue("127.0.0.1")) as server:
        assert server.url.startswith("https://")
        reply = get(server.url, ca_path=str(authority.path))
    assert isinstance(reply, Answer)


def test_a_certificate_by_an_unknown_authority_is_lasting(get: GET, authority: Authority) -> None:
    with one_address({}, authority.issue("127.0.0.1")) as server:
        reply = get(server.url)
    assert isinstance(reply, Fault)
    assert reply.lasting
    assert reply.message.startswith("its certificate is not trusted (")
    assert reply.message.endswith("): set nats_upgrade_ca_path, or use the name that it is for")


def test_a_certificate_by_another_authority_than_the_given_is_lasting(get: GET, authority: Authority, tmp_path: Path) -> None:
    with one_address({}, authority.issue("127.0.0.1")) as server:
        reply = get(server.url, ca_path=str(Authority(tmp_path, "other-authority").path))
    assert isinstance(reply, Fault)
    assert reply.lasting
    assert "is not trusted" in reply.message


def test_a_certificate_for_another_name_is_lasting(get: GET, authority: Authority) -> None:
    with one_address({}, authority.issue("n1.example.org")) as server:
        reply = get(server.url, ca_path=str(authority.path))
    assert isinstance(reply, Fault)
    assert reply.lasting
    assert "not valid for '127.0.0.1'" in reply.message


def test_a_certificate_is_not_looked_at_where_that_was_asked_for(get: GET, authority: Authority) -> None:
    with one_address({}, authority.issue("n1.example.org")) as server:
        assert isinstance(get(server.url, validate_certs=False), Answer)


@pytest.mark.parametrize("content", [None, "", "no certificate"], ids=["not-there", "empty", "not-a-certificate"])
def test_a_ca_path_that_cannot_be_used_is_a_lasting_fault_and_no_crash(
    get: GET, authority: Authority, tmp_path: Path, content: str | None
) -> None:
    wrong = tmp_path / "ca.pem"
    if content is not None:
        wrong.write_text(content, encoding="utf-8")
    with one_address({}, authority.issue("127.0.0.1")) as server:
        reply = get(server.url, ca_path=str(wrong))
    assert isinstance(reply, Fault)
    assert reply.lasting


def test_https_to_a_port_that_speaks_http_is_lasting(get: GET) -> None:
    with one_address({}) as server:
        reply = get(server.url.replace("http:", "https:"))
    assert reply == Fault("the port does not speak https: write http:// in the monitor URL", lasting=True)


def test_http_to_a_port_that_speaks_https_is_lasting_where_the_server_says_so_as_nats_does(get: GET) -> None:
    with one_address((400, {}, b"Client sent an HTTP request to an HTTPS server.\n")) as server:
        assert get(server.url) == Fault("the port speaks https: write https:// in the monitor URL", lasting=True)


def test_http_to_a_port_that_speaks_https_and_says_nothing_is_a_fault(get: GET, authority: Authority) -> None:
    with one_address({}, authority.issue("127.0.0.1")) as server:
        assert isinstance(get(server.url.replace("https:", "http:"), timeout_seconds=SHORT), Fault)


@pytest.mark.parametrize("behave", [servers.close, servers.reset], ids=["closed", "reset"])
def test_a_server_that_goes_away_during_the_handshake_is_not_lasting(get: GET, behave: Callable[..., None]) -> None:
    with RawServer(behave, scheme="https") as server:
        assert get(server.url) == Fault("the server closed the connection without an answer")


def test_the_better_door_is_taken_where_there_is_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    with _http_door.open_door(Settings()) as door:
        assert isinstance(door, HttpxDoor)
    monkeypatch.setattr(_http_door, "httpx", None)
    with _http_door.open_door(Settings()) as door:
        assert isinstance(door, PlainDoor)


def test_without_httpx_every_fault_is_still_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http_door, "httpx", None)
    with _http_door.open_door(Settings(timeout_seconds=SHORT)) as door, RawServer(servers.hang) as server:
        replies = door.get_many([server.url, f"http://127.0.0.1:{servers.free_port()}"])
    assert replies == [Fault("no complete answer within 0.3 s"), Fault("connection refused")]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://mirror/a.tar.gz", "https://mirror/a.tar.gz"),
        ("https://user:secret@mirror/a.tar.gz", "https://mirror/a.tar.gz"),
        ("https://user@mirror/a@2.tar.gz", "https://mirror/a@2.tar.gz"),
        ("https://mirror/a@2.tar.gz", "https://mirror/a@2.tar.gz"),
        pytest.param(
            "https://user:sec@ret@mirror/a",
            "https://mirror/a",
            id="at-sign-in-the-password",
        ),
    ],
)
def test_an_address_is_shown_without_user_and_password(url: str, shown: str) -> None:
    assert _reply.without_credentials(url) == shown


def test_a_server_of_a_cluster_has_connections_of_its_own_that_are_kept_between_requests() -> None:
    """One pool for a thousand servers looks through all of its connections for every request."""
    with WebServer(lambda _: {}) as one, WebServer(lambda _: {}) as other, HttpxDoor(Settings()) as door:
        for _unused in range(2):
            door.get_many([f"{one.url}/varz", f"{one.url}/routez", f"{other.url}/nats/varz"])
        assert sorted(door._places) == sorted([one.url, other.url])
        assert len(door._pools) == 2
        assert (one.connections, other.connections) == (2, 1)


@pytest.mark.parametrize("charset", ["undefined", "hex", "idna", "utf-16", "no-such-charset"])
def test_json_is_utf_8_whatever_the_headers_say(get: GET, charset: str) -> None:
    content = {"Content-Type": f"application/json; charset={charset}"}
    with one_address((200, content, '{"name": "ä"}'.encode())) as server:
        assert get(server.url) == Answer(200, {"name": "ä"}, "")


@pytest.mark.parametrize("garbage", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000])
def test_what_python_cannot_decode_is_no_json(get: GET, garbage: bytes) -> None:
    with one_address((200, {}, garbage)) as server:
        assert get(server.url) == Answer(200, None, garbage.decode())


def test_where_no_more_files_can_be_opened_that_is_said_and_not_that_the_server_is_down(open_door: type[Door]) -> None:
    url, taken = f"http://127.0.0.1:{servers.free_port()}", []
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open_door(Settings()) as door:
        # What is opened at the first request only.
        assert door.get_many([url]) == [Fault("connection refused")]
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (200, before[1]))
            with contextlib.suppress(OSError):
                while True:
                    taken.append(os.open(os.devnull, os.O_RDONLY))
            (reply,) = door.get_many([url])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            for one in taken:
                os.close(one)
    assert isinstance(reply, Fault)
    assert reply.message.startswith("no more files can be opened on this side, of 200 at once")
    assert not reply.lasting
