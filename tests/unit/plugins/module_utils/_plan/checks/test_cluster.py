"""Reasons not to begin that lie in the cluster, on recorded clusters in which one thing is not as it has to be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._judge.health import Missing
from ansible_collections.natsops.cluster.plugins.module_utils._plan.planner import plan_upgrade
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation
from ansible_collections.natsops.cluster.plugins.module_utils._values import peers as _peers
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import META_GROUP, Health, HealthError, Reading
from tests.unit.recorded import NAMES, OLDEST_AND_NEWEST
from tests.unit.situations import (
    CONSUMER,
    POLICY,
    STREAM,
    TARGET,
    changed,
    cluster,
    found,
    plan_of,
    refusals,
    silent,
    warnings,
    with_facts,
    with_meta_peer,
    with_placements,
)

NEXT = {"2.10.26": "2.11.17", "2.15.1": "2.15.2"}


def of(version: str, situation: str) -> Any:
    return plan_of(cluster(situation, version), target=NEXT[version])


def test_a_healthy_cluster_is_not_refused_and_nothing_is_warned_of() -> None:
    plan = plan_of(cluster())
    assert (refusals(plan), warnings(plan)) == ([], [])


def test_clients_cannot_be_asked_to_move_without_a_system_account() -> None:
    plan = plan_upgrade(replace(Situation.of(cluster()), asks_without_account=True), TARGET, POLICY)
    assert refusals(plan) == ["rebalance_account"]
    assert "nats_upgrade_system_account" in found(plan, "rebalance_account").message


def test_two_hosts_that_answer_as_the_same_server_are_refused_with_both_addresses() -> None:
    plan = plan_of(with_facts(cluster(), "n3", server_name="n1"))
    finding = found(plan, "duplicate_name")
    assert "duplicate_name" in refusals(plan)
    assert finding.seen == ("n1", "n3")
    assert "n1 (http://n1:8222) and n3 (http://n3:8222) both answer as n1" in finding.message


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
@pytest.mark.parametrize("since", ["1s", "12s"])
def test_a_server_that_does_not_answer_is_missing_and_is_told_once(version: str, since: str) -> None:
    # The leaders call its replicas offline, and so does the meta group: that is the same trouble.
    plan = of(version, f"peer_down_{since}")
    assert refusals(plan) == ["missing_server"]
    finding = found(plan, "missing_server")
    assert finding.seen == ("n2",)
    assert "monitoring cannot be read of 1 of 3 servers:\n  n2 http://n2:8222: connection refused\n" in finding.message


def test_an_address_that_leads_to_something_else_is_no_missing_server_to_be_waived() -> None:
    wrong = Reading("n2", "https://n2:8222", error="it speaks plain http: write http:// there", lasting=True)
    plan = plan_of([wrong if r.name == "n2" else r for r in cluster()], "missing_server")
    assert refusals(plan) == ["missing_server"]
    assert found(plan, "missing_server").message.endswith("It cannot be waived.")


def test_a_server_that_others_have_routes_to_runs_so_that_its_address_is_wrong() -> None:
    finding = found(plan_of(silent(cluster(), "n2")), "missing_server")
    assert "The others have routes to n2: if that is n2, it runs, and its address here is wrong" in finding.message
    assert "routes to" not in found(of("2.15.1", "peer_down_12s"), "missing_server").message


def test_how_to_be_rid_of_a_server_that_is_dead_for_good_is_said() -> None:
    message = found(of("2.15.1", "peer_down_12s"), "missing_server").message
    assert "take its host out of the group and remove it from the meta group (nats server cluster peer-remove NAME" in message


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
def test_a_server_that_only_its_monitoring_hides_is_missing_and_not_unlisted(version: str) -> None:
    # n3 has routes to n1 and n2, whose monitoring ports are closed.
    plan = of(version, "recovering")
    assert found(plan, "missing_server").seen == ("n1", "n2")
    assert "unlisted_server" not in refusals(plan)


def test_a_server_that_others_have_routes_to_and_that_is_not_in_the_inventory_is_refused() -> None:
    plan = plan_of(changed(cluster(), "n1", peers=frozenset({"n2", "n3", "stranger"})))
    assert refusals(plan) == ["unlisted_server"]
    assert found(plan, "unlisted_server").seen == ("stranger",)


def test_a_server_of_which_only_the_meta_group_knows_is_unlisted_too() -> None:
    # A server of another cluster of the same super-cluster has no route to these.
    plan = plan_of(with_meta_peer(cluster(), "far-1", offline=False))
    assert refusals(plan) == ["unlisted_server"]
    assert found(plan, "unlisted_server").message.startswith("far-1 is in the cluster and not in the inventory")


def test_a_meta_peer_that_has_gone_is_a_ghost_with_what_it_costs_and_how_to_be_rid_of_it() -> None:
    plan = plan_of(with_meta_peer(cluster(), "n4", offline=True))
    assert refusals(plan) == ["ghost_peer"]
    finding = found(plan, "ghost_peer")
    assert finding.seen == ("n4",)
    assert finding.message.startswith("the meta group counts 4 servers, and n4 is offline and not in the inventory: it needs 3 ")
    assert finding.message.endswith("remove it with the system account: nats server cluster peer-remove n4")


def test_a_ghost_of_which_only_the_id_is_known_is_removed_by_its_id() -> None:
    # So says a leader that has not heard of it since it started: nats-server, and the CLI, know no server by that name.
    plan = plan_of(with_meta_peer(cluster(), "Server name unknown at this time (peerID: yrzKKRBu)", offline=True))
    message = found(plan, "ghost_peer").message
    assert "a server of which only the peer id is known (yrzKKRBu) is offline and not in the inventory" in message
    assert message.endswith("nats server cluster peer-remove yrzKKRBu")


def test_a_ghost_whose_name_has_a_space_is_one_word_in_the_command() -> None:
    plan = plan_of(with_meta_peer(cluster(), "old n4", offline=True))
    assert found(plan, "ghost_peer").message.endswith("nats server cluster peer-remove 'old n4'")


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        pytest.param("n2", "n2", id="named-as-the-host"),
        pytest.param("n2.example.org", "n2", id="named-as-the-first-part-of-the-host"),
        pytest.param("machine-7", "n2", id="named-otherwise"),
    ],
)
def test_an_offline_peer_that_is_a_silent_host_of_the_inventory_is_no_ghost(host: str, peer: str) -> None:
    readings = [replace(r, name=host) if r.name == peer else r for r in cluster("peer_down_12s")]
    assert refusals(plan_of(readings)) == ["missing_server"]


def nameless(name: str) -> str:
    return f"Server name unknown at this time (peerID: {_peers.id_of(name)})"


def test_what_is_tolerated_of_a_dead_server_holds_for_a_leader_that_knows_its_id_alone() -> None:
    tolerated = plan_of(cluster("peer_down_12s"), "missing_server").tolerated
    by_name = [key for key in tolerated if "replica n2 of " in key]
    assert len(by_name) > 1
    assert {key.replace("n2", nameless("n2")) for key in by_name} <= set(tolerated)


@pytest.mark.parametrize("host", ["n4", "n4.example.org"])
def test_a_silent_host_is_the_member_that_its_leader_knows_the_id_of(host: str) -> None:
    dead = Reading(host, "http://n4:8222", error="connection refused")
    # n2 is silent too, so that counting does not tell which is which.
    readings = [*cluster("peer_down_12s"), dead]
    plan = plan_of(with_meta_peer(readings, nameless("n4"), offline=True), "missing_server")
    assert refusals(plan) == []
    (key,) = [key for key in plan.tolerated if "replica n4 of _meta_" in key]
    assert key.replace("n4", nameless("n4")) in plan.tolerated
    other = plan_of(with_meta_peer(readings, nameless("n5"), offline=True), "missing_server")
    assert not [key for key in other.tolerated if "replica n4 of " in key]


def test_a_silent_host_explains_one_name_and_no_more() -> None:
    readings = with_meta_peer(
        [replace(r, name="machine-7") if r.name == "n2" else r for r in cluster("peer_down_12s")], "n4", offline=True
    )
    plan = plan_of(readings)
    assert refusals(plan) == ["missing_server", "ghost_peer"]
    # Which of the two machine-7 is nobody can tell.
    assert found(plan, "ghost_peer").seen == ("n2", "n4")


@pytest.mark.parametrize("host", ["n2", "n2.example.org"])
def test_a_silent_host_that_the_server_is_named_after_does_not_hide_a_ghost(host: str) -> None:
    readings = [replace(r, name=host) if r.name == "n2" else r for r in cluster("peer_down_12s")]
    plan = plan_of(with_meta_peer(readings, "n4", offline=True))
    assert refusals(plan) == ["missing_server", "ghost_peer"]
    assert found(plan, "ghost_peer").seen == ("n4",)


def alone(**facts: Any) -> list[Reading]:
    """A server that is no member of any cluster."""
    (reading,) = with_facts(cluster()[:1], cluster="", meta_cluster_size=0, meta_leader="", **facts)
    return [replace(reading, peers=frozenset(), placements=(), groups=())]


@pytest.mark.parametrize("jetstream", [True, False])
def test_a_server_that_is_alone_is_refused(jetstream: bool) -> None:
    plan = plan_of(alone(jetstream=jetstream))
    assert refusals(plan) == ["single_server"]
    assert found(plan, "single_server").message.startswith("n1 is alone in n1 (no cluster): while it is replaced nothing serves")


def test_a_server_whose_meta_group_has_more_members_is_not_alone() -> None:
    assert refusals(plan_of(with_facts(alone(), meta_cluster_size=3))) == []


def two(**facts: Any) -> list[Reading]:
    readings = [replace(r, peers=r.peers - {"n3"}) for r in with_facts(cluster()[:2], meta_cluster_size=2, **facts)]
    return [
        replace(
            r,
            placements=tuple(replace(p, replicas=tuple(x for x in p.replicas if x.name != "n3")) for p in r.placements),
            groups=tuple(replace(group, peers=group.peers - {"n3"}) for group in r.groups),
        )
        for r in readings
    ]


def test_a_cluster_of_two_with_jetstream_is_refused_and_waived_by_its_name() -> None:
    plan = plan_of(two())
    assert refusals(plan) == ["two_node_cluster"]
    assert found(plan, "two_node_cluster").seen == ("n1", "n2")
    waived = plan_of(two(), "two_node_cluster")
    assert (refusals(waived), found(waived, "two_node_cluster") in waived.settled.waived) == ([], True)


def test_a_cluster_of_two_without_jetstream_is_not_refused() -> None:
    readings = [replace(r, placements=(), groups=(), assets=()) for r in two(jetstream=False)]
    assert refusals(plan_of(with_facts(readings, meta_cluster_size=0, meta_leader=""))) == []


def test_two_servers_with_jetstream_that_are_part_of_a_larger_meta_group_are_no_cluster_of_two() -> None:
    assert "two_node_cluster" not in refusals(plan_of(with_facts(two(), meta_cluster_size=3)))


def test_clients_for_whom_the_others_have_no_room_are_refused() -> None:
    readings = with_facts(with_facts(cluster(), connections=60, max_connections=100), "n2", connections=90)
    plan = plan_of(readings)
    # n1 and n3 have room for 80; for the 60 of n1 or n3 there is room for 50.
    assert refusals(plan) == ["client_capacity"] * 3
    assert plan.settled.refusals[1].message.startswith("n2 has 90 clients, and the others have room for 80 (max_connections)")


@pytest.mark.parametrize("limits", [{"max_connections": 91}, {"max_connections": 0}], ids=["room", "no-limit"])
def test_clients_for_whom_there_is_room_are_not_refused(limits: dict[str, int]) -> None:
    assert refusals(plan_of(with_facts(with_facts(cluster(), connections=60, **limits), "n1", connections=50))) == []


def test_the_clients_of_one_cluster_find_no_room_in_another() -> None:
    readings = with_facts(with_facts(cluster(), max_connections=100), "n1", connections=90)
    apart = with_facts(readings, "n1", "n2", cluster="other", connections=90)
    assert refusals(plan_of([replace(r, peers=frozenset()) for r in apart])).count("client_capacity") == 2


def test_configurations_that_differ_are_told_and_those_that_are_alike_are_not() -> None:
    plan = plan_of(cluster())
    assert found(plan, "mixed_configs").message.startswith("the configurations in lab differ (n1; n2; n3): natural where")
    alike = plan_of(with_facts(cluster(), config_digest="sha256:1"))
    assert "mixed_configs" not in [finding.name for finding in alike.settled.warnings]


@pytest.mark.parametrize(
    ("common", "said"),
    [
        pytest.param(("c", "c", "c"), "", id="own-names-and-addresses-only"),
        pytest.param(("c", "d", "c"), "differ in more than each server's own names and addresses (n1, n3; n2): see", id="more"),
        pytest.param(("c", "", "c"), "differ (n1; n2; n3): natural where each has its own server_name", id="not-looked-at"),
    ],
)
def test_configurations_that_differ_in_what_is_each_servers_own_are_not_told(common: tuple[str, ...], said: str) -> None:
    plan = plan_of(cluster(), **{f"n{number}": {"config_common": digest} for number, digest in enumerate(common, 1)})
    told = [finding.message for finding in plan.settled.warnings if finding.name == "mixed_configs"]
    assert [said in message for message in told] == ([True] if said else [])


def test_versions_that_do_not_tell_their_configuration_are_not_judged_by_it() -> None:
    plan = plan_of(cluster(version="2.10.26"), target="2.11.17")
    assert "mixed_configs" not in [finding.name for finding in plan.settled.warnings]
    midway = plan_of(with_facts(with_facts(cluster(), config_digest="sha256:1"), "n3", config_digest=""))
    assert "mixed_configs" not in [finding.name for finding in midway.settled.warnings]


def test_a_server_that_knows_one_other_only_is_warned_of() -> None:
    plan = plan_of(with_facts(cluster(), "n2", configured_routes=("n1:6222",)))
    assert (refusals(plan), warnings(plan)) == ([], ["single_route"])
    assert found(plan, "single_route").message.startswith("n2 has one configured route, n1:6222: ")


def test_in_a_cluster_of_two_there_is_no_second_route_to_configure() -> None:
    assert warnings(plan_of(with_facts(two(), configured_routes=("n1:6222",)), "two_node_cluster")) == []


def test_several_versions_are_told_with_who_runs_what_and_since_when() -> None:
    plan = plan_of(with_facts(with_facts(cluster(), uptime="3d"), "n3", version="2.15.0", uptime="9d"))
    assert (refusals(plan), warnings(plan)) == ([], ["mixed_versions"])
    assert found(plan, "mixed_versions").message.startswith(
        "the servers run several versions already, as after a roll that has not ended: 2.15.0: n3 (up 9d); 2.15.1: n1 (up 3d), "
        "n2 (up 3d). What does not run the target yet is taken; "
    )


def test_a_route_that_is_missing_is_refused_with_both_ends() -> None:
    plan = plan_of(changed(cluster(), "n1", peers=frozenset({"n3"})))
    assert refusals(plan) == ["missing_route"]
    finding = found(plan, "missing_route")
    assert finding.seen == ("n1",)
    assert "\n  n1: no route to n2\n" in finding.message


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
def test_a_server_that_drains_or_starts_is_not_healthy(version: str) -> None:
    for situation in ("lame_duck", "starting"):
        assert "unhealthy_server" in refusals(of(version, situation)), situation


@pytest.mark.parametrize("situation", ["recovering", "recovering_meta"])
@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
def test_a_server_that_recovers_is_neither_healthy_nor_are_its_groups_complete(version: str, situation: str) -> None:
    assert {"unhealthy_server", "degraded_group"} <= set(refusals(of(version, situation)))


def test_what_healthz_says_is_in_the_refusal() -> None:
    sick = Health(503, (HealthError(f"{STREAM} > GHOST", "consumer not found"),))
    plan = plan_of(changed(cluster(), "n3", health=sick))
    assert refusals(plan) == ["unhealthy_server"]
    assert "\n  n3: 503 consumer not found\n" in found(plan, "unhealthy_server").message


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
def test_groups_without_a_leader_are_degraded(version: str) -> None:
    plan = of(version, "leaderless")
    assert "degraded_group" in refusals(plan)
    assert f"\n  n3: {STREAM} has no leader\n" in found(plan, "degraded_group").message


def test_a_replica_that_is_offline_is_degraded_and_told_by_its_leader_alone() -> None:
    def offline(placement: Any) -> Any:
        return replace(placement, replicas=tuple(replace(r, offline=True) if r.name == "n3" else r for r in placement.replicas))

    plan = plan_of(with_placements(cluster(), CONSUMER, offline))
    assert refusals(plan) == ["degraded_group"]
    assert found(plan, "degraded_group").seen == ("n3",)
    assert found(plan, "degraded_group").message.count("is offline") == 1


def test_of_many_things_a_few_are_shown_and_the_others_counted() -> None:
    sick = Health(503, tuple(HealthError(f"APP > S{number}", f"S{number} is not well") for number in range(12)))
    plan = plan_of(changed(cluster(), "n3", health=sick))
    message = found(plan, "unhealthy_server").message
    assert message.count("is not well") == 10 + 1
    assert "\n  and 2 more\n" in message
    assert len(plan_of(changed(cluster(), "n3", health=sick), "unhealthy_server").tolerated) == 12


def test_two_clusters_that_do_not_know_each_other_each_have_a_meta_group_of_their_own() -> None:
    other = []
    for reading in cluster():
        own = {"server_id": f"X-{reading.name}", "server_name": f"x-{reading.name}"}
        facts = replace(reading.facts, **own, cluster="other", meta_leader="x-n2")
        placements = tuple(
            replace(p, leader=f"x-{p.leader}", replicas=tuple(replace(r, name=f"x-{r.name}") for r in p.replicas))
            for p in reading.placements
        )
        groups = tuple(
            replace(g, name=g.name if g.name == META_GROUP else f"x-{g.name}", leader=f"x-{g.leader}") for g in reading.groups
        )
        placements = tuple(
            replace(p, raft_group=p.raft_group if p.raft_group == META_GROUP else f"x-{p.raft_group}") for p in placements
        )
        peers = frozenset(f"x-{peer}" for peer in reading.peers)
        other.append(
            replace(reading, name=f"x-{reading.name}", facts=facts, placements=placements, groups=groups, peers=peers, assets=())
        )
    for ghost_in_the_first in (True, False):
        first, second = cluster(), other
        if ghost_in_the_first:
            first = with_meta_peer(first, "n4", offline=True)
        else:
            second = with_meta_peer(second, "n4", offline=True)
        plan = plan_of([*first, *second])
        assert refusals(plan) == ["ghost_peer"]
    assert [step.host for step in plan_of([*cluster(), *other]).steps if step.leader] == ["n2", "x-n2"]


def test_what_is_missing_has_a_key_that_does_not_change_with_the_numbers() -> None:
    assert Missing("jsz", "lags 4", "replica n1 of S").key == Missing("jsz", "lags 9", "replica n1 of S").key
    assert len({Missing("jsz", "lags 4", f"replica {name} of S").key for name in NAMES}) == 3
