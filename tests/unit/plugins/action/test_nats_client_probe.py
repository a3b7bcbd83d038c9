"""The client probe as a task has it: what of a step fails, warns, and is told as an event. The probe itself has ended here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.plugin_utils._probe import control as _control
from tests.unit.plugins.action.test_actions import Host
from tests.unit.plugins.plugin_utils._probe.test_control import step_of, written

HERE = "nats_client_probe"


def run(folder: Path, state: str, check: bool = False, **args: Any) -> dict[str, Any]:
    given = {"state": state, "run_id": "r1", "report_dir": str(folder), **args}
    host = Host(__nats_upgrade_began={"run": "r1", "folder": str(folder / "r1")})
    result: dict[str, Any] = host.action(HERE, check, given).run(task_vars=host.task_vars)
    return result


def events(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "r1" / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [event for event in map(json.loads, lines) if event["kind"] == "client_probe"]


@pytest.fixture
def waited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run in whose first turn clients waited for 3 s."""
    (tmp_path / "r1").mkdir()
    written(tmp_path / "r1", {"kind": "step", **step_of("n1", request=3.0)})
    monkeypatch.setattr(_control, "read", lambda folder, _host: _control.steps(folder)[0])
    return tmp_path


def test_a_wait_beyond_the_limit_fails_with_its_figures(waited: Path) -> None:
    result = run(waited, "read", step="n2", max_gap_seconds=2)
    assert (result["failed"], result["refusal"], result["step"]["host"]) == (True, "client_impact", "n1")
    assert result["msg"].startswith(
        "refused: client_impact: while n1 was taken, clients waited 3.00 s for the answer to a request"
    )
    assert result["lines"][1].split()[0] == "n1"
    assert [(event["kind"], event["host"]) for event in events(waited)] == [("client_probe", "n1")]


def test_where_it_is_waived_it_is_a_warning(waited: Path) -> None:
    result = run(waited, "read", step="n2", max_gap_seconds=2, waive=["client_impact"])
    assert not result.get("failed")
    assert "waited 3.00 s" in result["warnings"][0]


def test_within_the_limit_nothing_is_said(waited: Path) -> None:
    result = run(waited, "read", step="n2")
    assert (result.get("failed"), result["warnings"]) == (None, [])


def test_a_probe_that_has_gone_fails_and_where_it_is_waived_warns(tmp_path: Path) -> None:
    (tmp_path / "r1").mkdir()
    assert "has ended by itself" in run(tmp_path, "read", step="n1")["msg"]
    assert "has ended by itself" in run(tmp_path, "read", step="n1", waive=["client_impact"])["warnings"][0]


def test_what_was_too_much_in_the_last_turn_is_a_warning(waited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = waited / "r1"

    def stopped(_folder: str) -> dict[str, Any]:
        written(folder, {"kind": "step", **step_of("n2", lost=1)})
        return {"reason": "stopped", "total": {}, "stream_removed": False}

    monkeypatch.setattr(_control, "stop", stopped)
    result = run(waited, "stopped")
    assert not result.get("failed")
    assert "while n2 was taken, clients were not given 1 messages" in result["warnings"][0]
    assert "could not remove its stream NATSOPS_PROBE_r1" in result["warnings"][1]
    assert [event["host"] for event in events(waited)] == ["n2"]


def test_in_check_mode_nothing_is_started_or_read(tmp_path: Path) -> None:
    for state in ("started", "read", "stopped"):
        assert run(tmp_path, state, check=True)["lines"] == []
    assert list(tmp_path.iterdir()) == []


def test_a_user_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    result = run(tmp_path, "checked", account={"user": "probe"})
    assert result["msg"].startswith("refused: nats_upgrade_client_probe has to say in one way who we are")
    assert result["msg"].splitlines()[0].endswith("Nothing was touched.")
