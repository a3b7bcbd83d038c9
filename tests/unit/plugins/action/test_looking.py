"""A plan and a status of a whole cluster, read from real ports on the controller."""

from __future__ import annotations

import copy
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Iterator
from unittest.mock import ANY

import pytest

from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Log
from tests.unit.nats import SimulatedServer
from tests.unit.plugins.action.test_actions import Host
from tests.unit.recorded import NAMES
from tests.unit.releases import NEW, OLD
from tests.unit.servers import free_port
from tests.unit.situations import RUNNING, TARGET, journal


class Looked:
    """A cluster of three on real ports, and a host of which a task looks at it."""

    def __init__(self, servers: dict[str, SimulatedServer]) -> None:
        self.servers, self.host = servers, Host()
        self.host.task_vars["hostvars"] = {
            name: {"inventory_hostname": name, "nats_upgrade_monitor_url": server.url} for name, server in servers.items()
        }

    def plan(self, **given: Any) -> dict[str, Any]:
        return self.host.run("nats_upgrade_plan", **{"version": TARGET, "hosts": list(NAMES), "settle_seconds": 0, **given})

    def status(self, **given: Any) -> dict[str, Any]:
        return self.host.run("nats_upgrade_status", **{"hosts": list(NAMES), "settle_seconds": 0, **given})["status"]

    def requests(self) -> int:
        return sum(len([path for path in server.requests if path == "/varz"]) for server in self.servers.values())


@pytest.fixture
def looked() -> Iterator[Looked]:
    with ExitStack() as stack:
        yield Looked({name: stack.enter_context(SimulatedServer(RUNNING, name)) for name in NAMES})


def sick(server: SimulatedServer) -> None:
    error = {"type": "STREAM", "account": "APP", "stream": "ORDERS", "error": "not current"}
    server.answers["/healthz?details=true"] = {"status": 503, "body": {"status": "unavailable", "errors": [error]}}
    server.answers["/healthz"] = server.answers["/healthz?details=true"]


def test_a_plan_is_made_of_what_all_hosts_say(looked: Looked) -> None:
    result = looked.plan()
    assert (result["changed"], result["refusal"], result["plan"]["order"]) == (False, "", ["n1", "n3", "n2"])
    assert result["plan"]["lines"][0].startswith(f"lab: to {TARGET}, one node at a time")
    assert looked.host.asked == []


def test_a_plan_that_is_refused_fails_with_the_plan_or_gives_it_with_what_to_say(looked: Looked) -> None:
    sick(looked.servers["n3"])
    failed = looked.plan()
    assert (failed["failed"], failed["refusals"], failed["plan"]["refused"]) == (True, ["unhealthy_server"], True)
    told = looked.plan(fail_when_refused=False)
    assert (told.get("failed", False), told["plan"]) == (False, failed["plan"])
    assert told["refusal"] == failed["msg"]
    waived = looked.plan(waive=["unhealthy_server"])
    assert (waived["refusal"], waived["plan"]["tolerated"]) == ("", ["healthz n3: APP > ORDERS"])


def test_what_is_known_of_the_nodes_is_part_of_it(looked: Looked) -> None:
    looked.servers["n2"].stop()
    looked.host.task_vars["hostvars"]["n2"]["nats_upgrade_monitor_url"] = f"http://127.0.0.1:{free_port()}"
    assert looked.plan()["refusals"] == ["missing_server"]
    resumed = looked.plan(nodes={"n1": None, "n2": journal("switching")})
    assert (resumed.get("failed", False), resumed["plan"]["order"][0]) == (False, "n2")


DAMAGED = [{"target": 1}, {"old_version": []}, {"expectation": "n2"}, {"data": None}, {"steps": "held"}, {"data": {"waive": 5}}]


@pytest.mark.parametrize("damage", DAMAGED, ids=str)
@pytest.mark.parametrize("mode", ["upgrade", "restart"])
def test_a_damaged_journal_is_a_finding_of_a_plan_and_of_a_restart(looked: Looked, damage: dict[str, Any], mode: str) -> None:
    plan = looked.plan(nodes={"n2": journal("switching", **damage)}, mode=mode, fail_when_refused=False)["plan"]
    (found,) = [finding for finding in plan["warnings"] if finding["name"] == "damaged_journal"]
    assert found["message"].startswith("n2: what an earlier run wrote down cannot be read (it is not a journal: ")
    assert [step["resumes"] for step in plan["steps"]] == [""] * len(plan["steps"])


@pytest.mark.parametrize("damage", DAMAGED, ids=str)
def test_a_status_says_that_a_journal_is_damaged(looked: Looked, damage: dict[str, Any]) -> None:
    told = looked.status(nodes={"n2": journal("switching", **damage)})
    assert (told["unfinished"], told["roll"], told["damaged_journals"]) == ({}, None, {"n2": ANY})
    assert told["lines"][1].endswith(f"  what an earlier run wrote down cannot be read ({told['damaged_journals']['n2']})")


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ("n2", "they are 'n2'"),
        ({"listening_ports": ["4222"]}, "listening_ports is ['4222'], and has to be a list of ports, or null"),
        ({"lame_duck_duration_seconds": float("inf")}, "lame_duck_duration_seconds is inf"),
        ({"unit": {"exec_stop": "kill"}}, "unit.exec_stop is 'kill', and has to be a list of texts"),
        ({"container": {"name": "nats"}}, "container.id is missing"),
        ({"go_arch": "../../root"}, "go_arch is '../../root', and has to be a word, such as amd64"),
        ({"container": {"name": {}}}, "container.name is {}, and has to be text"),
        ({"access": {}}, "access.server_name is missing"),
        ({"lock": {"said": ["x"]}}, "lock.said is ['x']"),
        ({"stored_streams": [1]}, "stored_streams is [1]"),
        (
            {"stored_streams": ["APP > \x1b[2J"]},
            "stored_streams is ['APP > \\x1b[2J'], and has",
        ),
        ({"binary_version": "2.15.1\x1b[2J"}, "binary_version is '2.15.1\\x1b[2J'"),
    ],
)
def test_facts_that_are_none_of_a_node_are_an_error_that_says_what_is_wrong(looked: Looked, facts: Any, why: str) -> None:
    failed = looked.plan(nodes={"n2": facts})
    assert (failed["failed"], "plan" in failed) == (True, False)
    assert failed["msg"].startswith(f"n2: what was sent from there are no facts of a node: {why}")
    for sent in ({"nats_node": facts}, {"ansible_facts": {"nats_node": facts}}):
        looked.host.answers = [{"changed": False, **sent}]
        assert looked.host.run("nats_node_facts", pid=1)["msg"].startswith(
            "n1: what was sent from there are no facts of a node: "
        )


@pytest.mark.parametrize("within", [lambda facts: facts, lambda facts: {"ansible_facts": facts}])
def test_facts_of_a_node_come_with_a_journal_that_is_one(looked: Looked, within: Callable[[Any], Any]) -> None:
    looked.host.answers = [{"changed": False, **within({"nats_node": {"running": True, **journal("held", target=1)}})}]
    facts = within({"nats_node": {"running": True, "journal": {"unfinished": False, "unreadable": ANY}}})
    assert looked.host.run("nats_node_facts", pid=1) == {"changed": False, **facts}


def test_what_is_missing_in_one_look_only_is_no_reason_to_refuse(looked: Looked) -> None:
    server, answers = looked.servers["n3"], []

    def answer(path: str) -> Any:
        answers.append(path)
        if path.startswith("/healthz") and sum(one.startswith("/healthz") for one in answers) == 1:
            return {"status": 503, "body": {"status": "unavailable", "error": "a moment"}}
        return SimulatedServer.answer(server, path)

    server.answer = answer  # type: ignore[method-assign]
    assert looked.plan(settle_seconds=5)["refusal"] == ""
    assert looked.requests() == 2 * len(NAMES)


def test_what_is_missing_in_every_look_is_one_and_is_looked_for_no_longer_than_told(looked: Looked) -> None:
    sick(looked.servers["n3"])
    # Long enough for a second look on a machine that is busy.
    assert looked.plan(settle_seconds=3)["refusals"] == ["unhealthy_server"]
    assert looked.requests() >= 2 * len(NAMES)


def busy(server: SimulatedServer, times: int) -> None:
    """Its first answers have a replica of each group that it leads a message behind."""
    usual, left = server.answers["/jsz"]["body"], [times]

    def answer(path: str) -> Any:
        if not path.startswith("/jsz") or left[0] == 0:
            return SimulatedServer.answer(server, path)
        left[0] -= 1
        body = copy.deepcopy(usual)
        for account in body["account_details"]:
            for stream in account["stream_detail"]:
                for replica in stream["cluster"].get("replicas") or []:
                    replica.update(current=False, lag=1)
        return {"status": 200, "body": body}

    server.answer = answer  # type: ignore[method-assign]


@pytest.mark.parametrize("seconds", [0.1, 1.0])
def test_replicas_that_are_busy_in_several_looks_are_no_reason_to_refuse_however_few_looks_the_time_is_enough_for(
    looked: Looked, seconds: float
) -> None:
    for server in looked.servers.values():
        busy(server, 6)
    assert looked.plan(settle_seconds=seconds)["refusal"] == ""
    assert looked.requests() == 7 * len(NAMES)


def test_replicas_that_are_behind_in_every_look_are_one(looked: Looked) -> None:
    for server in looked.servers.values():
        busy(server, 1000)
    assert looked.plan(settle_seconds=0.1)["refusals"] == ["degraded_group"]


def test_a_target_or_a_waiver_that_is_wrong_by_itself_is_told_without_looking(looked: Looked) -> None:
    result = Host().run("nats_upgrade_plan", version="latest")
    assert (result["failed"], result["refusals"], "plan" in result) == (True, ["not_exact"], False)
    assert "which does not exist" in Host().run("nats_upgrade_plan", version=NEW, waive=["nothing"])["msg"]
    assert looked.requests() == 0


def test_a_plan_is_made_of_facts_that_were_read_before() -> None:
    server = {"name": "n1", "monitor_url": "http://n1:8222", "reachable": True, "server_name": "n1", "version": OLD}
    result = Host().run("nats_upgrade_plan", version=NEW, servers=[server], waive=["single_server", "stepping_stone"])
    assert result["plan"]["order"] == ["n1"]
    other = Host().run("nats_upgrade_plan", version=NEW, servers=[{"name": "n1"}])
    assert "is not an entry of nats_version.servers: reachable is missing" in other["msg"]


def test_rules_of_the_user_are_read_from_a_file(looked: Looked, tmp_path: Path) -> None:
    rule = f'bad_releases: [{{id: ours, versions: "=={TARGET}", severity: refuse, why: we saw it fall over, source: us}}]'
    (tmp_path / "ours.yml").write_text(rule, encoding="utf-8")
    refused = looked.plan(policy_file=str(tmp_path / "ours.yml"))
    assert refused["refusals"] == ["bad_release"]
    assert "we saw it fall over" in refused["msg"]
    assert looked.plan(policy_file=str(tmp_path / "none.yml"))["failed"]


def test_a_status_tells_what_there_is_and_changes_nothing(looked: Looked) -> None:
    sick(looked.servers["n3"])
    told = looked.status(nodes={"n2": journal("draining")}, inventory=["hosts.yml"], group="edge")
    assert told["versions"] == dict.fromkeys(NAMES, "2.15.1")
    assert (list(told["unfinished"]), told["roll"]) == (["n2"], {"from": "2.15.1", "to": "2.15.2"})
    assert told["unhealthy"] == {"n3": ["healthz: 503 not current"]}
    assert "-i hosts.yml" in told["commands"]["finish"]
    assert looked.host.asked == []


def test_a_status_of_a_host_that_there_is_not_is_an_error(looked: Looked) -> None:
    result = looked.host.run("nats_upgrade_status", hosts=["n9"])
    assert (result["failed"], result["msg"]) == (True, "there is no host n9 in the inventory")


def test_in_a_run_the_plan_is_an_event_and_given_to_the_workflow(looked: Looked, tmp_path: Path) -> None:
    run = looked.host.run("nats_upgrade_event", kind="run_began", report_dir=str(tmp_path), data={"hosts": list(NAMES)})
    looked.host.task_vars["__nats_upgrade_began"] = run
    given = looked.plan(nodes={name: {"running": True} for name in NAMES}, max_nodes="1")
    (planned,) = [event for event in Log(run["folder"], "").read() if event["kind"] == "planned"]
    assert (planned["order"], planned["later"], planned["refusals"]) == (["n1"], ["n3", "n2"], [])
    assert planned["servers"]["n2"] == {"server_name": "n2", "version": RUNNING, "connections": ANY, "meta_leader": True}
    assert planned["assets_down"] == {"n1": ["APP > LOCAL"]}
    assert planned["estimate"] == given["plan"]["estimated_seconds"]
    stats = given["ansible_stats"]["data"]
    assert (stats["nats_upgrade_plan"], stats["nats_upgrade_summary"]["left"]) == (given["plan"], ["n1", "n3", "n2"])
    sick(looked.servers["n3"])
    refused = looked.plan(fail_when_refused=False)["ansible_stats"]["data"]["nats_upgrade_summary"]
    assert (refused["outcome"], refused["upgraded"]) == ("refused", [])
