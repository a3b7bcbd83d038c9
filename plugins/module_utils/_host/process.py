# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The only door to processes on a node: find a NATS server, prove that it is one, signal it, start it, wait for its exit.

Linux only (/proc). A process is a pid together with its start time, so that a pid that was used again is never taken for it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.poll import poll_until
from ansible_collections.natsops.cluster.plugins.module_utils._files import safe as _safe

PROC = Path("/proc")
PROGRAM = "nats-server"
_LONGEST_PID_FILE = 64
# nats-server-2.15.1 and "nats-server (deleted)" are the server; nats-server-config-reloader is not.
_SERVER_NAME = re.compile(r"^nats-server(?:[-_.]?v?\d[^/]*)?(?: \(deleted\))?$")


@dataclass(frozen=True)
class Process:
    """A process that was there when it was looked at. C(start_ticks) is field 22 of /proc/PID/stat."""

    pid: int
    start_ticks: int
    argv: tuple[str, ...]
    exe: str

    @property
    def program(self) -> str:
        return self.exe or (self.argv[0] if self.argv else "a program without a name")

    @property
    def is_nats_server(self) -> bool:
        # The name of the file may carry a version, and ends in " (deleted)" once the binary was replaced.
        return any(is_server_name(name) for name in (self.exe, *self.argv[:1]))


def is_server_name(path: str) -> bool:
    """Whether a program with this path is a NATS server, by its name."""
    return bool(_SERVER_NAME.match(os.path.basename(path)))


@dataclass(frozen=True)
class Found:
    """What a search for the server gave. C(process) is None where it does not run."""

    found_by: str
    process: Process | None
    absence: str = ""


def look(pid: int) -> Process | None:
    """Return the living process with this pid, or None. A zombie has exited: only its parent still remembers it."""
    state = _state_and_start(pid)
    if state is None or state[0] in "ZX":
        return None
    try:
        exe = os.readlink(str(PROC / str(pid) / "exe"))
    except OSError:  # another user's process: its argv has to do
        exe = ""
    try:
        argv = tuple((PROC / str(pid) / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")[:-1])
    except OSError:
        argv = ()
    return Process(pid, state[1], argv, exe)


def _state_and_start(pid: int) -> tuple[str, int] | None:
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field is the name in parentheses and may hold anything, blanks and parentheses included.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def alive(process: Process) -> bool:
    """Whether exactly this process still runs."""
    state = _state_and_start(process.pid)
    return state is not None and state[0] not in "ZX" and state[1] == process.start_ticks


def uid_of(process: Process) -> int | None:
    """The user that a process runs as; None where it has exited."""
    try:
        status = (PROC / str(process.pid) / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second of real, effective, saved and file system. Not the owner of its folder: that is root where it has capabilities.
    return next((int(line.split()[2]) for line in status.splitlines() if line.startswith("Uid:")), None)


def find_by_pid(pid: int) -> Found:
    """The server with this pid. Raises NatsError where the pid is another program's."""
    process = look(pid)
    if process is None:
        return Found("pid", None, f"no process has pid {pid}")
    return Found("pid", _proved(process, f"pid {pid}"))


def find_by_pid_file(path: str) -> Found:
    """The server that a pid file names. NATS never removes its pid file, so a stale one is normal."""
    try:
        # It lies where the server's user writes: it may be a link to a file that root alone can read, or a pipe.
        with _safe.opened(path) as file:
            text = file.read(_LONGEST_PID_FILE).decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return Found("pid_file", None, f"there is no pid file {path}")
    except OSError as exc:
        raise NatsError(f"the pid file {path} cannot be read ({exc.strerror}): run with become, or give service") from exc
    if not text.isdigit() or int(text) < 1:
        raise NatsError(f"the pid file {path} holds {text[:40]!r}, not a pid: give the file that pid_file of the config names")
    process = look(int(text))
    if process is None:
        return Found("pid_file", None, f"the pid file {path} is stale: no process has pid {text}")
    return Found("pid_file", _proved(process, f"the pid file {path}"))


def find_by_unit(properties: Mapping[str, str]) -> Found:
    """The server of a systemd unit, from its properties (see systemctl_show). MainPID may be a wrapper script."""
    unit = properties["Id"]
    pid = int(properties.get("MainPID") or 0)
    if not pid:
        return Found("service", None, f"unit {unit} is {properties.get('ActiveState', 'not active')}")
    main = look(pid)
    if main is not None and main.is_nats_server:
        return Found("service", main)
    servers = [p for p in _in_cgroup(properties.get("ControlGroup", "")) if p.is_nats_server]
    if len(servers) == 1:
        return Found("service", servers[0])
    if servers:
        pids = ", ".join(str(server.pid) for server in servers)
        raise NatsError(f"unit {unit} runs several NATS servers (pids {pids}): give the pid or pid_file of the one that is meant")
    if main is None:
        return Found("service", None, f"the main process of unit {unit} has just exited")
    raise NatsError(f"unit {unit} runs {main.program} (pid {pid}), and no nats-server: is it the unit of the NATS server?")


def find_by_container(name: str, pid: int) -> Found:
    """The server in a container, from the pid of its main process, which may be an init or a wrapper."""
    main = look(pid)
    if main is None:
        return Found("container", None, f"the main process of container {name} has just exited")
    if main.is_nats_server:
        return Found("container", main)
    servers = [process for process in _in_cgroup(_control_group(pid)) if process.is_nats_server]
    if len(servers) == 1:
        return Found("container", servers[0])
    what = "several NATS servers" if servers else f"{main.program} (pid {pid}), and no nats-server"
    raise NatsError(f"container {name} runs {what}: is it the container of one NATS server?")


def _proved(process: Process, what: str) -> Process:
    if not process.is_nats_server:
        raise NatsError(
            f"{what} is {process.program}, not nats-server: nothing was signalled. "
            "A pid that is left over from a server that has gone may belong to any program by now: if the server does not run, "
            "remove the pid file"
        )
    return process


def _control_group(pid: int) -> str:
    """The innermost control group of a process; with version 1 it is in one for each controller, of the same name."""
    try:
        lines = (PROC / str(pid) / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return max((line.split(":", 2)[2] for line in lines), key=len, default="")


def _in_cgroup(control_group: str) -> list[Process]:
    found = []
    for entry in PROC.iterdir():
        if not entry.name.isdigit() or not control_group:
            continue
        try:
            lines = (entry / "cgroup").read_text(encoding="utf-8").splitlines()
        except OSError:  # it has exited meanwhile
            continue
        if any(line.split(":", 2)[2] == control_group for line in lines):
            process = look(int(entry.name))
            if process is not None:
                found.append(process)
    return found


def send(process: Process, number: signal.Signals) -> bool:
    """Signal exactly this process. False where it has exited meanwhile; NatsError where it may not be signalled."""
    try:
        pidfd = os.pidfd_open(process.pid) if hasattr(os, "pidfd_open") else None
        try:
            # With the pidfd held, the pid cannot pass to another process between this look and the signal.
            if not alive(process):
                return False
            if pidfd is not None:
                signal.pidfd_send_signal(pidfd, number)
            else:  # Python 3.8
                os.kill(process.pid, number)
        finally:
            if pidfd is not None:
                os.close(pidfd)
    except ProcessLookupError:
        return False
    except PermissionError as exc:
        owner = _owner(process.pid)
        raise NatsError(
            f"pid {process.pid} ({process.program}) belongs to user {owner} and may not be signalled by "
            f"user {os.geteuid()}: run with become (-b), as root or as the server's user"
        ) from exc
    return True


def listening_ports(process: Process) -> frozenset[int] | None:
    """TCP ports that a process listens on; None where that may not be read. In its own network namespace, if it has one."""
    root = PROC / str(process.pid)
    try:
        targets = [_link(entry) for entry in (root / "fd").iterdir()]
        tables = [(root / "net" / name).read_text(encoding="ascii") for name in ("tcp", "tcp6") if (root / "net" / name).exists()]
    except OSError:  # another user's process, or it has exited meanwhile
        return None
    sockets = {target[len("socket:[") : -1] for target in targets if target.startswith("socket:[")}
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    # Field 1 is address:port in hexadecimal, 3 the state (0A is listening), 9 the socket.
    return frozenset(int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A" and row[9] in sockets)


def _link(entry: Path) -> str:
    try:
        return os.readlink(str(entry))
    except FileNotFoundError:  # closed meanwhile
        return ""


def _owner(pid: int) -> str:
    try:
        return str((PROC / str(pid)).stat().st_uid)
    except OSError:
        return "unknown"


def wait_for_exit(
    process: Process,
    timeout_seconds: float,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[bool, float]:
    """Wait until this process has exited; return whether it has, and the seconds that took."""
    polled = poll_until(
        lambda: alive(process),
        lambda running: not running,
        timeout_seconds=timeout_seconds,
        shortest_interval_seconds=0.02,
        longest_interval_seconds=0.1,
        now=now,
        sleep=sleep,
    )
    return polled.satisfied, polled.elapsed_seconds


@dataclass(frozen=True)
class Output:
    """What a command gave."""

    returncode: int
    stdout: str
    stderr: str


class Child(subprocess.Popen):  # type: ignore[type-arg]
    """A program that we have started: by its argv, never through a shell, and with nothing to read unless that is given.

    Not run_command of AnsibleModule: that waits without a limit, and the controller, which starts programs too, has no module.
    """

    def __init__(self, argv: Sequence[str], **options: Any) -> None:
        super().__init__(list(argv), **{"stdin": subprocess.DEVNULL, **options})


def run(argv: Sequence[str], *, timeout_seconds: float = 30.0, **options: object) -> Output:
    """Run a command to its end; raises NatsError where it cannot be run or does not end."""
    try:
        with Child(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as child:
            try:
                stdout, stderr = child.communicate(timeout=timeout_seconds)
            finally:
                if child.returncode is None:
                    child.kill()
    except subprocess.TimeoutExpired as exc:
        raise NatsError(f"{argv[0]} has not ended after {timeout_seconds:g} s: {' '.join(argv)}") from exc
    except OSError as exc:
        raise NatsError(f"{argv[0]} cannot be run: {exc.strerror or exc}") from exc
    return Output(child.returncode, stdout.decode("utf-8", "replace"), stderr.decode("utf-8", "replace"))


def done(argv: Sequence[str], *, timeout_seconds: float = 30.0) -> Output:
    """Run a command, which has to succeed; raises NatsError with what it said where it does not."""
    output = run(argv, timeout_seconds=timeout_seconds)
    if output.returncode != 0:
        said = output.stderr.strip() or output.stdout.strip()
        raise NatsError(f"{' '.join(argv)} ended with code {output.returncode}: {said}")
    return output


UNIT_PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "MainPID",
    "ControlGroup",
    "Restart",
    "TimeoutStopUSec",
    "KillSignal",
    "NeedDaemonReload",
    "FragmentPath",
    "SourcePath",
    "DropInPaths",
    "UnitFileState",
    "User",
    "Group",
    "SupplementaryGroups",
    "WorkingDirectory",
    "Environment",
    "EnvironmentFiles",
    "ExecStart",
    "ExecStop",
)


def systemctl_show(unit: str) -> dict[str, str]:
    """The properties of a unit; raises NatsError where there is no systemd or no such unit."""
    try:
        output = done(["systemctl", "show", unit, "--property", ",".join(UNIT_PROPERTIES)])
    except NatsError as exc:
        raise NatsError(
            f"{exc}. Where systemd does not run the server, set nats_upgrade_service to what does: docker, or command"
        ) from exc
    properties: dict[str, str] = {}
    for name, _unused, value in (line.partition("=") for line in output.stdout.splitlines() if "=" in line):
        # There is a line for each file.
        several = name == "EnvironmentFiles" and name in properties
        properties[name] = f"{properties[name]}\n{value}" if several else value
    if properties.get("LoadState") == "not-found":
        raise NatsError(
            f"systemd has no unit named {unit}: set nats_upgrade_service_name to the unit of the NATS server "
            "(systemctl list-units '*nats*')"
        )
    return properties


def daemon_reload() -> None:
    """Make systemd read its units again."""
    output = run(["systemctl", "daemon-reload"])
    if output.returncode != 0:
        raise NatsError(f"systemctl daemon-reload failed: {output.stderr.strip()}. Run with become (-b)")


def wait_for_unit_end(unit: str, timeout_seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait until a unit whose server has exited is no longer active: until then a start does nothing, and says that all is well.

    systemd learns of the exit a moment later, and a main process that is a wrapper may have more to do.
    """
    polled = poll_until(
        lambda: systemctl_show(unit),
        lambda properties: properties["ActiveState"] != "active" or not int(properties.get("MainPID") or 0),
        timeout_seconds=timeout_seconds,
        shortest_interval_seconds=0.02,
        longest_interval_seconds=0.5,
        sleep=sleep,
    )
    if not polled.satisfied:
        pid = int(polled.value["MainPID"])
        main = look(pid)
        raise NatsError(
            f"the server of unit {unit} has exited, and the unit is still active after {polled.elapsed_seconds:.0f} s: its main "
            f"process is {main.program if main else 'a process'} (pid {pid}). A wrapper has to end with its server, or the unit "
            "cannot be started again"
        )


def end_unit(unit: str, timeout_seconds: float) -> list[str]:
    """End every process of a unit with SIGTERM and, if that does not help, SIGKILL; return what was sent.

    Not systemctl stop: that runs ExecStop, a lame duck of a server that does not serve. Its failed state is cleared.
    """
    sent = []
    for number in (signal.SIGTERM, signal.SIGKILL):
        if systemctl_show(unit)["ActiveState"] in ("inactive", "failed"):
            break
        sent.append(number.name)
        # It fails where the last process has just ended: what counts is the state afterwards.
        run(["systemctl", "kill", "--kill-who=all", f"--signal={number.name}", unit])
        poll_until(
            lambda: systemctl_show(unit)["ActiveState"],
            lambda state: state in ("inactive", "failed"),
            timeout_seconds=timeout_seconds,
            longest_interval_seconds=0.5,
        )
    state = systemctl_show(unit)["ActiveState"]
    if state not in ("inactive", "failed"):
        raise NatsError(f"unit {unit} is still {state} after {' and '.join(sent)} to all of its processes: look at its host")
    if state == "failed":
        run(["systemctl", "reset-failed", unit])
    return sent


def start_detached(argv: Sequence[str], *, cwd: str | None, log_path: str | None, told: bytes = b"") -> int:
    """Start a program in a session of its own, its output going to a file or nowhere; return its pid.

    C(told) is what it reads from its standard input, which nobody else sees. It has to fit into a pipe (64 KiB).
    """
    try:
        with _safe.appended(log_path) if log_path else open(os.devnull, "ab") as log:
            given = {"stdin": subprocess.PIPE} if told else {}
            child = Child(argv, stdout=log, stderr=log, cwd=cwd, start_new_session=True, **given)
        if child.stdin:
            with child.stdin:
                child.stdin.write(told)
    except OSError as exc:
        raise NatsError(f"{argv[0]} cannot be started: {exc.strerror or exc} ({exc.filename or log_path})") from exc
    return child.pid
