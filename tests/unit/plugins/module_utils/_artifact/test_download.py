from __future__ import annotations

import base64
import shutil
import socket
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import download as _download
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from tests.unit.releases import hash_of, release
from tests.unit.servers import RawServer, WebServer, free_port

NAME = "nats-server-v2.15.1-linux-amd64.tar.gz"


class Mirror:
    """A folder with a release and its SHA256SUMS, as NATS publishes them, and a place to fetch it to."""

    def __init__(self, root: Path) -> None:
        self.folder, self.dest = root / "mirror", root / "downloads"
        self.folder.mkdir()
        self.archive = release(self.folder)
        self.sha256 = hash_of(self.archive)
        self.sums = self.folder / "SHA256SUMS"
        self.sums.write_text(f"{'1' * 64}  {NAME.replace('amd64', 'arm64')}\n{self.sha256}  {NAME}\n", encoding="ascii")
        self.base, self.waive = f"file://{self.folder}", list[str]()

    def behind(self, server: WebServer) -> None:
        """Be fetched from a web server, as somebody who has waived what that means."""
        self.base, self.waive = server.url, ["insecure_source"]

    def fetch(self, check_mode: bool = False, **given: Any) -> dict[str, Any]:
        params = {name: spec.get("default") for name, spec in _download.SPEC.items()}
        params.update(url=f"{self.base}/{NAME}", checksums_url=f"{self.base}/SHA256SUMS", dest=str(self.dest))
        params.update(timeout_seconds=5.0, waive=self.waive)
        return _download.fetch({**params, **given}, check_mode=check_mode)

    def serve(self, handler: BaseHTTPRequestHandler) -> Any:
        file = self.folder / handler.path.partition("?")[0].lstrip("/")
        return (200, {}, file.read_bytes()) if file.is_file() else (404, {}, b"no such file")

    def kept(self) -> list[Path]:
        return [path for path in self.dest.rglob("*") if path.is_file()]


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path)


@pytest.fixture
def web(mirror: Mirror) -> Iterator[WebServer]:
    """The mirror behind a web server."""
    with WebServer(mirror.serve) as server:
        mirror.behind(server)
        yield server


def refused(fetch: Callable[..., Any], **given: Any) -> NatsError:
    with pytest.raises(NatsError) as caught:
        fetch(**given)
    return caught.value


def test_an_archive_is_fetched_from_a_folder_with_its_hash_proved(mirror: Mirror) -> None:
    result = mirror.fetch()
    assert (result["changed"], result["sha256"]) == (True, mirror.sha256)
    assert Path(result["path"]).read_bytes() == mirror.archive.read_bytes()
    assert Path(result["path"]).name == NAME
    assert mirror.kept() == [Path(result["path"])]


def test_an_archive_is_fetched_from_a_web_server(mirror: Mirror, web: WebServer) -> None:
    result = mirror.fetch()
    assert Path(result["path"]).read_bytes() == mirror.archive.read_bytes()
    assert web.requests == ["/SHA256SUMS", f"/{NAME}"]


def test_an_archive_that_is_there_is_not_fetched_again(mirror: Mirror, web: WebServer) -> None:
    first = mirror.fetch()
    assert mirror.fetch() == {**first, "changed": False}
    assert web.requests.count(f"/{NAME}") == 1


def test_an_archive_that_was_damaged_since_is_fetched_again(mirror: Mirror) -> None:
    path = Path(mirror.fetch()["path"])
    path.write_bytes(b"damaged")
    assert mirror.fetch()["changed"]
    assert hash_of(path) == mirror.sha256


def test_archives_of_one_name_and_different_content_do_not_meet(mirror: Mirror) -> None:
    first = mirror.fetch()["path"]
    release(mirror.folder, "2.15.1", holds="2.15.0")
    second = mirror.fetch(sha256=hash_of(mirror.archive))["path"]
    assert first != second
    assert len(mirror.kept()) == 2


def test_a_check_says_that_it_would_fetch_and_saves_nothing(mirror: Mirror) -> None:
    assert mirror.fetch(check_mode=True)["changed"]
    assert not mirror.dest.exists()


def test_redirects_are_followed_because_releases_lie_behind_them(mirror: Mirror) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> Any:
        if handler.path.startswith("/moved/"):
            return mirror.serve_from(handler.path[len("/moved/") :])  # type: ignore[attr-defined]
        return 302, {"Location": f"/moved{handler.path}"}, b""

    mirror.serve_from = lambda name: (200, {}, (mirror.folder / name).read_bytes())  # type: ignore[attr-defined]
    with WebServer(answer) as server:
        mirror.behind(server)
        assert mirror.fetch()["changed"]


def test_a_hash_that_is_given_comes_before_the_published_ones(mirror: Mirror, web: WebServer) -> None:
    mirror.sums.write_text(f"{'2' * 64}  {NAME}\n", encoding="ascii")
    assert mirror.fetch(sha256=mirror.sha256.upper())["sha256"] == mirror.sha256
    assert "/SHA256SUMS" not in web.requests


def test_an_archive_with_another_hash_is_refused_and_not_kept(mirror: Mirror) -> None:
    error = refused(mirror.fetch, sha256="0" * 64)
    assert f"{NAME} has the SHA-256 {mirror.sha256}, and should have {'0' * 64}" in str(error)
    assert error.details == {"refusal": "wrong_hash"}
    assert mirror.kept() == []


@pytest.mark.parametrize("sha256", ["abc", "z" * 64, "0" * 63, "0" * 65])
def test_a_hash_that_is_none_is_refused(mirror: Mirror, sha256: str) -> None:
    error = refused(mirror.fetch, sha256=sha256)
    assert str(error).startswith(f"refused: nats_upgrade_archive_sha256 is '{sha256}', which is not a SHA-256")
    assert error.details == {"refusal": "no_hash"}


def test_without_any_hash_nothing_is_fetched(mirror: Mirror, web: WebServer) -> None:
    error = refused(mirror.fetch, checksums_url=None)
    assert str(error).startswith(f"refused: there is no hash for {NAME}: no hash, no install")
    assert web.requests == []


@pytest.mark.parametrize(
    "line",
    ["", "{other}  " + NAME + ".sig", "abc  " + NAME, "{sha256}", NAME + "  {sha256}"],
    ids=["empty", "signature-only", "short-hash", "no-name", "wrong-way-round"],
)
def test_an_archive_that_the_list_does_not_name_is_refused(mirror: Mirror, line: str) -> None:
    mirror.sums.write_text(line.format(sha256=mirror.sha256, other="3" * 64) + "\n", encoding="ascii")
    error = refused(mirror.fetch)
    assert f"/SHA256SUMS lists no SHA-256 of {NAME}: no hash, no install" in str(error)
    assert error.details == {"refusal": "no_hash"}
    assert mirror.kept() == []


@pytest.mark.parametrize("line", ["{0}  {1}", "{0} *{1}", "{0} {1}", "{0}  {1}\r"])
def test_a_list_may_be_written_in_every_way_that_sha256sum_reads(mirror: Mirror, line: str) -> None:
    mirror.sums.write_text(line.format(mirror.sha256.upper(), NAME) + "\n", encoding="ascii")
    assert mirror.fetch()["sha256"] == mirror.sha256


@pytest.mark.parametrize("scheme", ["file", "http"])
@pytest.mark.parametrize("missing", ["archive", "sums"])
def test_a_release_that_is_not_there_is_refused_with_what_to_check(
    request: pytest.FixtureRequest, mirror: Mirror, scheme: str, missing: str
) -> None:
    if scheme == "http":
        request.getfixturevalue("web")
    path: Path = getattr(mirror, missing)
    path.unlink()
    error = refused(mirror.fetch)
    assert str(error).startswith(f"refused: {mirror.base}/{path.name} cannot be read: ")
    variable = "nats_upgrade_archive_url" if missing == "archive" else "nats_upgrade_checksums_url"
    assert f"check nats_upgrade_version and {variable}" in str(error)
    if scheme == "http":
        assert "404" in str(error)
        assert "Nothing was touched; there is no such release, or the mirror has another layout" in str(error)
    assert error.details == {"refusal": "no_archive"}
    assert mirror.kept() == []


def test_a_mirror_that_does_not_answer_is_refused_with_what_to_check(mirror: Mirror) -> None:
    mirror.base, mirror.waive = f"http://127.0.0.1:{free_port()}", ["insecure_source"]
    error = refused(mirror.fetch)
    assert f"{mirror.base}/SHA256SUMS cannot be read: connection refused. Nothing was touched; check that the controller" in str(
        error
    )


def breaks_off(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\nnot all of it")


def falls_silent(connection: socket.socket) -> None:
    breaks_off(connection)
    connection.recv(1)


def test_an_archive_that_breaks_off_is_refused_and_not_kept(mirror: Mirror) -> None:
    with RawServer(breaks_off) as server:
        error = refused(mirror.fetch, sha256=mirror.sha256, url=f"{server.url}/{NAME}")
    assert f"{server.url}/{NAME}" in str(error)
    assert mirror.kept() == []


def test_an_archive_that_stops_coming_is_the_mirrors_fault_and_not_the_disks(mirror: Mirror) -> None:
    with RawServer(falls_silent) as server:
        error = refused(mirror.fetch, sha256=mirror.sha256, url=f"{server.url}/{NAME}", timeout_seconds=0.2)
    assert mirror.kept() == []
    assert f"{server.url}/{NAME} broke off in the middle" in str(error)


@pytest.mark.parametrize("behave", [breaks_off, falls_silent])
def test_a_list_that_does_not_come_whole_is_refused(mirror: Mirror, behave: Callable[..., None]) -> None:
    with RawServer(behave) as server:
        waived = {"waive": ["insecure_source"], "timeout_seconds": 0.2}
        error = refused(mirror.fetch, checksums_url=f"{server.url}/SHA256SUMS", **waived)
    assert f"refused: {server.url}/SHA256SUMS " in str(error)
    assert mirror.kept() == []


def test_a_folder_that_cannot_be_written_is_named(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    error = refused(mirror.fetch, dest=str(tmp_path / "file"))
    assert str(error).startswith(f"cannot save {tmp_path}/file/{mirror.sha256[:12]}/{NAME} on the controller: ")
    assert "set nats_upgrade_download_dir to a folder that can be written" in str(error)


def test_user_and_password_are_sent_with_the_first_request(mirror: Mirror) -> None:
    expected = "Basic " + base64.b64encode(b"ann:s3cret/@:").decode()

    def answer(handler: BaseHTTPRequestHandler) -> Any:
        return mirror.serve(handler) if handler.headers.get("Authorization") == expected else (401, {}, b"")

    with WebServer(answer) as server:
        mirror.behind(server)
        assert mirror.fetch(username="ann", password="s3cret/@:")["changed"]
        assert len(server.requests) == 2
        error = refused(mirror.fetch, username="ann", password="wr0ng", dest=f"{mirror.dest}-2")
    assert "HTTP 401" in str(error)
    assert "check nats_upgrade_archive_username and nats_upgrade_archive_password" in str(error)
    assert "wr0ng" not in str(error)


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_password_in_the_address_is_in_no_message(mirror: Mirror, status: int) -> None:
    with WebServer(lambda _: (status, {}, b"")) as server:
        mirror.behind(server)
        mirror.base = server.url.replace("http://", "http://jdoe:s3cret@")
        for given in ({}, {"sha256": "0" * 64}):
            error = refused(mirror.fetch, **given)
            assert "s3cret" not in str(error)
            assert "jdoe" not in str(error)
            assert f"127.0.0.1:{server.port}" in str(error)


def test_a_password_in_the_address_is_not_shown_with_a_wrong_hash(mirror: Mirror, web: WebServer) -> None:
    mirror.base = mirror.base.replace("http://", "http://jdoe:s3cret@")
    error = refused(mirror.fetch, sha256="0" * 64)
    assert error.details == {"refusal": "wrong_hash"}
    assert "s3cret" not in str(error)


def test_a_query_is_no_part_of_the_name(mirror: Mirror, web: WebServer) -> None:
    assert Path(mirror.fetch(url=f"{mirror.base}/{NAME}?token=1")["path"]).name == NAME


def test_a_path_is_taken_where_it_lies_and_proved_where_there_is_a_hash(mirror: Mirror) -> None:
    there = {"path": str(mirror.archive), "sha256": mirror.sha256, "changed": False}
    assert mirror.fetch(url=str(mirror.archive)) == there
    assert mirror.fetch(url=str(mirror.archive), sha256=mirror.sha256.upper()) == there
    assert mirror.kept() == []
    other = str(refused(mirror.fetch, url=str(mirror.archive), sha256="1" * 64, variables="nats_upgrade_package"))
    assert "and should have 1111" in other
    assert other.endswith("Take the right file, or mend nats_upgrade_package_sha256. Nothing was touched")
    missing = str(refused(mirror.fetch, url="/no/such.deb", variables="nats_upgrade_package"))
    assert missing.startswith("refused: /no/such.deb on the controller cannot be read (No such file or directory)")


def test_an_address_of_a_package_without_a_hash_names_the_variable_of_packages(mirror: Mirror) -> None:
    message = str(refused(mirror.fetch, checksums_url=None, variables="nats_upgrade_package"))
    assert message.endswith("no hash, no install. Set nats_upgrade_package_sha256")


# What is asked before anything is fetched.


def ask(mirror: Mirror, **given: Any) -> dict[str, Any]:
    params = {name: spec.get("default") for name, spec in _download.SPEC.items()}
    params.update(url=f"{mirror.base}/{NAME}", checksums_url=f"{mirror.base}/SHA256SUMS", dest=str(mirror.dest))
    params.update(timeout_seconds=5.0, waive=mirror.waive)
    return _download.act({**params, "state": "asked", **given}, check_mode=False)


def test_what_can_be_had_is_known_by_its_hash_and_size_and_nothing_is_saved(mirror: Mirror, web: WebServer) -> None:
    size = mirror.archive.stat().st_size
    found = ask(mirror)
    assert (found["sha256"], found["size"], found["changed"]) == (mirror.sha256, size, False)
    assert not mirror.dest.exists()
    assert web.requests == ["/SHA256SUMS", f"/{NAME}"]
    assert ask(mirror, url=str(mirror.archive))["size"] == size
    mirror.base = f"file://{mirror.folder}"
    assert ask(mirror)["size"] == size


def test_of_an_archive_that_lies_there_with_its_hash_the_mirror_is_not_asked(mirror: Mirror, web: WebServer) -> None:
    path = mirror.fetch()["path"]
    web.requests.clear()
    found = ask(mirror, sha256=mirror.sha256)
    assert (found["path"], found["size"], web.requests) == (path, mirror.archive.stat().st_size, [])


@pytest.mark.parametrize("status", [403, 405, 501])
def test_a_mirror_that_refuses_to_be_asked_is_read_from(mirror: Mirror, status: int) -> None:
    asked = []

    def answer(handler: BaseHTTPRequestHandler) -> Any:
        asked.append(handler.command)
        return (status, {}, b"") if handler.command == "HEAD" else mirror.serve(handler)

    with WebServer(answer) as server:
        mirror.behind(server)
        assert ask(mirror)["size"] == mirror.archive.stat().st_size
    assert asked == ["GET", "HEAD", "GET"]


def test_an_archive_that_is_not_there_is_told_before_it_is_fetched_with_the_variable_of_its_address(
    mirror: Mirror, web: WebServer
) -> None:
    mirror.archive.unlink()
    error = refused(ask, mirror=mirror)
    assert str(error) == (
        f"refused: {web.url}/{NAME} cannot be read: HTTP 404 Not Found. Nothing was touched; there is no such release, or the "
        "mirror has another layout: check nats_upgrade_version and nats_upgrade_archive_url"
    )
    package = str(refused(ask, mirror=mirror, sha256="1" * 64, variables="nats_upgrade_package"))
    assert package.endswith("check nats_upgrade_version and nats_upgrade_package_file")


def test_an_announced_size_that_is_too_large_is_refused(mirror: Mirror, web: WebServer) -> None:
    error = refused(ask, mirror=mirror, max_mib=0)
    assert "has more than 0 MiB, which no release of nats-server has" in str(error)


def test_nodes_without_room_are_named_with_what_they_have(mirror: Mirror) -> None:
    nodes = {
        "n1": {"free_bytes": 5 << 20, "binary_path": "/opt/nats/nats-server"},
        "n2": {"free_bytes": 1 << 40, "binary_path": "/opt/nats/nats-server"},
        "n3": {"free_bytes": None, "binary_path": "/opt/nats/nats-server"},
    }
    error = refused(ask, mirror=mirror, nodes=nodes)
    assert "refused: there is no room for the new version: n1 has 5 MiB free in /opt/nats. It is unpacked" in str(error)
    assert error.details == {"refusal": "no_room"}
    assert ask(mirror, nodes={**nodes, "n1": nodes["n2"]})["sha256"] == mirror.sha256


def test_a_download_folder_that_cannot_hold_it_is_told_with_its_variable(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    error = refused(ask, mirror=mirror, dest=str(tmp_path / "file"))
    assert f"could not be saved on the controller: {tmp_path}/file: it is no folder. Nothing was touched; set" in str(error)
    assert "nats_upgrade_download_dir" in str(error)
    monkeypatch.setattr(_download.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))  # type: ignore[attr-defined]
    error = refused(ask, mirror=mirror)
    assert f"refused: {tmp_path} on the controller has 0 MiB free, and {NAME} has 0." in str(error)
    assert error.details == {"refusal": "no_room"}


def test_a_folder_that_was_made_for_an_archive_that_is_not_kept_goes_again(mirror: Mirror) -> None:
    refused(mirror.fetch, sha256="0" * 64)
    assert not mirror.dest.exists()
    mirror.fetch()
    assert len(mirror.kept()) == 1
