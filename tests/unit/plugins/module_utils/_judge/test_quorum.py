from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._judge.quorum import without
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Health, HealthError, Reading
from tests.unit.recorded import NAMES, OLDEST_AND_NEWEST, VERSIONS, read

MAX_LAG = 100


def losing(readings: list[Reading], stopping: str) -> list[str]:
    return [missing.subject for missing in without(readings, stopping, max_lag=MAX_LAG)]


def leader_of(readings: list[Reading]) -> str:
    return next(reading.facts.meta_leader for reading in readings if reading.facts)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", NAMES)
def test_a_healthy_cluster_of_three_can_lose_any_one_of_them(version: str, name: str) -> None:
    assert losing(read(version), name) == []


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
@pytest.mark.parametrize("since", ["1s", "12s"])
def test_with_one_server_down_no_other_may_stop_however_healthy_they_say_they_are(version: str, since: str) -> None:
    readings = read(version, f"peer_down_{since}")
    for name in ("n1", "n3"):
        assert "_meta_" in losing(readings, name)
    (first, *_unused) = without(readings, "n1", max_lag=MAX_LAG)
    assert "needs 2 of its 3 members, and without n1 1 (n3) would be up and current" in first.seen


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
def test_while_one_server_drains_no_other_may_stop(version: str) -> None:
    assert "_meta_" in losing(read(version, "lame_duck"), "n2") + losing(read(version, "lame_duck"), "n3")


def test_a_server_that_begins_to_drain_holds_no_group_up_though_it_still_runs_it() -> None:
    draining = Health(500, (HealthError("", "failed to be ready for connections"),))
    readings = [replace(r, health=draining) if r.name == "n3" else r for r in read("2.15.1")]
    assert "_meta_" in losing(readings, "n1")
    assert "_meta_" in losing(readings, "n2")


@pytest.mark.parametrize("stopping", NAMES)
def test_a_member_that_has_not_heard_of_a_leader_does_not_hold_a_group_up(stopping: str) -> None:
    readings = read("2.15.1")
    other = next(name for name in NAMES if name not in (stopping, leader_of(readings)))
    deaf = [
        replace(r, groups=tuple(replace(g, leader="") if g.name == "_meta_" else g for g in r.groups)) if r.name == other else r
        for r in readings
    ]
    assert losing(deaf, stopping) == ["_meta_"]
    assert losing(deaf, other) == []


def test_a_server_that_is_only_not_well_is_for_the_other_conditions_to_say() -> None:
    sick = Health(503, (HealthError("APP > GHOST", "consumer not found"),))
    readings = [replace(r, health=sick) if r.name == "n2" else r for r in read("2.15.1")]
    assert losing(readings, "n1") == []


def test_peers_that_only_the_meta_group_still_counts_raise_what_it_needs() -> None:
    readings = [replace(r, facts=replace(r.facts, meta_cluster_size=5)) if r.facts else r for r in read("2.15.1")]
    assert losing(readings, "n1") == ["_meta_"]


def test_a_group_of_two_never_can_and_is_not_asked_for() -> None:
    readings = []
    for reading in read("2.15.1"):
        placements = tuple(replace(p, replicas=p.replicas[:1]) for p in reading.placements if p.raft_group != "_meta_")
        readings.append(replace(reading, placements=placements))
    assert [losing(readings, name) for name in NAMES] == [[], [], []]


def test_a_server_that_does_not_answer_takes_nothing_with_it() -> None:
    assert losing([Reading("n1", "http://n1:8222", error="connection refused")], "n1") == []
