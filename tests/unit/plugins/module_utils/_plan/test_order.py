from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._plan.order import parse
from ansible_collections.natsops.cluster.plugins.module_utils._plan.plan import Plan
from ansible_collections.natsops.cluster.plugins.module_utils._plan.planner import plan_upgrade
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading
from tests.unit.recorded import read
from tests.unit.situations import cluster, found, warnings, with_facts

HOSTS = ("n1", "n2", "n3", "n4", "n5")
GROUPS = {"core": ["n1", "n2", "n3"], "edge": ["n4", "other", "n5"], "nobody": ["other"], "all": [*HOSTS, "other"]}
LEADER = "n2"  # of the recorded cluster


def plan_in(order: tuple[tuple[str, ...], ...], readings: list[Reading] | None = None, **nodes: Any) -> Plan:
    return plan_upgrade(Situation.of(readings or cluster(), nodes), "2.15.2", _judge.load(), order=order)


@pytest.mark.parametrize(
    ("wanted", "order"),
    [
        pytest.param([["n4", "n5"], ["n1", "n2", "n3"]], (("n4", "n5"), ("n1", "n2", "n3")), id="lists-of-hosts"),
        pytest.param(["edge", "core"], (("n4", "n5"), ("n1", "n2", "n3")), id="groups"),
        pytest.param("edge,core", (("n4", "n5"), ("n1", "n2", "n3")), id="groups-as-text"),
        pytest.param(" n3 , n1 ", (("n3",), ("n1",)), id="hosts-as-text"),
        pytest.param("edge\r\ncore,\n\n", (("n4", "n5"), ("n1", "n2", "n3")), id="a-group-a-line"),
        pytest.param('[["n4", "n5"], "core"]', (("n4", "n5"), ("n1", "n2", "n3")), id="json"),
        pytest.param([["edge", "n1"]], (("n4", "n5", "n1"),), id="group-in-a-list"),
        pytest.param("", (), id="nothing"),
        pytest.param([], (), id="empty"),
    ],
)
def test_an_order_is_read_in_every_shape_that_it_may_have(wanted: Any, order: tuple[tuple[str, ...], ...]) -> None:
    assert parse(wanted, HOSTS, GROUPS) == order


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        pytest.param(
            ["n9"], r"it names 'n9', which is neither a host of this run \(n1, n2, n3, n4, n5\) nor a group", id="unknown"
        ),
        pytest.param("n1,,n2", "it names '', which is neither", id="nothing-between"),
        pytest.param("n1;n2", "it names 'n1;n2', which is neither", id="semicolon"),
        pytest.param(["nobody"], "the group nobody has none of the hosts of this run", id="group-of-others"),
        pytest.param([["n1"], ["core"]], "it names n1 more than once", id="twice"),
        pytest.param("[[n4, n5]]", "is not JSON", id="yaml-as-text"),
        pytest.param([[["n1"]]], "is a list in a list in a list", id="too-deep"),
        pytest.param([1], "1 is no name", id="number"),
        pytest.param({"core": 1}, "has to be a list of groups of hosts", id="dictionary"),
    ],
)
def test_an_order_that_is_not_exact_is_refused(wanted: Any, words: str) -> None:
    with pytest.raises(NatsError, match=f"^refused: nats_upgrade_order: .*{words}.*Nothing was touched$"):
        parse(wanted, HOSTS, GROUPS)


def test_groups_are_taken_one_after_the_other_and_the_computed_order_holds_inside() -> None:
    plan = plan_in((("n3",), (LEADER, "n1")))
    assert (plan.order, warnings(plan)) == (("n3", "n1", LEADER), [])


def test_hosts_that_are_not_named_come_last_and_a_warning_says_so() -> None:
    plan = plan_in((("n3",),))
    assert plan.order == ("n3", "n1", LEADER)
    assert "n1, n2: not named in it, and taken last" in found(plan, "custom_order").message


def test_a_meta_leader_before_others_is_warned_of_and_is_taken_where_it_stands() -> None:
    plan = plan_in(((LEADER,), ("n3", "n1")))
    assert plan.order == (LEADER, "n1", "n3")
    assert f"{LEADER} is the meta leader and comes before n1, n3" in found(plan, "custom_order").message
    assert [step.yields_to for step in plan.steps] == [(), ("n3",), ()]


def test_a_leaf_node_before_its_hub_is_warned_of() -> None:
    readings = read("2.15.1", "leaf", HOSTS[:4], assets=True)
    plan = plan_in((("n4",), ("n1", "n2", "n3")), readings)
    assert plan.order[0] == "n4"
    message = found(plan, "custom_order").message
    assert all(f"n4 is a leaf node of {hosts}" in message for hosts in [", ".join(plan.order[1:])])


def test_a_node_whose_turn_broke_off_comes_before_the_order() -> None:
    journal = {"unfinished": True, "step": "began", "target": "2.15.2", "old_version": "2.15.1"}
    assert plan_in((("n3",), ("n1", LEADER)), n1={"journal": journal}).order == ("n1", "n3", LEADER)


def test_servers_without_jetstream_come_before_those_with() -> None:
    readings = with_facts(
        [replace(r, groups=(), placements=()) if r.name == "n3" else r for r in cluster()], "n3", jetstream=False
    )
    assert plan_in((), readings).order == ("n3", "n1", LEADER)


def test_a_node_that_has_become_the_leader_lets_those_go_first_that_share_its_quorum() -> None:
    readings = read("2.15.1", "leaf", HOSTS[:4], assets=True)
    plan = plan_in((), readings)
    assert [step.yields_to for step in plan.steps] == [plan.order[1:3], plan.order[2:3], (), ()]
