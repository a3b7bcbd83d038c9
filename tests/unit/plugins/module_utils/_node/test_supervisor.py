"""What every supervisor does alike: real processes, and the programs of each played by scripts.

On real systemd, docker, podman and supervisord the same is shown by whole rolls (tests/integration, molecule).
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import commands as _commands
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._node import last_words as _last_words
from ansible_collections.natsops.cluster.plugins.module_utils._node import supervisor as _supervisor
from tests.unit.processes import Processes
from tests.unit.supervisors import ALL, OfCommands, OfDocker, OfPodman, Rig
from tests.unit.systemd import Systemd


@pytest.fixture(params=ALL, ids=lambda rig: rig.__name__[2:].lower())
def rig(request: pytest.FixtureRequest, tmp_path: Path, processes: Processes, systemd: Systemd) -> Rig:
    made: Rig = request.param(tmp_path, processes, systemd)
    return made


def test_each_kind_has_a_class_of_its_own_and_all_of_the_protocol(rig: Rig) -> None:
    supervisor = rig.of()
    assert type(supervisor).__name__ == type(rig).__name__[2:]
    wanted = {name for name in vars(_supervisor.Supervisor) if not name.startswith("_")}
    assert {name for name in wanted if not hasattr(supervisor, name)} == set()


def test_the_server_is_found(rig: Rig) -> None:
    assert rig.of().find().process == rig.server
    rig.has_exited()
    if not isinstance(rig, OfPodman):  # whose container is played as one that runs
        found = rig.of().find()
        assert (found.process, bool(found.absence)) == (None, True)


def test_a_hold_is_proved_and_seen_and_given_back(rig: Rig) -> None:
    before = rig.restarts()
    assert before != "no"
    if rig.holds_are_seen:
        with pytest.raises(NatsError, match=r"restarts are not held, or not any more, .* Nothing was signalled\. Run again"):
            rig.of().require_held()
    assert rig.of().hold(check_mode=False)["changed"]
    rig.of().require_held()
    assert (rig.restarts(), rig.of().is_held()) == ("no", rig.holds_are_seen)
    assert rig.of().release(check_mode=False)["changed"]
    assert (rig.restarts(), rig.of().is_held()) == (before, False)


def test_to_hold_twice_changes_nothing_and_forgets_nothing(rig: Rig) -> None:
    before = rig.restarts()
    rig.of().hold(check_mode=False)
    again = rig.of().hold(check_mode=False)
    # A command is run again: what it does is not known.
    assert again["changed"] is not rig.holds_are_seen
    rig.of().release(check_mode=False)
    assert rig.restarts() == before
    assert rig.of().release(check_mode=False)["changed"] is not rig.holds_are_seen


def test_a_policy_of_docker_comes_back_with_its_count(tmp_path: Path, processes: Processes, systemd: Systemd) -> None:
    rig = OfDocker(tmp_path, processes, systemd)
    (tmp_path / "policy").write_text("on-failure:3\n", encoding="ascii")
    rig.of().hold(check_mode=False)
    rig.of().hold(check_mode=False)
    rig.of().release(check_mode=False)
    assert rig.restarts() == "on-failure:3"


def test_a_hold_that_does_not_take_is_an_error_before_anything_is_signalled(rig: Rig) -> None:
    rig.be_stubborn()
    with pytest.raises(NatsError, match=rig.stubborn_words):
        rig.of().hold(check_mode=False)
    assert _process.alive(rig.server)


def test_a_check_says_what_would_be_done_and_does_nothing(rig: Rig) -> None:
    before = rig.restarts()
    assert rig.of().hold(check_mode=True)["changed"]
    assert (rig.restarts(), rig.of().is_held()) == (before, False)
    rig.of().hold(check_mode=False)
    assert rig.of().release(check_mode=True)["changed"]
    assert rig.restarts() == "no"
    assert rig.of().end(check_mode=True)["changed"]
    assert _process.alive(rig.server)
    rig.of().start(check_mode=True)
    assert not (rig.root / "calls").exists() or rig.starts() == 0


def test_lame_duck_mode_is_a_signal_to_the_server_itself(rig: Rig) -> None:
    found = rig.of().find().process
    assert found is not None
    assert rig.of().lame_duck(found)
    assert rig.processes.reap(rig.server) == -signal.SIGUSR2


def test_what_does_not_come_up_is_ended_and_that_twice_is_no_change(rig: Rig) -> None:
    assert rig.of().end(check_mode=False)["changed"]
    assert rig.processes.reap(rig.server) == -signal.SIGTERM
    assert not rig.of().end(check_mode=False)["changed"]


def test_a_server_that_has_exited_is_started(rig: Rig) -> None:
    rig.has_exited()
    if isinstance(rig, OfPodman):
        (rig.root / "pid").write_text("0", encoding="ascii")
    assert rig.of().start(check_mode=False)["changed"]
    assert rig.starts() == 1


# Of commands a supervisor's knows that, and a detached start does not.
@pytest.mark.parametrize("kind", [kind for kind in ALL if kind is not OfCommands])
def test_a_server_that_runs_is_not_started_again(kind: type[Rig], tmp_path: Path, processes: Processes, systemd: Systemd) -> None:
    rig = kind(tmp_path, processes, systemd)
    assert not rig.of().start(check_mode=False)["changed"]
    assert rig.starts() == 0


def test_its_last_words_are_found(rig: Rig) -> None:
    params = {name: option.get("default") for name, option in _supervisor.SPEC.items()}
    assert _last_words.of({**params, **rig.named()}) == ["said by the server"]


def test_who_is_asked_for_the_process_itself_has_no_status_to_tell(rig: Rig) -> None:
    assert rig.of().status() == {"changed": False}
    assert _supervisor.asks_nobody({"state": "status", **rig.named()})


# Of commands alone.


@pytest.fixture
def commands(tmp_path: Path, processes: Processes, systemd: Systemd) -> OfCommands:
    return OfCommands(tmp_path, processes, systemd)


@pytest.mark.parametrize("option", ["hold_command", "release_command", "stop_command"])
def test_without_a_command_nothing_is_done(commands: OfCommands, option: str) -> None:
    supervisor = commands.of(**{option: [], "pid": None, "start_ticks": None})
    act = {"hold_command": supervisor.hold, "release_command": supervisor.release, "stop_command": supervisor.end}[option]
    assert not act(check_mode=False)["changed"]
    assert _process.alive(commands.server)


@pytest.mark.parametrize(
    ("state", "given", "nobody"),
    [
        ("held", {}, True),
        ("held", {"hold_command": ["true"]}, False),
        ("released", {}, True),
        ("released", {"stays_away": True, "release_command": ["true"]}, True),
        ("released", {"stays_away": True, "hold_command": ["true"]}, False),
        ("released", {"service": "nats"}, False),
        ("held", {"container": "nats"}, False),
        ("status", {"status_command": ["true"]}, False),
        ("ended", {}, False),
        ("log", {}, False),
    ],
)
def test_a_node_is_left_alone_where_there_is_nothing_to_do(state: str, given: dict[str, object], nobody: bool) -> None:
    assert _supervisor.asks_nobody({"state": state, **given}) is nobody


def test_a_supervisor_that_starts_its_server_whenever_it_ends_stays_held(commands: OfCommands) -> None:
    commands.of().hold(check_mode=False)
    let_go = commands.of(stays_away=True, host="s1").release(check_mode=False)
    assert (let_go["changed"], commands.restarts()) == (False, "no")
    assert let_go["stays_held"].startswith("s1: automatic restarts stay held, or its supervisor would start it again. ")
    assert let_go["stays_held"].endswith(f"To start it by hand, end the hold first: rm -f {commands.hold}")


def test_the_supervisor_stops_it_before_the_process_is_looked_for(commands: OfCommands) -> None:
    stop = ["sh", "-c", f"kill -9 {commands.server.pid}; while kill -0 {commands.server.pid} 2>&1 && ! grep -q Z /proc/"]
    stop[-1] += f"{commands.server.pid}/stat; do :; done"
    ended = commands.of(stop_command=stop).end(check_mode=False)
    assert (ended["changed"], ended["signals"]) == (True, [])


def test_a_process_that_has_the_pid_by_now_is_not_ended(commands: OfCommands) -> None:
    assert not commands.of(start_ticks=commands.server.start_ticks - 1).end(check_mode=False)["changed"]
    assert _process.alive(commands.server)


def test_a_supervisor_that_does_not_run_the_server_is_asked_again_and_then_told(commands: OfCommands) -> None:
    count = commands.root / "asked"
    known = ["sh", "-c", f"echo x >> {count}; [ $(wc -l < {count}) -ge 2 ]"]
    assert commands.of(status_command=known, status_tries=5).status() == {"changed": False}
    failing = ["sh", "-c", "echo nats FATAL; exit 3"]
    told = "n1: the server answers, and its supervisor does not run it: sh -c echo nats FATAL; exit 3 ended with 3: nats FATAL. "
    with pytest.raises(NatsError) as refused:
        commands.of(status_command=failing, host="n1", untouched=True).status()
    assert str(refused.value).startswith(f"refused: {told}")
    assert str(refused.value).endswith(" set nats_upgrade_status_command to what names this server. Nothing was touched.")
    with pytest.raises(NatsError, match=f"^{told}"):
        commands.of(status_command=failing, host="n1").status()
    with pytest.raises(NatsError, match="ended with no status: /no/such cannot be run: No such file"):
        commands.of(status_command=["/no/such"], host="n1").status()


def test_a_command_is_waited_for_and_not_what_it_leaves_in_the_background() -> None:
    # With its output open, as a daemon that a script of init has started.
    left = _process.look(int(_commands.heard(["sh", "-c", "sleep 60 & echo $!"], 20.0).stdout))
    assert left is not None
    assert _process.send(left, signal.SIGKILL)


def test_a_command_has_a_bound() -> None:
    with pytest.raises(NatsError, match=r"^sleep has not ended after 0\.2 s: sleep 60$"):
        _commands.heard(["sleep", "60"], 0.2)


def test_the_words_of_a_command_are_filled_in_as_ansible_fills_them_in(
    commands: OfCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(commands.root))
    commands.of(hold_command=["touch", "~/hold"]).hold(check_mode=False)
    commands.of(hold_command=["cp", "$HOME/hold", "${HOME}/hold2"]).hold(check_mode=False)
    assert (commands.root / "hold2").exists()
