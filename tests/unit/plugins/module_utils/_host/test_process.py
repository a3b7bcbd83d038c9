"""With real processes; systemd alone is played, where a machine without it has to do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host.process import Process
from tests.lab.processes import all_processes
from tests.unit.clock import Clock
from tests.unit.processes import Processes, ended, is_zombie, started, until

NOBODY = 65534


def no_such_pid() -> int:
    return int(Path("/proc/sys/kernel/pid_max").read_text(encoding="ascii")) + 1


def test_a_server_is_seen_with_its_program_arguments_and_start(processes: Processes) -> None:
    server = processes.server()
    assert server.argv == (str(processes.program()), "60")
    assert server.exe == server.program == str(processes.program())
    assert server.is_nats_server
    own = _process.look(os.getpid())
    assert own is not None
    assert server.start_ticks >= own.start_ticks > 0


@pytest.mark.parametrize("name", ["nats-server", "nats-server-2.15.1", "nats-server-2.15.1-RC.1"])
def test_the_name_of_the_file_may_carry_a_version(processes: Processes, name: str) -> None:
    assert processes.server(name).is_nats_server


@pytest.mark.parametrize("name", ["sleep", "my-nats-server", "nats", "nats-streaming-server"])
def test_a_program_of_another_name_is_no_nats_server(processes: Processes, name: str) -> None:
    assert not processes.server(name).is_nats_server


def test_the_config_reloader_of_nats_is_no_nats_server(processes: Processes) -> None:
    assert not processes.server("nats-server-config-reloader").is_nats_server


def test_a_server_behind_a_link_of_that_name_is_one(processes: Processes) -> None:
    link = processes.folder / "bin" / "nats-server"
    link.parent.mkdir(parents=True)
    link.symlink_to(processes.program("real-name"))
    server = processes.start(link, "60")
    assert server.exe == str(processes.program("real-name"))
    assert server.is_nats_server


def test_a_server_whose_file_was_replaced_or_removed_is_still_one(processes: Processes) -> None:
    server = processes.server()
    processes.program().unlink()
    now = _process.look(server.pid)
    assert now is not None
    assert now.exe.endswith(" (deleted)")
    assert replace(now, argv=()).is_nats_server


def test_an_editor_of_its_configuration_is_no_nats_server(processes: Processes) -> None:
    assert not processes.start(
        processes.program("vi"),
        "60",
    ).is_nats_server
    assert not Process(1, 1, ("vi", "/etc/nats-server.conf"), "/usr/bin/vi").is_nats_server


def test_a_wrapper_script_named_like_the_server_is_none(processes: Processes) -> None:
    script = processes.folder / "nats-server"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\nsleep 60\n", encoding="utf-8")
    script.chmod(0o755)
    child = subprocess.Popen([script])
    try:
        seen = until(lambda: started(child.pid, "/bin/sh"))
        assert not seen.is_nats_server
    finally:
        child.kill()
        child.wait()


def test_no_process_is_nothing() -> None:
    assert _process.look(no_such_pid()) is None
    assert _process.find_by_pid(no_such_pid()).absence == f"no process has pid {no_such_pid()}"


def test_a_name_with_blanks_and_parentheses_does_not_shift_the_start_time(processes: Processes) -> None:
    odd = processes.server("nats-server ) Z 1 (")
    own = _process.look(os.getpid())
    assert own is not None
    assert own.start_ticks <= odd.start_ticks < own.start_ticks + 3600 * os.sysconf("SC_CLK_TCK")
    assert _process.alive(odd)


def test_a_zombie_has_exited(processes: Processes) -> None:
    server = processes.server()
    os.kill(server.pid, signal.SIGKILL)
    exited, _unused = _process.wait_for_exit(server, 10.0)
    assert is_zombie(server.pid), "nobody has waited for it yet"
    assert exited
    assert _process.look(server.pid) is None
    assert not _process.alive(server)
    assert not _process.send(server, signal.SIGUSR2)


def test_a_pid_that_was_used_again_is_another_process(processes: Processes) -> None:
    server = processes.server()
    before = replace(server, start_ticks=server.start_ticks - 1)
    assert _process.alive(server)
    assert not _process.alive(before)
    assert not _process.send(before, signal.SIGKILL)
    assert _process.alive(server), "the process that has the pid now was not signalled"


def test_a_signal_arrives_at_exactly_that_process(processes: Processes) -> None:
    first, second = processes.server(), processes.server()
    assert _process.send(first, signal.SIGUSR2)
    assert processes.reap(first) == -signal.SIGUSR2
    assert _process.alive(second)


def test_without_pidfd_the_signal_arrives_too(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    server = processes.server()
    assert not _process.send(replace(server, start_ticks=1), signal.SIGKILL)
    assert _process.send(server, signal.SIGUSR2)
    assert processes.reap(server) == -signal.SIGUSR2


def test_a_process_that_has_gone_is_not_an_error(processes: Processes) -> None:
    server = processes.server()
    os.kill(server.pid, signal.SIGKILL)
    processes.reap(server)
    assert _process.send(server, signal.SIGUSR2) is False


def as_user(uid: int, act: object) -> str:
    """Do something in a child process with another user id; return what it raised."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgid(uid)
            os.setuid(uid)
            act()  # type: ignore[operator]
        except BaseException as exc:
            os.write(writer, f"{type(exc).__name__}: {exc}".encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, encoding="utf-8") as said:
        return said.read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("with_pidfd", [True, False])
def test_a_server_of_another_user_is_refused_with_what_to_do(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, with_pidfd: bool
) -> None:
    if not with_pidfd:
        monkeypatch.delattr(os, "pidfd_open")
    server = processes.server()
    said = as_user(NOBODY, lambda: _process.send(server, signal.SIGUSR2))
    assert said == (
        f"NatsError: pid {server.pid} ({server.program}) belongs to user 0 and may not be signalled by user {NOBODY}: "
        "run with become (-b), as root or as the server's user"
    )
    assert _process.alive(server)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_server_of_another_user_is_known_by_its_arguments_alone(processes: Processes) -> None:
    server = processes.server()

    def look() -> None:
        seen = _process.look(server.pid)
        raise RuntimeError(f"{seen and (seen.exe, seen.is_nats_server)}")

    assert as_user(NOBODY, look) == "RuntimeError: ('', True)"


LISTENS = """
import contextlib, socket, sys
held = [socket.create_server(("127.0.0.1", 0))]
with contextlib.suppress(OSError):  # a machine without IPv6
    held.append(socket.create_server(("::1", 0), family=socket.AF_INET6))
client = socket.create_connection(held[0].getsockname())
print(*(one.getsockname()[1] for one in held), flush=True)
sys.stdin.read()
"""


def test_the_ports_that_a_process_listens_on_are_its_own_and_not_those_it_talks_from(processes: Processes) -> None:
    ready, told = os.pipe()
    listens = processes.script(LISTENS, stdin=subprocess.PIPE, stdout=told)
    os.close(told)
    with os.fdopen(ready, "rb") as waiting:
        ports = frozenset(map(int, waiting.readline().split()))
    assert _process.listening_ports(listens) == ports
    assert _process.listening_ports(processes.server()) == frozenset()


def test_the_ports_of_a_process_that_has_gone_are_not_known(processes: Processes) -> None:
    server = processes.server()
    os.kill(server.pid, signal.SIGKILL)
    processes.reap(server)
    assert _process.listening_ports(server) is None


def test_an_exit_is_seen_soon(processes: Processes) -> None:
    server = processes.server()
    os.kill(server.pid, signal.SIGTERM)
    exited, seconds = _process.wait_for_exit(server, 10.0)
    assert exited
    assert seconds < 5


def test_a_process_that_does_not_exit_is_waited_for_as_long_as_told(processes: Processes) -> None:
    clock = Clock()
    exited, seconds = _process.wait_for_exit(processes.server(), 42.0, now=clock.now, sleep=clock.sleep)
    assert (exited, seconds) == (False, pytest.approx(42.0))
    assert max(clock.slept) == pytest.approx(0.1)


def test_the_pid_of_another_program_is_refused_and_the_program_named(processes: Processes) -> None:
    other = processes.server("postgres")
    with pytest.raises(NatsError, match=f"^pid {other.pid} is {other.program}, not nats-server: nothing was signalled"):
        _process.find_by_pid(other.pid)


def test_a_server_is_found_by_its_pid(processes: Processes) -> None:
    server = processes.server()
    assert _process.find_by_pid(server.pid) == _process.Found("pid", server)


@pytest.mark.parametrize("form", ["{}", "{}\n", "  {} \n"])
def test_a_server_is_found_by_its_pid_file(processes: Processes, tmp_path: Path, form: str) -> None:
    server = processes.server()
    (tmp_path / "nats.pid").write_text(form.format(server.pid), encoding="ascii")
    assert _process.find_by_pid_file(str(tmp_path / "nats.pid")) == _process.Found("pid_file", server)


def test_no_pid_file_means_that_it_does_not_run(tmp_path: Path) -> None:
    found = _process.find_by_pid_file(str(tmp_path / "nats.pid"))
    assert (found.process, found.absence) == (None, f"there is no pid file {tmp_path}/nats.pid")


def test_a_stale_pid_file_means_that_it_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "nats.pid").write_text(str(no_such_pid()), encoding="ascii")
    found = _process.find_by_pid_file(str(tmp_path / "nats.pid"))
    assert found.process is None
    assert found.absence == f"the pid file {tmp_path}/nats.pid is stale: no process has pid {no_such_pid()}"


def test_a_stale_pid_file_whose_pid_is_another_program_by_now_is_refused(processes: Processes, tmp_path: Path) -> None:
    other = processes.script("import time; time.sleep(60)")
    (tmp_path / "nats.pid").write_text(str(other.pid), encoding="ascii")
    with pytest.raises(NatsError, match=f"nats.pid is {other.program}, not nats-server: nothing was signalled"):
        _process.find_by_pid_file(str(tmp_path / "nats.pid"))
    assert _process.alive(other)


@pytest.mark.parametrize("text", ["", "nats", "-1", "0", "12 34", "1.5"])
def test_a_pid_file_without_a_pid_is_refused_and_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "nats.pid").write_text(text, encoding="ascii")
    with pytest.raises(NatsError, match=f"holds '{text}', not a pid"):
        _process.find_by_pid_file(str(tmp_path / "nats.pid"))


def test_a_pid_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NatsError, match=r"cannot be read \(it is not a regular file\): run with become"):
        _process.find_by_pid_file(str(tmp_path))


def test_a_command_gives_its_code_and_both_outputs() -> None:
    program = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    assert _process.run([sys.executable, "-c", program]) == _process.Output(3, "out\n", "err\n")


def test_a_command_that_does_not_end_is_ended_after_its_time() -> None:
    # A number that no other test sleeps.
    with pytest.raises(NatsError, match=r"^sleep has not ended after 0.2 s: sleep 30.125$"):
        _process.run(["sleep", "30.125"], timeout_seconds=0.2)
    assert ("sleep", "30.125") not in [process.argv for process in all_processes()]


def test_a_command_that_is_not_there_is_named() -> None:
    with pytest.raises(NatsError, match=r"^no-such-program cannot be run: No such file or directory$"):
        _process.run(["no-such-program"])


def test_a_command_has_no_input_to_wait_for() -> None:
    assert _process.run(["cat"], timeout_seconds=10.0).stdout == ""


def test_a_detached_program_lives_in_a_session_of_its_own_and_adds_to_its_log(tmp_path: Path) -> None:
    log = tmp_path / "new" / "server.log"
    log.parent.mkdir()
    log.write_text("before\n", encoding="utf-8")
    text = "import os, sys; print(os.getsid(0), os.getcwd()); print('err', file=sys.stderr)"
    pid = _process.start_detached([sys.executable, "-u", "-c", text], cwd=str(tmp_path), log_path=str(log))
    ended(pid)
    assert log.read_text(encoding="utf-8").splitlines() == ["before", f"{pid} {tmp_path}", "err"]


def test_the_folder_of_the_log_is_made(tmp_path: Path) -> None:
    pid = _process.start_detached(["echo", "hello"], cwd=None, log_path=str(tmp_path / "a" / "b.log"))
    ended(pid)
    assert (tmp_path / "a" / "b.log").read_text(encoding="utf-8") == "hello\n"


@pytest.mark.parametrize(
    ("argv", "cwd", "log", "words"),
    [
        pytest.param(["no-such-program"], None, None, "^no-such-program cannot be started: No such file", id="program"),
        pytest.param(["true"], "/no/such/folder", None, "No such file or directory .*/no/such/folder", id="folder"),
        pytest.param(["true"], None, "/dev/null/x.log", r"Not a directory|File exists", id="log"),
    ],
)
def test_a_program_that_cannot_be_started_is_named_with_the_reason(
    argv: list[str], cwd: str | None, log: str | None, words: str
) -> None:
    with pytest.raises(NatsError, match=words):
        _process.start_detached(argv, cwd=cwd, log_path=log)
