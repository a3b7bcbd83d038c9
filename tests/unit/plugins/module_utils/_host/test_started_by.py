from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._host import identity as _identity
from ansible_collections.natsops.cluster.plugins.module_utils._host import started_by as _started_by
from ansible_collections.natsops.cluster.plugins.module_utils._host.process import Process
from ansible_collections.natsops.cluster.plugins.module_utils._host.started_by import Said, Start
from ansible_collections.natsops.cluster.plugins.module_utils._node import facts as _facts
from tests.unit.processes import Processes
from tests.unit.releases import OLD, install

PROGRAM, CONFIG = "/usr/sbin/nats-server", "/etc/nats.conf"
UNIT = {"ExecStart": f"{{ path={PROGRAM} ; argv[]={PROGRAM} -c {CONFIG} ; }}"}
SAID = Said("/data", "/bin")
WRAPPER = {"ExecStart": "{ path=/usr/local/bin/run ; argv[]=/usr/local/bin/run ; }"}


def process(*argv: str, exe: str = PROGRAM) -> Process:
    return Process(4711, 1, argv, exe)


def known(
    running: Process | None = None,
    unit: dict[str, str] | None = None,
    said: Said = SAID,
    turn: dict[str, str] | None = None,
    **params: Any,
) -> Start:
    return _started_by.known(params, unit or {}, running, turn or {}, said)


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is believed."""
    monkeypatch.setattr(_identity, "decides", lambda _process: False)


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_identity, "decides", lambda _process: True)


@pytest.mark.parametrize(
    ("unit", "params"),
    [
        pytest.param(UNIT, {}, id="unit"),
        pytest.param({}, {"start_argv": [PROGRAM, "-c", CONFIG]}, id="start command"),
        pytest.param({}, {"start_argv": ["runuser", "-u", "nats", "--", PROGRAM, "-c", CONFIG]}, id="behind another program"),
        pytest.param(WRAPPER, {"binary_path": PROGRAM, "config_path": CONFIG}, id="inventory"),
        pytest.param(UNIT, {"start_argv": ["/other/nats-server"]}, id="unit before start command"),
    ],
)
@pytest.mark.parametrize("runs", [None, process(PROGRAM, "-c", CONFIG)], ids=["down", "running"])
def test_what_a_start_takes_is_known_by_what_root_alone_can_write(
    stranger: None, unit: dict[str, str], params: dict[str, Any], runs: Process | None
) -> None:
    assert known(runs, unit, **params) == Start(PROGRAM, CONFIG)


def test_of_a_process_of_another_user_nothing_is_taken_but_where_to_read_a_configuration(stranger: None) -> None:
    start = known(process("./nats-server", "-c", "nats.conf"), WRAPPER)
    assert (start.binary_path, start.config_path) == ("", "/data/nats.conf")
    assert start.differs == ({"what": "program", "runs": "/data/./nats-server", "starts": ""},)


@pytest.mark.parametrize(
    ("argv", "binary", "config"),
    [
        ([PROGRAM, "-c", "nats.conf"], PROGRAM, "/data/nats.conf"),
        (["./bin/nats-server"], "/data/bin/nats-server", ""),
        (["bin/../nats-server", "-c=/x/../y"], "/data/nats-server", "/x/../y"),
    ],
)
def test_a_process_of_ours_says_what_it_was_started_by(own: None, argv: list[str], binary: str, config: str) -> None:
    start = known(process(*argv))
    assert (start.binary_path, start.config_path, start.differs) == (binary, config, ())


def test_a_bare_name_is_looked_up_in_the_search_path_of_a_process_of_ours(own: None, tmp_path: Path) -> None:
    program = install(tmp_path / "nats-server", OLD)
    assert known(process("nats-server"), said=Said("/", str(tmp_path))).binary_path == str(program)
    assert known(process("nats-server"), said=Said("/", str(tmp_path / "none"))).binary_path == ""


def test_a_server_that_is_down_is_known_by_the_journal_where_nothing_else_says_it() -> None:
    turn = {"binary_path": "/opt/nats-server", "config_path": "/opt/nats.conf"}
    assert known(unit=WRAPPER, turn=turn) == Start("/opt/nats-server", "/opt/nats.conf")
    assert known(unit=UNIT, turn=turn) == Start(PROGRAM, CONFIG)
    assert known(unit=WRAPPER, turn=turn, config_path=CONFIG) == Start("/opt/nats-server", CONFIG)
    assert known(unit=WRAPPER) == Start("", "")


def test_a_process_with_another_program_or_configuration_differs(stranger: None) -> None:
    other = known(process("/opt/nats-server", "-c", "/opt/nats.conf", exe="/opt/nats-server"), UNIT)
    assert other.differs == (
        {"what": "program", "runs": "/opt/nats-server", "starts": PROGRAM},
        {"what": "configuration", "runs": "/opt/nats.conf", "starts": CONFIG},
    )
    assert known(process(PROGRAM), UNIT).differs == ({"what": "configuration", "runs": "", "starts": CONFIG},)


def test_what_leads_to_the_same_file_does_not_differ(stranger: None, tmp_path: Path) -> None:
    program, config = install(tmp_path / "2.14.6" / "nats-server", OLD), tmp_path / "2.14.6" / "nats.conf"
    config.touch()
    (tmp_path / "current").symlink_to("2.14.6")
    started = f"{tmp_path}/current/nats-server"
    unit = {"ExecStart": f"{{ path={started} ; argv[]={started} -c {tmp_path}/current/nats.conf ; }}"}
    for argv, exe in (
        ([str(program), "-c", str(config)], ""),
        (["nats-server", "-c", f"{tmp_path}/./2.14.6/nats.conf"], str(program)),
        (["/elsewhere/nats-server", "-c", str(config)], f"{program} (deleted)"),
    ):
        assert known(process(*argv, exe=exe), unit).differs == ()


def test_variables_that_are_not_known_leave_the_configuration_to_the_process(stranger: None) -> None:
    unit = {"ExecStart": f"{{ path={PROGRAM} ; argv[]={PROGRAM} $OPTIONS ; }}"}
    start = known(process(PROGRAM, "-c", "/x.conf"), unit)
    assert (start.binary_path, start.config_path, start.differs) == (PROGRAM, "/x.conf", ())
    unit = {"ExecStart": f"{{ path={PROGRAM} ; argv[]={PROGRAM} -c ${{CONF}} ; }}"}
    assert known(process(PROGRAM, "-c", "/x.conf"), unit) == start


def test_a_start_command_is_not_run_in_the_folder_of_another_users_process(
    stranger: None, processes: Processes, tmp_path: Path
) -> None:
    config = tmp_path / "nats.conf"
    config.write_text('log_file: "a.log"\njetstream { store_dir: js }\npid_file: /run/nats.pid\nport: 4222\n', encoding="utf-8")
    program = processes.program()
    server = processes.start(program, "60", cwd=tmp_path)
    given = {"pid": server.pid, "start_argv": [str(program)], "config_path": str(config)}
    facts = _facts.facts(given)
    folder = {"what": "folder", "runs": str(tmp_path), "starts": "/", "paths": "log_file: a.log, store_dir: js"}
    assert (facts["cwd"], facts["log_path"], facts["differs"]) == (None, None, [folder])
    config.write_text('jetstream { store_dir: "/data/js" }\n', encoding="utf-8")
    assert _facts.facts(given)["differs"] == []


def test_what_others_can_change_is_told_with_who_runs_it(tmp_path: Path) -> None:
    program = install(tmp_path / "nats-server", OLD)
    program.chmod(0o757)
    place = {"path": str(program), "program": str(program), "mode": "0757", "link": False}
    start, us, other = Start(str(program), ""), os.geteuid(), os.geteuid() + 4222

    def refuses(start_argv: list[str], identity: _identity.Identity | None) -> list[bool]:
        found = _started_by.unsafe(start, start_argv, identity)
        assert [{key: one[key] for key in place} for one in found] == [place]
        return [one["refuses"] for one in found]

    assert refuses([], _identity.Identity(us, us, ())) == [True]
    assert refuses([], _identity.Identity(other, other, ())) == [False]
    assert refuses(["true"], None) == [False]
    # The start command is ours, whoever runs the server now.
    assert refuses([str(program)], _identity.Identity(other, other, ())) == [True]
