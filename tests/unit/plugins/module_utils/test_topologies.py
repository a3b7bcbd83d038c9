"""The judges on what servers of joined clusters answered (tests/fixtures, recorded by tests/lab/record.py)."""

from __future__ import annotations

from dataclasses import replace
from typing import Sequence

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._judge import baseline as _baseline
from ansible_collections.natsops.cluster.plugins.module_utils._judge import health as _health
from ansible_collections.natsops.cluster.plugins.module_utils._judge import quorum as _quorum
from ansible_collections.natsops.cluster.plugins.module_utils._judge.health import judge, restart_expectation
from ansible_collections.natsops.cluster.plugins.module_utils._plan import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._plan.plan import Plan
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation
from ansible_collections.natsops.cluster.plugins.module_utils._values.gateways import Leaf, parse_gatewayz, parse_leafz
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading
from tests.unit.recorded import OLDEST_AND_NEWEST, read
from tests.unit.situations import changed, found, plan_of, refusals, silent, with_facts

FIVE, FOUR = ("n1", "n2", "n3", "n4", "n5"), ("n1", "n2", "n3", "n4")
EAST, WEST = ("n1", "n2", "n3"), ("n4", "n5")
HUB = EAST
VERSION = pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
# A target that nothing can be said against.
NEXT = {"2.10.26": "2.10.27", "2.15.1": "2.15.2"}


def supercluster(version: str = "2.15.1", names: Sequence[str] = FIVE) -> list[Reading]:
    return read(version, "supercluster", names, assets=True)


def leaf(version: str = "2.15.1", names: Sequence[str] = FOUR) -> list[Reading]:
    return read(version, "leaf", names, assets=True)


def extended(version: str = "2.15.1", names: Sequence[str] = FIVE) -> list[Reading]:
    return read(version, "extended", names, assets=True)


def missing(readings: Sequence[Reading], **expected: _health.Expectation) -> dict[str, list[str]]:
    return {v.reading.name: [str(one) for one in v.missing] for v in judge(readings, expected, max_lag=100) if not v.back}


def domains(readings: Sequence[Reading]) -> list[tuple[set[str], int]]:
    return [(set(domain.hosts), domain.depth) for domain in Situation.of(readings).domains]


def meta_leader(readings: Sequence[Reading]) -> str:
    return next(r.facts.meta_leader for r in readings if r.facts and r.facts.meta_leader)


@VERSION
def test_clusters_that_are_joined_are_healthy_and_can_lose_any_one_server(version: str) -> None:
    for readings in (supercluster(version), leaf(version), extended(version)):
        assert missing(readings) == {}
        assert [_quorum.without(readings, r.name, max_lag=100) for r in readings] == [[] for _unused in readings]


@VERSION
def test_a_super_cluster_is_one_domain_and_so_are_leaf_nodes_that_extend_their_hub(version: str) -> None:
    assert domains(supercluster(version)) == [(set(FIVE), 0)]
    assert domains(extended(version)) == [(set(FIVE), 0)]


@VERSION
def test_leaf_nodes_with_their_own_jetstream_domain_are_a_domain_behind_that_of_the_hub(version: str) -> None:
    assert domains(leaf(version)) == [(set(HUB), 0), ({"n4"}, 1)]
    plan = plan_of(leaf(version), "single_server")
    assert plan.order[-1] == "n4"


def test_clusters_that_are_joined_without_jetstream_are_one_domain_too() -> None:
    readings = [replace(r, groups=(), placements=()) for r in with_facts(supercluster(), meta_leader="", meta_cluster_size=0)]
    assert domains(readings) == [(set(FIVE), 0)]


def test_a_server_that_is_away_since_its_turn_broke_off_is_of_the_domain_that_it_was_of() -> None:
    readings = [Reading("n4", "http://n4:8222", error="connection refused"), *leaf(names=HUB)]
    journal = {"unfinished": True, "step": "starting", "expectation": {"server_name": "n4"}, "data": {"cluster": ""}}
    assert [set(d.hosts) for d in Situation.of(readings, {"n4": {"journal": journal}}).domains] == [{"n1", "n2", "n3", "n4"}]
    readings = [Reading("host-5", "http://n5:8222", error="connection refused"), *supercluster(names=FIVE[:4])]
    journal["expectation"] = {"server_name": "n5"}
    assert [set(d.hosts) for d in Situation.of(readings, {"host-5": {"journal": journal}}).domains] == [{*FIVE[:4], "host-5"}]


@VERSION
def test_the_cluster_of_the_meta_leader_comes_last_and_the_leader_last_of_all(version: str) -> None:
    readings = supercluster(version)
    plan = plan_of(readings)
    leader = meta_leader(readings)
    last = set(EAST if leader in EAST else WEST)
    assert (plan.order[-1], set(plan.order[-len(last) :])) == (leader, last)
    assert [set(hosts) for hosts in plan.domains] == [set(FIVE)]
    assert any("joined, so that one node of them all is away at a time" in line for line in _text.lines(plan))


@VERSION
def test_one_cluster_of_a_super_cluster_alone_is_refused_wherever_the_meta_leader_is(version: str) -> None:
    for own, other in ((EAST, WEST), (WEST, EAST)):
        plan = plan_of(supercluster(version, own), "end_of_life", target=NEXT[version])
        assert refusals(plan) == ["unlisted_server"]
        finding = found(plan, "unlisted_server")
        assert finding.seen == other
        assert "(behind the gateways to " in finding.message


def test_a_cluster_that_is_joined_and_has_no_part_in_jetstream_is_told_of_and_does_not_stop_the_run() -> None:
    own = [
        replace(r, groups=(), placements=()) for r in with_facts(supercluster(names=EAST), meta_leader="", meta_cluster_size=0)
    ]
    plan = plan_of(own)
    assert refusals(plan) == []
    assert found(plan, "unlisted_cluster").seen == ("west",)


@VERSION
def test_leaf_nodes_that_extend_their_hub_count_in_its_meta_group(version: str) -> None:
    plan = plan_of(extended(version, HUB), "end_of_life", target=NEXT[version])
    assert refusals(plan) == ["unlisted_server"]
    assert found(plan, "unlisted_server").seen == ("n4", "n5")
    assert plan_of(extended(version)).order[-1] in HUB


def test_five_servers_of_two_clusters_can_do_without_two_wherever_they_are_but_not_without_three() -> None:
    readings = supercluster()
    one, other, stopping = [name for name in FIVE if name != meta_leader(readings)][-3:]
    assert {one, other, stopping} & set(WEST)
    assert {one, other, stopping} & set(EAST)
    one_away, two_away = silent(readings, one), silent(readings, one, other)
    assert _quorum.without(one_away, stopping, max_lag=100) == []
    assert [one.subject for one in _quorum.without(two_away, stopping, max_lag=100)] == ["_meta_"]


@VERSION
def test_a_server_without_its_gateway_is_not_back(version: str) -> None:
    readings = changed(supercluster(version), "n4", gateways=frozenset())
    assert missing(readings) == {"n4": ["gateways: no gateway to east"]}
    assert refusals(plan_of(readings, target=NEXT[version])) == ["missing_gateway"]
    assert plan_of(readings, "missing_gateway").tolerated == ("gateways n4: gateway east",)


def test_after_a_restart_the_gateways_have_to_be_there_that_were_there_before() -> None:
    before = supercluster()
    expected = {reading.name: replace(restart_expectation(reading), started_after=None) for reading in before}
    assert expected["n1"].gateways == {"west"}
    # Of a third cluster, which is down for reasons of its own, there was none before.
    third = with_facts(before, configured_gateways=("east", "south", "west"))
    assert missing(third, **expected) == {}
    assert missing(changed(before, "n1", gateways=frozenset()), **expected) == {"n1": ["gateways: no gateway to west"]}


def test_clusters_that_have_gateways_and_not_to_each_other_need_none() -> None:
    apart = with_facts(supercluster(), configured_gateways=())
    assert missing(changed(apart, "n1", gateways=frozenset())) == {}


@VERSION
def test_a_leaf_node_is_back_when_it_is_connected_as_before(version: str) -> None:
    before = leaf(version)
    expected = replace(restart_expectation(before[3]), started_after=None)
    assert expected.leaf_accounts == {"APP"}
    assert missing(before, n4=expected) == {}
    gone = changed(before, "n4", leafs=())
    assert missing(gone, n4=expected) == {"n4": ["leafnodes: not connected as a leaf node for the account APP"]}


def test_leaf_nodes_of_a_hub_are_counted_wherever_they_are_connected() -> None:
    before = leaf()
    hub = next(reading for reading in before if any(not one.outgoing for one in reading.leafs))
    elsewhere = next(name for name in HUB if name != hub.name)
    moved = changed(changed(before, hub.name, leafs=()), elsewhere, leafs=hub.leafs)
    lost = changed(before, hub.name, leafs=())
    assert _baseline.leafs_lost(_baseline.take(before), _baseline.take(moved)) == ""
    assert ": n4 (APP). Look at" in _baseline.leafs_lost(_baseline.take(before), _baseline.take(lost))
    assert _baseline.leafs_lost({"clients": 3}, _baseline.take(lost)) == ""


def with_min_version(readings: Sequence[Reading], oldest: str, target: str) -> Plan:
    return plan_of(readings, "single_server", target=target, n1={"leafnode_min_version": oldest})


@pytest.mark.parametrize(
    ("oldest", "target", "until"),
    [
        pytest.param("2.15.2", "2.15.2", "until it is upgraded itself", id="leaf-is-older-now"),
        pytest.param("v2.15.2", "2.15.2", "until it is upgraded itself", id="with-a-v"),
        pytest.param("2.15.3", "2.15.2", "for good", id="target-is-older-too"),
    ],
)
def test_a_hub_that_will_not_take_its_leaf_node_any_more_is_refused(oldest: str, target: str, until: str) -> None:
    plan = with_min_version(leaf(), oldest, target)
    assert refusals(plan) == ["leafnode_min_version"]
    finding = found(plan, "leafnode_min_version")
    assert (finding.seen, until in finding.message) == (("n4", "n1"), True)


@pytest.mark.parametrize("oldest", ["", "2.15.1", "2.8.0", "no version"])
def test_a_hub_that_takes_its_leaf_node_is_not_refused(oldest: str) -> None:
    assert refusals(with_min_version(leaf(), oldest, "2.15.2")) == []


def test_what_is_no_answer_has_no_gateways_and_no_leaf_nodes() -> None:
    for body in (None, [], {}, {"outbound_gateways": None, "leafs": None}):
        assert (parse_gatewayz(body), parse_leafz(body)) == (frozenset(), ())
    assert parse_leafz({"leafs": [{"name": "n4", "account": "APP", "is_spoke": True}]}) == (Leaf("n4", "APP", True),)
