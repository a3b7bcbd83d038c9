"""The lock as a task takes it: who the controller is, and whether the run that holds it has died there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._state import lock as _lock
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import controller as _controller
from tests.unit.modules import ROOT
from tests.unit.plugins.action.test_actions import Host
from tests.unit.processes import Processes
from tests.unit.situations import NOON
from tests.unit.state import on_disk

HERE = "nats_lock"


def on(host: Host, delegate_to: str | None = None, **args: Any) -> dict[str, Any]:
    plugin = host.action(HERE, False, {"state": "acquired", "run_id": "r2", **args})
    plugin._task.delegate_to = delegate_to
    result: dict[str, Any] = plugin.run(task_vars=host.task_vars)
    return result


def us() -> dict[str, Any]:
    return _controller.controller()


def locked(**controller: Any) -> dict[str, Any]:
    held = _lock.fresh("r1", {**us(), **controller}, "2.15.1", 120.0, _lock.Moment(NOON, 5000.0, "boot-1"))
    return {"failed": True, "msg": "refused: held", "refusal": "locked", "lock": held}


@pytest.fixture
def gone(processes: Processes) -> dict[str, int]:
    process = processes.server()
    _process.send(process, _process.signal.SIGKILL)
    processes.reap(process)
    return {"pid": process.pid, "start_ticks": process.start_ticks}


def test_the_node_is_told_who_the_controller_is() -> None:
    host = Host()
    assert on(host, target="2.15.1") == {"changed": False}
    (args,) = host.asked
    assert {key: args[key] for key in ("state", "run_id", "target", "state_dir")} == {
        "state": "acquired",
        "run_id": "r2",
        "target": "2.15.1",
        "state_dir": "/var/lib/natsops",
    }
    controller = args["controller"]
    assert (controller["host"], controller["user"]) == (os.uname().nodename, _controller._user())
    assert controller["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    assert controller["pid_namespace"] == os.readlink("/proc/self/ns/pid")
    process = _process.look(controller["pid"])
    assert process is not None
    assert (controller["start_ticks"], process.pid != os.getpid()) == (process.start_ticks, True)


def test_the_folder_is_that_of_the_host_that_the_task_works_on() -> None:
    host = Host(nats_upgrade_state_dir="/srv/one")
    host.task_vars["hostvars"]["n2"]["nats_upgrade_state_dir"] = "/srv/two"
    on(host)
    on(host, delegate_to="n2")
    on(host, delegate_to="n2", state_dir="/given")
    assert [args["state_dir"] for args in host.asked] == ["/srv/one", "/srv/two", "/given"]


def test_the_lock_of_a_run_that_died_on_this_controller_is_taken_over(gone: dict[str, int]) -> None:
    host = Host()
    host.answers = [locked(**gone, user="ada", host=os.uname().nodename), {"changed": False, "took_over": "r1"}]
    result = on(host)
    assert (host.asked[0].get("take_over"), host.asked[1]["take_over"]) == (None, "r1")
    assert (result.get("failed", False), result["took_over"]) == (False, "r1")
    assert result["msg"] == (
        f"took over the lock of ada@{os.uname().nodename} (pid {gone['pid']}, run r1) since 2026-10-01T12:00:00Z, "
        "for the upgrade to 2.15.1: that process has gone"
    )


def test_a_process_id_that_was_used_again_is_not_the_run(processes: Processes) -> None:
    process = processes.server()
    host = Host()
    host.answers = [locked(pid=process.pid, start_ticks=process.start_ticks - 1), {"changed": False}]
    assert not on(host).get("failed")


def test_the_lock_of_a_run_that_lives_is_not_taken_over(processes: Processes) -> None:
    process = processes.server()
    host = Host()
    host.answers = [locked(pid=process.pid, start_ticks=process.start_ticks)]
    assert (on(host)["failed"], len(host.asked)) == (True, 1)


@pytest.mark.parametrize("differs", ["host", "boot_id", "pid_namespace"])
def test_of_another_machine_boot_or_container_nobody_knows_whether_a_run_lives(gone: dict[str, int], differs: str) -> None:
    host = Host()
    host.answers = [locked(**gone, **{differs: "another"})]
    assert (on(host)["failed"], len(host.asked)) == (True, 1)


def test_another_run_may_be_faster(gone: dict[str, int]) -> None:
    host = Host()
    faster = {"failed": True, "msg": "refused: r3 has it", "refusal": "locked", "lock": {"run_id": "r3"}}
    host.answers = [locked(**gone), faster]
    assert (on(host)["msg"], len(host.asked)) == ("refused: r3 has it", 2)


def test_a_lock_that_is_lost_is_not_taken_back(gone: dict[str, int]) -> None:
    host = Host()
    host.answers = [locked(**gone)]
    assert (on(host, state="renewed")["failed"], len(host.asked)) == (True, 1)


def test_a_lock_without_a_holder_is_not_taken_over() -> None:
    host = Host()
    host.answers = [{"failed": True, "msg": "refused: it cannot be read", "refusal": "locked", "lock": {"unreadable": "x"}}]
    assert (on(host)["failed"], len(host.asked)) == (True, 1)


@pytest.mark.parametrize("wrong", [{"controller": "ada"}, {"controller": {"pid": "x"}}, {"run_id": 7}])
def test_a_lock_that_is_none_is_not_taken_over(gone: dict[str, int], wrong: dict[str, Any]) -> None:
    host, answer = Host(), locked(**gone)
    answer["lock"].update(wrong)
    host.answers = [answer]
    assert (on(host)["msg"], len(host.asked)) == ("refused: held", 1)


def test_a_failure_of_a_delegated_task_says_on_which_host() -> None:
    host = Host()
    host.answers = [locked(host="another")] * 2
    assert [on(host)["msg"], on(host, delegate_to="n2")["msg"]] == ["refused: held", "n2: refused: held"]


@pytest.mark.parametrize(("delegate_to", "name"), [(None, "n1"), ("n2", "n2")])
def test_a_host_that_is_lost_is_a_failure_that_names_it(delegate_to: str | None, name: str) -> None:
    host = Host()
    host.answers = [AnsibleConnectionFailure("no route to host")]
    result = on(host, delegate_to=delegate_to)
    assert (result["failed"], result["lost_host"], result.get("unreachable", False)) == (True, name, False)
    assert result["msg"] == (
        f"{name} was lost in the step 'Run nats_lock': it cannot be reached (no route to host). The lock there ends by itself "
        "with its lease, whoever holds it. Mend the connection and run again"
    )


def test_a_controller_without_proc_is_known_by_less(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_lock, "BOOT_ID", tmp_path / "none")
    monkeypatch.setattr(_process, "PROC", tmp_path)
    monkeypatch.setattr(_controller.getpass, "getuser", lambda: (_unused for _unused in ()).throw(KeyError("uid")))
    controller = _controller.controller()
    assert (controller["boot_id"], controller["pid_namespace"], controller["start_ticks"]) == ("", "", 0)
    assert (controller["pid"], controller["user"]) == (os.getppid(), str(os.getuid()))
    assert not _controller.is_dead(controller, controller)
    assert _controller.state_of(locked(**controller)["lock"], controller) == _controller.UNKNOWN


def test_whether_the_holder_of_a_lock_lives_only_its_own_machine_knows(processes: Processes, gone: dict[str, int]) -> None:
    process = processes.server()
    living = {"pid": process.pid, "start_ticks": process.start_ticks}
    assert _controller.state_of(locked(**living)["lock"], us()) == _controller.LIVES
    assert _controller.state_of(locked(**gone)["lock"], us()) == _controller.DEAD
    assert _controller.state_of(locked(**living, host="another")["lock"], us()) == _controller.UNKNOWN
    assert _controller.state_of(locked(**gone, boot_id="another")["lock"], us()) == _controller.UNKNOWN
    assert _controller.state_of({"unreadable": "x"}, us()) == _controller.UNKNOWN


PLAY = [
    {
        "hosts": "n1",
        "gather_facts": False,
        "tasks": [
            {
                "name": "Lock",
                "natsops.cluster.nats_lock": {"state": "acquired", "run_id": "{{ run }}", "target": "2.15.1"},
                "delegate_to": "{{ item }}",
                "loop": ["n1", "n2"],
                "run_once": True,
            },
            # While this run lives, another one tries.
            {
                "name": "Try",
                "ansible.builtin.command": {"argv": "{{ meanwhile }}", "chdir": str(ROOT)},
                "when": "meanwhile is defined",
            },
        ],
    }
]


def test_ansible_itself_locks_each_host_by_its_own_folder_and_knows_the_living_from_the_dead(tmp_path: Path) -> None:
    hosts = {name: {"nats_upgrade_state_dir": str(tmp_path / name)} for name in ("n1", "n2")}
    common = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (tmp_path / "hosts.yml").write_text(json.dumps({"nats": {"hosts": hosts, "vars": common}}), encoding="utf-8")
    (tmp_path / "play.yml").write_text(json.dumps(PLAY), encoding="utf-8")
    playbook = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        "-i",
        str(tmp_path / "hosts.yml"),
        str(tmp_path / "play.yml"),
    ]

    plain = {**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}  # no line is broken

    def run(run_id: str, **extra: Any) -> str:
        command = [*playbook, "-e", json.dumps({"run": run_id, **extra})]
        done = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, timeout=120, check=False)
        return done.stdout + done.stderr

    said = run("first", meanwhile=[*playbook, "-e", "run=second"])
    assert "n1: refused: the lock" in said
    assert "n2: refused: the lock" in said
    assert "changed=0" in said
    assert [on_disk(tmp_path / name, "lock.json")["run_id"] for name in hosts] == ["first", "first"]
    assert "failed=0" in run("third")
    assert [on_disk(tmp_path / name, "lock.json")["run_id"] for name in hosts] == ["third", "third"]
