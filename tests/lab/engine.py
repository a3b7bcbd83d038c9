"""Make sure a container engine answers, with the tools that build the images of the lab.

``python -m tests.lab.engine`` changes nothing where everything is there. What is missing it installs and starts on a
Debian-like machine when run as root; anywhere else it says what is missing and ends with status 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.lab.locks import locked
from tests.lab.marks import without_mark
from tests.lab.processes import look

ROOT = Path(__file__).resolve().parents[2]
LOG = ROOT / ".cache" / "dockerd.log"
# Where dockerd and its containerd note their pids. Killed, they leave them, and take whoever has that pid later for themselves.
PID_FILES = {Path("/var/run/docker.pid"): "dockerd", Path("/var/run/docker/containerd/containerd.pid"): "containerd"}

ANSWER_SECONDS = 20
# After a hard kill it first stops each container that is still there, 10 s for one that does not listen.
START_SECONDS = 180
INSTALL_SECONDS = 600
# A mirror that does not answer is asked again, and another apt that is at work is waited for.
APT_OPTIONS = ("-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=300")

# A program the lab calls, and the Debian packages that bring it. A docker client may come from elsewhere (a desktop, a
# CI image), so the engine is looked for by its daemon, and only when no engine answers.
ENGINE: dict[str, tuple[str, ...]] = {"dockerd": ("docker.io", "runc", "iptables")}
TOOLS: dict[str, tuple[str, ...]] = {
    "docker-compose": ("docker-compose",),
    "mmdebstrap": ("mmdebstrap",),
    "ssh": ("openssh-client",),
    "ssh-keygen": ("openssh-client",),
}
# What ansible-rulebook runs its rules on. No part of the engine.
JAVA: dict[str, tuple[str, ...]] = {"java": ("default-jre-headless",)}


class EngineError(Exception):
    """What keeps the lab from running, in one sentence."""


def answers() -> bool:
    """Whether a docker client is there and a server answers it."""
    try:
        answer = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"],
            capture_output=True,
            check=False,
            timeout=ANSWER_SECONDS,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def find_program(name: str) -> str | None:
    """Find a program, also where daemons live: the PATH of a user often leaves /usr/sbin out."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]))


def missing_programs(wanted: dict[str, tuple[str, ...]]) -> list[str]:
    """Name the programs of a table that this machine does not have."""
    return [program for program in wanted if find_program(program) is None]


def may_install() -> bool:
    """Whether this is root on a machine with apt."""
    return os.geteuid() == 0 and find_program("apt-get") is not None


def install(programs: list[str]) -> None:
    """Install the packages that bring the programs."""
    packages = sorted({package for program in programs for package in {**ENGINE, **TOOLS, **JAVA}[program]})
    print(f"engine: installing {', '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        try:
            subprocess.run(
                ["apt-get", "-q", *APT_OPTIONS, *command],
                stdin=subprocess.DEVNULL,
                env=environment,
                check=True,
                timeout=INSTALL_SECONDS,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise EngineError(f"apt-get {command[0]} failed: {error}") from error


def start_daemon() -> subprocess.Popen[bytes] | None:
    """Start dockerd: as a service where systemd runs the machine, else as a process of its own."""
    if Path("/run/systemd/system").is_dir():
        try:
            subprocess.run(["systemctl", "start", "docker"], check=True, timeout=START_SECONDS)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise EngineError("systemctl start docker failed, see: journalctl -u docker") from error
        return None
    remove_stale_pid_files(PID_FILES)
    LOG.parent.mkdir(parents=True, exist_ok=True)
    # The daemon outlives this program: it must not hold the terminal or the pipe of whoever called.
    with LOG.open("ab") as log:
        return subprocess.Popen(
            [find_program("dockerd") or "dockerd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=without_mark(),
            start_new_session=True,
        )


def remove_stale_pid_files(files: Mapping[Path, str]) -> None:
    """Remove each pid file whose pid is no process of that name: gone, or given to another one since."""
    for path, name in files.items():
        try:
            pid = path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            continue
        running = look(int(pid)) if pid.isdigit() else None
        if running is None or Path(running.argv[0] if running.argv else "").name != name:
            path.unlink()


def start() -> None:
    """Start the engine and wait until it answers."""
    print("engine: starting dockerd")
    daemon = start_daemon()
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        ended = daemon is not None and daemon.poll() is not None
        if ended or time.monotonic() > deadline:
            raise EngineError(f"dockerd {'ended' if ended else 'does not answer'}{_last_words(daemon is not None)}")
        time.sleep(0.5)


def _last_words(by_hand: bool) -> str:
    if not by_hand:
        return ", see: journalctl -u docker"
    # Three lines: dockerd quotes what it has called, and that ends in a line of its own.
    lines = LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
    return f", see {LOG.relative_to(ROOT)}: {' '.join(lines) or 'empty'}"


def provide() -> None:
    """Bring the machine to where the lab can run, or say what is missing."""
    with locked("engine"):
        _provide()


def _provide() -> None:
    running = answers()
    missing = missing_programs(TOOLS if running else {**ENGINE, **TOOLS})
    if not running and find_program("docker") is None and "dockerd" not in missing:
        missing.append("dockerd")  # the daemon without a client: the package of the daemon brings both
    if missing:
        if not may_install():
            raise EngineError(f"missing: {', '.join(missing)}. Install them, or run this as root on Debian.")
        install(missing)
    if running:
        return
    if os.geteuid() != 0:
        raise EngineError("docker does not answer this user. Start the engine, or give the user access to it.")
    start()


def provide_program(name: str, what: str = "") -> None:
    """Have one of the other programs on this machine, or say that it is missing."""
    with locked("engine"):
        if find_program(name):
            return
        if not may_install():
            (package,) = {**TOOLS, **JAVA}[name]
            raise EngineError(f"missing: {what or name}. Install it (Debian: {package}), or run this as root on Debian.")
        install([name])


def provide_java() -> None:
    provide_program("java", "java, 17 or newer")


def main() -> int:
    """Provide the engine; the exit status is that of the command."""
    try:
        provide()
    except EngineError as error:
        print(f"engine: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
