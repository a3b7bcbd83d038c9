"""The server of a systemd unit, found in a /proc of our own: on a machine there are others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from tests.unit.systemd import UNIT, Systemd

GROUP = UNIT["ControlGroup"]


class Proc:
    """A /proc with a few processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "sys").mkdir(parents=True)

    def add(self, pid: int, program: str, group: str = GROUP, state: str = "S") -> None:
        entry = self.folder / str(pid)
        entry.mkdir()
        (entry / "stat").write_text(f"{pid} (x) {state} {' '.join('0' * 18)} {pid * 10} 0 0", encoding="ascii")
        (entry / "cmdline").write_bytes(program.encode() + b"\0-c\0nats.conf\0")
        (entry / "cgroup").write_text(f"0::{group}\n", encoding="ascii")
        (entry / "exe").symlink_to(program)


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proc:
    played = Proc(tmp_path / "proc")
    monkeypatch.setattr(_process, "PROC", played.folder)
    return played


def find(main_pid: int, **properties: str) -> _process.Found:
    return _process.find_by_unit({**UNIT, "MainPID": str(main_pid), **properties})


def test_the_main_process_is_the_server(proc: Proc) -> None:
    proc.add(7, "/usr/sbin/nats-server")
    found = find(7)
    assert found.process is not None
    assert (found.found_by, found.process.pid, found.process.start_ticks) == ("service", 7, 70)


def test_behind_a_wrapper_script_the_one_server_of_the_control_group_is_taken(proc: Proc) -> None:
    proc.add(7, "/bin/sh")
    proc.add(8, "/opt/nats/nats-server-2.14.6")
    proc.add(9, "/usr/bin/tee")
    proc.add(10, "/usr/sbin/nats-server", group="/system.slice/other.service")
    found = find(7)
    assert found.process is not None
    assert found.process.pid == 8


def test_a_zombie_in_the_control_group_is_not_taken(proc: Proc) -> None:
    proc.add(7, "/bin/sh")
    proc.add(8, "/usr/sbin/nats-server", state="Z")
    proc.add(9, "/usr/sbin/nats-server")
    found = find(7)
    assert found.process is not None
    assert found.process.pid == 9


def test_several_servers_behind_a_wrapper_are_refused_with_their_pids(proc: Proc) -> None:
    proc.add(7, "/bin/sh")
    proc.add(8, "/usr/sbin/nats-server")
    proc.add(9, "/usr/sbin/nats-server")
    with pytest.raises(NatsError, match=r"nats-server.service runs several NATS servers \(pids (8, 9|9, 8)\): give the pid"):
        find(7)


def test_a_unit_of_another_program_is_refused_and_the_program_named(proc: Proc) -> None:
    proc.add(7, "/usr/sbin/nginx")
    with pytest.raises(NatsError, match=r"^unit nats-server.service runs /usr/sbin/nginx \(pid 7\), and no nats-server"):
        find(7)


def test_without_a_control_group_no_other_process_is_taken(proc: Proc) -> None:
    proc.add(7, "/bin/sh")
    proc.add(8, "/usr/sbin/nats-server", group="")
    with pytest.raises(NatsError, match="and no nats-server"):
        find(7, ControlGroup="")


def test_a_unit_that_is_not_active_has_no_server(proc: Proc) -> None:
    proc.add(8, "/usr/sbin/nats-server")
    found = find(0, ActiveState="inactive")
    assert (found.process, found.absence) == (None, "unit nats-server.service is inactive")


def test_a_main_process_that_has_just_exited_is_no_server(proc: Proc) -> None:
    found = find(7)
    assert (found.process, found.absence) == (None, "the main process of unit nats-server.service has just exited")


def test_the_properties_of_a_unit_are_read(systemd: Systemd) -> None:
    systemd.set(MainPID="7", ExecStart="{ path=/bin/x ; argv[]=/bin/x -c a=b ; }")
    properties = _process.systemctl_show("nats-server")
    assert (properties["MainPID"], properties["ExecStart"]) == ("7", "{ path=/bin/x ; argv[]=/bin/x -c a=b ; }")


def test_a_unit_that_is_not_there_is_refused_with_how_to_find_it(systemd: Systemd) -> None:
    systemd.set(LoadState="not-found")
    with pytest.raises(NatsError, match=r"^systemd has no unit named nats: set nats_upgrade_service_name .*list-units"):
        _process.systemctl_show("nats")


def test_without_systemd_the_program_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NatsError, match=r"^systemctl cannot be run: No such file or directory. Where systemd does not run"):
        _process.systemctl_show("nats-server")


def test_a_reload_that_is_not_allowed_says_so(systemd: Systemd) -> None:
    systemd.be("forbidden")
    with pytest.raises(NatsError, match=r"daemon-reload failed: Access denied. Run with become"):
        _process.daemon_reload()


def test_a_unit_whose_server_has_exited_is_waited_for_until_it_is_no_longer_active(systemd: Systemd) -> None:
    systemd.set(ActiveState="active", MainPID="7")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            systemd.set(ActiveState="deactivating", MainPID="7")

    _process.wait_for_unit_end("nats-server", 60, sleep)
    assert len(slept) == 3


def test_a_unit_that_stays_active_without_its_server_is_told_with_what_it_still_runs(systemd: Systemd) -> None:
    systemd.set(ActiveState="active", MainPID=str(os.getpid()))
    with pytest.raises(NatsError, match=rf"is still active after \d+ s: its main process is .*python.* \(pid {os.getpid()}\)"):
        _process.wait_for_unit_end("nats-server", 0)
