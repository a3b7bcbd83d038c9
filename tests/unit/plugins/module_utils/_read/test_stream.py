"""What a mirror, what it redirects to, or somebody on the way to it may try: real servers, and what fetches an archive."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._read import reply as _reply
from ansible_collections.natsops.cluster.plugins.module_utils._read import stream as _stream
from tests.lab.certificates import Authority
from tests.unit.plugins.module_utils._artifact.test_download import NAME, Mirror, mirror, refused
from tests.unit.servers import RawServer, WebServer

__all__ = ["mirror"]
SECRET = "s3cret"
ANN = "Basic " + base64.b64encode(f"ann:{SECRET}".encode()).decode()


class Front(WebServer):
    """Redirects to whatever there is at another origin, and to itself before that; keeps what it was told of who asks."""

    def __init__(self, status: int = 302, certificate: Path | None = None) -> None:
        self.told: list[str | None] = []
        self.status, self.elsewhere = status, ""
        super().__init__(self.redirect, certificate)

    def redirect(self, handler: BaseHTTPRequestHandler) -> Any:
        self.told.append(handler.headers.get("Authorization"))
        if handler.path.startswith("/moved/"):
            return self.status, {"Location": f"{self.elsewhere}/{handler.path.rpartition('/')[2]}"}, b""
        return self.status, {"Location": f"/moved{handler.path}"}, b""


@contextlib.contextmanager
def storage(mirror: Mirror, certificate: Path | None = None) -> Iterator[tuple[WebServer, list[str | None]]]:
    """Another origin, which has the files, and what it was told of who asks."""
    told: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> Any:
        told.append(handler.headers.get("Authorization"))
        return mirror.serve(handler)

    with WebServer(answer, certificate) as server:
        yield server, told


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "our-authority")


@pytest.fixture(autouse=True)
def _nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NETRC", "/nonexistent")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("given_by", ["options", "url", "netrc"])
def test_a_password_goes_to_its_origin_and_to_none_that_a_redirect_names(
    mirror: Mirror, status: int, given_by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account: dict[str, Any] = {"username": "ann", "password": SECRET} if given_by == "options" else {}
    with storage(mirror) as (other, told), Front(status) as front:
        front.elsewhere = other.url
        mirror.base = front.url.replace("://", f"://ann:{SECRET}@") if given_by == "url" else front.url
        if given_by == "netrc":
            (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login ann password {SECRET}\n", encoding="ascii")
            monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        assert mirror.fetch(waive=["insecure_source"], **account)["changed"]
    assert front.told == [ANN] * 4
    assert told == [None, None]


def test_a_password_does_not_go_to_the_same_host_by_plain_http(mirror: Mirror, authority: Authority) -> None:
    with storage(mirror) as (other, told), Front(certificate=authority.issue("127.0.0.1")) as front:
        front.elsewhere = other.url
        mirror.base = front.url
        account = {"username": "ann", "password": SECRET, "ca_path": str(authority.path)}
        assert mirror.fetch(sha256=mirror.sha256, **account)["changed"]
    assert (front.told, told) == ([ANN, ANN], [None])


@pytest.mark.parametrize("elsewhere", ["file:///etc", "ftp://127.0.0.1", "gopher://127.0.0.1"])
def test_a_redirect_to_anything_but_a_web_server_is_not_followed(mirror: Mirror, elsewhere: str) -> None:
    with Front() as front:
        front.elsewhere = elsewhere
        message = str(refused(mirror.fetch, sha256=mirror.sha256, url=f"{front.url}/passwd"))
    assert f"it redirects to {elsewhere}/passwd, which is neither https nor http" in message


def test_redirects_without_end_are_not_followed(mirror: Mirror) -> None:
    with WebServer(lambda handler: (302, {"Location": f"{handler.path}x"}, b"")) as server:
        message = str(refused(mirror.fetch, sha256=mirror.sha256, url=f"{server.url}/{NAME}"))
        assert "it redirects more than 10 times" in message
        assert len(server.requests) == 11


def test_a_hash_over_plain_http_is_refused_before_a_password_goes_there(mirror: Mirror) -> None:
    with storage(mirror) as (server, told):
        mirror.base = server.url
        error = refused(mirror.fetch, username="ann", password=SECRET)
        assert (error.details, told) == ({"refusal": "insecure_source"}, [])
        assert mirror.fetch(waive=["insecure_source"])["changed"]
    assert str(error).startswith(
        f"refused: insecure_source: the SHA-256 of the archive comes over plain http, from {server.url}/SHA256SUMS."
    )
    assert """To proceed anyway: -e '{"nats_upgrade_waive": ["insecure_source"]}'""" in str(error)


def test_a_pinned_hash_is_enough_whatever_the_archive_comes_over(mirror: Mirror) -> None:
    with storage(mirror) as (server, _unused):
        mirror.base = server.url
        assert mirror.fetch(sha256=mirror.sha256)["changed"]
        package = {"variables": "nats_upgrade_package", "checksums_url": None, "dest": f"{mirror.dest}-package"}
        assert mirror.fetch(sha256=mirror.sha256, **package)["changed"]


def test_a_hash_by_https_is_enough_also_where_the_archive_is_kept_elsewhere(mirror: Mirror, authority: Authority) -> None:
    certificate = authority.issue("127.0.0.1")
    with storage(mirror) as (plain, _unused), storage(mirror, certificate) as (secure, _unused):
        addresses = {"url": f"{plain.url}/{NAME}", "checksums_url": f"{secure.url}/SHA256SUMS"}
        assert mirror.fetch(**addresses, ca_path=str(authority.path))["changed"]


def test_a_hash_by_https_that_is_redirected_to_plain_http_is_refused(mirror: Mirror, authority: Authority) -> None:
    with storage(mirror) as (other, _unused), Front(certificate=authority.issue("127.0.0.1")) as front:
        front.elsewhere = other.url
        mirror.base = front.url
        error = refused(mirror.fetch, ca_path=str(authority.path))
        assert error.details == {"refusal": "insecure_source"}
        assert "comes over plain http, to which it redirects, from https://127.0.0.1" in str(error)
        assert mirror.fetch(ca_path=str(authority.path), waive=["insecure_source"])["changed"]


def test_a_hash_from_a_server_whose_certificate_nobody_checks_is_refused(mirror: Mirror, authority: Authority) -> None:
    with storage(mirror, authority.issue("127.0.0.1")) as (server, told):
        mirror.base = server.url
        error = refused(mirror.fetch, validate_certs=False)
    assert (error.details, told) == ({"refusal": "insecure_source"}, [])
    assert "(nats_upgrade_validate_certs is false)" in str(error)


def flood(sent: threading.Event, header: bytes) -> Callable[[socket.socket], None]:
    """Sends for as long as anybody reads, 40 MiB at most."""

    def behave(connection: socket.socket) -> None:
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\n%s\r\n\r\n" % header)
            for _unused in range(640):
                connection.sendall(b"10000\r\n%s\r\n" % (b"x" * 0x10000))
        except OSError:
            sent.set()

    return behave


@pytest.mark.parametrize("header", [b"Transfer-Encoding: chunked", b"X: until the end"])
@pytest.mark.parametrize("what", ["archive", "checksums"])
def test_a_file_without_end_is_broken_off_and_not_kept(mirror: Mirror, header: bytes, what: str) -> None:
    broken_off = threading.Event()
    with RawServer(flood(broken_off, header)) as server:
        given = {"url": f"{server.url}/{NAME}", "sha256": mirror.sha256}
        if what == "checksums":
            given = {"checksums_url": f"{server.url}/SHA256SUMS", "waive": ["insecure_source"]}
        error = refused(mirror.fetch, max_mib=1, **given)
        assert broken_off.wait(30), "all of it was read"
    assert "has more than 1 MiB, which no release of nats-server has" in str(error)
    assert error.details == {"refusal": "no_archive"}
    assert mirror.kept() == []


def test_a_file_that_is_announced_as_too_large_is_not_read(mirror: Mirror) -> None:
    def behave(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n")
        connection.recv(1)

    with RawServer(behave) as server:
        message = str(refused(mirror.fetch, url=f"{server.url}/{NAME}", sha256=mirror.sha256, max_mib=1))
    assert "has more than 1 MiB" in message


def test_no_more_is_taken_than_was_announced(mirror: Mirror) -> None:
    content = mirror.archive.read_bytes()

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content + b"x" * 100_000))

    with RawServer(behave) as server:
        result = mirror.fetch(url=f"{server.url}/{NAME}", sha256=mirror.sha256)
    assert Path(result["path"]).read_bytes() == content


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nX: %s", id="header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n%s", id="body"),
    ],
)
def test_a_file_that_comes_byte_by_byte_is_left_though_no_pause_is_long(mirror: Mirror, answer: bytes) -> None:
    ended, sent_all = threading.Event(), threading.Event()

    def behave(connection: socket.socket) -> None:
        try:
            connection.sendall(answer.partition(b"%s")[0])
            for _unused in range(40):
                connection.sendall(b"x")
                threading.Event().wait(0.05)
            sent_all.set()
        finally:
            ended.set()

    with RawServer(behave) as server:
        given = {"url": f"{server.url}/{NAME}", "sha256": mirror.sha256}
        message = str(refused(mirror.fetch, timeout_seconds=0.3, whole_timeout_seconds=0.5, **given))
        assert ended.wait(30)
    assert not sent_all.is_set(), "it was waited for"
    assert "no complete answer within 0.3 s" in message or "broke off in the middle (timed out)" in message
    assert mirror.kept() == []


def test_a_file_that_is_packed_is_refused(mirror: Mirror) -> None:
    with WebServer(lambda _: (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b")) as server:
        message = str(refused(mirror.fetch, url=f"{server.url}/{NAME}", sha256=mirror.sha256))
    assert "its answer is packed (Content-Encoding: gzip), which was not asked for" in message


def test_what_is_no_regular_file_is_not_waited_for(mirror: Mirror, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, said in ((tmp_path / "pipe", "not a regular file"), (Path("/dev/zero"), "not a regular file"), (tmp_path, "not a")):
        assert said in str(refused(mirror.fetch, url=f"file://{path}", sha256=mirror.sha256))
    elsewhere = str(refused(mirror.fetch, url=f"file://elsewhere/{NAME}", sha256=mirror.sha256))
    assert f"file:// names a path on the controller, and no host: file:///elsewhere/{NAME}" in elsewhere


class Tunnel(RawServer):
    """A proxy that connects to where it is asked to by CONNECT."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        super().__init__(self.behave, reads=False)

    def behave(self, connection: socket.socket) -> None:
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += connection.recv(4096)
        self.asked.append(request)
        host, _colon, port = request.split()[1].decode().rpartition(":")
        with socket.create_connection((host, int(port))) as other:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=self.copy, args=(connection, other), daemon=True).start()
            self.copy(other, connection)

    @staticmethod
    def copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for data in iter(lambda: source.recv(1 << 16), b""):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def test_a_proxy_of_the_environment_is_asked_for_plain_http(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> Any:
        told.append(handler.headers.get("Proxy-Authorization"))
        handler.path = handler.path.removeprefix("http://mirror.invalid")
        return mirror.serve(handler)

    with WebServer(answer) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("://", f"://ann:{SECRET}@"))
        assert mirror.fetch(url=f"http://mirror.invalid/{NAME}", sha256=mirror.sha256)["changed"]
        assert proxy.requests == [f"http://mirror.invalid/{NAME}"]
        assert told == [ANN]
        monkeypatch.setenv("no_proxy", "127.0.0.1,mirror.invalid")
        assert "cannot be resolved" in str(refused(mirror.fetch, url=f"http://mirror.invalid/x{NAME}", sha256="1" * 64))


def test_a_proxy_of_the_environment_tunnels_https_and_sees_no_password_of_the_mirror(
    mirror: Mirror, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with storage(mirror, authority.issue("127.0.0.1")) as (server, told), Tunnel() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        mirror.base = server.url
        assert mirror.fetch(ca_path=str(authority.path), username="ann", password=SECRET)["changed"]
    assert told == [ANN, ANN]
    assert [request.split(b"\r\n")[0] for request in proxy.asked] == [b"CONNECT 127.0.0.1:%d HTTP/1.1" % server.port] * 2
    assert ANN.encode() not in b"".join(proxy.asked)


def test_a_proxy_that_does_not_let_us_through_is_named_so(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    with RawServer(refuse) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        message = str(refused(mirror.fetch, url=f"https://mirror.invalid/{NAME}", sha256=mirror.sha256))
    assert "the proxy answers HTTP 407 Proxy Authentication Required" in message


def test_an_address_without_a_host_is_a_fault() -> None:
    found = _stream.open_file("https:///x", _reply.Settings(), None, 1.0)
    assert isinstance(found, _reply.Fault)
