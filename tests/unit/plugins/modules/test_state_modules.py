"""The modules that keep the lock and the journal of a node: options in, results and failures out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict

import pytest

from tests.unit import modules
from tests.unit.processes import Processes
from tests.unit.releases import NEW, OLD, install
from tests.unit.state import ADA, on_disk, steps

Run = Callable[..., Dict[str, Any]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return lambda name, **args: modules.run(name, capsys, **args)


@pytest.fixture
def state(tmp_path: Path) -> str:
    return str(tmp_path / "state")


def test_a_lock_is_taken_kept_read_and_let_go_and_that_is_no_change(run: Run, state: str) -> None:
    given = {"state_dir": state, "run_id": "r1"}
    taken = run("nats_lock", state="acquired", controller=ADA, target=NEW, **given)
    assert (taken["changed"], taken["state"], taken["lock"]["lease_seconds"]) == (False, "ours", 120.0)
    assert (taken["lock"]["controller"], taken["lock"]["target"]) == (ADA, NEW)
    assert run("nats_lock", state="renewed", lease_seconds=30, **given)["lock"]["lease_seconds"] == 30.0
    assert run("nats_lock", state="read", state_dir=state)["state"] == "held"
    refused = run("nats_lock", state="acquired", state_dir=state, run_id="r2")
    assert (refused["failed"], refused["refusal"], refused["lock"]["run_id"]) == (True, "locked", "r1")
    assert run("nats_lock", state="acquired", state_dir=state, run_id="r2", take_over="r1")["took_over"] == "r1"
    lost = run("nats_lock", state="renewed", **given)
    assert (lost["failed"], lost["refusal"], "is no longer ours" in lost["msg"]) == (True, "locked", True)
    assert run("nats_lock", state="released", state_dir=state, run_id="r2")["lock"] is None


@pytest.mark.parametrize("asked", ["acquired", "renewed", "released"])
def test_a_lock_is_that_of_a_run(run: Run, state: str, asked: str) -> None:
    assert (
        run("nats_lock", state=asked, state_dir=state)["msg"] == f"state is {asked} but all of the following are missing: run_id"
    )


def test_a_turn_is_written_down_and_that_is_no_change(run: Run, state: str) -> None:
    given = {"state_dir": state, "run_id": "r1"}
    assert run("nats_journal", state="began", **given)["failed"]
    run("nats_lock", state="acquired", **given)
    data = {"binary_path": "/usr/sbin/nats-server", "waive": ["single_route"]}
    began = run("nats_journal", state="began", target=NEW, old_version=OLD, data=data, **given)
    assert (began["changed"], began["journal"]["step"], began["journal"]["unfinished"]) == (False, "began", True)
    assert (began["journal"]["binary_path"], began["journal"]["data"]) == (data["binary_path"], {"waive": ["single_route"]})
    assert run("nats_journal", state="starting", check=True, **given)["journal"] == began["journal"]
    assert run("nats_journal", state="done", **given)["journal"]["unfinished"] is False
    lost = run("nats_journal", state="held", state_dir=state, run_id="r2")
    assert (lost["failed"], lost["refusal"]) == (True, "locked")
    assert steps(Path(state)) == ["began", "done"]


def test_a_swap_keeps_a_journal_where_it_is_asked_to(run: Run, state: str, processes: Processes, tmp_path: Path) -> None:
    path = install(tmp_path / "nats-server", OLD)
    install(tmp_path / f"nats-server-{NEW}", NEW)
    server, kept = processes.server(), {"state_dir": state, "run_id": "r1", "lease_seconds": 60}
    given = {"path": str(path), "running_version": OLD, "version": NEW, "pid": server.pid, "start_argv": ["true"]}
    alone = run("nats_swap", state_dir=state, **given)
    assert "parameters are required together: state_dir, run_id, lease_seconds" in alone["msg"]
    run("nats_lock", state="acquired", state_dir=state, run_id="r1")
    run("nats_journal", state="began", target=NEW, old_version=OLD, state_dir=state, run_id="r1")
    assert run("nats_swap", start_detach=False, **kept, **given)["started"]
    assert on_disk(Path(state), "journal.json")["step"] == "starting"


def test_the_facts_of_a_node_hold_what_runs_have_left(run: Run, state: str, processes: Processes) -> None:
    run("nats_lock", state="acquired", state_dir=state, run_id="r1")
    facts = run("nats_node_facts", pid=processes.server().pid, state_dir=state)["ansible_facts"]["nats_node"]
    assert (facts["lock"]["state"], facts["journal"], facts["hold"]) == ("held", None, False)
