"""The end of a log that another user writes, and may have put something else in the place of."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
import yaml

from ansible_collections.natsops.cluster.plugins.module_utils._host import log_tail as _log_tail
from tests.unit import modules

# The user of a server, without an account.
UID = 12345
SECRET = "the hash of root's password"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be made to read what others want")


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A folder that the user of the server can write to, and all can enter."""
    base = Path(tempfile.mkdtemp(prefix="natsops-log-"))
    base.chmod(0o755)
    folder = base / "log"
    folder.mkdir()
    os.chown(folder, UID if os.geteuid() == 0 else -1, -1)
    try:
        yield folder
    finally:
        shutil.rmtree(base)


def given(path: Path, content: bytes = b"", uid: int = UID, mode: int = 0o644) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, uid, uid)
    return path


def of_user(path: Path, *, uid: int = UID, own: Path | None = None, seconds: float = 10.0) -> tuple[list[str], list[str]]:
    return _log_tail.of_files([str(path)], str(own) if own else None, uid, 50, seconds=seconds)


def socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


@as_root
@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_a_link_to_a_file_of_root_s_alone_shows_nothing_of_it(theirs: Path, mode: int) -> None:
    secret, log = given(theirs.parent / "shadow", SECRET.encode(), uid=0, mode=mode), theirs / "nats.log"
    log.symlink_to(secret)
    lines, whys = of_user(log)
    assert lines == []
    assert whys == [f"({log} is not shown: Permission denied. It is read with the rights of user {UID}: look at it on its host)"]


@as_root
def test_a_log_file_that_the_configuration_names_is_read_by_nobody_where_no_user_is_known(theirs: Path) -> None:
    secret = given(theirs.parent / "shadow", SECRET.encode(), uid=0, mode=0o600)
    assert of_user(secret, uid=_log_tail.uid_of(None, None))[0] == []
    assert of_user(given(theirs / "nats.log", b"ready\n"), uid=_log_tail.uid_of(None, None)) == (["ready"], [])


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (os.mkfifo, "it is not a regular file"),
        (Path.mkdir, "it is not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "it is not a regular file"),
        (socket_at, "No such device or address"),
        (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
    ],
    ids=["FIFO", "folder", "device", "socket", "link to itself"],
)
@pytest.mark.parametrize("uid", [UID, os.geteuid()], ids=["of another user", "of our own"])
def test_what_is_no_file_is_not_read_nor_waited_for(make: Callable[[Path], object], why: str, uid: int, theirs: Path) -> None:
    make(theirs / "nats.log")
    began = time.monotonic()
    lines, whys = of_user(theirs / "nats.log", uid=uid)
    assert (lines, len(whys)) == ([], 1)
    assert why in whys[0]
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("uid", [UID, os.geteuid()], ids=["of another user", "of our own"])
def test_files_of_the_kernel_such_as_our_own_environment_show_nothing(uid: int, theirs: Path) -> None:
    for name in ("environ", "cmdline", "maps"):
        (theirs / name).symlink_to(f"/proc/self/{name}")
        assert of_user(theirs / name, uid=uid)[0] == []


def test_a_file_system_that_hangs_is_waited_for_no_longer_than_is_said(theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_log_tail, "_opened", lambda *_unused: time.sleep(30))
    began = time.monotonic()
    lines, whys = of_user(given(theirs / "nats.log", b"ready\n"), seconds=0.3)
    assert lines == []
    assert "it has not ended after 0.3 s" in whys[0]
    assert time.monotonic() - began < 5


def test_of_a_huge_file_the_end_is_read(theirs: Path) -> None:
    log = given(theirs / "nats.log")
    os.truncate(log, 2**40)
    with log.open("ab") as file:
        file.write(b"\n[FTL] first\n[FTL] last\n")
    lines, whys = of_user(log, uid=log.stat().st_uid)
    assert (lines[-2:], whys) == (["[FTL] first", "[FTL] last"], [])
    assert len(lines) == 2


def test_a_line_is_cut_and_what_a_terminal_obeys_is_written_out(theirs: Path) -> None:
    log = given(theirs / "nats.log", b"x" * 5000 + b"\r\n\x1b[2Jchanged: [n1]\xe2\x80\xa8\xff\n\n")
    lines, whys = of_user(log, uid=log.stat().st_uid)
    assert (lines, whys) == (["x" * _log_tail.MOST_IN_LINE, "\\x1b[2Jchanged: [n1]\\u2028\N{REPLACEMENT CHARACTER}"], [])


def test_the_last_lines_of_several_files_are_each_below_its_name_and_what_is_not_there_is_left_out(theirs: Path) -> None:
    out = given(theirs / "n1.out", b"".join(b"line %d\n" % number for number in range(100)))
    log = given(theirs / "nats.log", b"[INF] ready")
    paths = [str(out), str(log), str(theirs / "none"), str(log)]
    lines, whys = _log_tail.of_files(paths, None, out.stat().st_uid, 2)
    assert lines == [f"==> {out} <==", "line 98", "line 99", f"==> {log} <==", "[INF] ready"]
    assert whys == []


@as_root
def test_what_we_have_written_ourselves_is_read_by_us(theirs: Path) -> None:
    own = given(theirs.parent / "n1.out", b"nats-server: no such option\n", uid=0, mode=0o600)
    assert of_user(theirs / "none", own=own) == (["nats-server: no such option"], [])
    # The configuration names it too: it is the same file.
    assert of_user(own, own=own)[0] == ["nats-server: no such option"]


@as_root
def test_a_server_of_root_s_own_is_read_past_no_link_that_others_have_made(theirs: Path) -> None:
    secret, log = given(theirs.parent / "shadow", SECRET.encode(), uid=0, mode=0o600), theirs / "nats.log"
    log.symlink_to(secret)
    os.lchown(log, UID, UID)
    lines, whys = of_user(log, uid=0)
    assert lines == []
    assert f"{log} is a link of user {UID}" in whys[0]
    (theirs.parent / "link").symlink_to(theirs)
    os.lchown(log, 0, 0)
    assert of_user(theirs.parent / "link" / "nats.log", uid=0)[0] == [SECRET]


@as_root
def test_a_user_who_is_not_root_reads_for_others_what_is_theirs_alone(theirs: Path) -> None:
    mine = given(theirs / "id_ed25519", SECRET.encode(), uid=UID + 1, mode=0o600)
    (theirs / "link").symlink_to(mine)
    log = given(theirs / "nats.log", b"ready\n")
    # In a process of its own, which cannot become root again.
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(UID + 1, UID + 1, UID + 1)
            os.setresuid(UID + 1, UID + 1, UID + 1)
            os.write(into, repr(_log_tail.of_files([str(theirs / "link"), str(log)], None, UID, 50)).encode())
        finally:
            os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as reading:
        said = reading.read().decode()
    os.waitpid(child, 0)
    assert SECRET not in said
    assert "(['ready'], [" in said
    assert "run with become" in said


def test_a_command_is_heard_to_its_end_and_no_longer() -> None:
    def said(text: str, lines: int = 50, seconds: float = 20.0) -> list[str]:
        return _log_tail.of_command([sys.executable, "-c", text], lines, seconds=seconds)

    assert said("import sys; print('out', flush=True); print('err', file=sys.stderr)") == ["out", "err"]
    assert said("print(*range(9), sep='\\n')", lines=2) == ["7", "8"]
    endless = said("while True: print('x' * 1000)")
    assert endless[0] == f"({sys.executable} was ended: it says more than 16 MiB)"
    assert len(endless) == 51
    began = time.monotonic()
    hanging = said("import time; print('one', flush=True); time.sleep(60)", seconds=1.0)
    assert hanging == [f"({sys.executable} was ended: it has not ended after 1 s)", "one"]
    assert time.monotonic() - began < 10
    assert _log_tail.of_command(["/nonexistent/program"], 50) == [
        "(/nonexistent/program cannot be run: No such file or directory)"
    ]


def test_a_user_is_known_by_number_or_name() -> None:
    users = [(0, "nobody"), (7, None), (None, "root"), (None, "1234"), (None, "no-such-user"), (None, None)]
    assert [_log_tail.uid_of(*user) for user in users] == [0, 7, 0, 1234, 65534, 65534]


def test_the_module_shows_files_and_a_command_where_they_hold_nothing(
    theirs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(**args: Any) -> str:
        result = modules.run("nats_service", capsys, state="log", **args)
        assert result["changed"] is False
        return str(result["stdout"])

    log, journal = given(theirs / "nats.log", b"one\ntwo\n"), theirs.parent / "bin" / "journalctl"
    journal.parent.mkdir()
    journal.write_text("#!/bin/sh\necho journal of $2\n", encoding="ascii")
    journal.chmod(0o755)
    monkeypatch.setenv("PATH", str(journal.parent), prepend=":")
    # The unit has gone, as a package may have removed it.
    unit = {"service": "no-such-unit", "uid": log.stat().st_uid}
    assert run(log_path=str(log), lines=1, **unit) == "two"
    assert run(log_path=str(theirs / "none"), **unit) == "journal of no-such-unit"
    os.mkfifo(theirs / "fifo")
    assert run(log_path=str(theirs / "fifo"), **unit).endswith(")\njournal of no-such-unit")
    assert run(pid_file="/none") == ""
    said = [sys.executable, "-c", "print('supervisor')"]
    assert run(pid_file="/none", log_path=str(log), log_command=said, uid=unit["uid"]) == "supervisor"


@as_root
@pytest.mark.parametrize("service", ["command", "systemd"])
def test_what_the_role_reads_as_the_log_is_nothing_that_the_server_s_user_has_put_there(service: str, theirs: Path) -> None:
    secret = given(theirs.parent / "shadow", SECRET.encode(), uid=0, mode=0o600)
    (theirs / "link").symlink_to(secret)
    os.mkfifo(theirs / "fifo")
    log = given(theirs / "nats.log", b"[FTL] the address is in use\n")
    revert = yaml.safe_load((modules.ROOT / "roles/nats_upgrade/tasks/revert.yml").read_text(encoding="utf-8"))
    tasks = next(task for task in revert if task.get("natsops.cluster.nats_service") == {"state": "log"})
    node = {"output_path": None, "uid": UID, "unit": {"user": ""}}
    plays = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "vars_files": [str(modules.ROOT / "roles/nats_upgrade/vars/main.yml")],
            "vars": {
                "nats_upgrade_state_dir": str(theirs.parent / "state"),
                "nats_upgrade_service": service,
                "nats_upgrade_service_name": "no-such-unit",
                "nats_upgrade_pid_file": "/none",
                "nats_upgrade_log_command": [],
                "__nats_upgrade_found": {"nats_node": {**node, "log_path": str(path)}},
            },
            "tasks": [tasks, {"debug": {"var": "__nats_upgrade_log"}}],
        }
        for path in (theirs / "link", theirs / "fifo", log)
    ]
    playbook = theirs.parent / "play.json"
    playbook.write_text(json.dumps(plays), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local", str(playbook)]
    command += ["-e", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(command, cwd=modules.ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the address is in use" in done.stdout
    assert SECRET not in done.stdout
