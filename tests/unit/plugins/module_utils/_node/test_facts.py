from __future__ import annotations

import os
import platform
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._files import config as _config
from ansible_collections.natsops.cluster.plugins.module_utils._host import config_check as _config_check
from ansible_collections.natsops.cluster.plugins.module_utils._host import identity as _identity
from ansible_collections.natsops.cluster.plugins.module_utils._host import started_by as _started_by
from ansible_collections.natsops.cluster.plugins.module_utils._host import systemd as _systemd
from ansible_collections.natsops.cluster.plugins.module_utils._node import facts as _facts
from ansible_collections.natsops.cluster.plugins.module_utils._values import assets as _assets
from tests.lab.binaries import server_binary
from tests.lab.cluster import LoopbackCluster
from tests.lab.node import lay_out
from tests.unit.processes import Processes
from tests.unit.state import lock, write_down
from tests.unit.systemd import Systemd

NOBODY = 65534
# What a server without arguments and without a configuration would be.
DEFAULTS = {
    **dict.fromkeys(("server_name", "cluster", "jetstream_domain"), ""),
    "system_account": "$SYS",
    "client_port": 4222,
    **dict.fromkeys(("cluster_port", "monitor_port"), 0),
    "jetstream": False,
    "store_dir": "/tmp/nats/jetstream",
    **dict.fromkeys(("same_store", "encryption")),
}


def test_the_facts_of_a_running_server_come_from_its_process(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "nats.conf").write_text('lame_duck_duration: "45s"\nlog_file: "logs/nats.log"\n', encoding="utf-8")
    with (tmp_path / "out.log").open("wb") as output:
        server = processes.start(processes.program(), "60", cwd=tmp_path, stderr=output)
    facts = _facts.facts({"pid": server.pid, "config_path": str(tmp_path / "nats.conf")})
    assert facts == {
        "read_on": facts["read_on"],
        "running": True,
        "absence": "",
        "pid": server.pid,
        "start_ticks": server.start_ticks,
        "uid": os.geteuid(),
        "program": str(processes.program()),
        "found_by": "pid",
        "listening_ports": [],
        "binary_path": str(processes.program()),
        "binary_version": None,
        "config_path": str(tmp_path / "nats.conf"),
        "config_common": facts["config_common"],
        "config_modified": facts["config_modified"],
        "cwd": str(tmp_path),
        "output_path": str(tmp_path / "out.log"),
        "log_path": str(tmp_path / "logs" / "nats.log"),
        "lame_duck_duration_seconds": 45.0,
        "lame_duck_duration_source": str(tmp_path / "nats.conf"),
        "lame_duck_grace_period_seconds": 10.0,
        "free_bytes": None,
        "go_arch": _facts.GO_ARCH[platform.machine()],
        "used": [],
        "leafnode_min_version": "",
        "unit": None,
        "differs": [],
        "unsafe_paths": [],
        "container": None,
        "stored_streams": None,
        "store": "",
        "store_read_at": facts["store_read_at"],
        "next_start": {**DEFAULTS, "config_path": ""},
    }


def test_without_a_configuration_the_server_has_its_defaults_and_logs_where_it_writes(
    processes: Processes, tmp_path: Path
) -> None:
    with (tmp_path / "out.log").open("wb") as output:
        server = processes.start(processes.program(), "60", stderr=output)
    facts = _facts.facts({"pid": server.pid})
    assert (facts["config_path"], facts["log_path"]) == ("", str(tmp_path / "out.log"))
    assert (facts["lame_duck_duration_seconds"], facts["lame_duck_duration_source"]) == (120.0, "default: not configured")


def test_a_stored_stream_has_the_name_by_which_the_server_tells_it(processes: Processes, tmp_path: Path) -> None:
    names = ["ORDERS", "OR\x1b[2JDERS", "OR\\x1b[2JDERS"]
    for name in names:
        folder = tmp_path / "APP\u202e" / "streams" / name
        folder.mkdir(parents=True)
        (folder / "meta.inf").touch()
    stored = _facts.facts({"pid": processes.server().pid, "store_dir": str(tmp_path)})["stored_streams"]
    told = {"account_details": [{"name": "APP\u202e", "stream_detail": [{"name": name} for name in names]}]}
    assert set(stored) == _assets.parse_streams(told)
    assert len(stored) == len(names)


def test_output_that_goes_to_no_file_is_no_path(processes: Processes) -> None:
    server = processes.start(processes.program(), "60", stderr=subprocess.DEVNULL)
    assert _facts.facts({"pid": server.pid})["output_path"] is None


def test_variables_of_the_configuration_are_those_of_the_servers_environment(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "nats.conf").write_text("lame_duck_duration: $DURATION\n", encoding="utf-8")
    server = processes.start(processes.program(), "60", env={**os.environ, "DURATION": "50s"})
    assert _facts.facts({"pid": server.pid, "config_path": str(tmp_path / "nats.conf")})["lame_duck_duration_seconds"] == 50.0


def test_a_path_that_is_given_comes_before_the_one_found(processes: Processes) -> None:
    server = processes.server()
    assert _facts.facts({"pid": server.pid, "binary_path": "/usr/sbin/nats-server"})["binary_path"] == "/usr/sbin/nats-server"


def test_a_process_that_listens_nowhere_and_a_real_server_tell_their_ports(processes: Processes) -> None:
    assert _facts.facts({"pid": processes.server().pid})["listening_ports"] == []
    with LoopbackCluster("2.15.1", size=1) as cluster:
        node = cluster.nodes["n1"]
        facts = _facts.facts({"pid_file": str(node.pid_file)})
        assert {node.monitor_port, node.client_port} <= set(facts["listening_ports"])
        assert facts["found_by"] == "pid_file"
        # As a package manager does it: what runs is another file by now.
        lay_out(node, server_binary("2.14.6"), node.config.read_text(encoding="utf-8"))
        assert _facts.facts({"pid_file": str(node.pid_file)})["binary_version"] == "2.14.6"


def test_a_binary_that_is_a_wrapper_or_says_nothing_has_no_version(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    for name in ("run-it", "nats-server"):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho {name} >> {ran}\nexit 1\n", encoding="utf-8")
        program.chmod(0o755)
        assert _facts.installed_version(str(program), None) is None
    # Nobody knows what a wrapper does with --version.
    assert ran.read_text(encoding="utf-8") == "nats-server\n"
    assert _facts.installed_version("", None) is None


def test_a_configuration_is_as_new_as_the_newest_of_its_files(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "nats.conf").write_text("include more.conf\n", encoding="utf-8")
    (tmp_path / "more.conf").touch()
    os.utime(tmp_path / "nats.conf", ns=(0, 1_000_000_000_000_000_001))
    os.utime(tmp_path / "more.conf", ns=(0, 1_000_000_001_000_000_000))
    facts = _facts.facts({"pid": processes.server().pid, "config_path": str(tmp_path / "nats.conf")})
    assert facts["config_modified"] == "2001-09-09T01:46:41.000000000Z"
    assert _facts.last_modified([str(tmp_path / "nats.conf")]) == "2001-09-09T01:46:40.000000001Z"
    assert _facts.last_modified([]) is None
    assert _facts.last_modified([str(tmp_path / "none.conf")]) is None


def test_an_included_file_that_is_not_there_is_named_with_the_one_that_includes_it(processes: Processes, tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    config.write_text("include none.conf\n", encoding="utf-8")
    with pytest.raises(NatsError) as caught:
        _facts.facts({"pid": processes.server().pid, "config_path": str(config)})
    assert str(caught.value) == (
        f"there is no configuration {tmp_path}/none.conf, which {config} includes: the server would not start again. "
        "Deploy it, or fix the include, or set nats_upgrade_config_path to the right configuration"
    )


def test_a_configuration_path_that_leads_nowhere_is_told_with_its_variable_and_what_runs(
    processes: Processes, tmp_path: Path
) -> None:
    shell = processes.folder / "nats-server"
    shell.parent.mkdir(parents=True)
    shutil.copy(os.path.realpath("/bin/sh"), shell)
    right, wrong = tmp_path / "nats.conf", tmp_path / "etcc" / "nats.conf"
    right.touch()
    server = processes.start(shell, "-s", "--", "-c", str(right), stdin=subprocess.PIPE)
    with pytest.raises(NatsError) as caught:
        _facts.facts({"pid": server.pid, "config_path": str(wrong)})
    assert str(caught.value) == (
        f"there is no configuration {wrong} (nor {wrong.parent}), and nats_upgrade_config_path names it; the server runs with "
        f"{right}: set nats_upgrade_config_path to what is there"
    )
    right.unlink()
    with pytest.raises(NatsError) as caught:
        _facts.facts({"pid": server.pid})
    assert str(caught.value) == (
        f"there is no configuration {right}, with which the server is started: it would not start again. Deploy it, or set "
        "nats_upgrade_config_path to the right one"
    )


def test_a_configuration_that_is_no_file_or_may_not_be_read_is_told_so(processes: Processes, tmp_path: Path) -> None:
    with pytest.raises(
        NatsError, match=r"cannot be read \(it is not a regular file\): set nats_upgrade_config_path to the right"
    ):
        _facts.facts({"pid": processes.server().pid, "config_path": str(tmp_path)})
    denied = PermissionError(13, "Permission denied", "/etc/nats.conf")
    assert str(_config.unreadable(denied, "/etc/nats.conf", None)) == (
        "the configuration /etc/nats.conf cannot be read (Permission denied): run with become (-b), or set "
        "nats_upgrade_config_path"
    )


def test_a_unit_that_does_not_run_is_known_by_what_would_start_it(systemd: Systemd, tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    config.write_text('lame_duck_duration: "45s"\n', encoding="utf-8")
    systemd.set(
        ActiveState="inactive", ExecStart=f"{{ path=/usr/sbin/nats-server ; argv[]=/usr/sbin/nats-server -c {config} ; x }}"
    )
    facts = _facts.facts({"service": "nats-server"})
    assert (facts["running"], facts["pid"], facts["absence"]) == (False, None, "unit nats-server.service is inactive")
    assert (facts["binary_path"], facts["config_path"]) == ("/usr/sbin/nats-server", str(config))
    assert facts["lame_duck_duration_seconds"] == 45.0
    assert facts["unit"]["name"] == "nats-server.service"


def test_whose_a_server_is_is_told_by_its_unit_where_something_else_runs_in_it(systemd: Systemd, processes: Processes) -> None:
    """A new version that hangs may be no server by its name: it is ended, and the old one takes its place."""
    hangs = processes.start("/bin/sleep", "60")
    systemd.set(MainPID=str(hangs.pid), ControlGroup="", User="nobody")
    given = {"service": "nats-server"}
    with pytest.raises(NatsError, match="and no nats-server"):
        _facts.find(given)
    identity = _facts.identity_of(given)
    assert identity is not None
    assert identity.uid == pwd.getpwnam("nobody").pw_uid


def test_a_unit_comes_before_a_pid_file_and_that_before_a_pid(systemd: Systemd, processes: Processes, tmp_path: Path) -> None:
    server = processes.server()
    (tmp_path / "nats.pid").write_text(str(server.pid), encoding="ascii")
    given: dict[str, Any] = {"pid": server.pid, "pid_file": str(tmp_path / "nats.pid"), "service": "nats-server"}
    assert _facts.find(given)[0].found_by == "service"
    assert _facts.find({**given, "service": None})[0].found_by == "pid_file"
    assert _facts.find({"pid": server.pid})[0].found_by == "pid"


def test_what_of_a_unit_bears_on_an_upgrade() -> None:
    unit = {
        "Id": "nats-server.service",
        "ActiveState": "active",
        "Restart": "always",
        "TimeoutStopUSec": "2min 30s",
        "ExecStop": "{ path=/bin/kill ; argv[]=/bin/kill -s SIGUSR2 $MAINPID ; ignore_errors=no ; }",
        "NeedDaemonReload": "yes",
        "User": "nats",
        "KillSignal": "12",
        "DropInPaths": "/etc/a.conf /run/b.conf",
        "UnitFileState": "enabled",
    }
    assert _facts.unit_facts(unit) == {
        "name": "nats-server.service",
        "active_state": "active",
        "restart": "always",
        "timeout_stop_seconds": 150.0,
        "exec_stop": ["/bin/kill", "-s", "SIGUSR2", "$MAINPID"],
        "kill_signal": "SIGUSR2",
        "need_daemon_reload": True,
        "user": "nats",
        "drop_in_paths": ["/etc/a.conf", "/run/b.conf"],
        "enabled": "enabled",
    }


@pytest.mark.parametrize(("number", "name"), [("15", "SIGTERM"), ("2", "SIGINT"), ("", ""), ("99", "99"), ("x", "x")])
def test_a_signal_of_a_unit_is_given_by_its_name(number: str, name: str) -> None:
    assert _facts.signal_name(number) == name


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [
        ({"lame_duck_grace_period": "3s"}, 3.0),
        ({}, 10.0),
        ({"lame_duck_grace_period": "0s"}, 10.0),
        ({"lame_duck_grace_period": "x"}, 10.0),
    ],
)
def test_the_grace_period_is_the_configured_one_and_none_or_zero_is_the_servers_default(
    settings: dict[str, str], seconds: float
) -> None:
    assert _facts.lame_duck_grace_seconds(settings) == seconds


@pytest.mark.parametrize(
    ("span", "seconds"),
    [
        ("1min 30s", 90.0),
        ("10s", 10.0),
        ("2h 3min 4s 5ms 6us", 7384.005006),
        ("1d 1w", 691200.0),
        ("0", None),
        ("infinity", None),
        ("", None),
        ("1.500s", 1.5),
        ("1min 1.5s", 61.5),
    ],
)
def test_a_time_span_is_read_as_systemd_writes_it(span: str, seconds: float | None) -> None:
    assert _facts.span_seconds(span) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("argv", "config"),
    [
        (["nats-server", "-c", "/etc/nats.conf"], "/etc/nats.conf"),
        (["nats-server", "--config", "/etc/nats.conf", "-D"], "/etc/nats.conf"),
        (["nats-server", "-config=/etc/a=b.conf"], "/etc/a=b.conf"),
        (["nats-server", "-DV", "--c=/etc/nats.conf"], "/etc/nats.conf"),
        (["nats-server", "-js", "-sd", "/c"], ""),
        (["nats-server", "-c"], ""),
        ([], ""),
    ],
)
def test_the_configuration_is_what_the_arguments_name(argv: list[str], config: str) -> None:
    assert _started_by.config_in(argv) == config


def test_a_configuration_with_a_relative_path_is_one_of_the_servers_folder(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "nats.conf").write_text('lame_duck_duration: "45s"\n', encoding="utf-8")
    # A shell takes any arguments and waits for input.
    shell = processes.folder / "nats-server"
    shell.parent.mkdir(parents=True)
    shutil.copy(os.path.realpath("/bin/sh"), shell)
    server = processes.start(shell, "-s", "--", "-c=conf/nats.conf", cwd=tmp_path, stdin=subprocess.PIPE)
    facts = _facts.facts({"pid": server.pid})
    assert (facts["config_path"], facts["lame_duck_duration_seconds"]) == (f"{tmp_path}/conf/nats.conf", 45.0)


@pytest.mark.parametrize(
    ("settings", "seconds", "source"),
    [
        ({"lame_duck_duration": "90s"}, 90.0, "/etc/nats.conf"),
        ({}, 120.0, "default: not configured"),
        ({"lame_duck_duration": "soon"}, 120.0, "default: 'soon' is not a duration"),
    ],
)
def test_the_length_of_a_drain_is_the_configured_one_or_the_servers_default(
    settings: dict[str, str], seconds: float, source: str
) -> None:
    assert _facts.lame_duck_seconds(settings, "/etc/nats.conf") == (seconds, source)


@pytest.mark.parametrize("version", ["2.10.26", "2.15.1"])
def test_a_real_server_accepts_a_good_configuration_and_says_so(tmp_path: Path, version: str) -> None:
    config = tmp_path / "nats.conf"
    config.write_text("port: 4222\n", encoding="utf-8")
    said = _config_check.check_config(str(server_binary(version)), str(config), None)
    assert said["config_path"] == str(config)
    assert "is valid" in said["said"]
    # A server of 2.10 tells no digest, neither here nor when it runs.
    assert said["digest"] == ("" if version == "2.10.26" else said["said"].rpartition("(")[2].rstrip(")"))
    assert said["digest"][:7] in ("", "sha256:")


@pytest.mark.parametrize("version", ["2.10.26", "2.15.1"])
def test_a_real_server_refuses_a_bad_configuration_in_its_own_words(tmp_path: Path, version: str) -> None:
    config = tmp_path / "nats.conf"
    config.write_text('lame_duck_duration: "1s"\n', encoding="utf-8")
    with pytest.raises(NatsError, match="invalid lame_duck_duration of 1s, minimum is 30 seconds") as refused:
        _config_check.check_config(str(server_binary(version)), str(config), None)
    assert refused.value.details == {"refusal": "config"}
    assert str(refused.value).endswith("Nothing was changed")


@pytest.mark.parametrize("version", ["2.10.26", "2.15.1"])
def test_what_a_server_only_warns_of_when_it_starts_is_no_refusal(tmp_path: Path, version: str) -> None:
    config, warned_of = tmp_path / "nats.conf", "leafnodes { reconnect: 1 }\n"
    config.write_text(warned_of, encoding="utf-8")
    said = _config_check.check_config(str(server_binary(version)), str(config), None)["said"]
    assert "reconnect should be converted to a duration" in said
    config.write_text(f"{warned_of}no_such_key: 1\n", encoding="utf-8")
    with pytest.raises(NatsError, match="no_such_key"):
        _config_check.check_config(str(server_binary(version)), str(config), None)


def test_a_configuration_is_checked_in_the_servers_folder_and_environment(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "nats.conf").write_text("port: $NATS_PORT\n", encoding="utf-8")
    server = processes.start(processes.program(), "60", cwd=tmp_path, env={**os.environ, "NATS_PORT": "4333"})
    binary = str(server_binary("2.15.1"))
    assert _config_check.check_config(binary, "nats.conf", server)["said"]
    with pytest.raises(NatsError, match="NATS_PORT"):
        _config_check.check_config(binary, str(tmp_path / "nats.conf"), None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_configuration_is_checked_as_the_user_of_the_server(processes: Processes, tmp_path: Path) -> None:
    tells_user = tmp_path / "who"
    tells_user.write_text("#!/bin/sh\nid -u; id -g; id -G\n", encoding="utf-8")
    tells_user.chmod(0o755)
    # Those that pytest has made for us alone.
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(0o755)
    processes.program()
    server = processes.start(processes.program(), "60", user=NOBODY, group=NOBODY, extra_groups=[7], cwd="/")
    identity = _identity.of_process(server)
    assert identity == _identity.Identity(NOBODY, NOBODY, (7,))
    said = _config_check.check_config(str(tells_user), "nats.conf", server)["said"]
    assert said.split() == [str(NOBODY), str(NOBODY), str(NOBODY), "7"]


def test_without_a_state_dir_nothing_is_said_of_what_runs_have_left(processes: Processes) -> None:
    assert not {"journal", "lock", "hold"} & set(_facts.facts({"pid": processes.server().pid}))


def test_what_runs_have_left_on_a_node_is_among_its_facts(processes: Processes, tmp_path: Path) -> None:
    given = {"pid": processes.server().pid, "state_dir": str(tmp_path)}
    assert {key: _facts.facts(given)[key] for key in ("journal", "lock", "hold")} == {
        "journal": None,
        "lock": None,
        "hold": False,
    }
    lock(tmp_path, "acquired", "r1")
    write_down(tmp_path, "began", "r1", data={"binary_path": "/elsewhere/nats-server"})
    facts = _facts.facts(given)
    assert (facts["journal"]["step"], facts["journal"]["unfinished"]) == ("began", True)
    assert (facts["lock"]["run_id"], facts["lock"]["state"]) == ("r1", "held")
    assert facts["binary_path"] == str(processes.program())


def test_damaged_files_do_not_keep_a_node_from_giving_its_facts(processes: Processes, tmp_path: Path) -> None:
    for name in ("journal.json", "lock.json"):
        (tmp_path / name).write_text('{"run_id": ', encoding="utf-8")
    facts = _facts.facts({"pid": processes.server().pid, "state_dir": str(tmp_path)})
    assert (facts["journal"]["unfinished"], facts["lock"]["state"]) == (False, "unreadable")
    assert "it is not JSON" in facts["journal"]["unreadable"]


def test_a_hold_that_was_left_is_seen(systemd: Systemd, tmp_path: Path) -> None:
    given = {"service": "nats-server", "state_dir": str(tmp_path)}
    assert _facts.facts(given)["hold"] is False
    _systemd.hold("nats-server", check_mode=False)
    assert _facts.facts(given)["hold"] is True


@pytest.fixture
def broke_off(tmp_path: Path) -> dict[str, Any]:
    """A node whose server does not run, since the turn that its journal tells of."""
    config = tmp_path / "nats.conf"
    config.write_text('lame_duck_duration: "45s"\n', encoding="utf-8")
    state = tmp_path / "state"
    lock(state, "acquired", "r1")
    noted = {"binary_path": "/opt/nats/nats-server", "config_path": str(config), "cwd": "/srv/nats"}
    write_down(state, "began", "r1", data=noted)
    write_down(state, "starting", "r1")
    return {"pid_file": str(tmp_path / "nats.pid"), "state_dir": str(state)}


def test_a_server_that_is_down_in_mid_turn_is_known_by_the_journal(broke_off: dict[str, Any], tmp_path: Path) -> None:
    facts = _facts.facts(broke_off)
    assert (facts["running"], facts["binary_path"], facts["cwd"]) == (False, "/opt/nats/nats-server", "/srv/nats")
    assert (facts["config_path"], facts["lame_duck_duration_seconds"]) == (str(tmp_path / "nats.conf"), 45.0)
    given = _facts.facts({**broke_off, "binary_path": "/usr/sbin/nats-server", "config_path": str(tmp_path / "nats.conf")})
    assert given["binary_path"] == "/usr/sbin/nats-server"


def test_a_unit_comes_before_the_journal(broke_off: dict[str, Any], systemd: Systemd) -> None:
    systemd.set(ActiveState="inactive", ExecStart="{ path=/usr/sbin/nats-server ; argv[]=/usr/sbin/nats-server ; x }")
    facts = _facts.facts({"service": "nats-server", "state_dir": broke_off["state_dir"]})
    assert (facts["binary_path"], facts["config_path"]) == ("/usr/sbin/nats-server", "")


def test_a_turn_that_is_over_says_nothing_of_a_server_that_is_down_now(broke_off: dict[str, Any], tmp_path: Path) -> None:
    write_down(tmp_path / "state", "done", "r1")
    facts = _facts.facts(broke_off)
    assert (facts["binary_path"], facts["config_path"], facts["cwd"]) == ("", "", None)
