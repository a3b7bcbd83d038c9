from __future__ import annotations

import itertools
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils import _facts, _plan
from ansible_collections.natsops.cluster.plugins.module_utils._plan import make_plan
from tests.unit.recorded import VERSIONS, read


def server(name: str, version: str = "2.14.6", cluster: str = "lab", leader: str = "n3", **other: Any) -> dict[str, Any]:
    """Facts of a server that answers."""
    return {
        "name": name,
        "monitor_url": f"http://{name}:8222",
        "reachable": True,
        "server_name": name,
        "version": version,
        "cluster": cluster,
        "meta_leader": leader,
        **other,
    }


def silent(name: str) -> dict[str, Any]:
    return {"name": name, "monitor_url": f"http://{name}:8222", "reachable": False, "error": "connection refused"}


@pytest.mark.parametrize("leader", ["n1", "n2", "n3"])
def test_the_meta_leader_comes_last_and_the_others_as_in_the_inventory(leader: str) -> None:
    plan = make_plan([server(name, leader=leader) for name in ("n1", "n2", "n3")], "2.15.1")
    assert plan.order == (*(name for name in ("n1", "n2", "n3") if name != leader), leader)
    assert (plan.done, plan.refusals) == ((), ())


def test_servers_that_run_the_version_already_are_not_touched() -> None:
    plan = make_plan([server("n1", "2.15.1"), server("n2"), server("n3", "2.15.1")], "2.15.1")
    assert (plan.order, plan.done) == (("n2",), ("n1", "n3"))


def test_nothing_is_to_do_where_all_run_it() -> None:
    plan = make_plan([server(name, "2.15.1") for name in ("n1", "n2", "n3")], "2.15.1")
    assert (plan.order, plan.refusals) == ((), ())


def test_an_older_version_is_a_version_too() -> None:
    assert make_plan([server("n1", "2.15.1")], "2.14.6").order == ("n1",)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_clusters_are_taken_one_after_the_other_and_that_of_the_meta_leader_last(order: tuple[int, ...]) -> None:
    servers = [server("a1", cluster="a", leader="a2"), server("a2", cluster="a", leader="a2")]
    servers += [server("b1", cluster="b", leader="a2"), server("b2", cluster="b", leader="a2")]
    plan = make_plan([servers[number] for number in order], "2.15.1")
    assert {plan.order[0], plan.order[1]} == {"b1", "b2"}
    assert plan.order[2:] == ("a1", "a2")
    assert list(plan.clusters) == ["b", "a"]


def test_servers_without_jetstream_have_no_meta_leader_and_stay_in_order() -> None:
    plan = make_plan([server(name, leader="", server_name=name) for name in ("n2", "n1")], "2.15.1")
    assert plan.order == ("n2", "n1")


def test_the_leader_is_known_by_the_name_of_the_server_not_of_the_host() -> None:
    servers = [server("host-1", server_name="n1", leader="n1"), server("host-2", server_name="n2", leader="n1")]
    assert make_plan(servers, "2.15.1").order == ("host-2", "host-1")


@pytest.mark.parametrize("version", ["latest", "2.15", "v2.15.1", ""])
def test_a_version_that_is_not_exact_is_refused(version: str) -> None:
    plan = make_plan([server("n1")], version)
    assert [refusal.name for refusal in plan.refusals] == ["not_exact"]


def test_a_server_that_cannot_be_read_is_refused_and_all_such_are_named() -> None:
    plan = make_plan([server("n1"), silent("n2"), silent("n3")], "2.15.1")
    (refusal,) = plan.refusals
    assert refusal.name == "unreachable_monitoring"
    assert refusal.message.splitlines()[:3] == [
        "refused: monitoring cannot be read of 2 of 3 servers:",
        "  n2 http://n2:8222: connection refused",
        "  n3 http://n3:8222: connection refused",
    ]
    assert "nats_upgrade_monitor_url" in refusal.message


def test_two_hosts_that_lead_to_one_server_are_refused() -> None:
    plan = make_plan([server("n1"), server("n2", server_name="n1"), server("n3")], "2.15.1")
    (refusal,) = plan.refusals
    assert refusal.name == "duplicate_name"
    assert "n1 (http://n1:8222) and n2 (http://n2:8222) both answer as n1" in refusal.message


def test_all_refusals_are_said_at_once() -> None:
    plan = make_plan([server("n1"), server("n2", server_name="n1"), silent("n3")], "latest")
    refused = _plan.refused(plan)
    assert refused.details == {"refusals": ["not_exact", "unreachable_monitoring", "duplicate_name"]}
    assert str(refused).count("refused: ") == 3


def test_the_plan_says_for_each_server_what_will_happen() -> None:
    plan = make_plan([server("n1", "2.15.1"), server("n2"), server("n3", cluster="", leader="n3")], "2.15.1")
    assert plan.lines == (
        "lab  n1  2.15.1  runs it already",
        "lab  n2  2.14.6 -> 2.15.1",
        "no cluster  n3  2.14.6 -> 2.15.1  (meta leader, last)",
    )


def test_a_plan_is_plain_data_for_a_playbook() -> None:
    assert make_plan([server("n1", "2.15.1"), server("n2")], "2.15.1").as_dict() == {
        "order": ["n2"],
        "done": ["n1"],
        "clusters": {"lab": ["n1", "n2"]},
        "lines": ["lab  n1  2.15.1  runs it already", "lab  n2  2.14.6 -> 2.15.1"],
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_a_plan_is_made_of_the_facts_of_every_version(version: str) -> None:
    facts = [_facts.facts_of(reading) for reading in read(version)]
    plan = make_plan(facts, "2.99.0")
    assert plan.order[-1] == facts[0]["meta_leader"]
    assert sorted(plan.order) == ["n1", "n2", "n3"]
