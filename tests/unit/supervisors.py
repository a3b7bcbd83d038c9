"""Each supervisor with a real process as its server: what the collection asks, and what becomes of the server."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._node import supervisor as _supervisor
from tests.unit.processes import Processes
from tests.unit.systemd import Systemd

IMAGE = "docker.io/library/nats:2.15.1"
PODMAN_RUN = f"/usr/bin/podman run --rm --name nats {IMAGE} -c /etc/nats.conf"
# A docker with one container: its policy and its process are in files, and a name that begins with nats- is of none.
DOCKER = """#!/bin/sh
cd {folder}
echo "$*" >> calls
for last; do :; done
case "$last" in nats-*) echo "Error: No such $1: $last" >&2; exit 1 ;; esac
pid=$(cat pid 2>/dev/null || echo 0)
runs=false; [ "$pid" != 0 ] && kill -0 "$pid" 2>/dev/null && runs=true
case "$1 $2" in
  "container inspect")
    name=$(cut -d: -f1 policy) count=$(cut -d: -f2 -s policy)
    printf '[{{"Id": "abc", "Image": "sha256:1", "State": {{"Running": %s, "Status": "exited", "Pid": %s}},' "$runs" "$pid"
    printf '"HostConfig": {{"RestartPolicy": {{"Name": "%s", "MaximumRetryCount": %s}}}}}}]\\n' "$name" "${{count:-0}}" ;;
  "update --restart="*) [ -e stubborn ] || echo "${{2#--restart=}}" > policy ;;
  "kill --signal") kill -s "${{3#SIG}}" "$pid" ;;
  "stop --time") kill -s TERM "$pid"; echo 0 > pid ;;
  "logs --tail") echo "said by the server" >&2 ;;
esac
"""
PODMAN = """#!/bin/sh
case "$1 $2" in
  "ps --all") echo nats ;;
  "image exists") [ "$3" = {image} ] ;;
  "container inspect") echo '[{{"Id": "abc", "Name": "nats", "State": {{"Running": true, "Pid": '"$(cat {folder}/pid)"'}}}}]' ;;
esac
"""
JOURNAL = '#!/bin/sh\necho "said by the server"\n'


def install(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


class Rig:
    """A server that runs, and whoever supervises it."""

    # What is said where a hold does not take; empty where nobody can know.
    stubborn_words = ""
    holds_are_seen = True

    def __init__(self, root: Path, processes: Processes, systemd: Systemd) -> None:
        self.root, self.processes, self.systemd = root, processes, systemd
        self.server = processes.server()
        self.prepare()

    def prepare(self) -> None:
        raise NotImplementedError

    def named(self) -> dict[str, Any]:
        """The options that name the server."""
        raise NotImplementedError

    def restarts(self) -> str:
        """By what it would be started again."""
        raise NotImplementedError

    def be_stubborn(self) -> None:
        """Take no hold from now on."""
        raise NotImplementedError

    def has_exited(self) -> None:
        """The server has gone, and its supervisor knows."""
        raise NotImplementedError

    def starts(self) -> int:
        """How often it was told to start the server."""
        raise NotImplementedError

    def of(self, **given: Any) -> _supervisor.Supervisor:
        params = {name: option.get("default") for name, option in _supervisor.SPEC.items()}
        return _supervisor.of({**params, "state_dir": str(self.root / "state"), **self.named(), **given})

    def end(self) -> None:
        _process.send(self.server, signal.SIGKILL)
        self.processes.reap(self.server)


class OfSystemd(Rig):
    stubborn_words = r"^systemd still says Restart=always .* Nothing was signalled$"
    program = "/usr/sbin/nats-server -c /etc/nats.conf"

    def prepare(self) -> None:
        self.file = self.root / "nats-server.service"
        self.file.write_text(f"[Service]\nExecStart={self.program}\n", encoding="utf-8")
        install(self.systemd.folder / "journalctl", JOURNAL)
        self.known(MainPID=str(self.server.pid))

    def known(self, **properties: str) -> None:
        argv = f"{{ path={self.program.split()[0]} ; argv[]={self.program} ; ignore_errors=no }}"
        self.systemd.set(ExecStart=argv, FragmentPath=str(self.file), **properties)

    def named(self) -> dict[str, Any]:
        return {"service": "nats-server"}

    def restarts(self) -> str:
        return _process.systemctl_show("nats-server")["Restart"]

    def be_stubborn(self) -> None:
        self.systemd.be("stubborn")

    def has_exited(self) -> None:
        self.end()
        self.known(ActiveState="inactive")

    def starts(self) -> int:
        return self.systemd.calls.count("start")


class OfPodman(OfSystemd):
    program = PODMAN_RUN

    def prepare(self) -> None:
        super().prepare()
        install(self.systemd.folder / "podman", PODMAN.format(folder=self.root, image=IMAGE))
        (self.root / "pid").write_text(str(self.server.pid), encoding="ascii")


class OfDocker(Rig):
    stubborn_words = r"^docker says restart policy always for container nats: .* Nothing was signalled\. Run again"

    def prepare(self) -> None:
        # Beside the systemctl that is on the path.
        install(self.systemd.folder / "docker", DOCKER.format(folder=self.root))
        (self.root / "policy").write_text("always\n", encoding="ascii")
        (self.root / "pid").write_text(f"{self.server.pid}\n", encoding="ascii")

    def named(self) -> dict[str, Any]:
        return {"container": "nats"}

    def restarts(self) -> str:
        return (self.root / "policy").read_text(encoding="ascii").strip()

    def be_stubborn(self) -> None:
        (self.root / "stubborn").touch()

    def has_exited(self) -> None:
        self.end()
        (self.root / "pid").write_text("0\n", encoding="ascii")

    def starts(self) -> int:
        return (self.root / "calls").read_text(encoding="ascii").splitlines().count("start nats")


class OfCommands(Rig):
    """Commands of a supervisor that we do not know: it starts its server again as long as a file is not there."""

    stubborn_words = (
        r"^nats_upgrade_hold_command \(touch /no/such/folder/hold\) ended with code 1: touch: .* Restarts are not held\. "
        "Nothing was signalled"
    )
    # Nobody but the user's command knows.
    holds_are_seen = False

    def prepare(self) -> None:
        self.hold = self.root / "hold"
        (self.root / "pid").write_text(f"{self.server.pid}\n", encoding="ascii")
        (self.root / "log").write_text("said by the server\n", encoding="ascii")

    def named(self) -> dict[str, Any]:
        return {
            "pid_file": str(self.root / "pid"),
            "pid": self.server.pid,
            "start_ticks": self.server.start_ticks,
            "hold_command": ["touch", str(self.hold)],
            "release_command": ["rm", "-f", str(self.hold)],
            "start_argv": ["sh", "-c", f"echo started >> {self.root}/starts"],
            "start_detach": False,
            "output_path": str(self.root / "log"),
            "uid": self.root.stat().st_uid,
        }

    def restarts(self) -> str:
        return "no" if self.hold.exists() else "always"

    def be_stubborn(self) -> None:
        self.hold = Path("/no/such/folder/hold")

    def has_exited(self) -> None:
        self.end()

    def starts(self) -> int:
        told = self.root / "starts"
        return len(told.read_text(encoding="ascii").splitlines()) if told.exists() else 0


ALL = (OfSystemd, OfPodman, OfDocker, OfCommands)
