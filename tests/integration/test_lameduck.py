"""nats_lameduck on real servers: it signals the right process or none, waits for its exit, and never kills."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.helpers import ADHOC_SECONDS, adhoc, write_hosts
from tests.lab.cluster import LoopbackCluster
from tests.lab.node import Settings
from tests.lab.ports import HOST
from tests.lab.processes import Process, is_alive, wait_until

# Nobody waits for the end of such a drain: the test ends it, once it has seen what it wanted to see.
LONG_LAME_DUCK = Settings(lame_duck_duration="300s", lame_duck_grace_period="200s")
# In the log of a server that debugs, for each signal that it got.
TRAPPED = 'Trapped "user defined signal 2" signal'
# Where users other than root can run it too.
SYSTEM_PYTHON = Path("/usr/bin/python3")


@pytest.fixture
def cluster() -> Iterator[LoopbackCluster]:
    with LoopbackCluster("2.14.6", 1) as running:
        yield running


@pytest.fixture(scope="module")
def standing() -> Iterator[LoopbackCluster]:
    """A server for the tests that must leave it alone."""
    with LoopbackCluster("2.14.6", 1) as running:
        yield running


def lame_duck(cluster: LoopbackCluster, *options: str, **arguments: Any) -> dict[str, Any]:
    """Run the module against the only node of the cluster. The mirror of the inventory is of no use here."""
    hosts = write_hosts(cluster, cluster.base)
    return adhoc(hosts, "n1", "nats_lameduck", *options, **arguments)["n1"]


def server_of(cluster: LoopbackCluster) -> Process:
    process = cluster.process("n1")
    assert process is not None
    return process


@pytest.mark.parametrize("found_by", ["pid", "pid_file"])
def test_a_server_is_drained_and_its_exit_is_waited_for(cluster: LoopbackCluster, found_by: str) -> None:
    process = server_of(cluster)
    named = {"pid": process.pid} if found_by == "pid" else {"pid_file": str(cluster.nodes["n1"].pid_file)}
    result = lame_duck(cluster, monitor_url=cluster.monitor_url("n1"), **named)
    assert (result["state"], result["changed"], result["exit_seen"]) == ("CHANGED", True, True)
    assert (result["pid"], result["found_by"], result["clients_at_start"]) == (process.pid, found_by, 0)
    assert result["drain_seconds"] >= 0
    assert not is_alive(process)


def test_a_stale_pid_file_means_that_the_server_has_gone_already(cluster: LoopbackCluster) -> None:
    cluster.terminate("n1")
    pid_file = cluster.nodes["n1"].pid_file
    assert pid_file.exists()
    result = lame_duck(cluster, pid_file=str(pid_file))
    assert (result["state"], result["changed"], result["exit_seen"], result["pid"]) == ("SUCCESS", False, True, None)
    assert f"the pid file {pid_file} is stale" in result["msg"]


def test_a_pid_file_of_another_program_is_refused_by_name_and_the_program_goes_on(
    standing: LoopbackCluster, tmp_path: Path
) -> None:
    other = subprocess.Popen(["sleep", "300"])
    try:
        pid_file = tmp_path / "other.pid"
        pid_file.write_text(f"{other.pid}\n", encoding="ascii")
        result = lame_duck(standing, pid_file=str(pid_file))
        assert result["state"] == "FAILED!"
        assert f"the pid file {pid_file} is " in result["msg"]
        assert "sleep, not nats-server: nothing was signalled" in result["msg"]
        assert other.poll() is None
    finally:
        other.kill()
        other.wait(10)


def test_garbage_in_a_pid_file_is_shown(standing: LoopbackCluster, tmp_path: Path) -> None:
    pid_file = tmp_path / "garbage.pid"
    pid_file.write_text("not a number", encoding="ascii")
    result = lame_duck(standing, pid_file=str(pid_file))
    assert result["state"] == "FAILED!"
    assert f"the pid file {pid_file} holds 'not a number', not a pid" in result["msg"]


def test_check_mode_signals_nothing(standing: LoopbackCluster) -> None:
    process = server_of(standing)
    result = lame_duck(standing, "--check", pid=process.pid)
    assert (result["state"], result["exit_seen"]) == ("CHANGED", False)
    assert f"would send SIGUSR2 to {standing.nodes['n1'].binary} (pid {process.pid})" in result["msg"]
    # A server in lame duck mode without clients would have gone by now, and one that is about to go says 500.
    assert server_of(standing) == process
    assert standing.healthz("n1").ok


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "one of the following is required: pid, pid_file, service"),
        ({"pid": 1, "pid_file": "/x"}, "parameters are mutually exclusive: pid|pid_file|service"),
    ],
)
def test_exactly_one_way_to_find_the_server_is_asked_for(standing: LoopbackCluster, arguments: dict[str, Any], told: str) -> None:
    result = lame_duck(standing, **arguments)
    assert result["state"] == "FAILED!"
    assert told in result["msg"]
    assert standing.healthz("n1").ok


@pytest.mark.skipif(os.geteuid() != 0 or not SYSTEM_PYTHON.exists(), reason="becomes another user, which only root can")
def test_a_user_who_may_not_signal_the_server_is_told_so(standing: LoopbackCluster) -> None:
    process = server_of(standing)
    variables = {"ansible_python_interpreter": str(SYSTEM_PYTHON), "ansible_become_flags": "-s /bin/sh"}
    hosts = write_hosts(standing, standing.base, **variables)
    options = ("--become", "--become-method", "su", "--become-user", "nobody")
    result = adhoc(hosts, "n1", "nats_lameduck", *options, pid=process.pid)["n1"]
    assert result["state"] == "FAILED!"
    assert (
        f"pid {process.pid} ({standing.nodes['n1'].binary}) belongs to user 0 and may not be signalled by user " in result["msg"]
    )
    assert "run with become" in result["msg"]
    assert standing.healthz("n1").ok


@contextmanager
def _client(cluster: LoopbackCluster) -> Iterator[None]:
    """Hold a client connection: without one, a server in lame duck mode exits at once."""
    with socket.create_connection((HOST, cluster.nodes["n1"].client_port), timeout=5) as client:
        client.sendall(b'CONNECT {"user":"app","pass":"app","verbose":false}\r\nPING\r\n')
        received = b""
        while b"PONG" not in received:
            received += client.recv(4096)
        yield


def test_at_the_timeout_the_server_is_left_draining_and_a_second_call_waits_on() -> None:
    with LoopbackCluster("2.14.6", 1, settings=LONG_LAME_DUCK, extra_config={"n1": "debug: true"}) as cluster, _client(cluster):
        process, url = server_of(cluster), cluster.monitor_url("n1")
        first = lame_duck(cluster, pid=process.pid, timeout_seconds=2, monitor_url=url)
        assert first["state"] == "FAILED!"
        told = rf"\(pid {process.pid}\) is in lame duck mode and has not exited after \d+ s with 1 clients still connected"
        assert re.search(told, first["msg"])
        assert "A drain cannot be called back, and nothing more was sent" in first["msg"]
        assert is_alive(process)
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(lame_duck, cluster, pid=process.pid, timeout_seconds=300)
            log = cluster.nodes["n1"].log
            wait_until(lambda: waiting.done() or log.read_text(encoding="utf-8").count(TRAPPED) == 2, ADHOC_SECONDS)
            assert not waiting.done()
            # It exits at once then, as at the end of its drain.
            cluster.signal_node("n1", signal.SIGINT)
            second = waiting.result()
        assert (second["state"], second["exit_seen"]) == ("CHANGED", True)
        assert not is_alive(process)
