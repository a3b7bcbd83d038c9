from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._node import drain as _drain
from tests.lab.cluster import LoopbackCluster
from tests.unit.nats import SimulatedServer
from tests.unit.processes import Processes, shell
from tests.unit.servers import free_port
from tests.unit.systemd import Systemd


def drain(check_mode: bool = False, **given: Any) -> dict[str, Any]:
    defaults = {name: spec.get("default") for name, spec in _drain.SPEC.items()}
    return _drain.drain({**defaults, **given}, check_mode=check_mode)


def test_a_real_server_drains_and_its_exit_is_seen() -> None:
    with LoopbackCluster("2.15.1", size=1) as cluster:
        process = cluster.process("n1")
        assert process is not None
        result = drain(pid=process.pid, monitor_url=cluster.monitor_url("n1"))
    assert (result["changed"], result["exit_seen"], result["pid"], result["found_by"]) == (True, True, process.pid, "pid")
    assert result["clients_at_start"] == 0
    assert 0 <= result["drain_seconds"] < 10


def test_the_signal_is_that_of_lame_duck_mode_and_no_other(processes: Processes) -> None:
    server = processes.server()
    assert drain(pid=server.pid)["exit_seen"]
    assert processes.reap(server) == -signal.SIGUSR2


def test_a_server_that_does_not_exit_is_left_draining_and_nothing_more_is_sent(processes: Processes) -> None:
    server = shell(processes, 'trap "" USR2; trap "exit 9" TERM')
    with SimulatedServer() as monitor:
        monitor.answers["/varz"]["body"]["connections"] = 7
        with pytest.raises(NatsError) as late:
            drain(pid=server.pid, timeout_seconds=0.2, monitor_url=monitor.url)
    told = rf"\(pid {server.pid}\) is in lame duck mode and has not exited after \d+ s with 7 clients still connected"
    assert re.search(told, str(late.value))
    assert (late.value.details["changed"], late.value.details["exit_seen"]) == (True, False)
    assert late.value.details["clients_at_start"] == 7
    assert _process.alive(server)


def test_draining_again_waits_on_for_a_server_that_drains(processes: Processes) -> None:
    # As nats-server: a second signal does nothing, and it exits when it is done.
    server = shell(processes, "trap 'trap \"\" USR2; exit 0' USR2")
    assert drain(pid=server.pid)["exit_seen"]
    assert processes.reap(server) == 0


def test_a_server_that_does_not_run_is_drained_already(tmp_path: Path) -> None:
    result = drain(pid_file=str(tmp_path / "nats.pid"))
    assert (result["changed"], result["exit_seen"], result["pid"], result["drain_seconds"]) == (False, True, None, None)
    assert result["msg"] == f"the server does not run: there is no pid file {tmp_path}/nats.pid"


def test_a_unit_that_does_not_run_is_drained_already(systemd: Systemd) -> None:
    systemd.set(ActiveState="inactive")
    result = drain(service="nats-server")
    assert (result["exit_seen"], result["found_by"]) == (True, "service")


def test_a_check_signals_nothing(processes: Processes) -> None:
    server = processes.server()
    result = drain(check_mode=True, pid=server.pid)
    assert (result["changed"], result["exit_seen"]) == (True, False)
    assert result["msg"] == f"would send SIGUSR2 to {server.program} (pid {server.pid})"
    assert _process.alive(server)


def test_another_program_is_not_signalled(processes: Processes) -> None:
    other = processes.server("postgres")
    with pytest.raises(NatsError, match="nothing was signalled"):
        drain(pid=other.pid)
    assert _process.alive(other)


@pytest.mark.parametrize("timeout_seconds", [0.0, -1.0])
def test_a_drain_without_time_is_refused_before_anything_is_signalled(processes: Processes, timeout_seconds: float) -> None:
    server = processes.server()
    with pytest.raises(NatsError, match="timeout_seconds has to be greater than 0"):
        drain(pid=server.pid, timeout_seconds=timeout_seconds)
    assert _process.alive(server)


def test_clients_that_cannot_be_counted_do_not_keep_a_server_from_draining(processes: Processes) -> None:
    result = drain(pid=processes.server().pid, monitor_url=f"http://127.0.0.1:{free_port()}")
    assert (result["exit_seen"], result["clients_at_start"]) == (True, None)


def seen(process: _process.Process, **other: Any) -> dict[str, Any]:
    return {"pid": process.pid, "start_ticks": process.start_ticks, "uid": os.geteuid(), **other}


def test_the_server_that_was_seen_before_is_drained(processes: Processes) -> None:
    server = processes.server()
    assert drain(pid=server.pid, expected_process=seen(server))["exit_seen"]
    assert processes.reap(server) == -signal.SIGUSR2


def test_a_pid_file_that_names_another_server_by_now_is_refused_and_nothing_is_signalled(
    processes: Processes, tmp_path: Path
) -> None:
    own, other = processes.server(), processes.server()
    pid_file = tmp_path / "nats.pid"
    pid_file.write_text(str(other.pid), encoding="utf-8")
    for check_mode in (False, True):
        with pytest.raises(NatsError) as refused:
            drain(check_mode, pid_file=str(pid_file), expected_process=seen(own))
        assert str(refused.value).startswith(
            f"refused: other_process: {other.program} (pid {other.pid}, start time {other.start_ticks}, user {os.geteuid()}) was "
            f"found, and pid {own.pid}, start time {own.start_ticks}, user {os.geteuid()} was there when this run looked before"
        )
        assert refused.value.details == {"refusal": "other_process"}
    assert _process.alive(other)


@pytest.mark.parametrize(
    "changed", [{"start_ticks": 1}, {"uid": 12345}, {"uid": None}, {"pid": None, "start_ticks": None, "uid": None}]
)
def test_a_process_that_is_not_the_same_in_one_thing_is_another(processes: Processes, changed: dict[str, Any]) -> None:
    server = processes.server()
    with pytest.raises(NatsError, match=r"^refused: other_process: ") as refused:
        drain(pid=server.pid, expected_process=seen(server, **changed))
    assert f"({', '.join(changed)}: not the same)" in str(refused.value)
    assert _process.alive(server)


def test_a_server_that_was_seen_and_has_exited_meanwhile_is_drained_already(processes: Processes, tmp_path: Path) -> None:
    server, pid_file = processes.server(), tmp_path / "nats.pid"
    pid_file.write_text(str(server.pid), encoding="utf-8")
    _process.send(server, signal.SIGKILL)
    processes.reap(server)
    assert drain(pid_file=str(pid_file), expected_process=seen(server))["exit_seen"]
