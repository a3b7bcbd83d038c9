"""What the server's user can try, so that root does more for it than it could do itself. The modules run as root."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import package as _package
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import identity as _identity
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._node import facts as _facts
from tests.lab.binaries import server_binary
from tests.lab.ports import free_ports
from tests.unit import modules
from tests.unit.attackers import UID, Attacker, only_root
from tests.unit.processes import Processes
from tests.unit.releases import NEW, OLD, hash_of, install, release, script
from tests.unit.systemd import Systemd

pytestmark = only_root
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return lambda name, **args: modules.run(name, capsys, **args)


def exec_start(*words: object) -> str:
    return f"{{ path={words[0]} ; argv[]={' '.join(map(str, words))} ; ignore_errors=no ; }}"


# Programs.


@pytest.mark.parametrize("first", ["{folder}/nats-server", "./nats-server", "nats-server"])
def test_a_program_that_a_process_names_is_not_run_by_root(
    run: Run, attacker: Attacker, processes: Processes, first: str
) -> None:
    """The first argument may be anything, and so may the folder and the search path of a process."""
    attacker.program(attacker.folder / "nats-server")
    argv = first.format(folder=attacker.folder)
    server = attacker.server(processes, argv, env={"PATH": f"{attacker.folder}:/usr/bin:/bin"})
    node = run("nats_node_facts", pid=server.pid)["ansible_facts"]["nats_node"]
    assert attacker.ran_as == []
    assert (node["binary_path"], node["binary_version"], node["cwd"]) == ("", None, None)
    assert [one["starts"] for one in node["differs"]] == [""]


def test_a_process_of_root_that_another_user_has_named_is_not_believed(
    run: Run, attacker: Attacker, processes: Processes
) -> None:
    """As sudo is while it asks for a password: root's process, with a first argument of the user's choice."""
    fake = attacker.program(attacker.folder / "nats-server")
    sudo = processes.start(str(fake), "60", executable=os.path.realpath("/bin/sleep"))
    node = run("nats_node_facts", pid=sudo.pid)["ansible_facts"]["nats_node"]
    assert (attacker.ran_as, node["binary_path"]) == ([], "")


def test_a_pid_file_that_leads_elsewhere_is_not_read(run: Run, attacker: Attacker) -> None:
    """What is in it would be quoted, and of a pipe nothing ever comes."""
    secret, pid_file = attacker.base / "shadow", attacker.folder / "nats.pid"
    secret.write_text("root:$6$secret", encoding="ascii")
    attacker.link(pid_file, secret)
    said = run("nats_node_facts", pid_file=str(pid_file))
    assert (said["refusal"], "secret" in said["msg"]) == ("unsafe_path", False)
    pid_file.unlink()
    os.mkfifo(pid_file)
    assert "cannot be read (it is not a regular file)" in run("nats_node_facts", pid_file=str(pid_file))["msg"]


def test_with_a_unit_the_program_is_the_one_of_its_exec_start(
    run: Run, attacker: Attacker, processes: Processes, systemd: Systemd
) -> None:
    program, config = install(attacker.base / "sbin" / "nats-server", OLD), attacker.base / "nats.conf"
    config.touch()
    fake = attacker.program(attacker.folder / "nats-server", "9.9.9")
    server = attacker.server(processes, str(fake))
    systemd.set(MainPID=str(server.pid), ExecStart=exec_start(program, "-c", config))
    node = run("nats_node_facts", service="nats-server")["ansible_facts"]["nats_node"]
    assert (node["binary_path"], node["binary_version"], node["config_path"]) == (str(program), OLD, str(config))
    assert attacker.ran_as == []
    assert node["differs"] == [
        {"what": "program", "runs": str(fake), "starts": str(program)},
        {"what": "configuration", "runs": "", "starts": str(config)},
    ]


TELLS = '#!/bin/sh\necho "nats-server: v2.14.6"\n{ id -u; id -g; id -G; pwd; env; readlink /proc/self/fd/0; } > %s\n'


def told(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def teller(attacker: Attacker) -> tuple[Path, Path]:
    """A server of root's, which writes down with which rights and what else it was run."""
    says = attacker.file(attacker.folder / "says", b"", 0o666)
    program = attacker.base / "sbin" / "nats-server"
    program.parent.mkdir()
    program.write_text(TELLS % says, encoding="utf-8")
    program.chmod(0o755)
    return program, says


@pytest.mark.parametrize("user", ["running", "down"])
def test_a_program_is_asked_with_the_rights_of_its_server_and_nothing_of_ours(
    run: Run, attacker: Attacker, processes: Processes, systemd: Systemd, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    program, says = teller(attacker)
    systemd.set(ExecStart=exec_start(program), User="nobody", Environment="GIVEN=1")
    wanted = ["65534", "65534", "65534"]
    if user == "running":
        server = attacker.server(processes, str(program), extra_groups=[7])
        systemd.set(ExecStart=exec_start(program), MainPID=str(server.pid), User="nobody", Environment="GIVEN=1")
        wanted = [str(UID), str(UID), f"{UID} 7"]
    monkeypatch.setenv("OUR_SECRET", "s3cret")
    assert run("nats_node_facts", service="nats-server")["ansible_facts"]["nats_node"]["binary_version"] == OLD
    seen = told(says)
    assert (seen[:3], seen[3], seen[-1]) == (wanted, "/", "/dev/null")
    assert not any("s3cret" in line for line in seen)
    config = attacker.base / "nats.conf"
    config.touch()
    run("nats_config_check", binary=str(program), config_path=str(config), service="nats-server")
    seen = told(says)
    assert (seen[:3], "GIVEN=1" in seen, any("s3cret" in line for line in seen)) == (wanted, True, False)


def test_a_user_that_is_only_there_while_its_unit_runs_is_nobody(run: Run, attacker: Attacker, systemd: Systemd) -> None:
    program, says = teller(attacker)
    systemd.set(ExecStart=exec_start(program), User="nats-dynamic", DynamicUser="yes")
    run("nats_node_facts", service="nats-server")
    assert told(says)[:1] == ["65534"]


@pytest.mark.parametrize(
    ("does", "words"),
    [
        pytest.param("while :; do echo nats-server; done", "says more than 256 KiB", id="talks"),
        pytest.param("sleep 30 & sleep 30", "has not ended after 0.5 s", id="stays"),
        pytest.param("sleep 30 & exit 0", "has not ended after 0.5 s", id="leaves another one"),
    ],
)
def test_a_program_that_is_asked_has_bounds(
    run: Run, attacker: Attacker, processes: Processes, monkeypatch: pytest.MonkeyPatch, does: str, words: str
) -> None:
    program = attacker.file(attacker.folder / "nats-server", f"#!/bin/sh\n{does}\n".encode())
    identity = _identity.of_process(attacker.server(processes))
    with pytest.raises(NatsError, match=words):
        _identity.ask([str(program), "--version"], identity, timeout_seconds=0.5 if "ended" in words else 30.0)


def test_a_program_that_others_can_change_is_not_run_as_root(run: Run, attacker: Attacker, processes: Processes) -> None:
    """A server of root's, in a folder of somebody else's."""
    program = attacker.program(attacker.folder / "nats-server")
    server = processes.start(str(program), "60", executable=str(processes.program()))
    node = run("nats_node_facts", pid=server.pid)["ansible_facts"]["nats_node"]
    assert (attacker.ran_as, node["binary_path"], node["binary_version"]) == ([], str(program), None)
    assert [(one["path"], one["owner"], one["refuses"]) for one in node["unsafe_paths"]] == [
        (str(attacker.folder), str(UID), True),
        (str(program), str(UID), True),
    ]
    asked = run("nats_config_check", binary=str(program), config_path="/dev/null", pid=server.pid)
    started = run("nats_service", state="started", pid_file="/none", start_argv=[str(program)])
    assert (asked["refusal"], started["refusal"], attacker.ran_as) == ("unsafe_path", "unsafe_path", [])
    swapped = run("nats_swap", pid=server.pid, start_argv=[str(program)])
    assert (swapped["refusal"], swapped["exit_seen"], _process.alive(server)) == ("unsafe_path", False, True)


def test_of_a_server_that_is_down_and_has_no_unit_the_program_is_asked_as_whoever_could_change_it(
    run: Run, attacker: Attacker
) -> None:
    program = attacker.program(attacker.folder / "nats-server")
    given = {"pid_file": str(attacker.base / "none"), "binary_path": str(program)}
    assert run("nats_node_facts", **given)["ansible_facts"]["nats_node"]["binary_version"] == OLD
    assert attacker.ran_as == [str(UID)]
    # Where several could, whoever it is asked as may be another one.
    program.chmod(0o777)
    assert run("nats_node_facts", **given)["ansible_facts"]["nats_node"]["binary_version"] is None
    program.chmod(0o755)
    os.chown(program, UID + 1, UID)
    assert run("nats_node_facts", **given)["ansible_facts"]["nats_node"]["binary_version"] is None
    assert attacker.ran_as == [str(UID)]


def test_of_a_server_that_is_down_and_has_no_unit_the_configuration_is_read_as_whoever_could_change_it(
    run: Run, attacker: Attacker
) -> None:
    secret = attacker.base / "secret"
    secret.write_text("password: swordfish {\n", encoding="ascii")
    secret.chmod(0o600)
    config = attacker.link(attacker.folder / "nats.conf", secret)
    answer = run("nats_node_facts", pid_file=str(attacker.base / "none"), config_path=str(config))
    assert f"{config} cannot be read by user {UID}" in answer["msg"]
    assert "swordfish" not in str(answer)


# Files.


def test_the_output_of_a_process_is_not_where_root_writes(run: Run, attacker: Attacker, processes: Processes) -> None:
    """Whatever a user can read it can have as its standard error."""
    passwords = attacker.base / "passwd"
    passwords.write_text("root:x:0:0\n", encoding="ascii")
    with passwords.open("rb") as readable:
        server = attacker.server(processes, stderr=readable)
    node = run("nats_node_facts", pid=server.pid)["ansible_facts"]["nats_node"]
    assert (node["output_path"], node["log_path"]) == (None, None)


@pytest.mark.parametrize("how", ["link", "second name", "another user's"])
def test_a_log_that_leads_elsewhere_is_not_written_to(run: Run, attacker: Attacker, how: str) -> None:
    passwords, log = attacker.base / "passwd", attacker.folder / "nats.out"
    passwords.write_text("root:x:0:0\n", encoding="ascii")
    if how == "link":
        attacker.link(log, passwords)
    elif how == "second name":
        os.link(passwords, log)
    else:
        attacker.file(log, b"", 0o644)
    said = run("nats_service", state="started", pid_file="/none", start_argv=["/bin/echo", "x:x:0:0"], output_path=str(log))
    assert (said["failed"], "/bin/echo cannot be started" in said["msg"]) == (True, True)
    assert passwords.read_text(encoding="ascii") == "root:x:0:0\n"


class Staging:
    """A server in a folder of the attacker's, and a release to stage."""

    def __init__(self, run: Run, attacker: Attacker, processes: Processes) -> None:
        self.run, self.attacker = run, attacker
        self.path = attacker.file(attacker.folder / "nats-server", script(OLD))
        self.archive = release(attacker.base)
        self.state_dir = attacker.base / "state"
        self.new = self.path.with_name(f"nats-server-{NEW}")
        self.server = attacker.server(processes)

    def binary(self, state: str, version: str = NEW, running: str = OLD, **given: Any) -> dict[str, Any]:
        server = {"path": str(self.path), "version": version, "running_version": running, "pid": self.server.pid}
        return self.run("nats_binary", state=state, state_dir=str(self.state_dir), **{**server, **given})

    def staged(self, **given: Any) -> dict[str, Any]:
        return self.binary("staged", archive=str(self.archive), sha256=hash_of(self.archive), **given)

    def swap(self) -> dict[str, Any]:
        versions = {"path": str(self.path), "version": NEW, "running_version": OLD}
        lease = {"state_dir": str(self.state_dir), "run_id": "r1", "lease_seconds": 60}
        return self.run("nats_swap", pid=self.server.pid, start_argv=["/bin/true"], **versions, **lease)


@pytest.fixture
def staging(run: Run, attacker: Attacker, processes: Processes) -> Staging:
    return Staging(run, attacker, processes)


def owned_by_root(path: Path) -> bool:
    seen = path.lstat()
    return (seen.st_uid, seen.st_gid, seen.st_mode & 0o7777) == (0, 0, 0o755)


def test_a_binary_and_its_marker_that_were_planted_are_not_taken_for_staged(staging: Staging) -> None:
    staging.attacker.program(staging.new, NEW)
    marker = staging.new.with_name(f".nats-server-{NEW}.sha256")
    staging.attacker.file(marker, f"{hash_of(staging.archive)}\n".encode())
    assert staging.staged()["changed"]
    assert (staging.new.read_bytes(), owned_by_root(staging.new)) == (script(NEW), True)
    assert not staging.staged()["changed"]
    assert "0" not in staging.attacker.ran_as


def test_root_does_not_write_through_a_link_that_waits_for_it(staging: Staging) -> None:
    passwords = staging.attacker.base / "passwd"
    passwords.write_text("root:x:0:0\n", encoding="ascii")
    for name in (f"nats-server-{NEW}.part", f"nats-server-{NEW}", f".nats-server-{NEW}.sha256", "nats-server.natsops"):
        staging.attacker.link(staging.path.with_name(name), passwords)
    assert staging.staged()["changed"]
    assert staging.binary("active")["changed"]
    assert passwords.read_text(encoding="ascii") == "root:x:0:0\n"
    assert (staging.path.read_bytes(), owned_by_root(staging.path), owned_by_root(staging.new)) == (script(NEW), True, True)


def test_root_makes_no_folder_behind_a_link_of_others(staging: Staging) -> None:
    """The link that is to be switched, and the folder of the new version, may lead anywhere."""
    elsewhere = staging.attacker.base / "elsewhere"
    elsewhere.mkdir()
    install(staging.attacker.base / "nats" / OLD / "nats-server", OLD)
    (staging.attacker.folder / "current").symlink_to(OLD)
    staging.attacker.link(staging.attacker.folder / NEW, elsewhere)
    through = staging.staged(path=str(staging.attacker.folder / "current" / "nats-server"))
    staging.attacker.link(staging.attacker.folder / "theirs", f"{elsewhere}/{OLD}")
    towards = staging.staged(path=str(staging.attacker.folder / "theirs" / "nats-server"))
    assert (through["refusal"], towards["refusal"], list(elsewhere.iterdir())) == ("unsafe_path", "unsafe_path", [])


def test_what_was_replaced_after_it_was_staged_is_not_switched_to(staging: Staging) -> None:
    assert staging.staged()["changed"]
    staging.new.unlink()
    staging.attacker.program(staging.new, NEW)
    active, swapped = staging.binary("active"), staging.swap()
    assert (active["refusal"], swapped["refusal"], swapped["exit_seen"]) == ("wrong_hash", "wrong_hash", False)
    assert (_process.alive(staging.server), staging.path.read_bytes()) == (True, script(OLD))
    assert staging.attacker.ran_as == []
    assert staging.staged()["changed"]
    assert staging.binary("active")["changed"]


def test_what_has_the_name_of_the_old_version_is_not_put_back(staging: Staging) -> None:
    kept = staging.path.with_name(f"nats-server-{OLD}")
    staging.attacker.program(kept, OLD)
    assert staging.staged()["changed"]
    assert staging.binary("active")["changed"]
    assert (kept.read_bytes(), owned_by_root(kept)) == (script(OLD), True)
    back = {"version": OLD, "running": NEW}
    assert staging.binary("active", **back)["changed"]
    assert (staging.path.read_bytes(), owned_by_root(staging.path)) == (script(OLD), True)
    # And once more, with what was kept replaced in between.
    assert staging.binary("active")["changed"]
    kept.unlink()
    staging.attacker.program(kept, OLD)
    assert (staging.binary("active", **back)["refusal"], staging.attacker.ran_as) == ("wrong_hash", [])


def test_owner_and_mode_of_what_is_made_are_set_whatever_the_umask(staging: Staging) -> None:
    folder = staging.attacker.base / "opt"
    install(folder / OLD / "nats-server", OLD)
    (folder / "current").symlink_to(OLD)
    umask = os.umask(0)
    try:
        assert staging.staged(path=str(folder / "current" / "nats-server"))["changed"]
    finally:
        os.umask(umask)
    made = (folder / NEW, folder / NEW / "nats-server", staging.state_dir)
    assert [path for path in made if not owned_by_root(path)] == []


def test_the_program_of_a_process_is_not_kept_for_putting_it_back(
    attacker: Attacker, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of the attacker's making, that says what it is asked for: another byte at its end."""
    path = attacker.base / "sbin" / "nats-server"
    path.parent.mkdir()
    shutil.copy(server_binary(OLD), path)
    fake = attacker.file(attacker.folder / "nats-server", server_binary(OLD).read_bytes() + b"!")
    port = str(free_ports(1).client)
    server = processes.start(str(fake), "-a", "127.0.0.1", "-p", port, user=UID, group=UID, extra_groups=[], cwd="/")
    given = {name: option.get("default") for name, option in _package.SPEC.items()}
    params = {**given, "path": str(path), "version": NEW, "running_version": OLD, "pid": server.pid}
    monkeypatch.setattr(_package, "_manager_of", lambda name, lock_timeout_seconds: NoManager())
    params = {**params, "service": None, "state_dir": str(attacker.base / "state")}
    package = _package.Package(params, _facts.find(params))
    assert _package._keep(package)
    assert Path(package.kept_binary).read_bytes() == path.read_bytes()
    _process.send(server, signal.SIGKILL)


class NoManager:
    """A package manager that has nothing but the old version, installed."""

    suffix = ".deb"

    def installed(self, name: str) -> str:
        return ""

    def versions(self, name: str) -> list[str]:
        return []


@pytest.mark.parametrize("how", ["owner", "mode", "link", "folder above"])
def test_a_state_folder_that_others_can_write_is_refused(run: Run, attacker: Attacker, processes: Processes, how: str) -> None:
    state = attacker.base / "state"
    if how == "owner":
        attacker.own(state)
    elif how == "mode":
        state.mkdir()
        state.chmod(0o775)
        os.chown(state, 0, 7)
    elif how == "link":
        (attacker.base / "real").mkdir()
        state.symlink_to("real")
    else:
        state = attacker.folder / "state"
        state.mkdir()
    given = {"state_dir": str(state), "run_id": "r1"}
    began = {"target": NEW, "old_version": OLD, "require_lock": False}
    results = [
        run("nats_node_facts", pid=processes.server().pid, state_dir=str(state)),
        run("nats_journal", state="began", **began, **given),
        run("nats_lock", state="acquired", target=NEW, **given),
    ]
    assert [result.get("refusal") for result in results] == ["unsafe_path"] * 3
    assert [path for path in state.iterdir() if path.name != ".guard"] == []
