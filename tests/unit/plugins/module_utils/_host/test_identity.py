"""Whose a server is. That programs are asked with those rights is in test_attacks.py."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import identity as _identity
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host.identity import Identity
from tests.unit.processes import Processes

DAEMON = pwd.getpwnam("daemon")


def unit(user: str = "", group: str = "", more: str = "") -> dict[str, str]:
    return {"User": user, "Group": group, "SupplementaryGroups": more}


@pytest.mark.parametrize(
    ("given", "uid", "gid", "group"),
    [
        pytest.param(unit(), 0, 0, 0, id="root where none is named"),
        pytest.param(unit("daemon"), DAEMON.pw_uid, DAEMON.pw_gid, DAEMON.pw_gid, id="its own group"),
        pytest.param(unit(str(DAEMON.pw_uid)), DAEMON.pw_uid, DAEMON.pw_gid, DAEMON.pw_gid, id="by number"),
        pytest.param(unit("daemon", "root"), DAEMON.pw_uid, 0, 0, id="another group"),
        pytest.param(unit("daemon", more="root no-such-group"), DAEMON.pw_uid, DAEMON.pw_gid, 0, id="more groups"),
        pytest.param(unit("daemon", "no-such-group"), DAEMON.pw_uid, DAEMON.pw_gid, DAEMON.pw_gid, id="no such group"),
    ],
)
def test_a_unit_starts_its_server_as_its_user(given: dict[str, str], uid: int, gid: int, group: int) -> None:
    identity = _identity.of(None, given)
    assert identity is not None
    assert (identity.uid, identity.gid) == (uid, gid)
    assert group in identity.groups


def test_a_user_that_does_not_exist_is_nobody() -> None:
    assert _identity.of(None, unit("no-such-user")) == _identity.of(None, unit("54321")) == Identity(65534, 65534, ())


def test_a_process_that_has_gone_is_known_by_its_unit_or_not_at_all(processes: Processes) -> None:
    server = processes.server()
    assert _identity.of(server, unit("daemon")) == Identity(os.geteuid(), os.getegid(), tuple(os.getgroups()))
    _process.send(server, _process.signal.SIGKILL)
    processes.reap(server)
    assert _identity.of(server, {}) is None
    assert _identity.of(server, unit("daemon")) == _identity.of_unit(unit("daemon"))
    assert not _identity.decides(server)


def test_a_server_of_ours_is_believed_and_another_program_is_not(processes: Processes) -> None:
    assert _identity.decides(processes.server())
    assert not _identity.decides(processes.server("other"))
    # A name in the arguments is easily had.
    assert not _identity.decides(processes.start("nats-server", "60", executable=str(processes.program("other"))))


def test_a_program_says_its_words_and_its_code(tmp_path: Path) -> None:
    program = tmp_path / "says"
    program.write_text("#!/bin/sh\necho out $1 $GIVEN\necho err >&2\npwd\nexit 3\n", encoding="utf-8")
    program.chmod(0o755)
    output = _identity.ask([str(program), "a"], None, environment={"GIVEN": "b"}, cwd=str(tmp_path))
    assert output == _process.Output(3, f"out a b\n{tmp_path}\n", "err\n")
    gone = _identity.ask([str(program), "a"], None, cwd=str(tmp_path / "none"))
    assert gone.stdout == "out a\n/\n"


def test_a_program_that_is_not_there_or_cannot_be_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(NatsError, match=r"/none cannot be run: No such file or directory$"):
        _identity.ask([str(tmp_path / "none")], None)
    with pytest.raises(NatsError, match=r"cannot be run: Permission denied$"):
        _identity.ask([str(tmp_path)], None)


def test_a_program_may_say_much_at_once(tmp_path: Path) -> None:
    program = tmp_path / "says"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.stdout.write('x' * 200000); sys.stderr.write('y' * 200000)\n", "utf-8"
    )
    program.chmod(0o755)
    output = _identity.ask([str(program)], None)
    assert (len(output.stdout), len(output.stderr)) == (200000, 200000)
