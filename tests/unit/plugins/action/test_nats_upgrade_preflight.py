"""A preflight on real ports: each step does in one task what several actions do, and a refusal is told once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._node import keys as _keys
from tests.unit.nats import SimulatedServer
from tests.unit.plugins.action.role_tasks import NODE, Preflight
from tests.unit.recorded import NAMES
from tests.unit.releases import hash_of
from tests.unit.servers import free_port
from tests.unit.situations import RUNNING, TARGET


class Refusing(Preflight):
    def refused(self) -> str:
        result = self.until("accept")
        assert result.get("failed"), result
        # Once, as the end of the run.
        assert [event["kind"] for event in self.events()][-2:] == ["failed", "run_ended"]
        assert len(self.events("failed")) == 1
        assert "\nReport: " in result["msg"]
        return str(result["msg"])


@pytest.fixture
def preflight(servers: dict[str, SimulatedServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refusing:
    return Refusing(servers, tmp_path, monkeypatch)


def test_a_roll_that_may_begin_shows_its_plan_and_queues_its_hosts(preflight: Refusing, tmp_path: Path) -> None:
    accepted = preflight.until("accept")
    assert not accepted.get("failed"), accepted
    assert accepted["msg"][0].startswith(f"lab: to {TARGET}, one node at a time")
    assert accepted["sha256"] == {"amd64": hash_of(tmp_path / "nats.tar.gz")}
    planned = preflight.hosts["n1"]["__nats_upgrade_plan"]
    assert planned["queue"] == [{"host": host, "group": "nats_upgrade_queue"} for host in planned["plan"]["order"]]
    assert [event["kind"] for event in preflight.events()] == ["run_began", "planned"]
    # One call on each node, and nothing else there.
    assert preflight.asked == [(name, "nats_node_facts") for name in NAMES]


def test_what_a_workflow_gets_says_that_the_run_has_not_ended_yet(preflight: Refusing) -> None:
    began = preflight.step("begin")
    assert began["ansible_stats"]["data"]["nats_upgrade_summary"]["outcome"] == "failed"
    planned = preflight.until("plan")
    assert planned["ansible_stats"]["data"]["nats_upgrade_plan"] == planned["plan"]


def test_a_wrong_variable_is_told_before_a_run_has_begun(preflight: Refusing) -> None:
    preflight.variables["nats_upgrade_max_lag"] = "x"
    failed = preflight.step("begin")
    assert (failed["refusal"], "run" in failed) == ("variables", False)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"nats_upgrade_waive": ["nothing"]}, "nothing"),
        ({"nats_upgrade_artifact": "image"}, "a container is upgraded by its image"),
        ({"nats_upgrade_service": "docker"}, "a container is upgraded by its image"),
    ],
)
def test_what_makes_no_sense_by_itself_is_refused_before_a_server_is_read(
    preflight: Refusing, servers: dict[str, SimulatedServer], given: dict[str, Any], said: str
) -> None:
    preflight.variables.update(given)
    assert said in preflight.refused()
    assert [server.requests for server in servers.values()] == [[], [], []]


def test_a_plan_that_is_refused_is_given_and_told_once_with_its_lines(
    preflight: Refusing,
) -> None:
    preflight.variables["nats_upgrade_version"] = "2.10.26"
    failed = preflight.until("accept")
    assert preflight.hosts["n1"]["__nats_upgrade_plan"]["plan"]["refused"]
    assert preflight.hosts["n1"]["__nats_upgrade_plan"]["queue"]
    assert failed["lines"] == preflight.hosts["n1"]["__nats_upgrade_plan"]["plan"]["lines"]
    assert failed["refusal"] in failed["msg"]
    assert [event["refusal"] for event in preflight.events("failed")] == [failed["refusal"]]


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"running": False, "absence": "no process"}, "the server answers, and yet does not run here (no process)"),
        ({"binary_path": ""}, "nothing says which program its server is started by: set nats_upgrade_binary_path"),
    ],
)
def test_what_is_missing_to_take_a_node_is_told_of_its_host(preflight: Refusing, node: dict[str, Any], said: str) -> None:
    preflight.nodes["n2"] = {**NODE, **node}
    assert f"refused: n2: {said}" in preflight.refused()
    assert preflight.events("failed")[0]["host"] == "n2"


def test_a_start_command_that_one_host_lacks_is_missing_there(preflight: Refusing) -> None:
    preflight.hosts["n3"]["nats_upgrade_start_command"] = []
    assert "refused: n3: nats_upgrade_service is command, so that nats_upgrade_start_command" in preflight.refused()


def test_a_unit_that_runs_a_container_is_refused_as_a_plain_one(preflight: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    preflight.variables["nats_upgrade_service"] = "systemd"
    monkeypatch.setattr(_keys, "checked", lambda _host, node: node)
    preflight.nodes["n2"] = {**NODE, "container": {"name": "nats"}}
    assert "refused: n2: nats_upgrade_service is systemd, and nats-server runs its server in a container" in preflight.refused()


def test_an_archive_that_cannot_be_had_is_refused_before_anything_is_locked(preflight: Refusing, tmp_path: Path) -> None:
    (tmp_path / "nats.tar.gz").unlink()
    assert "nats.tar.gz" in preflight.refused()
    assert preflight.events("failed")[0]["refusal"] == "no_archive"


def test_nothing_is_asked_for_where_every_server_runs_the_target(preflight: Refusing, tmp_path: Path) -> None:
    (tmp_path / "nats.tar.gz").unlink()
    preflight.variables["nats_upgrade_version"] = RUNNING
    accepted = preflight.until("accept")
    assert (accepted.get("failed", False), "sha256" in accepted) == (False, False), accepted


def test_a_roll_on_which_no_server_answers_is_refused(preflight: Refusing, servers: dict[str, SimulatedServer]) -> None:
    for name in NAMES:
        preflight.hosts[name]["ansible_play_hosts"] = ["n3"]
    servers["n3"].stop()
    preflight.hosts["n3"]["nats_upgrade_monitor_url"] = f"http://127.0.0.1:{free_port()}"
    preflight.variables["nats_upgrade_waive"] = ["missing_server"]
    assert "refused: no server on a host of this run answers (n3)" in preflight.refused()


def test_a_restart_asks_what_is_installed_in_the_same_task(preflight: Refusing) -> None:
    preflight.variables["nats_upgrade_mode"] = "restart"
    preflight.answers["nats_config_check"] = {"digest": "sha256:" + "0" * 64, "said": "", "config_path": "/etc/nats.conf"}
    preflight.until("node")
    assert preflight.asked == [(name, of_it) for name in NAMES for of_it in ("nats_node_facts", "nats_config_check")]
    assert preflight.hosts["n1"]["__nats_upgrade_found"]["digest"] == "sha256:" + "0" * 64


def test_a_configuration_that_is_refused_ends_a_restart(preflight: Refusing) -> None:
    preflight.variables["nats_upgrade_mode"] = "restart"
    preflight.answers["nats_config_check"] = {"failed": True, "msg": "refuses it", "refusal": "config"}
    assert "refuses it" in preflight.refused()
    assert preflight.events("failed")[0]["refusal"] == "config"


def test_an_error_that_nobody_foresaw_is_a_failure_of_the_run(preflight: Refusing) -> None:
    preflight.until("plan")
    preflight.hosts["n2"]["__nats_upgrade_found"] = {}
    assert "an error that was not foreseen on the controller (KeyError: 'nats_node')" in str(preflight.step("accept")["msg"])


def test_a_status_leaves_out_what_cannot_be_found_out_and_says_why(preflight: Refusing) -> None:
    preflight.set("__nats_upgrade_read", preflight.step("look"))
    assert preflight.hosts["n1"]["__nats_upgrade_read"]["nats_version"]["servers"]
    for host in NAMES:
        preflight.answers["nats_node_facts"] = {"failed": True, "msg": "has no such unit"} if host == "n2" else {}
        preflight.hosts[host]["__nats_upgrade_found"] = preflight.step("look_on_node", host)
    told = preflight.step("status")
    assert not told.get("failed"), told
    assert told["lines"] == [*told["status"]["lines"], "n2: has no such unit"]
    assert told["ansible_stats"]["data"]["nats_upgrade_status"] == told["status"]
