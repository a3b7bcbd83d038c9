"""What the fault tests share: runs in the background that are killed, what nodes keep on disk, clients, other playbooks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.integration import explained
from tests.integration.helpers import BIN, ENVIRONMENT, MARK, PLAYBOOK, PLAYBOOK_SECONDS, run, said, touched_by, upgrade
from tests.lab.binaries import ROOT, LabError
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_process import Load
from tests.lab.node import Settings
from tests.lab.playbook import PlaybookRun
from tests.lab.processes import Process, all_processes, end_marked, has_environment, is_alive, send, wait_until

OLD, NEW = "2.14.6", "2.15.1"
STOPPING = Path(__file__).with_name("stopping")
# Bounds for a machine that is busy with other things, as all of them here: a moment comes within seconds on a quiet one.
MOMENT_SECONDS = 300.0
KILL_SECONDS = 60.0
# Nobody waits for the end of such a drain: the test ends it, once it has seen what it wanted to see.
LONG_LAME_DUCK = Settings(lame_duck_duration="300s", lame_duck_grace_period="200s")


def playbook(
    name: str, inventory_file: Path, *options: str, env: Mapping[str, str] | None = None, **variables: Any
) -> PlaybookRun:
    """Run another playbook than upgrade.yml, as helpers.upgrade does that one."""
    argv = [str(BIN / "ansible-playbook"), "-i", str(inventory_file), str(PLAYBOOK.with_name(f"{name}.yml")), *options]
    return run([*argv, *(["-e", json.dumps(variables)] if variables else [])], env=env, seconds=PLAYBOOK_SECONDS)


class Background:
    """``with Background(hosts, "2.15.1") as roll: roll.until(...); roll.kill()``: a roll that goes on meanwhile."""

    def __init__(
        self,
        inventory_file: Path,
        version: str | None,
        *options: str,
        playbook: Path = PLAYBOOK,
        env: Mapping[str, str] | None = None,
        programs: Path = BIN,
        **variables: Any,
    ) -> None:
        self.mark = f"{MARK}={uuid.uuid4().hex}"
        self._folder = tempfile.TemporaryDirectory(prefix="natsops-roll-")
        self.output_file = Path(self._folder.name) / "output"
        self._argv = [str(programs / "ansible-playbook"), "-i", str(inventory_file), str(playbook), *options]
        self._argv += ["-e", json.dumps({**variables, **({"nats_upgrade_version": version} if version else {})})]
        self._env = {**os.environ, **ENVIRONMENT, **(env or {}), **dict([self.mark.split("=", 1)])}
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Background:
        with self.output_file.open("wb") as output:
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
            self._child = subprocess.Popen(self._argv, cwd=ROOT, env=self._env, start_new_session=True, **streams)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()
        self._folder.cleanup()

    @property
    def output(self) -> str:
        return self.output_file.read_text(encoding="utf-8", errors="replace")

    @property
    def child(self) -> subprocess.Popen[bytes]:
        assert self._child is not None
        return self._child

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a moment of the run. Fails where the run ends before it."""
        wait_until(lambda: condition() or self.child.poll() is not None, MOMENT_SECONDS)
        if not condition():
            raise LabError(f"the run did not come to: {what}\n{self.output[-3000:]}")

    def until_task(self, name: str) -> None:
        self.until(lambda: name in self.output, f"the task '{name}'")

    def kill(self, spare: Callable[[Process], bool] = lambda _process: False) -> None:
        """End the run as a crash of the controller does: no process of it gets to say anything. Servers stay."""

        def left() -> list[Process]:
            marked = [process for process in all_processes() if has_environment(process, self.mark)]
            return [process for process in marked if not is_server(process) and not spare(process)]

        def none_left() -> bool:
            for process in left():
                send(process, signal.SIGKILL)
            return self.child.poll() is not None and not left()

        if not wait_until(none_left, KILL_SECONDS):
            raise LabError(f"still there after SIGKILL: {left()}")

    def wait(self, seconds: float = PLAYBOOK_SECONDS) -> PlaybookRun:
        """Wait for the end of the run."""
        try:
            code = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            end_marked(self.mark)
            raise LabError(f"the run did not end within {seconds:g} s:\n{self.output[-3000:]}") from None
        done = PlaybookRun(code, self.output, "", 0.0)
        explained.check(done)
        return done


def is_server(process: Process) -> bool:
    return bool(process.argv) and Path(process.argv[0]).name.startswith("nats-server")


def is_module(process: Process) -> bool:
    """A module at work on a node: over ssh, it outlives the controller."""
    return any("AnsiballZ_" in word or "ansible-tmp" in word for word in process.argv) or process.argv[1:2] == ("-",)


def stop_at(folder: Path, end: str, step: str = "") -> tuple[dict[str, str], Path]:
    """The environment that stops a run at one moment, see stopping/sitecustomize.py, and the file that tells that it stands."""
    stopped = folder / f"stopped-{uuid.uuid4().hex[:8]}"
    at = f"{end}={step}" if step else end
    return {"PYTHONPATH": str(STOPPING), "NATSOPS_STOP_AT": at, "NATSOPS_STOPPED": str(stopped)}, stopped


def state(cluster: LoopbackCluster, name: str) -> Path:
    return cluster.nodes[name].folder / "state"


def read_kept(path: Path) -> dict[str, Any]:
    """What a run keeps in a file of a node; empty where there is none."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ProcessLookupError):
        return {}


def kept(cluster: LoopbackCluster, name: str, what: str) -> dict[str, Any]:
    """The journal or the lock of a node; empty where it has none."""
    return read_kept(state(cluster, name) / f"{what}.json")


def steps(cluster: LoopbackCluster, name: str) -> list[str]:
    return [step["step"] for step in kept(cluster, name, "journal").get("steps", [])]


def in_turn(cluster: LoopbackCluster) -> str:
    """The node whose turn has begun and not ended; empty where there is none."""
    return next((name for name in cluster.nodes if steps(cluster, name)[-1:] not in ([], ["done"], ["put_back"])), "")


def locked(cluster: LoopbackCluster) -> list[str]:
    return [name for name in cluster.nodes if kept(cluster, name, "lock")]


def first_and_others(cluster: LoopbackCluster) -> tuple[str, list[str]]:
    """The node that is taken first, which is no meta leader, and the ones that have to be left alone then."""
    leader = cluster.known_leader()
    first = next(name for name in cluster.nodes if name != leader)
    return first, [name for name in cluster.nodes if name != first]


@contextmanager
def clients(cluster: LoopbackCluster, *names: str, about: str = '"name":"stubborn","lang":"c","version":"9.9"') -> Iterator[None]:
    """Hold a connection to servers that ignores lame duck: it stays until the server closes it."""
    with ExitStack() as stack:
        for node in (cluster.nodes[name] for name in names):
            client = stack.enter_context(socket.create_connection((node.host, node.client_port), timeout=5))
            client.sendall(b'CONNECT {"user":"app","pass":"app","verbose":false,%s}\r\nPING\r\n' % about.encode())
            answer = b""
            while b"PONG" not in answer:
                answer += client.recv(4096)
        yield


def finished(cluster: LoopbackCluster, version: str) -> None:
    """Make sure that a roll has come to its end everywhere, and left nothing that is in the way of the next one."""
    assert set(cluster.versions().values()) == {version}
    assert not locked(cluster)
    assert not in_turn(cluster)
    for node in cluster.nodes.values():
        assert not [left for left in node.binary.parent.iterdir() if left.suffix in (".part", ".natsops")]


def finished_alone(cluster: LoopbackCluster, node: str) -> None:
    """Make sure that the turn of this node, and of no other, has come to its end."""
    assert cluster.versions() == {name: NEW if name == node else OLD for name in cluster.nodes}
    assert steps(cluster, node)[-1] == "done"
    assert not locked(cluster)
    assert not in_turn(cluster)


def finishes_alone(cluster: LoopbackCluster, inventory_file: Path, node: str) -> PlaybookRun:
    """Run the same playbook again for this node, and make sure that it ends its turn: enough where that went wrong."""
    others = [name for name in cluster.nodes if name != node]
    before = touched_by(cluster)
    again = upgrade(inventory_file, NEW, "--limit", node)
    assert again.returncode == 0, again.stdout[-5000:]
    finished_alone(cluster, node)
    # Nothing was staged there either.
    assert {name: touched_by(cluster)[name] for name in others} == {name: before[name] for name in others}
    return again


def nothing_lost(load: Load) -> None:
    report = load.stop()
    assert (report.lost, report.duplicates_in_stream, report.never_delivered) == (0, 0, 0)
    assert report.acknowledged > 0


def gone(process: Process, seconds: float) -> bool:
    return wait_until(lambda: not is_alive(process), seconds)


def says(done: PlaybookRun, *texts: str) -> None:
    """Make sure that a run said all of this, wherever its lines were wrapped."""
    output = said(done)
    for text in texts:
        assert text in output, f"it did not say: {text}\n\n{done.stdout[-6000:]}{done.stderr[-1000:]}"
