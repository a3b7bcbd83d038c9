"""Nodes are made ready in one call each; what fails fails no task until all is given back."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from tests.unit.nats import SimulatedServer
from tests.unit.plugins.action.role_tasks import Preflight
from tests.unit.recorded import NAMES
from tests.unit.releases import hash_of
from tests.unit.situations import TARGET

ACTION = "nats_upgrade_stage"
HELD = {"failed": True, "msg": "n2: refused: the lock is held", "refusal": "locked"}


class Staging(Preflight):
    """A run whose plan was accepted, with all hosts locked unless C(locks) say something else."""

    def begin(self, *locks: dict[str, Any]) -> None:
        accepted = self.until("accept")
        assert not accepted.get("failed"), accepted
        self.asked.clear()
        self.set("groups", {"nats": list(NAMES), "nats_upgrade_queue": list(NAMES)})
        self.set("__nats_upgrade_locks", {"results": list(locks) or [{"state": "ours"}] * len(NAMES)})

    def fetch(self) -> dict[str, Any]:
        result = self.run(ACTION, step="fetch")
        self.set("__nats_upgrade_fetched", result)
        return result

    def stage(self) -> dict[str, dict[str, Any]]:
        results = {host: self.run(ACTION, host, step="stage") for host in NAMES}
        for host, result in results.items():
            self.hosts[host]["__nats_upgrade_staged"] = result
        return results


@pytest.fixture
def staging(servers: dict[str, SimulatedServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Staging:
    return Staging(servers, tmp_path, monkeypatch)


def test_every_node_is_made_ready_in_one_call_that_asks_about_the_configuration_too(staging: Staging, tmp_path: Path) -> None:
    staging.begin()
    sha256 = hash_of(tmp_path / "nats.tar.gz")
    assert staging.fetch()["fetched"] == {"amd64": {"path": ANY, "sha256": sha256}}
    assert set(map(str, staging.stage().values())) == {"{'changed': False}"}
    assert staging.asked == [(name, "nats_binary") for name in NAMES]
    given = staging.args["n1", "nats_binary"]
    assert (given["config_path"], given["sha256"], given["version"]) == ("/etc/nats.conf", sha256, TARGET)
    told = [(event["host"], event["phase"], event["state"]) for event in staging.events("phase")]
    assert told[-2:] == [("n3", "stage", "began"), ("n3", "stage", "ended")]


def test_what_an_action_has_copied_to_a_node_does_not_stay_there(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible cleans up after the action of the task alone, and not after those that it calls."""
    cleaned: list[str] = []
    monkeypatch.setattr(ActionBase, "cleanup", lambda action, *_unused: cleaned.append(action._task.action))
    staging.begin()
    staging.fetch()
    cleaned.clear()
    staging.stage()
    assert cleaned == ["natsops.cluster.nats_binary"] * len(NAMES)


def test_a_package_is_staged_by_its_name(
    servers: dict[str, SimulatedServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staging = Staging(servers, tmp_path, monkeypatch, nats_upgrade_artifact="package")
    staging.begin()
    assert staging.fetch()["fetched"] == {}
    assert set(map(str, staging.stage().values())) == {"{'changed': False}"}
    asked = staging.args["n1", "nats_package"]
    assert (asked["state"], asked["name"], asked["config_path"]) == ("staged", "nats-server", "/etc/nats.conf")


def test_where_a_host_is_locked_by_another_run_nothing_is_staged_and_each_reason_is_told_once(staging: Staging) -> None:
    staging.begin({"state": "ours"}, HELD, HELD)
    assert staging.fetch()["problems"] == [HELD["msg"]]
    staging.stage()
    assert staging.asked == []
    stopped = staging.run(ACTION, step="stop")
    assert (stopped["failed"], stopped["msg"].splitlines()[0]) == (True, HELD["msg"])
    assert [event["kind"] for event in staging.events()][-2:] == ["failed", "run_ended"]


def test_an_archive_that_has_gone_since_it_was_asked_about_stops_the_run_with_its_refusal(
    staging: Staging, tmp_path: Path
) -> None:
    staging.begin()
    (tmp_path / "nats.tar.gz").unlink()
    staging.fetch()
    staging.stage()
    assert staging.events("failed") == []
    stopped = staging.run(ACTION, step="stop")
    assert (stopped["failed"], stopped["refusal"]) == (True, "no_archive")


def test_all_nodes_that_refuse_are_told_with_their_names_and_only_once_the_run_is_stopped(staging: Staging) -> None:
    staging.begin()
    staging.fetch()
    staging.answers["nats_binary"] = {"failed": True, "msg": "refuses /etc/nats.conf", "refusal": "config"}
    assert all(not result.get("failed") for result in staging.stage().values())
    assert staging.events("failed") == []
    stopped = staging.run(ACTION, step="stop")
    assert stopped["msg"].splitlines()[:3] == [f"{name}: refuses /etc/nats.conf" for name in NAMES]
    assert (stopped["refusal"], staging.events("failed")[0]["refusal"]) == ("config", "config")


def test_a_host_that_is_lost_while_it_is_made_ready_stops_the_run_too(staging: Staging) -> None:
    staging.begin()
    staging.fetch()
    staging.answers["nats_binary"] = AnsibleConnectionFailure("timed out")
    (problem,) = staging.stage()["n1"]["problems"]
    assert "n1 was lost in the step" in problem
    assert "No server was stopped." in problem


def test_a_node_that_needs_nothing_gets_nothing(staging: Staging) -> None:
    staging.variables["nats_upgrade_max_nodes"] = 1
    staging.begin()
    staging.fetch()
    staging.stage()
    assert len(staging.asked) == 1


def test_a_restart_stages_nothing(staging: Staging) -> None:
    staging.variables["nats_upgrade_mode"] = "restart"
    staging.variables["nats_upgrade_restart_all"] = True
    staging.answers["nats_config_check"] = {"digest": "", "said": "", "config_path": "/etc/nats.conf"}
    staging.begin()
    assert staging.fetch() == {"changed": False, "fetched": {}}
    assert staging.stage() == {name: {"changed": False} for name in NAMES}
    assert staging.asked == []
