from __future__ import annotations

import gc
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._read.http_door import Door, HttpxDoor, PlainDoor
from ansible_collections.natsops.cluster.plugins.module_utils._read.monitor import (
    Target,
    read_clients,
    read_connections,
    read_facts,
    read_members,
    read_state,
)
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Answer, Fault, Reply, Settings
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading
from tests.lab.binaries import ROOT, server_binary
from tests.lab.certificates import Authority
from tests.lab.many_servers import ManyServers
from tests.lab.ports import free_ports
from tests.lab.processes import wait_until
from tests.unit import servers
from tests.unit.fleets import judged
from tests.unit.nats import ManyAccounts, SimulatedServer
from tests.unit.recorded import FIXTURES, NAMES, OLDEST_AND_NEWEST, VERSIONS, RecordedDoor, answers, read
from tests.unit.servers import RawServer, WebServer


@pytest.fixture(params=[HttpxDoor, PlainDoor], ids=["httpx", "plain"])
def door(request: pytest.FixtureRequest) -> Any:
    # What is not about time has enough of it on a machine that is busy with other tests.
    with request.param(Settings(timeout_seconds=60)) as opened:
        yield opened


def state_of(door: Door, url: str) -> Reading:
    return read_state(door, [Target("n1", url)])[0]


def test_one_reading_for_each_server_in_the_order_asked(door: Door) -> None:
    with SimulatedServer(name="n1") as n1, SimulatedServer(name="n2") as n2:
        targets = [Target("second", n2.url), Target("none", f"http://127.0.0.1:{servers.free_port()}"), Target("first", n1.url)]
        for read_them in (read_facts, read_state):
            readings = read_them(door, targets)
            assert [reading.name for reading in readings] == ["second", "none", "first"]
            assert [reading.facts and reading.facts.server_name for reading in readings] == ["n2", None, "n1"]
            assert readings[1] == Reading("none", targets[1].monitor_url, error="connection refused")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_state_of_every_version_is_read_in_full(version: str) -> None:
    for reading in read(version):
        assert not reading.error
        assert reading.health is not None
        assert reading.health.ok
        assert reading.peers == set(NAMES) - {reading.name}
        assert reading.group_names == {placement.raft_group for placement in reading.placements}
        assert len(reading.placements) == 3


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
def test_a_server_that_is_starting_is_a_reading_without_groups_and_no_error(version: str) -> None:
    reading = read(version, "starting", ["n3"])[0]
    assert not reading.error
    assert reading.groups == ()
    assert reading.health is not None
    assert reading.health.status == 500


def test_a_server_that_was_asked_before_its_jetstream_was_there_has_it_all_the_same() -> None:
    for name in NAMES:
        assert "config" not in answers("2.15.1/asked_early", name)["/varz"]["body"]["jetstream"]
    readings = read("2.15.1", "asked_early")
    assert [reading.name for reading in readings if not reading.facts or not reading.facts.jetstream] == []
    for reading in readings:
        assert {"_meta_", *(placement.raft_group for placement in reading.placements)} <= reading.group_names
    with RecordedDoor(FIXTURES / "2.15.1" / "asked_early") as door:
        facts = read_facts(door, [Target(name, f"http://{name}:8222") for name in NAMES])
    for reading in (*readings, *facts):
        assert (reading.facts.store_dir if reading.facts else "").endswith(f"/{reading.name}/js/jetstream"), reading


def test_facts_are_read_with_two_requests_and_no_more(door: Door) -> None:
    with SimulatedServer() as server:
        reading = read_facts(door, [Target("n1", server.url)])[0]
        assert sorted(server.requests) == ["/routez", "/varz"]
    assert reading.facts is not None
    assert reading.peers == {"n2", "n3"}
    assert reading.health is None


def test_members_are_read_in_two_rounds_and_what_does_not_answer_is_asked_once(door: Door) -> None:
    with SimulatedServer("2.15.1/supercluster") as server, WebServer(lambda _: (500, {}, b"")) as broken:
        up, down = read_members(door, [Target("n1", server.url), Target("n2", broken.url)])
        assert server.requests[0] == "/varz"
        assert sorted(server.requests[1:]) == ["/gatewayz", "/routez"]
        assert broken.requests == ["/varz"]
    assert up.peers == {"n2", "n3"}
    assert up.gateways == set(up.gateway_ids) == {"west"}
    assert [len(ids) for ids in up.gateway_ids.values()] == [1]
    assert "HTTP 500" in down.error


# Who asks for which path.
READ_BY: dict[str, tuple[Callable[..., list[Reading]], ...]] = {
    "/varz": (read_facts, read_members, read_state),
    "/routez": (read_facts, read_members, read_state),
    # Of the servers beyond gateways a look at the state needs nothing.
    "/gatewayz": (read_members,),
    **dict.fromkeys(("/healthz", "/jsz", "/raftz"), (read_state,)),
}


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("/varz", {"cluster": "lab"}),
        ("/varz", {"cluster": {"name": ["lab"]}}),
        ("/varz", {"jetstream": {"meta": 7}}),
        ("/varz", {"connections": "many"}),
        ("/varz", {"connections": float("inf")}),
        ("/varz", {"connect_urls": [7]}),
        ("/varz", {"jetstream": {"stats": {"api": {"level": "high"}}}}),
        ("/varz", {"git_commit": None}),
        ("/varz", {"gateway": {"gateways": [{}]}}),
        ("/routez", {"routes": {"n2": 1}}),
        ("/routez", {"routes": [{"remote_name": ["n2"]}]}),
        ("/routez", {"routes": [{"remote_name": 7}]}),
        ("/healthz", {"status": "error", "errors": 7}),
        ("/jsz", {"account_details": [{"name": 7}]}),
        ("/jsz", {"account_details": "many"}),
        ("/jsz", {"meta_cluster": {"cluster_size": "many"}}),
        ("/raftz", {"SYS": {"_meta_": 7}}),
        ("/raftz", {"SYS": {"_meta_": {"leader": 7}}}),
        ("/raftz", {"SYS": {"_meta_": {"applied": float("inf")}}}),
        ("/gatewayz", {"inbound_gateways": {"east": 7}}),
        ("/gatewayz", {"outbound_gateways": {"east": "w1"}}),
        ("/gatewayz", {"outbound_gateways": [7]}),
    ],
)
def test_an_answer_of_another_shape_is_an_error_of_that_server_alone(door: Door, path: str, change: dict[str, Any]) -> None:
    with SimulatedServer("2.15.1/supercluster") as odd, SimulatedServer() as server:
        odd.answers[path]["body"].update(change)
        targets = [Target("odd", odd.url), Target("n1", server.url)]
        for read_them in READ_BY[path]:
            first, second = read_them(door, targets)
            assert (first.facts, first.lasting) == (None, True), read_them
            assert "is this the monitoring port of one?" in first.error or "not the monitoring port" in first.error
            assert second.facts is not None


@pytest.mark.parametrize("garbage", [b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000, b'{"server_id": 1e999}', b"\xff\xfe"])
def test_garbage_is_an_error_of_that_server_alone(door: Door, garbage: bytes) -> None:
    with WebServer(lambda _: (200, {}, garbage)) as odd, SimulatedServer() as server:
        targets = [Target("odd", odd.url), Target("n1", server.url)]
        for read_them in (read_facts, read_members, read_state):
            first, second = read_them(door, targets)
            assert (first.facts, first.lasting, bool(first.error)) == (None, True, True)
            assert second.facts is not None


@pytest.mark.parametrize("connz", [b"[]", b"[" * 100_000, *(b'{"connections": %s}' % one for one in (b"7", b"[7]", b'{"n": 1}'))])
def test_connections_of_another_shape_are_an_error_with_the_name_of_the_server(connz: bytes) -> None:
    said = r"n1 http://.*(another shape|not JSON)"
    with WebServer(lambda _: (200, {}, connz)) as server, HttpxDoor(Settings()) as door:
        with pytest.raises(NatsError, match=said):
            read_clients(door, Target("n1", server.url), 10)
        with pytest.raises(NatsError, match=said):
            read_connections(door, [Target("n1", server.url)])


@pytest.mark.parametrize("odd", [{"cid": "x"}, {"cid": None}, {"name": 7}, {"account": []}, {"port": {}}])
def test_a_connection_with_another_type_is_an_error_with_the_name_of_the_server(odd: dict[str, Any]) -> None:
    connz = json.dumps({"connections": [{"cid": 7, "kind": "Client", "account": "APP", "name": "a", "port": 5, **odd}]}).encode()
    with WebServer(lambda _: (200, {}, connz)) as server, HttpxDoor(Settings()) as door:
        said = rf"^n1 {server.url}: an answer has another shape than a NATS server's"
        for read_them in (lambda at: read_clients(door, at, 10), lambda at: read_connections(door, [at])):
            with pytest.raises(NatsError, match=said):
                read_them(Target("n1", server.url))


@pytest.mark.parametrize(
    "config", [{"metadata": True}, {"metadata": ["x"]}, {"max_msgs_per_subject": "many"}, {"max_msgs_per_subject": [1]}]
)
def test_a_stream_with_another_type_in_what_is_judged_is_an_error_of_its_server(config: dict[str, Any]) -> None:
    jsz = {"account_details": [{"name": "APP", "stream_detail": [{"name": "S", "config": {"num_replicas": 1, **config}}]}]}
    with SimulatedServer() as server, HttpxDoor(Settings()) as door:
        server.answers["/jsz"]["body"] = jsz
        (reading,) = read_state(door, [Target("n1", server.url)], assets=True)
    assert reading.error.startswith("an answer has another shape than a NATS server's (metadata is ")


def test_half_a_surrogate_in_a_name_is_written_out_and_a_whole_pair_is_what_it_stands_for(door: Door) -> None:
    body = {**answers("2.15.1")["/varz"]["body"], "server_name": "n\ud800", "tags": ["\U0001f600"]}
    with SimulatedServer() as server:
        server.answers["/varz"] = (200, {}, json.dumps(body).encode())  # type: ignore[assignment]
        (reading,) = read_facts(door, [Target("n1", server.url)])
        (reply,) = door.get_many([f"{server.url}/varz"])
    assert reading.facts is not None
    assert reading.facts.server_name == "n\\ud800"
    assert isinstance(reply, Answer)
    assert reply.body["tags"] == ["\U0001f600"]


# Reads in a process of its own, which may have only so many files open.
READ_WITH_FEW_FILES = """
import pickle, resource, sys
import conftest
from ansible_collections.natsops.cluster.plugins.module_utils._read import http_door, monitor, reply
kind, files, max_in_flight, targets = pickle.load(sys.stdin.buffer)
resource.setrlimit(resource.RLIMIT_NOFILE, (files, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
with getattr(http_door, kind)(reply.Settings(timeout_seconds=60, max_in_flight=max_in_flight)) as door:
    pickle.dump(monitor.read_members(door, targets), sys.stdout.buffer)
"""


def read_with_few_files(kind: type[Door], files: int, max_in_flight: int, targets: list[Target]) -> list[Reading]:
    given = pickle.dumps((kind.__name__, files, max_in_flight, targets))
    argv = [sys.executable, "-c", READ_WITH_FEW_FILES]
    readings: list[Reading] = pickle.loads(subprocess.run(argv, input=given, cwd=ROOT, capture_output=True, check=True).stdout)
    return readings


@pytest.mark.parametrize(
    ("kind", "files", "allowed", "most", "count"),
    [
        # 1024 is what a process has where nobody says otherwise.
        pytest.param(HttpxDoor, 1024, 40, 40, 1100, id="httpx"),
        # More at once than there are files for: a third of those are taken.
        pytest.param(HttpxDoor, 300, 5000, 100, 400, id="httpx, more than there are files"),
        pytest.param(PlainDoor, 32, 5000, 10, 35, id="plain, more than there are files"),
    ],
)
def test_more_servers_than_files_are_read_and_judged_with_no_more_requests_at_once_than_allowed(
    kind: type[Door], files: int, allowed: int, most: int, count: int
) -> None:
    varz = {"version": "2.15.1", "start": "2026-11-21T09:00:00Z"}

    def answer(number: int, path: str) -> Any:
        if number == 7:
            raise ConnectionResetError
        if number == 8:
            return b"<html>" if path == "/varz" else {}
        name = f"h{7 if number == 9 else number}"
        cluster = {"name": f"c{number // 5}"}
        return {"/varz": {**varz, "server_id": f"ID-{name}", "server_name": name, "cluster": cluster}, "/routez": {}}[path]

    with ManyServers(answer) as servers:
        everybody = [Target(f"h{number}", servers.url(number)) for number in range(count)]
        readings = read_with_few_files(kind, files, allowed, everybody)
    drift = judged(readings, whole=False)
    assert servers.most_at_once <= most
    assert servers.requests == count + count - 2
    assert [reading.name for reading in readings] == [target.name for target in everybody]
    assert [reading.name for reading in drift.fleet.silent] == ["h7", "h8"]
    assert len(drift.fleet.servers) == count - 2
    assert (len(drift.clusters), sum(len(cluster.servers) for cluster in drift.clusters)) == (count // 5, count - 2)
    assert {"silent_server", "unreadable_server", "wrong_server"} <= set(drift.failed)


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_base_path_is_part_of_the_address(door: Door, slash: str) -> None:
    with SimulatedServer(base_path="/nats") as server:
        assert not state_of(door, f"{server.url}/nats{slash}").error
        without = state_of(door, server.url)
    assert without.error == "HTTP 404 for /varz: is the server's http_base_path part of the monitor URL?"
    assert without.lasting


@pytest.mark.parametrize(
    ("answer", "words", "lasting"),
    [
        pytest.param(
            (200, {}, b"<html>hello</html>"), "HTTP 200 for /varz is not JSON but '<html>hello</html>'", True, id="html"
        ),
        pytest.param((200, {}, b'{"status": "up"}'), "/varz lacks server_id, server_name, version, start", True, id="other-json"),
        pytest.param((200, {}, b"[1]"), "/varz is not what a NATS server answers", True, id="list"),
        pytest.param((500, {}, b'{"error": "x"}'), "HTTP 500 for /varz", False, id="500"),
        pytest.param((401, {}, b""), "HTTP 401: something in front", True, id="401"),
        pytest.param((302, {"Location": "/login"}, b""), "HTTP 302 redirects to /login", True, id="redirect"),
        pytest.param((502, {}, b"Bad Gateway"), "HTTP 502 from a proxy", False, id="proxy"),
    ],
)
def test_the_answer_of_something_else_is_a_reading_with_an_error(door: Door, answer: Any, words: str, lasting: bool) -> None:
    with WebServer(lambda _: answer) as server:
        for reading in (state_of(door, server.url), read_facts(door, [Target("n1", server.url)])[0]):
            assert reading.error.startswith(words)
            assert reading.lasting is lasting
            assert reading.facts is None


def test_a_server_that_breaks_off_is_a_reading_with_an_error_that_waiting_may_mend(door: Door) -> None:
    with RawServer(servers.truncate) as server:
        reading = state_of(door, server.url)
    assert reading.error
    assert not reading.lasting


@pytest.mark.parametrize("path", ["/varz", "/routez", "/jsz", "/raftz", "/raftz?acc=APP"])
def test_a_server_that_goes_away_between_two_requests_has_no_half_of_a_reading(door: Door, path: str) -> None:
    with SimulatedServer() as server:
        server.answers[path] = (503, {}, b"gone")  # type: ignore[assignment]
        reading = state_of(door, server.url)
    assert reading == Reading("n1", server.url, error="HTTP 503 from a proxy: no server behind it")


def test_an_error_of_raftz_in_json_is_no_crash(door: Door) -> None:
    with SimulatedServer() as server:
        server.answers["/raftz"] = {"status": 500, "body": {"error": "internal"}}
        reading = state_of(door, server.url)
    assert reading.error or len(reading.groups) == 2


def test_a_jsz_that_is_no_record_is_a_reading_with_an_error(door: Door) -> None:
    with SimulatedServer() as server:
        server.answers["/jsz"]["body"] = []
        assert state_of(door, server.url).error


def test_no_groups_are_asked_for_where_there_is_no_jetstream(door: Door) -> None:
    with SimulatedServer() as server:
        server.be_alone()
        reading = state_of(door, server.url)
        assert not [path for path in server.requests if path.startswith("/raftz")]
    assert not reading.error
    assert (reading.groups, reading.placements, reading.peers) == ((), (), frozenset())


def test_an_account_with_any_name_is_asked_for_by_that_name(door: Door) -> None:
    name = "Orders & Co/ä"
    with SimulatedServer() as server:
        server.answers["/jsz"]["body"]["account_details"][0].update(name=name, id=name)
        server.answers[f"/raftz?acc={name}"] = server.answers.pop("/raftz?acc=APP")
        reading = state_of(door, server.url)
        assert "/raftz?acc=Orders%20%26%20Co%2F%C3%A4" in server.requests
    assert len(reading.groups) == 3


@pytest.mark.parametrize(
    ("count", "pages"),
    [
        pytest.param(3, [0], id="a-few"),
        pytest.param(1023, [0], id="one-less-than-a-page"),
        pytest.param(1024, [0, 1024], id="a-full-page"),
        pytest.param(1025, [0, 1024], id="one-more"),
        pytest.param(2500, [0, 1024, 2048], id="three-pages"),
    ],
)
def test_accounts_are_read_page_by_page_until_there_are_no_more(count: int, pages: list[int]) -> None:
    server = ManyAccounts(count)
    reading = state_of(server, "http://n1:8222")
    assert not reading.error
    assert server.pages == pages
    assert {placement.label for placement in reading.placements} == {f"{name} > S" for name in server.accounts}
    assert reading.group_names == {f"S-{name}" for name in server.accounts} | {"S-SYS"}


def test_a_page_that_cannot_be_read_leaves_no_half_of_a_reading() -> None:
    server = ManyAccounts(1500)
    server.faults[1024] = Fault("connection refused")
    assert state_of(server, "http://n1:8222") == Reading("n1", "http://n1:8222", error="connection refused")


class Endless(ManyAccounts):
    """Whatever page is asked for, there is one more, of so many accounts."""

    def __init__(self, in_a_page: int) -> None:
        super().__init__(0)
        self.in_a_page = in_a_page

    def _page(self, first: int, limit: int) -> Reply:
        self.accounts = [f"A{number}" for number in range(first, first + self.in_a_page)]
        self.pages.append(first)
        return Answer(200, {"account_details": [{"name": name, "id": name} for name in self.accounts]}, "")


@pytest.mark.parametrize(("in_a_page", "pages"), [(1024, 3), (5000, 1)])
def test_a_server_that_never_comes_to_the_end_of_its_accounts_is_not_read_for_ever(
    in_a_page: int, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_monitor, "MOST_ACCOUNTS", 3000)
    server = Endless(in_a_page)
    reading = state_of(server, "http://n1:8222")
    assert reading.error == "/jsz names more than 3000 accounts: is it a NATS server?"
    assert reading.lasting
    assert len(server.pages) == pages


@pytest.mark.parametrize(("in_a_page", "requests"), [(1024, 4), (1025, 1)])
def test_a_server_that_never_comes_to_the_end_of_its_connections_is_not_read_for_ever(
    in_a_page: int, requests: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_monitor, "MOST_CONNECTIONS", 2048)
    connz = {"connections": [{"cid": number} for number in range(in_a_page)]}
    with WebServer(lambda _: connz) as server, HttpxDoor(Settings(timeout_seconds=60)) as door:
        with pytest.raises(NatsError, match="/connz gives more connections than it was asked for"):
            _monitor.read_connections(door, [Target("n1", server.url)])
        assert len(server.requests) == requests


@pytest.fixture(scope="module")
def secure_server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A real nats-server with https monitoring; gives its port and the file of its authority."""
    folder: Path = tmp_path_factory.mktemp("secure")
    authority = Authority(folder, "our-authority")
    pem, port = authority.issue("127.0.0.1"), free_ports(1).monitor
    tls = f'tls {{ cert_file: "{pem}", key_file: "{pem}" }}'
    config = folder / "nats.conf"
    config.write_text(f'server_name: n1\nlisten: "127.0.0.1:-1"\nhttps: "127.0.0.1:{port}"\n{tls}\n', encoding="utf-8")
    with (folder / "nats.log").open("wb") as log:
        process = subprocess.Popen([server_binary("2.15.1"), "-c", config], stdout=log, stderr=log)
    try:
        with HttpxDoor(Settings(validate_certs=False)) as door:
            assert wait_until(lambda: not state_of(door, f"https://127.0.0.1:{port}").error, 10.0)
        yield port, str(authority.path)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("kind", [HttpxDoor, PlainDoor], ids=["httpx", "plain"])
def test_a_real_server_is_read_by_https(secure_server: tuple[int, str], kind: type[Door]) -> None:
    port, authority = secure_server
    with kind(Settings(ca_path=authority)) as door:
        reading = state_of(door, f"https://127.0.0.1:{port}")
    assert not reading.error
    assert reading.facts is not None
    assert reading.facts.server_name == "n1"


@pytest.mark.parametrize("kind", [HttpxDoor, PlainDoor], ids=["httpx", "plain"])
def test_a_real_server_that_speaks_https_says_so_to_http(secure_server: tuple[int, str], kind: type[Door]) -> None:
    with kind(Settings()) as door:
        reading = state_of(door, f"http://127.0.0.1:{secure_server[0]}")
    assert reading.error == "the port speaks https: write https:// in the monitor URL"
    assert reading.lasting


def test_a_target_joins_its_address_and_a_path_with_one_slash() -> None:
    assert _monitor.Target("n1", "http://n1:8222/nats/").url("/varz") == "http://n1:8222/nats/varz"


@pytest.mark.parametrize("enabled", [True, False])
def test_the_search_for_cycles_goes_on_after_a_read_if_it_did_before(enabled: bool) -> None:
    try:
        (gc.enable if enabled else gc.disable)()
        read("2.15.1")
        assert gc.isenabled() is enabled
    finally:
        gc.enable()
