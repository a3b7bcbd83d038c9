from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._plan import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._plan.plan import Plan
from ansible_collections.natsops.cluster.plugins.module_utils._plan.planner import plan_upgrade
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._read import facts as _facts

POLICY = _judge.load()


def server(name: str, version: str, cluster: str = "lab", leader: str = "n1") -> dict[str, Any]:
    facts = {"name": name, "monitor_url": f"http://{name}:8222", "reachable": True, "server_name": name, "version": version}
    return {**facts, "cluster": cluster, "meta_leader": leader, "meta_cluster_size": 3, "peers": ["somebody"]}


def down(servers: list[dict[str, Any]], target: str = "2.14.6", **nodes: Any) -> Plan:
    situation = Situation(tuple(map(_facts.reading_of, servers)), (), nodes)
    return plan_upgrade(situation, target, POLICY, waive=["unlisted_server", "downgrade"])


@pytest.mark.parametrize("leader", ["n1", "n2", "n3"])
def test_the_meta_leader_follows_the_first_node_for_then_an_older_one_can_lead(leader: str) -> None:
    plan = down([server(name, "2.15.1", leader=leader) for name in ("n1", "n2", "n3")])
    others = [name for name in ("n1", "n2", "n3") if name != leader]
    assert plan.order == (others[0], leader, others[1])
    assert not plan.leader_last
    assert f"  2. {leader}  2.15.1 -> 2.14.6  (meta leader, early)" in _text.lines(plan)


def test_the_meta_leader_comes_first_where_there_is_an_older_one_already() -> None:
    plan = down([server("n1", "2.15.1", leader="n3"), server("n2", "2.14.6", leader="n3"), server("n3", "2.15.1", leader="n3")])
    assert (plan.order, plan.done) == (("n3", "n1"), ("n2",))


def test_the_newest_versions_come_first_even_before_the_meta_leader() -> None:
    servers = [server("n1", "2.14.5"), server("n2", "2.14.6"), server("n3", "2.15.1"), server("n4", "2.14.4")]
    assert down(servers, "2.14.4").order == ("n3", "n2", "n1")


def test_the_cluster_of_the_meta_leader_comes_first() -> None:
    servers = [server(name, "2.15.1", cluster, "b2") for cluster, name in (("a", "a1"), ("a", "a2"), ("b", "b1"), ("b", "b2"))]
    assert down(servers).order == ("b1", "b2", "a1", "a2")


def test_a_turn_that_broke_off_comes_first_on_the_way_down_too() -> None:
    journal = {"step": "began", "target": "2.14.6", "old_version": "2.15.1", "unfinished": True, "data": {}, "expectation": {}}
    plan = down([server(name, "2.15.1") for name in ("n1", "n2", "n3")], n3={"journal": journal})
    assert plan.order == ("n3", "n2", "n1")


def test_on_the_way_up_a_new_leader_waits_until_the_others_are_done() -> None:
    assert down([server(name, "2.14.5") for name in ("n1", "n2", "n3")]).leader_last
