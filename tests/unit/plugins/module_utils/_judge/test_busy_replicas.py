"""Replicas that are current in one look and a little behind in the next, of a recorded cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Sequence

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._judge.busy_replicas import Steady
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Health, Placement, Reading, Replica
from tests.unit.recorded import VERSIONS, Edit, read
from tests.unit.waits import Wait

ORDERS, WORKER, MAX_LAG = "APP > ORDERS", "APP > ORDERS > worker", 100
Readings = Sequence[Reading]


def led(readings: Readings, label: str = ORDERS) -> Placement:
    """The group as its leader sees it."""
    placements = ((reading, placement) for reading in readings for placement in reading.placements if placement.label == label)
    return next(placement for reading, placement in placements if placement.leader == reading.name)


def follower(readings: Readings) -> str:
    return led(readings).replicas[0].name


def is_current(readings: Readings) -> bool:
    return led(readings).replicas[0].current


def behind(readings: Readings, **seen: Any) -> list[Reading]:
    """The same, where the leader says something else of its first replica."""
    wanted = led(readings)
    other = replace(wanted, replicas=(replace(wanted.replicas[0], **seen), *wanted.replicas[1:]))
    return [
        replace(reading, placements=tuple(other if placement is wanted else placement for placement in reading.placements))
        for reading in readings
    ]


def of(readings: Readings, name: str, change: Callable[[Reading], Reading]) -> list[Reading]:
    return [change(reading) if reading.name == name else reading for reading in readings]


def own_group(readings: Readings, **changed: Any) -> list[Reading]:
    """The same, where the replica's server says something else of the group."""
    raft_group = led(readings).raft_group

    def change(reading: Reading) -> Reading:
        groups = tuple(replace(group, **changed) if group.name == raft_group else group for group in reading.groups)
        return replace(reading, groups=groups)

    return of(readings, follower(readings), change)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_replica_that_was_seen_current_is_so_while_it_is_close(version: str) -> None:
    well, steady = read(version), Steady(MAX_LAG)
    assert steady.steadied(well) == well
    late = behind(well, current=False, lag=MAX_LAG)
    assert not is_current(late)
    for _unused in range(3):
        assert is_current(steady.steadied(late))
    # Nothing else is made better than it is.
    assert led(steady.steadied(late)).replicas[0].lag == MAX_LAG


def test_a_replica_that_was_never_seen_current_is_not() -> None:
    late, steady = behind(read("2.15.1"), current=False, lag=1), Steady(MAX_LAG)
    assert [is_current(steady.steadied(late)) for _unused in range(3)] == [False] * 3


def restarted(readings: Readings) -> list[Reading]:
    return of(readings, follower(readings), lambda one: replace(one, facts=replace(one.facts, start="2026-12-01T00:00:00Z")))


def unhealthy(readings: Readings) -> list[Reading]:
    return of(readings, follower(readings), lambda one: replace(one, health=Health(500)))


@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(lambda well: behind(well, current=False, lag=MAX_LAG + 1), id="it falls behind"),
        pytest.param(lambda well: behind(well, offline=True), id="it is offline, and called current still"),
        pytest.param(lambda well: own_group(well, leader=""), id="it hears of no leader"),
        pytest.param(lambda well: own_group(well, catching_up=True), id="it catches up"),
        pytest.param(lambda well: own_group(well, name="another"), id="it does not run the group"),
        pytest.param(unhealthy, id="its server drains or starts"),
    ],
)
def test_what_happens_to_a_replica_makes_that_it_has_to_be_seen_current_anew(happens: Callable[[Readings], Readings]) -> None:
    well, steady = read("2.15.1"), Steady(MAX_LAG)
    steady.steadied(well)
    steady.steadied(happens(well))
    late = behind(well, current=False, lag=1)
    assert not is_current(steady.steadied(late))
    steady.steadied(well)
    assert is_current(steady.steadied(late))


def test_after_a_restart_it_has_to_be_seen_current_anew() -> None:
    well, steady = read("2.15.1"), Steady(MAX_LAG)
    steady.steadied(well)
    assert not is_current(steady.steadied(behind(restarted(well), current=False, lag=1)))


def test_of_a_server_that_is_not_read_the_leader_is_believed() -> None:
    well, steady = read("2.15.1"), Steady(MAX_LAG)
    alone = [reading for reading in well if reading.name == led(well).leader]
    steady.steadied(alone)
    assert is_current(steady.steadied(behind(alone, current=False, lag=1)))


def test_what_a_follower_says_of_others_is_left_as_it_is() -> None:
    well, steady = read("2.15.1"), Steady(MAX_LAG)
    name, raft_group = follower(well), led(well).raft_group
    strange = (Replica("n9", False, False, 3),)

    def change(reading: Reading) -> Reading:
        placements = tuple(replace(p, replicas=strange) if p.raft_group == raft_group else p for p in reading.placements)
        return replace(reading, placements=placements)

    seen = of(well, name, change)
    steady.steadied(well)
    assert steady.steadied(seen) == seen


def not_current(label: str) -> Edit:
    """Whoever leads it says that its first replica is a little behind."""
    stream, _unused, consumer = label.partition("APP > ")[2].partition(" > ")

    def edit(servers: dict[str, dict[str, Any]]) -> None:
        for answers in servers.values():
            for account in answers["/jsz"]["body"]["account_details"]:
                for one in account.get("stream_detail") or ():
                    consumers = [c for c in one.get("consumer_detail") or () if c["name"] == consumer]
                    for cluster in [c["cluster"] for c in consumers] if consumer else [one["cluster"]]:
                        if one["name"] == stream and cluster.get("replicas"):
                            cluster["replicas"][0].update(current=False, lag=2)

    return edit


def test_a_busy_cluster_that_is_never_current_in_all_groups_at_one_moment_is_back(wait: Wait) -> None:
    scenes = [(number / 10 - 0.05, "2.15.1", not_current(WORKER if number % 2 else ORDERS)) for number in range(50)]
    result = wait(*scenes)
    assert (result["back"], result["polls"]) == (True, 3)


def test_a_replica_that_is_never_current_is_waited_for_in_vain(wait: Wait) -> None:
    with pytest.raises(Exception, match="of APP > ORDERS lags 2"):
        wait((0, "2.15.1", not_current(ORDERS)), timeout_seconds=5)
