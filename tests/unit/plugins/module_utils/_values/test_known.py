from __future__ import annotations

from dataclasses import replace
from typing import Any, Sequence

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._judge import health as _health
from ansible_collections.natsops.cluster.plugins.module_utils._plan import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation, Surge
from ansible_collections.natsops.cluster.plugins.module_utils._values import known as _known
from ansible_collections.natsops.cluster.plugins.module_utils._values import server as _server
from ansible_collections.natsops.cluster.plugins.module_utils._values.gateways import Leaf
from ansible_collections.natsops.cluster.plugins.module_utils._values.known import unnamed
from ansible_collections.natsops.cluster.plugins.module_utils._values.routes import Peer
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading
from tests.unit import fleets
from tests.unit.recorded import VERSIONS, read
from tests.unit.situations import found, plan_of, refusals, silent, warnings, with_facts

TARGET = "2.14.6"
ALL = frozenset({"n1", "n2", "n3"})
NO_NAME = "NAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def nameless(*names: str) -> list[Reading]:
    """Three servers without names in a cluster without a name, n1 upgraded already: they call the cluster by two names."""
    return read("2.12.8", "nameless", names or ("n1", "n2", "n3"), assets=True)


def namesakes() -> list[Reading]:
    """Two clusters of the name lab, of n1 and n2, and of n3 and n4."""
    return read("2.12.8", "namesakes", ("n1", "n2", "n3", "n4"), assets=True)


def restarted(readings: Sequence[Reading], name: str) -> list[Reading]:
    """The readings after a restart of one server, which gives it another id and another name of its cluster."""
    old = next(reading for reading in readings if reading.name == name)
    assert old.facts
    last = old.facts.server_id
    moved = []
    for reading in readings:
        assert reading.facts
        routes = tuple(replace(peer, id=NO_NAME, name=NO_NAME) if peer.id == last else peer for peer in reading.routes)
        moved.append(replace(reading, routes=routes))
        if reading.name == name:
            said = replace(reading.said, server_name=NO_NAME, cluster="mADEuP0000000000000001")
            facts = replace(
                reading.facts, server_id=NO_NAME, server_name=NO_NAME, cluster=said.cluster, start="2099-01-01T00:00:00Z"
            )
            moved[-1] = replace(moved[-1], said=said, facts=facts)
    return _known.settled(moved)


def cut_off(readings: Sequence[Reading], name: str) -> list[Reading]:
    """The readings without routes to and from one server."""
    (alone,) = [reading.facts.server_id for reading in readings if reading.name == name and reading.facts]
    left = []
    for reading in readings:
        routes = () if reading.name == name else tuple(peer for peer in reading.routes if peer.id != alone)
        left.append(replace(reading, routes=routes, peers=frozenset(peer.name for peer in routes)))
    return _known.settled(left)


def names(readings: Sequence[Reading]) -> list[str]:
    return [reading.facts.server_name for reading in readings if reading.facts]


def clusters(readings: Sequence[Reading]) -> list[str]:
    return [reading.facts.cluster for reading in readings if reading.facts]


@pytest.mark.parametrize("version", VERSIONS)
def test_servers_and_clusters_with_names_keep_them(version: str) -> None:
    readings = read(version)
    assert (names(readings), set(clusters(readings))) == (["n1", "n2", "n3"], {"lab"})
    assert [reading.peers for reading in readings] == [ALL - {name} for name in ("n1", "n2", "n3")]
    assert all(_known.has_name(reading) and not reading.peers_too for reading in readings)


def test_a_server_without_a_name_is_known_by_its_host_and_so_are_its_peers() -> None:
    readings = nameless()
    assert names(readings) == [unnamed(name) for name in ("n1", "n2", "n3")]
    assert readings[0].peers == {unnamed("n2"), unnamed("n3")}
    assert not any(map(_known.has_name, readings))
    assert all(reading.facts and reading.facts.server_id == reading.said.server_name for reading in readings)


def test_it_is_the_same_server_after_a_restart() -> None:
    before = nameless()
    after = restarted(before, "n1")
    assert after[0].said.server_name != before[0].said.server_name
    assert (names(after), [reading.peers for reading in after]) == (names(before), [reading.peers for reading in before])
    expected = {reading.name: _health.restart_expectation(reading) for reading in before}
    back = _health.judge(after, {"n1": expected["n1"]}, max_lag=0)
    assert [verdict.missing for verdict in back] == [(), (), ()]
    not_restarted = _health.judge(before, {"n1": expected["n1"]}, max_lag=0)
    assert [missing.condition for missing in not_restarted[0].missing] == ["started"]


def test_a_route_that_does_not_come_back_is_missed() -> None:
    before = nameless()
    after = cut_off(restarted(before, "n1"), "n1")
    verdicts = _health.judge(after, {"n1": _health.restart_expectation(before[0])}, max_lag=0)
    assert [missing.seen for missing in verdicts[0].missing] == [f"no route to {unnamed(name)}" for name in ("n2", "n3")]
    assert [missing.seen for missing in verdicts[1].missing] == [f"no route to {unnamed('n1')}"]


def test_a_server_that_got_a_name_is_another_one() -> None:
    before = nameless()
    after = with_facts(before, "n1", server_name="n1", start="2099-01-01T00:00:00Z")
    verdict = _health.judge(after, {"n1": _health.restart_expectation(before[0])}, max_lag=0)[0]
    assert [str(missing) for missing in verdict.missing] == [f"server_name: is n1, not {unnamed('n1')}"]


def test_a_peer_that_is_not_read_is_known_by_its_address() -> None:
    readings = nameless("n1", "n2")
    assert readings[0].peers == {unnamed("n2"), unnamed("127.0.0.1")}
    # It is read now: whoever was to be there by its address is there.
    expected = {"n1": _health.restart_expectation(readings[0])}
    later = _health.judge(restarted(nameless(), "n1"), expected, max_lag=0)
    assert later[0].missing == ()


def test_a_silent_host_is_known_by_its_address_where_no_other_is_read_there() -> None:
    first, second, third = nameless()
    routes = tuple(replace(peer, address=f"10.0.0.{2 if peer.name == second.said.server_name else 3}") for peer in first.routes)
    first = replace(first, routes=routes)
    at = {2: "http://10.0.0.2:8222", 3: "http://10.0.0.3:8222"}
    away = replace(third, monitor_url=at[3], facts=None, error="connection refused")
    assert _known.settled([first, replace(second, monitor_url=at[2]), away])[0].peers == {unnamed("n2"), unnamed("n3")}
    same_place = replace(second, monitor_url=at[3])
    assert _known.settled([first, same_place, away])[0].peers == {unnamed("n2"), unnamed("10.0.0.3")}


def test_leaf_nodes_and_streams_of_a_server_without_a_name_are_its_own() -> None:
    (alone, *_unused) = nameless()
    assert alone.facts
    one = alone.said.server_name
    (stream,) = [asset for reading in read("2.12.8", assets=True) for asset in reading.assets if "LOCAL" in asset.label]
    raw = replace(
        alone,
        facts=replace(alone.facts, server_name=one),
        leafs=(Leaf(one, "APP", outgoing=True), Leaf("edge", "APP", outgoing=False)),
        assets=(replace(stream, host=one, leader=one),),
    )
    (settled,) = _known.settled([raw])
    assert [leaf.name for leaf in settled.leafs] == [unnamed("n1"), "edge"]
    assert (settled.assets[0].host, settled.assets[0].leader) == (unnamed("n1"), unnamed("n1"))


def test_one_cluster_is_told_by_its_routes_whatever_its_servers_call_it() -> None:
    readings = nameless()
    assert len({reading.said.cluster for reading in readings}) == 2
    assert set(clusters(readings)) == {"the cluster of n1"}
    plan = plan_of(readings, target=TARGET)
    assert (refusals(plan), warnings(plan)) == ([], ["mixed_versions"])
    assert ({name: set(hosts) for name, hosts in plan.clusters.items()}, [step.host for step in plan.steps]) == (
        {"the cluster of n1": ALL},
        ["n2", "n3"],
    )
    assert _text.lines(plan)[0].startswith("the cluster of n1: to 2.14.6, one node at a time")
    assert Situation.of(readings).domain_of("n2").hosts == ("n1", "n2", "n3")


def test_an_audit_counts_one_cluster_and_tells_its_names_and_versions() -> None:
    drift = fleets.judged(nameless())
    assert [(cluster.name, len(cluster.servers)) for cluster in drift.clusters] == [("the cluster of n1", 3)]
    assert {"mismatch_active", "cluster_names"} <= set(fleets.names(drift))
    assert not {"not_in_cluster", "unlisted_server", "duplicate_name"} & set(fleets.names(drift))
    finding = fleets.found(drift, "cluster_names")
    said = [reading.said.cluster for reading in nameless()]
    assert (drift.severity(finding), finding.seen) == ("note", ("n1", "n2", "n3"))
    assert f"n1: {said[0]}; n2, n3: {said[1]}" in finding.message
    assert "cluster_names" not in fleets.names(fleets.judged(fleets.three()))


def test_a_server_that_is_cut_off_from_a_cluster_without_a_name_is_missed_in_it() -> None:
    readings = cut_off(nameless(), "n3")
    assert set(clusters(readings)) == {"the cluster of n1"}
    plan = plan_of(readings, target=TARGET)
    assert refusals(plan) == ["missing_route"]
    assert f"n3: no route to {unnamed('n1')}" in found(plan, "missing_route").message
    assert "not_in_cluster" in fleets.names(fleets.judged(readings))


def test_routes_by_other_names_than_those_known_here_are_counted() -> None:
    by_name = [
        replace(r, facts=replace(r.facts, configured_routes=tuple(f"nats-{number}.lan:6222" for number in (1, 2, 3))))
        for r in nameless()
        if r.facts
    ]
    assert set(clusters(cut_off(by_name, "n3"))) == {"the cluster of n1"}


def test_clusters_that_made_up_their_names_and_have_all_their_routes_stay_two() -> None:
    made_up = {"n1": "mADEuP0000000000000001", "n2": "mADEuP0000000000000001"}
    readings = [
        replace(r, said=replace(r.said, cluster=made_up.get(r.name, "mADEuP0000000000000002"))) for r in namesakes() if r.facts
    ]
    assert [sorted(r.name for r in part) for part in _known.clusters(readings)] == [["n1", "n2"], ["n3", "n4"]]


def test_two_clusters_of_one_name_are_told_apart_by_their_routes() -> None:
    readings = namesakes()
    assert {reading.said.cluster for reading in readings} == {"lab"}
    assert clusters(readings) == ["lab (of n1)", "lab (of n1)", "lab (of n3)", "lab (of n3)"]
    plan = plan_of(readings, target=TARGET)
    assert (refusals(plan), {finding.name for finding in plan.settled.warnings}) == ([], {"two_node_cluster", "mixed_configs"})
    assert {name: set(hosts) for name, hosts in plan.clusters.items()} == {
        "lab (of n1)": {"n1", "n2"},
        "lab (of n3)": {"n3", "n4"},
    }
    assert {domain.hosts for domain in Situation.of(readings).domains} == {("n1", "n2"), ("n3", "n4")}
    assert {"not_in_cluster", "cluster_names"} & set(fleets.names(fleets.judged(readings))) == set()


def pointing_across(readings: list[Reading]) -> list[Reading]:
    (route,) = readings[2].facts.configured_routes if readings[2].facts else ()
    return (
        with_facts(readings, "n1", configured_routes=(route, *readings[0].facts.configured_routes)) if readings[0].facts else []
    )


def joined_by_gateways(readings: list[Reading]) -> list[Reading]:
    return with_facts(readings, "n1", used=frozenset({"gateways"}))


def counting_more(readings: list[Reading]) -> list[Reading]:
    return with_facts(readings, "n1", meta_cluster_size=4)


def without_configured_routes(readings: list[Reading]) -> list[Reading]:
    return with_facts(readings, "n1", "n2", configured_routes=())


@pytest.mark.parametrize("change", [pointing_across, joined_by_gateways, counting_more, without_configured_routes])
def test_a_cluster_that_has_fallen_apart_is_not_two(change: Any) -> None:
    readings = _known.settled(with_facts(change(namesakes()), cluster="lab"))
    assert set(clusters(readings)) == {"lab"}
    assert "missing_route" in refusals(plan_of(readings, target=TARGET))


def test_a_single_server_with_the_name_of_a_cluster_is_cut_off_from_it() -> None:
    readings = _known.settled(with_facts(namesakes()[:3], cluster="lab"))
    assert set(clusters(readings)) == {"lab"}


def test_a_server_that_is_not_read_joins_two_that_are() -> None:
    first, _unused, third = nameless()
    meeting = [replace(r, routes=(Peer(NO_NAME, NO_NAME, "10.0.0.9"),)) for r in (first, third)]
    assert [len(part) for part in _known.clusters(meeting)] == [2]


def test_two_hosts_that_lead_to_one_server_without_a_name_are_found() -> None:
    first, second, third = nameless()
    again = replace(first, name="n9", facts=replace(first.facts, server_name=first.said.server_name) if first.facts else None)
    readings = _known.settled([first, second, third, again])
    assert "duplicate_name" in refusals(plan_of(readings, target=TARGET))
    assert found(plan_of(readings, target=TARGET), "duplicate_name").seen == ("n1", "n9")


def test_the_made_up_name_of_a_server_keeps_none_from_starting() -> None:
    assert "names_with_spaces" not in refusals(plan_of(nameless(), target="2.15.1"))


def test_who_does_not_answer_is_told_as_missing_and_not_as_unlisted_too() -> None:
    readings = _known.settled(silent(nameless(), "n3"))
    assert refusals(plan_of(readings, target=TARGET)) == ["missing_server"]


def test_a_server_that_no_host_runs_is_told_by_its_address() -> None:
    plan = plan_of(nameless("n1", "n2"), target=TARGET)
    assert "unlisted_server" in refusals(plan)
    assert unnamed("127.0.0.1") in found(plan, "unlisted_server").message
    assert "unlisted_server" in fleets.names(fleets.judged(nameless("n1", "n2")))


def test_a_turn_that_broke_off_is_finished_in_the_cluster_of_its_peers() -> None:
    expectation = {"server_name": unnamed("n2"), "peers": [unnamed("n1"), unnamed("n3")]}
    journal = {"unfinished": True, "step": "signalled", "target": TARGET, "old_version": "2.12.8"}
    node = {"journal": {**journal, "expectation": expectation, "data": {"cluster": "mADEuP0000000000000001"}}}
    others = [
        replace(r, name=f"o{r.name}", facts=replace(r.facts, server_name=r.said.server_name, cluster="other"))
        for r in namesakes()[2:]
        if r.facts
    ]
    readings = _known.settled([*silent(nameless(), "n2"), *others])
    plan = plan_of(readings, target=TARGET, n2=node)
    assert refusals(plan) == []
    assert next(step.host for step in plan.steps) == "n2"
    assert set(plan.clusters["the cluster of n1"]) == ALL


def test_a_temporary_server_without_a_name_is_called_the_same_before_and_after_it_starts() -> None:
    first, *others = nameless()
    down = Reading("n1", "http://n1:8222", error="connection refused")
    assert Surge("n1", {"access": {"server_name": "", "cluster": "lab"}}, "", down).server_name == unnamed("n1")
    assert Surge("n1", {}, "", first).server_name == unnamed("n1")
    assert Surge("n1", {}, "", down).server_name == "n1"
    assert all(unnamed("n1") in other.peers for other in others)


def test_facts_that_were_told_are_known_by_the_same_names() -> None:
    told = [_server.as_dict(reading.facts) for reading in nameless() if reading.facts]
    again = [Reading(f"n{number}", "", facts=_server.from_dict(facts)) for number, facts in enumerate(told, 1)]
    settled = _known.settled(again)
    assert (names(settled), set(clusters(settled))) == (names(nameless()), {"the cluster of n1"})
