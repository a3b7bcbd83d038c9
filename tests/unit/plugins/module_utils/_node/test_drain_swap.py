from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import binary as _binary
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._node import drain as _drain
from ansible_collections.natsops.cluster.plugins.module_utils._node import replacement as _replacement
from ansible_collections.natsops.cluster.plugins.module_utils._state import journal as _journal
from ansible_collections.natsops.cluster.plugins.module_utils._state import lock as _lock
from tests.unit.processes import Processes, ended, shell
from tests.unit.releases import NEW, OLD, install
from tests.unit.state import Clock, lock, on_disk, steal, steps, write_down
from tests.unit.systemd import Systemd


class Node:
    """A node with a server that runs, and a staged successor."""

    def __init__(self, root: Path, processes: Processes) -> None:
        self.path = root / "sbin" / "nats-server"
        self.path.parent.mkdir(parents=True)
        shutil.copy(processes.program(), self.path)
        self.server = processes.start(self.path, "60")
        self.new = install(root / "sbin" / f"nats-server-{NEW}", NEW)
        self.log = root / "out.log"

    def swap(self, check_mode: bool = False, **given: Any) -> dict[str, Any]:
        specs = {**_drain.SPEC, **_drain.TURN_SPEC, **_replacement.SPEC}
        params = {name: spec.get("default") for name, spec in specs.items()}
        params.update(path=str(self.path), running_version=OLD, version=NEW, pid=self.server.pid, log_path=str(self.log))
        if "start_unit" not in given:
            params.update(start_argv=[str(self.path)])
        params.update(given)
        return _drain.swap(params, _replacement.of(params), check_mode=check_mode)

    def is_untouched(self) -> bool:
        return _process.alive(self.server) and self.path.read_bytes() != self.new.read_bytes()


@pytest.fixture
def node(tmp_path: Path, processes: Processes) -> Node:
    return Node(tmp_path, processes)


def test_what_is_installed_is_started_again(node: Node) -> None:
    result = node.swap(path=None, running_version=None, version=None)
    assert (result["exit_seen"], result["started"], result["removed"]) == (True, True, [])
    assert not node.path.samefile(node.new)


def test_a_start_that_is_left_to_a_reboot_is_not_done(node: Node) -> None:
    result = node.swap(path=None, running_version=None, version=None, start_argv=None, start_later=True)
    assert (result["exit_seen"], result["started"], result["new_pid"]) == (True, False, None)


def test_a_command_installs_once_the_server_has_exited(node: Node) -> None:
    prove = f"test ! -e /proc/{node.server.pid}/exe && mv {node.new} {node.path}"
    assert node.swap(path=None, running_version=None, version=None, install_argv=["sh", "-c", prove])["switched"]
    assert _binary.version_of(str(node.path)) == NEW


def test_a_command_that_fails_is_told_and_nothing_is_started(node: Node) -> None:
    with pytest.raises(NatsError, match="ended with code 3: no such package") as failed:
        node.swap(path=None, running_version=None, version=None, install_argv=["sh", "-c", "echo no such package; exit 3"])
    details = failed.value.details
    assert (details["exit_seen"], details["switched"], details["started"]) == (True, False, False)


def test_a_swap_drains_switches_and_starts(node: Node) -> None:
    result = node.swap()
    assert {key: result[key] for key in ("changed", "exit_seen", "switched", "started", "removed")} == {
        "changed": True,
        "exit_seen": True,
        "switched": True,
        "started": True,
        "removed": [],
    }
    assert not _process.alive(node.server)
    assert _binary.version_of(str(node.path)) == NEW
    assert (node.path.parent / f"nats-server-{OLD}").exists()
    started = _process.poll_until(lambda: node.log.read_text(encoding="utf-8"), bool, timeout_seconds=5.0)
    assert started.value == f"nats-server: v{NEW}\n"


def test_a_swap_gives_the_process_that_it_started(node: Node) -> None:
    stays = node.path.parent / "stays"
    stays.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    stays.chmod(0o755)
    result = node.swap(start_argv=[str(stays)])
    new = _process.look(result["new_pid"])
    assert new is not None
    try:
        assert (new.start_ticks, new.pid != result["pid"]) == (result["new_start_ticks"], True)
    finally:
        _process.send(new, signal.SIGKILL)
        ended(new.pid)


def test_a_swap_removes_the_oldest_versions_at_the_end(node: Node) -> None:
    old = install(node.path.parent / "nats-server-2.9.9", "2.9.9")
    assert node.swap()["removed"] == [str(old)]


def test_a_swap_to_what_is_not_staged_touches_nothing(node: Node) -> None:
    with pytest.raises(NatsError, match=f"^nats-server 2.15.0 is not staged at {node.path}-2.15.0: nothing was signalled$"):
        node.swap(version="2.15.0")
    assert node.is_untouched()


def test_a_swap_of_another_process_than_was_seen_touches_nothing_and_says_nothing_of_a_pid(node: Node) -> None:
    before = {"pid": node.server.pid, "start_ticks": node.server.start_ticks - 1, "uid": os.geteuid()}
    with pytest.raises(NatsError, match=r"^refused: other_process: ") as refused:
        node.swap(expected_process=before)
    # By a pid the role knows that something was sent.
    assert (refused.value.details["refusal"], "pid" in refused.value.details) == ("other_process", False)
    assert node.is_untouched()


def test_a_check_of_a_swap_touches_nothing(node: Node) -> None:
    result = node.swap(check_mode=True)
    assert (result["changed"], result["switched"], result["started"]) == (True, False, False)
    assert node.is_untouched()


def test_a_swap_of_a_server_that_has_gone_already_goes_on(node: Node, processes: Processes) -> None:
    os.kill(node.server.pid, signal.SIGKILL)
    processes.reap(node.server)
    result = node.swap()
    assert (result["pid"], result["switched"], result["started"]) == (None, True, True)


def test_a_swap_that_was_done_before_only_starts(node: Node) -> None:
    node.swap()
    inode = node.path.stat().st_ino
    result = node.swap()
    assert (result["switched"], result["started"]) == (True, True)
    assert node.path.stat().st_ino == inode


def full(*_: object, **_unused: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_start_that_fails_says_how_far_it_came(node: Node) -> None:
    with pytest.raises(NatsError, match=r"^/no/such/program cannot be started: No such file") as failed:
        node.swap(start_argv=["/no/such/program"])
    details = failed.value.details
    assert (details["exit_seen"], details["switched"], details["started"], details["changed"]) == (True, True, False, True)
    assert list(details["seconds"]) == ["drain", "swap", "start"]


def test_a_switch_that_fails_says_how_far_it_came(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    # The version that runs is kept already.
    os.link(node.path, node.path.with_name(f"nats-server-{OLD}"))
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(NatsError, match="No space left on device") as failed:
        node.swap()
    details = failed.value.details
    assert (details["exit_seen"], details["switched"], details["started"]) == (True, False, False)


def test_a_version_that_cannot_be_kept_is_found_out_before_the_drain(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(NatsError, match=f"^cannot keep nats-server {OLD} as .*: No space left on device") as failed:
        node.swap()
    assert failed.value.details == {"exit_seen": False}
    assert node.is_untouched()


def test_a_drain_that_takes_too_long_says_how_far_the_swap_came(node: Node, processes: Processes) -> None:
    server = shell(processes, 'trap "" USR2')
    with pytest.raises(NatsError, match="is in lame duck mode") as late:
        node.swap(pid=server.pid, timeout_seconds=0.1)
    details = late.value.details
    assert (details["exit_seen"], details["switched"], details["started"]) == (False, False, False)
    # Where it came to an end is told by the last of these.
    assert list(details["seconds"]) == ["drain"]
    assert details["seconds"]["drain"] >= 0.1


def test_a_supervisors_command_counts_by_its_code(node: Node) -> None:
    assert node.swap(start_detach=False, start_argv=["true"])["started"]
    with pytest.raises(NatsError, match=r"^sh -c echo no; exit 3 ended with code 3: no$"):
        node.swap(start_detach=False, start_argv=["sh", "-c", "echo no; exit 3"])


def test_a_unit_is_started_by_systemd(node: Node, systemd: Systemd) -> None:
    result = node.swap(start_unit="nats-server")
    assert (result["started"], result["new_pid"]) == (True, None)
    assert systemd.calls == ["show", "start"]
    (systemd.folder / "code").write_text("1", encoding="ascii")
    with pytest.raises(NatsError, match=r"^systemctl start nats-server ended with code 1"):
        node.swap(start_unit="nats-server")


class KeptNode(Node):
    """A node with a lock and a journal of the run r1, whose turn has begun."""

    def __init__(self, root: Path, processes: Processes) -> None:
        super().__init__(root, processes)
        self.state = root / "state"
        lock(self.state, "acquired", "r1")
        write_down(self.state, "began", "r1")

    def swap(self, check_mode: bool = False, **given: Any) -> dict[str, Any]:
        kept = {"state_dir": str(self.state), "run_id": "r1", "lease_seconds": 120.0}
        return super().swap(check_mode, **{**kept, **given})


@pytest.fixture
def kept(tmp_path: Path, processes: Processes) -> KeptNode:
    return KeptNode(tmp_path, processes)


def test_a_swap_writes_each_step_down(kept: KeptNode) -> None:
    result = kept.swap()
    assert (result["started"], "warnings" in result) == (True, False)
    assert steps(kept.state) == ["began", "draining", "switching", "starting"]


def test_before_a_reboot_the_step_says_so(kept: KeptNode) -> None:
    kept.swap(start_argv=None, start_later=True)
    assert steps(kept.state)[-1] == "rebooting"


def test_each_step_is_on_the_disk_before_it_is_done(kept: KeptNode, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def watch(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def first_look(*given: Any, **named: Any) -> Any:
            seen[name] = on_disk(kept.state, _journal.NAME)["step"]
            return real(*given, **named)

        monkeypatch.setattr(owner, name, first_look)

    watch(_process, "send")
    watch(_binary, "activate")
    watch(_process, "start_detached")
    kept.swap()
    assert seen == {"send": "draining", "activate": "switching", "start_detached": "starting"}


def test_a_swap_without_the_lock_signals_nothing(kept: KeptNode) -> None:
    steal(kept.state)
    with pytest.raises(NatsError, match=r"no longer ours \(run r1\): held by ada@build7 .*\. Nothing was signalled$") as lost:
        kept.swap()
    assert (lost.value.details["refusal"], lost.value.details["exit_seen"]) == ("locked", False)
    assert kept.is_untouched()


def test_a_swap_of_a_turn_that_did_not_begin_signals_nothing(kept: KeptNode) -> None:
    (kept.state / _journal.NAME).unlink()
    with pytest.raises(NatsError, match=r"^the step draining cannot be written down"):
        kept.swap()
    assert kept.is_untouched()


def test_a_swap_that_cannot_write_its_journal_signals_nothing(kept: KeptNode) -> None:
    (kept.state / f".{_journal.NAME}.new").mkdir()
    with pytest.raises(NatsError, match=r"^cannot write .*/journal\.json: Is a directory"):
        kept.swap()
    assert kept.is_untouched()


def test_a_check_of_a_swap_needs_neither_lock_nor_journal(node: Node, tmp_path: Path) -> None:
    assert node.swap(check_mode=True, state_dir=str(tmp_path / "none"), run_id="r1", lease_seconds=120.0)["changed"]
    assert not (tmp_path / "none").exists()


def test_the_lease_is_renewed_while_the_server_drains(
    kept: KeptNode, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, clock, left = shell(processes, 'trap "" USR2'), Clock(monkeypatch), []
    real = _process.wait_for_exit

    def wait(process: _process.Process, seconds: float, sleep: Callable[[float], None]) -> tuple[bool, float]:
        def looked_at(seconds: float) -> None:
            sleep(seconds)
            left.append(on_disk(kept.state, _lock.NAME)["expires_boottime_seconds"] - clock.now())

        return real(process, seconds, now=clock.now, sleep=looked_at)

    monkeypatch.setattr(_process, "wait_for_exit", wait)
    with pytest.raises(NatsError, match="is in lame duck mode"):
        kept.swap(pid=server.pid, timeout_seconds=3.0, lease_seconds=0.6)
    # Nobody else could have had it: after each look, no more than a third of it is over.
    assert min(left) > 0.39
    assert on_disk(kept.state, _lock.NAME)["lease_seconds"] == 0.6


def test_a_lock_that_is_lost_in_mid_drain_ends_the_swap_and_leaves_the_server_to_the_run_that_has_it(
    kept: KeptNode, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, real = shell(processes, 'trap "" USR2'), _process.send

    def lost_meanwhile(*given: Any) -> bool:
        sent = real(*given)
        steal(kept.state)
        return sent

    monkeypatch.setattr(_process, "send", lost_meanwhile)
    with pytest.raises(NatsError) as lost:
        kept.swap(pid=server.pid, timeout_seconds=60.0, lease_seconds=0.3)
    assert str(lost.value).endswith(
        ". The server is in lame duck mode, which cannot be called back, and exits: the run that has the lock starts it"
    )
    details = lost.value.details
    assert (details["changed"], details["exit_seen"], details["switched"], details["refusal"]) == (True, False, False, "locked")
    assert details["lock"]["run_id"] == "other"
    assert _process.alive(server)


def test_a_lock_that_is_lost_by_the_time_of_the_exit_starts_nothing(kept: KeptNode, monkeypatch: pytest.MonkeyPatch) -> None:
    real = _process.wait_for_exit

    def lost_meanwhile(*given: Any, **named: Any) -> tuple[bool, float]:
        exited = real(*given, **named)
        steal(kept.state)
        return exited

    monkeypatch.setattr(_process, "wait_for_exit", lost_meanwhile)
    with pytest.raises(NatsError) as lost:
        kept.swap()
    assert str(lost.value).endswith(
        ". The server does not run, and was not started: the run that has the lock starts it, or else the next run does"
    )
    details = lost.value.details
    assert (details["exit_seen"], details["switched"], details["started"]) == (True, False, False)
    assert (steps(kept.state), kept.log.exists()) == (["began", "draining"], False)


def test_a_disk_that_fills_up_in_mid_drain_does_not_keep_the_server_down(kept: KeptNode, monkeypatch: pytest.MonkeyPatch) -> None:
    real = _process.send

    def full(*given: Any) -> bool:
        (kept.state / f".{_journal.NAME}.new").mkdir()
        return real(*given)

    monkeypatch.setattr(_process, "send", full)
    result = kept.swap()
    assert result["started"]
    assert [warning.split(" was done")[0] for warning in result["warnings"]] == ["the step switching", "the step starting"]
    assert steps(kept.state) == ["began", "draining"]


def test_a_swap_that_nobody_keeps_a_journal_of_does_not_load_what_keeps_it() -> None:
    imports = Path(_drain.__file__).read_text(encoding="utf-8").partition("\nclass ")[0]
    assert "journal as" not in imports
    assert "lock as" not in imports
