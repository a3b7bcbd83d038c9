"""Each module passes its options on, gives the result back, and turns a NatsError into a failure with its data."""

from __future__ import annotations

import platform
import signal
import sys
from pathlib import Path
from typing import Any, Callable, Mapping

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._read import http_door as _http_door
from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._read import reply as _reply
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import nodes as _nodes
from tests.lab.binaries import server_binary
from tests.unit import modules
from tests.unit.nats import SimulatedServer
from tests.unit.processes import Processes, ended
from tests.unit.releases import NEW, OLD, hash_of, install, pack, release
from tests.unit.servers import WebServer, free_port
from tests.unit.systemd import Systemd

Run = Callable[..., "dict[str, Any]"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return lambda name, **args: modules.run(name, capsys, **args)


def test_version_facts_are_facts(run: Run) -> None:
    with SimulatedServer() as server:
        result = run("nats_version_facts", monitor_url=server.url)
    assert result["changed"] is False
    assert result["ansible_facts"]["nats_version"]["server_name"] == "n1"


def test_version_facts_of_a_server_that_cannot_be_read_fail(run: Run) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    result = run("nats_version_facts", monitor_url=url)
    assert (result["failed"], result["monitor_url"]) == (True, url)


def test_addresses_are_read_as_they_are_and_what_does_not_answer_is_a_reply_too(run: Run) -> None:
    with SimulatedServer() as server:
        urls = [f"{server.url}/varz", f"http://127.0.0.1:{free_port()}/varz", f"{server.url}/nothing"]
        first, second, third = run("nats_monitor_read", urls=urls)["replies"]
    assert (first["status"], first["body"]["server_name"], first["text"]) == (200, "n1", "")
    assert second == {"error": "connection refused", "lasting": False, "status": None}
    assert (third["status"], third["body"]) == (404, None)


def test_on_a_node_too_no_more_is_taken_of_a_server_than_is_allowed_with_all_that_is_read_on(run: Run) -> None:
    with WebServer(lambda _: (200, {}, b'"%s"' % (b"x" * 800_000))) as server:
        given = {"urls": [f"{server.url}/varz", f"{server.url}/jsz"], "max_answer_mib": 1}
        replies = run("nats_monitor_read", **given)["replies"]
    refused = [reply["error"] for reply in replies if "error" in reply]
    assert refused
    assert all(error.startswith("it answers with more than 1 MiB") for error in refused)


def test_a_look_on_the_server_s_own_host_takes_one_run_there_and_says_the_same_as_over_http(run: Run) -> None:
    runs: list[str] = []

    def on_host(host: str, args: Mapping[str, Any]) -> Any:
        runs.append(host)
        return run("nats_monitor_read", **args)

    with SimulatedServer() as server:
        target = _monitor.Target("n1", server.url)
        with _nodes.OverNodes(on_host, {}) as source:
            there = _monitor.read_state(source, [target])
        with _http_door.open_door(_reply.Settings()) as door:
            here = _monitor.read_state(door, [target])
    assert (there, runs) == (here, ["n1"])
    # What is known in the second round only.
    assert {"_meta_"} < there[0].group_names


@pytest.mark.parametrize("name", ["nats_version_facts", "nats_health_wait"])
def test_servers_are_named_in_one_way_only(run: Run, name: str) -> None:
    result = run(name, monitor_url="http://n1:1", hosts=["n1"])
    assert result["failed"]
    assert "mutually exclusive" in result["msg"]


def test_a_health_wait_returns_when_the_server_is_back(run: Run) -> None:
    with SimulatedServer() as server:
        server.be_alone()
        result = run("nats_health_wait", monitor_url=server.url, version="2.15.1")
    assert (result["back"], result["changed"], result["missing"]) == (True, False, {})


def test_a_health_wait_that_fails_gives_what_is_missing_as_data(run: Run) -> None:
    with SimulatedServer() as server:
        server.be_alone()
        given = {"monitor_url": server.url, "version": "2.15.2"}
        result = run("nats_health_wait", timeout_seconds=0, **given)
        assert (result["failed"], list(result["missing"].values())) == (True, [["version: runs 2.15.1, not 2.15.2"]])
        looked = run("nats_health_wait", check=True, **given)
    assert (looked.get("failed", False), looked["back"], looked["missing"]) == (False, False, result["missing"])


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("nats_audit", {"hosts": ["n1"]}),
        ("nats_surge_wait", {"state": "gone", "hosts": ["n1"], "surge": ["s1"]}),
        ("nats_upgrade_plan", {"version": NEW, "servers": []}),
        ("nats_upgrade_status", {"hosts": ["n1"]}),
    ],
)
def test_what_looks_at_a_whole_cluster_does_so_on_the_controller_and_its_module_says_so(
    run: Run, name: str, given: dict[str, Any]
) -> None:
    result = run(name, **given)
    assert result["failed"]
    assert result["msg"].startswith(f"natsops.cluster.{name} works on the controller, through its action plugin")


def test_the_clients_of_a_server_are_read_and_told(run: Run) -> None:
    with SimulatedServer() as server:
        client = {"name": "billing", "lang": "go", "version": "1.48.0", "ip": "10.0.0.9", "port": 5123, "uptime": "3m"}
        server.answers["/connz?state=open&limit=2"] = {"status": 200, "body": {"connections": [client]}}
        result = run("nats_clients", monitor_url=server.url, most=2)
        unreadable = run("nats_clients", monitor_url=f"{server.url}/other")
    assert result["clients"] == [
        {"name": "billing", "lang": "go", "version": "1.48.0", "address": "10.0.0.9:5123", "uptime": "3m"}
    ]
    assert result["lines"] == ["billing  go 1.48.0  from 10.0.0.9:5123, connected for 3m"]
    assert unreadable["msg"].endswith("HTTP 404 for /connz: is the server's http_base_path part of the monitor URL?")


def test_an_archive_is_fetched(run: Run, tmp_path: Path) -> None:
    archive = release(tmp_path)
    given = {"url": f"file://{archive}", "sha256": hash_of(archive), "dest": str(tmp_path / "kept")}
    assert run("nats_archive", check=True, **given)["changed"]
    assert run("nats_archive", **given)["changed"]
    assert not run("nats_archive", **given)["changed"]
    assert run("nats_archive", **{**given, "sha256": ""})["refusal"] == "no_hash"


def binary(run: Run, tmp_path: Path, **args: Any) -> dict[str, Any]:
    return run("nats_binary", path=str(tmp_path / "nats-server"), running_version=OLD, version=NEW, **args)


def test_a_version_is_staged_once_and_made_active_once(run: Run, tmp_path: Path) -> None:
    install(tmp_path / "nats-server", OLD)
    archive = release(tmp_path)
    sha256 = hash_of(archive)
    asked = binary(run, tmp_path, state="staged", sha256=sha256)
    assert (asked["failed"], "there is no archive to stage it from" in asked["msg"]) == (True, True)
    assert binary(run, tmp_path, state="staged", sha256=sha256, check=True)["changed"]
    assert not (tmp_path / f"nats-server-{NEW}").exists()
    staged = binary(run, tmp_path, state="staged", sha256=sha256, archive=str(archive))
    assert (staged["changed"], staged["binary"], staged["kept"]) == (
        True,
        str(tmp_path / f"nats-server-{NEW}"),
        str(tmp_path / f"nats-server-{OLD}"),
    )
    assert not binary(run, tmp_path, state="staged", sha256=sha256)["changed"]
    assert binary(run, tmp_path, state="active", check=True)["changed"]
    assert NEW not in (tmp_path / "nats-server").read_text(encoding="utf-8")
    assert binary(run, tmp_path, state="active")["changed"]
    assert NEW in (tmp_path / "nats-server").read_text(encoding="utf-8")
    assert not binary(run, tmp_path, state="active")["changed"]


def test_a_version_that_is_staged_is_asked_about_the_configuration_in_the_same_call(run: Run, tmp_path: Path) -> None:
    install(tmp_path / "nats-server", OLD)
    archive = release(tmp_path)
    config = tmp_path / "nats.conf"
    config.write_text("port: 4222\n", encoding="utf-8")
    given = {"state": "staged", "sha256": hash_of(archive), "archive": str(archive), "config_path": str(config)}
    asked = binary(run, tmp_path, check=True, **given)
    assert (asked["changed"], "said" in asked) == (True, False)
    assert NEW in binary(run, tmp_path, **given)["said"]
    refusing = f"#!/bin/sh\ncase $1 in -t) echo 'unknown field' >&2; exit 1;; esac\necho 'nats-server: v{NEW}'\n"
    packed = pack(tmp_path / "other.tar.gz", (f"nats-server-v{NEW}-linux-amd64/nats-server", refusing.encode()))
    refused = binary(run, tmp_path, **{**given, "archive": str(packed), "sha256": hash_of(packed)})
    assert (refused["failed"], refused["refusal"]) == (True, "config")
    assert f"nats-server-{NEW} refuses {config}: unknown field" in refused["msg"]


def test_a_version_without_a_hash_is_not_staged(run: Run, tmp_path: Path) -> None:
    result = binary(run, tmp_path, state="staged", archive=str(release(tmp_path)))
    assert (result["failed"], result["refusal"]) == (True, "no_hash")


def test_a_version_that_is_not_staged_is_not_made_active(run: Run, tmp_path: Path) -> None:
    install(tmp_path / "nats-server", OLD)
    result = binary(run, tmp_path, state="active")
    assert result["msg"] == f"nats-server {NEW} is not staged at {tmp_path}/nats-server-{NEW}: nothing was switched"


def test_a_path_where_no_server_lies_any_more_gets_the_staged_one(run: Run, tmp_path: Path) -> None:
    install(tmp_path / f"nats-server-{NEW}", NEW)
    assert binary(run, tmp_path, state="active")["changed"]
    assert (tmp_path / "nats-server").samefile(tmp_path / f"nats-server-{NEW}")


def test_what_is_to_be_put_back_is_proved_before_anything_is_ended_for_it(run: Run, tmp_path: Path) -> None:
    install(tmp_path / "nats-server", OLD)
    install(tmp_path / f"nats-server-{NEW}", NEW)
    assert binary(run, tmp_path, state="active")["changed"]
    back = {"path": str(tmp_path / "nats-server"), "running_version": NEW, "version": OLD, "state": "proved"}
    assert not run("nats_binary", **back)["changed"]
    kept = tmp_path / f"nats-server-{OLD}"
    kept.unlink()
    assert run("nats_binary", **back)["msg"] == f"nats-server {OLD} is not staged at {kept}: nothing was ended or switched for it"
    # What is active already, by another name of the same file, has to run too.
    (tmp_path / f"nats-server-{NEW}").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    assert binary(run, tmp_path, state="proved")["msg"] == (
        f"{tmp_path}/nats-server-{NEW} is no nats-server {NEW} that runs here: nothing was ended or switched for it"
    )


def test_a_configuration_is_checked_by_the_binary(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    config.write_text("port: 4222\n", encoding="utf-8")
    given = {"binary": str(server_binary(NEW)), "config_path": str(config)}
    assert run("nats_config_check", **given)["said"]
    config.write_text("port: {\n", encoding="utf-8")
    assert run("nats_config_check", **given)["refusal"] == "config"
    missing = {**given, "binary": str(tmp_path / "none")}
    assert run("nats_config_check", check=True, **missing)["said"] == "not checked until staged"
    assert run("nats_config_check", **missing)["failed"]


def test_node_facts_are_facts(run: Run, processes: Processes) -> None:
    server = processes.server()
    result = run("nats_node_facts", pid=server.pid)
    assert result["changed"] is False
    assert result["ansible_facts"]["nats_node"]["start_ticks"] == server.start_ticks


@pytest.mark.parametrize("name", ["nats_node_facts", "nats_lameduck"])
def test_a_server_is_named_in_one_way_and_no_less(run: Run, name: str) -> None:
    assert "mutually exclusive" in run(name, pid=1, pid_file="/run/nats.pid")["msg"]
    assert "one of the following is required" in run(name)["msg"]


def test_lame_duck_mode_is_entered_and_a_check_only_says_so(run: Run, processes: Processes) -> None:
    server = processes.server()
    assert run("nats_lameduck", pid=server.pid, check=True)["changed"]
    assert _process.alive(server)
    result = run("nats_lameduck", pid=server.pid)
    assert (result["changed"], result["exit_seen"]) == (True, True)
    assert processes.reap(server) == -signal.SIGUSR2


def test_a_swap_is_refused_where_nothing_is_staged(run: Run, processes: Processes, tmp_path: Path) -> None:
    server = processes.server()
    given = {"path": str(tmp_path / "nats-server"), "running_version": OLD, "version": NEW, "pid": server.pid}
    assert "is not staged" in run("nats_swap", start_argv=["true"], **given)["msg"]
    assert "mutually exclusive" in run("nats_swap", start_argv=["true"], start_unit="nats", **given)["msg"]
    assert _process.alive(server)


def test_a_process_is_started(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "out.log"
    given = {"state": "started", "pid_file": str(tmp_path / "none"), "output_path": str(log)}
    hello = [sys.executable, "-c", "print('hello')"]
    assert run("nats_service", check=True, start_argv=hello, **given)["pid"] is None
    assert not log.exists()
    ended(run("nats_service", start_argv=hello, **given)["pid"])
    assert log.read_text(encoding="utf-8") == "hello\n"
    assert "set nats_upgrade_start_command" in run("nats_service", **given)["msg"]


def test_exactly_one_process_is_stopped(run: Run, processes: Processes) -> None:
    server = processes.server()
    given = {"state": "ended", "pid": server.pid, "start_ticks": server.start_ticks}
    assert run("nats_service", check=True, **given)["signals"] == []
    other = run("nats_service", **{**given, "start_ticks": server.start_ticks - 1})
    assert (other["changed"], other["signals"]) == (False, [])
    assert _process.alive(server)
    result = run("nats_service", **given)
    assert (result["changed"], result["signals"]) == (True, ["SIGTERM"])
    assert processes.reap(server) == -signal.SIGTERM


def test_a_process_that_ignores_the_first_signal_gets_the_second(run: Run, processes: Processes) -> None:
    server = processes.start(processes.program(), "60", preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))
    result = run("nats_service", state="ended", pid=server.pid, start_ticks=server.start_ticks, timeout_seconds=0.1)
    assert result["signals"] == ["SIGTERM", "SIGKILL"]


def test_what_was_started_is_stopped_whatever_it_is(run: Run, processes: Processes) -> None:
    other = processes.server("start-nats")
    result = run("nats_service", state="ended", pid=other.pid, start_ticks=other.start_ticks)
    assert (result["changed"], result["signals"]) == (True, ["SIGTERM"])


def test_a_unit_is_held_and_let_go(run: Run, systemd: Systemd) -> None:
    assert run("nats_service", service="nats-server", state="held", check=True)["changed"]
    held = run("nats_service", service="nats-server", state="held")
    assert (held["changed"], held["restart"]) == (True, "no")
    assert run("nats_service", service="nats-server", state="released")["restart"] == "always"
    systemd.set(LoadState="not-found")
    assert run("nats_service", service="nats-server", state="held")["failed"]


def test_a_container_that_is_not_there_is_neither_ended_nor_put_back(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\necho "$*" >> "$0.calls"\necho "Error: No such $1: $3" >&2\nexit 1\n', encoding="utf-8")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert "docker has no container named nats" in run("nats_container", state="staged", container="nats")["msg"]
    for state in ("held", "ended", "released"):
        assert not run("nats_service", state=state, container="nats", state_dir=str(tmp_path / "state"))["changed"]
    nothing = run("nats_container", state="put_back", container="nats", image="nats:2.15.1", check=True)["msg"]
    assert "docker has no container nats-natsops-previous, and nats is not there" in nothing
    assert run("nats_service", state="started", container="nats", check=True)["changed"]
    assert "container inspect nats" in (tmp_path / "docker.calls").read_text(encoding="utf-8")
    assert "docker has no container named nats" in run("nats_node_facts", container="nats")["msg"]


def test_an_image_takes_the_place_of_a_container_only(run: Run, systemd: Systemd) -> None:
    assert "that container or service names" in run("nats_swap", pid=1, image="nats:2.15.1")["msg"]
    systemd.set(LoadState="not-found")
    missing = run("nats_node_facts", service="nats", image="nats:2.15.1")["msg"]
    assert "A container of podman that no unit runs cannot be upgraded" in missing
    assert "mutually exclusive" in run("nats_swap", container="nats", image="nats:2.15.1", start_argv=["true"])["msg"]


def test_facts_are_in_the_result_alone_where_they_are_to_be_no_facts(run: Run, processes: Processes) -> None:
    with SimulatedServer() as server:
        read = run("nats_version_facts", monitor_url=server.url, as_facts=False)
    found = run("nats_node_facts", pid=processes.server().pid, host="n1", as_facts=False)
    assert "ansible_facts" not in read
    assert "ansible_facts" not in found
    assert read["nats_version"]["server_name"] == "n1"
    place = found["nats_node"]["read_on"]
    assert (place["host"], place["hostname"]) == ("n1", platform.node())
