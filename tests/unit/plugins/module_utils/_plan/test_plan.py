from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._plan import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._plan.plan import Plan, most_nodes
from ansible_collections.natsops.cluster.plugins.module_utils._plan.planner import plan_upgrade
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._read import facts as _facts
from tests.unit.recorded import VERSIONS, read

POLICY = _judge.load()


def server(name: str, version: str = "2.14.6", cluster: str = "lab", leader: str = "n3", **other: Any) -> dict[str, Any]:
    """Facts of a server that answers, one of three."""
    return {
        "name": name,
        "monitor_url": f"http://{name}:8222",
        "reachable": True,
        "server_name": name,
        "version": version,
        "cluster": cluster,
        "meta_leader": leader,
        "meta_cluster_size": 3,
        "peers": ["somebody"],
        **other,
    }


def silent(name: str) -> dict[str, Any]:
    return {"name": name, "monitor_url": f"http://{name}:8222", "reachable": False, "error": "connection refused"}


def plan_of(servers: list[dict[str, Any]], version: str = "2.14.7", *waive: str, **nodes: Any) -> Plan:
    situation = Situation(tuple(map(_facts.reading_of, servers)), (), nodes)
    return plan_upgrade(situation, version, POLICY, waive=["unlisted_server", *waive])


def names(plan: Plan) -> list[str]:
    return [finding.name for finding in plan.settled.refusals]


@pytest.mark.parametrize("leader", ["n1", "n2", "n3"])
def test_the_meta_leader_comes_last_and_the_others_as_in_the_inventory(leader: str) -> None:
    plan = plan_of([server(name, leader=leader) for name in ("n1", "n2", "n3")])
    assert plan.order == (*(name for name in ("n1", "n2", "n3") if name != leader), leader)
    assert (plan.done, names(plan)) == ((), [])


def test_servers_that_run_the_version_already_are_not_touched() -> None:
    plan = plan_of([server("n1", "2.14.7"), server("n2"), server("n3", "2.14.7")])
    assert (plan.order, plan.done) == (("n2",), ("n1", "n3"))


def test_nothing_is_to_do_and_nothing_to_refuse_the_version_for_where_all_run_it() -> None:
    plan = plan_of([server(name, "2.15.1-RC.1") for name in ("n1", "n2", "n3")], "2.15.1-RC.1")
    assert (plan.order, names(plan)) == ((), [])


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_clusters_are_taken_one_after_the_other_and_that_of_the_meta_leader_last(order: tuple[int, ...]) -> None:
    servers = [server("a1", cluster="a", leader="a2"), server("a2", cluster="a", leader="a2")]
    servers += [server("b1", cluster="b", leader="a2"), server("b2", cluster="b", leader="a2")]
    plan = plan_of([servers[number] for number in order])
    assert {plan.order[0], plan.order[1]} == {"b1", "b2"}
    assert plan.order[2:] == ("a1", "a2")
    assert list(plan.clusters) == ["b", "a"]


def test_servers_without_jetstream_have_no_meta_leader_and_stay_in_order() -> None:
    assert plan_of([server(name, leader="", server_name=name) for name in ("n2", "n1")]).order == ("n2", "n1")


def test_the_leader_is_known_by_the_name_of_the_server_not_of_the_host() -> None:
    servers = [server("host-1", server_name="n1", leader="n1"), server("host-2", server_name="n2", leader="n1")]
    assert plan_of(servers).order == ("host-2", "host-1")


@pytest.mark.parametrize("version", ["latest", "2.15", "v2.15.1", ""])
def test_a_version_that_is_not_exact_is_refused_and_nothing_waives_that(version: str) -> None:
    plan = plan_of([server("n1")], version)
    assert names(plan) == ["not_exact"]
    assert plan.settled.refusals[0].message.endswith("It cannot be waived.")
    with pytest.raises(NatsError, match="nats_upgrade_waive names not_exact, which cannot be waived"):
        plan_of([server("n1")], version, "not_exact")


def test_a_waiver_that_does_not_exist_is_an_error_that_lists_those_that_do() -> None:
    with pytest.raises(NatsError, match=r"'two_node_clusters'.*did you mean two_node_cluster\?.* bad_release, .*version_window"):
        plan_of([server("n1")], "2.14.7", "two_node_clusters")


def journal(step: str, target: str = "2.14.7", old: str = "2.14.6", name: str = "n2") -> dict[str, Any]:
    unfinished = step not in ("done", "put_back")
    expectation = {"server_name": name}
    return {
        "journal": {
            "step": step,
            "target": target,
            "old_version": old,
            "unfinished": unfinished,
            "expectation": expectation,
            "data": {},
        }
    }


def test_a_node_whose_turn_broke_off_with_its_server_down_comes_first_and_is_not_missing() -> None:
    plan = plan_of([server("n1"), silent("n2"), server("n3")], n2=journal("switching"))
    assert names(plan) == []
    assert plan.order == ("n2", "n1", "n3")
    assert plan.clusters == {"lab": ("n2", "n1", "n3")}
    assert (plan.steps[0].away, plan.steps[0].resumes) == (True, "switching")
    assert "  1. n2  2.14.6 -> 2.14.7  resumed: it broke off at 'switching'" in _text.lines(plan)


def test_a_node_whose_turn_broke_off_is_taken_up_even_where_it_runs_the_target_and_leads() -> None:
    plan = plan_of([server("n1"), server("n2"), server("n3", "2.14.7")], n3=journal("starting", name="n3"))
    assert plan.order == ("n3", "n1", "n2")
    assert [step.away for step in plan.steps] == [False, False, False]


@pytest.mark.parametrize(("modified", "stale"), [("2100-01-01T00:00:00Z", True), ("0001-01-01T00:00:00Z", False), (None, False)])
def test_of_a_turn_that_broke_off_the_plan_says_whether_the_configuration_was_written_since(modified: Any, stale: bool) -> None:
    broke_off = {**journal("starting"), "config_modified": modified}
    servers = [server(name, start="2026-11-21T09:22:18Z") for name in ("n1", "n2", "n3")]
    steps = {step.host: step.stale for step in plan_of(servers, n2=broke_off).steps}
    assert steps == {"n1": False, "n2": stale, "n3": False}
    # Of a node whose turn has not begun it is no matter here.
    assert not any(step.stale for step in plan_of([server("n1")], n1={"config_modified": modified}).steps)


def test_a_turn_that_was_done_or_put_back_is_no_reason_to_come_first_or_to_be_forgiven() -> None:
    for step in ("done", "put_back"):
        plan = plan_of([server("n1"), silent("n2"), server("n3")], n2=journal(step))
        assert names(plan) == ["missing_server"]


def test_another_target_in_the_middle_is_refused_with_both_ways_out() -> None:
    plan = plan_of([server("n1"), silent("n2"), server("n3")], "2.14.5", n2=journal("draining"))
    (refusal,) = plan.settled.refusals
    assert refusal.name == "target_changed"
    assert (
        "Finish it first with -e nats_upgrade_version=2.14.7, or take it back with -e nats_upgrade_version=2.14.6"
        in refusal.message
    )


@pytest.mark.parametrize("version", ["2.14.7", "2.14.6"])
def test_finishing_and_taking_back_are_no_other_target(version: str) -> None:
    plan = plan_of([server("n1"), silent("n2"), server("n3", "2.14.7")], version, n2=journal("draining"))
    assert "target_changed" not in names(plan)


def test_a_plan_is_plain_data_for_a_playbook() -> None:
    told = plan_of([server("n1", "2.14.7"), server("n2"), server("n3")], "2.14.7").as_dict()
    assert (told["order"], told["done"], told["refused"]) == (["n2", "n3"], ["n1"], False)
    assert told["clusters"] == {"lab": ["n1", "n2", "n3"]}
    assert [step["host"] for step in told["steps"]] == ["n2", "n3"]
    assert told["estimated_seconds"] == sum(step["seconds"] for step in told["steps"])


def test_the_plan_says_for_each_server_what_will_happen_and_what_it_costs() -> None:
    servers = [server("n1", "2.14.7"), server("n2", connections=12), server("n3", connections=1)]
    node = {"lame_duck_duration_seconds": 30.0, "lame_duck_grace_period_seconds": 10.0}
    lines = _text.lines(plan_of(servers, n2=node, n3=node))
    assert lines[:4] == [
        "lab: to 2.14.7, one node at a time, about 48 s",
        "  1. n2  2.14.6 -> 2.14.7  12 clients move",
        "  2. n3  2.14.6 -> 2.14.7  (meta leader, last)  1 client moves",
        "  n1 runs it already",
    ]


def test_the_error_of_a_refused_plan_says_everything_at_once_and_offers_no_waiver_for_servers_that_are_not_seen() -> None:
    plan = plan_of([server("n1"), server("n2", server_name="n1"), silent("n3")])
    refused = _text.refused(plan)
    assert refused.details == {"refusals": ["duplicate_name", "missing_server"]}
    assert str(refused).count("refused: ") == 2
    assert str(refused).endswith("\nNothing was touched.")
    assert "nats_upgrade_waive" not in str(refused)


@pytest.mark.parametrize(
    "servers",
    [
        pytest.param([server("n1"), server("n2", server_name="n1"), server("n3")], id="two-names-for-one-server"),
        pytest.param([server("n1"), server("n2"), silent("n3")], id="wrong-port"),
    ],
)
def test_servers_that_are_not_seen_have_no_plan_of_the_others(servers: list[dict[str, Any]]) -> None:
    plan = plan_of(servers)
    assert (plan.order, plan.done, plan.seconds) == ((), (), 0)
    lines = _text.lines(plan)
    assert lines[0].startswith("no plan: a server of the group cannot be read, or not be told from another")
    assert not any(" one node at a time" in line or "2.14.7" in line for line in lines)


def test_with_a_missing_server_waived_the_others_are_planned() -> None:
    plan = plan_of([server("n1"), server("n2"), silent("n3")], "2.14.7", "missing_server")
    assert sorted(plan.order) == ["n1", "n2"]
    assert plan.as_dict()["left_out"] == ["n3"]
    assert "left out: n3 does not answer, and stays as it is" in _text.lines(plan)


def test_what_is_left_out_is_neither_a_server_that_answers_nor_one_whose_turn_broke_off() -> None:
    assert plan_of([server("n1"), server("n2"), server("n3")]).left_out == ()
    turn = {"journal": {"unfinished": True, "step": "switching", "old_version": "2.14.6", "target": "2.14.7"}}
    servers = [server("n1"), server("n2"), server("n3"), silent("n4"), silent("n5"), silent("n6")]
    plan = plan_of(servers, "2.14.7", "missing_server", n4=turn)
    assert (plan.order[0], plan.left_out) == ("n4", ("n5", "n6"))
    assert "left out: n5, n6 do not answer, and stay as they are" in _text.lines(plan)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_healthy_recorded_cluster_is_planned_with_what_each_step_costs(version: str) -> None:
    readings = [replace(reading, assets=()) for reading in read(version)]
    target = {"2.10.26": "2.11.17", "2.11.11": "2.12.15", "2.12.8": "2.14.7", "2.14.6": "2.14.7", "2.15.1": "2.15.2"}[version]
    plan = plan_upgrade(Situation.of(readings), target, POLICY)
    assert names(plan) == []
    assert sorted(plan.order) == ["n1", "n2", "n3"]
    leaders = [step.host for step in plan.steps if step.leader]
    assert leaders == [plan.order[-1]]
    assert sum(step.leads for step in plan.steps) >= 2


def test_a_run_of_some_nodes_takes_the_first_of_those_inside_of_its_limit_and_the_rest_stays_in_the_plan() -> None:
    plan = plan_of([server("n1"), server("n2"), server("n3")])
    canary = plan.only(1, ["n1", "n2", "n3"])
    assert (canary.order, canary.later) == (("n1",), ("n2", "n3"))
    assert [step.host for step in canary.steps] == ["n1", "n2", "n3"]
    assert canary.as_dict()["later"] == ["n2", "n3"]
    assert canary.seconds == plan.steps[0].seconds
    # n1 is outside of the limit, and is not taken for that: the queue leaves it out.
    assert plan.only(1, ["n2", "n3"]).later == ("n3",)
    assert plan.only(5, ["n1", "n2", "n3"]) == plan


def test_a_node_whose_turn_broke_off_counts_as_one_and_goes_first() -> None:
    plan = plan_of([server("n1"), silent("n2"), server("n3")], n2=journal("draining")).only(1, ["n1", "n2", "n3"])
    assert (plan.order, plan.later) == (("n2",), ("n1", "n3"))


def test_the_plan_says_that_it_ends_before_all_is_done() -> None:
    lines = _text.lines(plan_of([server("n1"), server("n2"), server("n3")]).only(1, ["n1", "n2", "n3"]))
    assert "  nats_upgrade_max_nodes: this run takes 1 of these 3, and leaves n2, n3" in lines
    assert lines[0].endswith("about 9 s")


@pytest.mark.parametrize(("given", "most"), [(None, None), ("", None), ("all", None), (3, 3), ("3", 3), (" 1 ", 1)])
def test_how_many_nodes_is_taken_as_a_number_or_as_text(given: object, most: int | None) -> None:
    assert most_nodes(given) == most


@pytest.mark.parametrize("given", [0, -1, "0", "-1", "1.5", 1.5, True, "one", "1 2", "²", [1]])
def test_how_many_nodes_is_never_guessed(given: object) -> None:
    with pytest.raises(NatsError, match=r"^refused: nats_upgrade_max_nodes is .*, and has to be a whole number from 1, or all"):
        most_nodes(given)
