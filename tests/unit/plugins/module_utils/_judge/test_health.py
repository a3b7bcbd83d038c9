from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.poll import Progress, poll_until
from ansible_collections.natsops.cluster.plugins.module_utils._judge.health import (
    CONDITIONS,
    Expectation,
    Missing,
    Verdict,
    distances,
    judge,
    restart_expectation,
    spaced,
)
from ansible_collections.natsops.cluster.plugins.module_utils._values.held import Held
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Health, HealthError, Reading, Replica
from tests.unit.clock import Clock
from tests.unit.recorded import NAMES, OLDEST_AND_NEWEST, VERSIONS, read

Change = Callable[["list[Reading]"], "list[Reading]"]
# In the recorded healthy cluster of 2.15.1, n2 leads the meta group and the stream, and n1 the consumer.
STREAM, CONSUMER = "APP > ORDERS", "APP > ORDERS > worker"


def missing(readings: list[Reading], max_lag: int = 100, **expected: Expectation) -> dict[str, list[str]]:
    """What is missing, by name of the server."""
    return by_name(judge(readings, expected, max_lag=max_lag))


def by_name(verdicts: list[Verdict]) -> dict[str, list[str]]:
    return {v.reading.name: [str(one) for one in v.missing] for v in verdicts if not v.back}


def group_of(readings: list[Reading], label: str) -> str:
    return next(p.raft_group for reading in readings for p in reading.placements if p.label == label)


def changed(readings: list[Reading], name: str, **values: Any) -> list[Reading]:
    return [replace(reading, **values) if reading.name == name else reading for reading in readings]


def with_group(name: str, label: str, **values: Any) -> Change:
    """Another state of a Raft group on one server, as that server sees it."""

    def change(readings: list[Reading]) -> list[Reading]:
        wanted = group_of(readings, label)
        reading = next(reading for reading in readings if reading.name == name)
        groups = tuple(replace(group, **values) if group.name == wanted else group for group in reading.groups)
        return changed(readings, name, groups=groups)

    return change


def with_replica(seen_by: str, label: str, name: str, **values: Any) -> Change:
    """Another view that one server has of another's replica."""

    def change(readings: list[Reading]) -> list[Reading]:
        reading = next(reading for reading in readings if reading.name == seen_by)
        placements = tuple(
            replace(p, replicas=tuple(replace(r, **values) if r.name == name else r for r in p.replicas))
            if p.label == label
            else p
            for p in reading.placements
        )
        return changed(readings, seen_by, placements=placements)

    return change


def without_group(name: str, label: str) -> Change:
    def change(readings: list[Reading]) -> list[Reading]:
        wanted = group_of(readings, label)
        reading = next(reading for reading in readings if reading.name == name)
        return changed(readings, name, groups=tuple(group for group in reading.groups if group.name != wanted))

    return change


def claims_to_lead(name: str, label: str) -> Change:
    """A server that is just starting: /jsz says that it leads what it led before it stopped, /raftz does not."""

    def change(readings: list[Reading]) -> list[Reading]:
        reading = next(reading for reading in readings if reading.name == name)
        offline = tuple(Replica(other, current=False, offline=True, lag=9) for other in NAMES if other != name)
        placements = tuple(replace(p, leader=name, replicas=offline) if p.label == label else p for p in reading.placements)
        return changed(readings, name, placements=placements)

    return change


def healthz(name: str, status: int, error: str) -> Change:
    return lambda readings: changed(readings, name, health=Health(status, (HealthError("", error),)))


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_is_missing_in_a_healthy_cluster(version: str) -> None:
    verdicts = judge(read(version), {}, max_lag=0)
    assert by_name(verdicts) == {}
    assert [str(verdict) for verdict in verdicts] == [f"{name} http://{name}:8222: back" for name in NAMES]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_healthy_cluster_is_what_was_expected_of_it_after_a_restart(version: str) -> None:
    readings = read(version)
    expected = {r.name: replace(restart_expectation(r), started_after="2026-11-21T09:00:00Z", version=version) for r in readings}
    assert by_name(judge(readings, expected, max_lag=0)) == {}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(healthz("n3", 503, "why"), {"n3": ["healthz: 503 why"]}, id="healthz-503"),
        pytest.param(
            with_group("n3", STREAM, leader=""), {"n3": ["raft_groups: APP > ORDERS has no leader"]}, id="false-200-no-leader"
        ),
        pytest.param(with_group("n3", "_meta_", leader=""), {"n3": ["raft_groups: _meta_ has no leader"]}, id="no-meta-leader"),
        pytest.param(
            with_group("n3", CONSUMER, catching_up=True, committed=20_000, applied=1_796),
            {"n3": ["raft_groups: APP > ORDERS > worker is catching up, 18 204 entries to apply"]},
            id="catching-up",
        ),
        pytest.param(with_group("n3", STREAM, state="CLOSED"), {"n3": ["raft_groups: APP > ORDERS is closed"]}, id="closed"),
        pytest.param(with_group("n3", STREAM, paused=True), {"n3": ["raft_groups: APP > ORDERS is paused"]}, id="paused"),
        pytest.param(
            with_group("n3", STREAM, committed=1_101, applied=1_000),
            {"n3": ["raft_groups: APP > ORDERS has 101 entries to apply"]},
            id="applied-behind",
        ),
        pytest.param(with_group("n3", STREAM, committed=1_100, applied=1_000), {}, id="applied-behind-within-the-tolerance"),
        pytest.param(without_group("n3", STREAM), {"n3": ["raft_groups: APP > ORDERS is not there"]}, id="group-missing"),
        pytest.param(
            with_replica("n2", STREAM, "n3", current=True, offline=True),
            {"n3": ["jsz: replica n3 of APP > ORDERS is offline"]},
            id="offline-though-current",
        ),
        pytest.param(
            with_replica("n2", STREAM, "n3", current=False),
            {"n3": ["jsz: replica n3 of APP > ORDERS is not current"]},
            id="not-current",
        ),
        pytest.param(
            with_replica("n2", STREAM, "n3", lag=18_204), {"n3": ["jsz: replica n3 of APP > ORDERS lags 18 204"]}, id="lag"
        ),
        pytest.param(
            with_replica("n2", STREAM, "n3", current=False, lag=7),
            {"n3": ["jsz: replica n3 of APP > ORDERS lags 7"]},
            id="not-current-and-lag",
        ),
        pytest.param(with_replica("n2", STREAM, "n3", lag=100), {}, id="lag-within-the-tolerance"),
        pytest.param(
            with_replica("n2", "_meta_", "n1", offline=True), {"n1": ["jsz: replica n1 of _meta_ is offline"]}, id="meta-offline"
        ),
        pytest.param(with_replica("n3", STREAM, "n1", current=False, offline=True, lag=9_999), {}, id="wrong-view-of-a-follower"),
        pytest.param(claims_to_lead("n3", STREAM), {}, id="claim-to-lead-of-a-server-that-starts"),
        pytest.param(with_replica("n3", STREAM, "n2", lag=9_999), {}, id="wrong-view-of-the-leader-by-a-follower"),
        pytest.param(
            lambda readings: changed(readings, "n3", peers=frozenset({"n1"})), {"n3": ["routes: no route to n2"]}, id="route"
        ),
        pytest.param(
            lambda readings: changed(readings, "n3", peers=frozenset()),
            {"n3": ["routes: no route to n1", "routes: no route to n2"]},
            id="no-routes",
        ),
    ],
)
def test_each_thing_that_is_wrong_is_missing_on_the_server_it_is_wrong_with(
    change: Change, expected: dict[str, list[str]]
) -> None:
    assert missing(change(read("2.15.1"))) == expected


@pytest.mark.parametrize(
    ("expectation", "expected"),
    [
        pytest.param(Expectation(version="2.15.1"), [], id="right-version"),
        pytest.param(Expectation(version="2.15.2"), ["version: runs 2.15.1, not 2.15.2"], id="wrong-version"),
        pytest.param(
            Expectation(version="2.15.1-RC.1"), ["version: runs 2.15.1, not 2.15.1-RC.1"], id="candidate-is-not-release"
        ),
        pytest.param(Expectation(server_name="n3"), [], id="right-name"),
        pytest.param(Expectation(server_name="n9"), ["server_name: is n3, not n9"], id="wrong-name"),
        pytest.param(Expectation(peers=frozenset({"n1"})), [], id="fewer-peers-than-there-are"),
        pytest.param(
            Expectation(peers=frozenset({"n1", "n8", "n9"})), ["routes: no route to n8", "routes: no route to n9"], id="peers"
        ),
        pytest.param(Expectation(peers=frozenset()), [], id="no-peers"),
        pytest.param(Expectation(started_after="2026-11-21T09:00:00Z"), [], id="restarted"),
    ],
)
def test_what_was_expected_and_is_not_so_is_missing(expectation: Expectation, expected: list[str]) -> None:
    assert missing(read("2.15.1"), n3=expectation).get("n3", []) == expected


@pytest.mark.parametrize(
    ("start", "before", "restarted"),
    [
        pytest.param("2026-11-21T09:22:18.5359Z", "2026-11-21T09:22:18.535947557Z", False, id="zeros-left-out-earlier"),
        pytest.param("2026-11-21T09:22:18.536Z", "2026-11-21T09:22:18.535947557Z", True, id="zeros-left-out-later"),
        pytest.param("2026-11-21T09:22:18Z", "2026-11-21T09:22:18Z", False, id="the-same"),
        pytest.param("2026-11-21T09:22:18.5Z", "2026-11-21T09:22:18.500000000Z", False, id="the-same-with-zeros-before"),
        pytest.param("2026-11-21T09:22:18.500000000Z", "2026-11-21T09:22:18.5Z", False, id="the-same-with-zeros-after"),
        pytest.param("2026-11-21T09:22:18.1Z", "2026-11-21T09:22:18Z", True, id="a-tenth-later"),
        pytest.param("2026-11-21T09:22:18Z", "2026-11-21T09:22:18.1Z", False, id="a-tenth-earlier"),
        pytest.param("2027-01-01T00:00:00Z", "2026-12-31T23:59:59.999999999Z", True, id="next-year"),
    ],
)
def test_a_server_counts_as_restarted_only_if_it_started_later_than_before(start: str, before: str, restarted: bool) -> None:
    readings = read("2.15.1")
    facts = readings[2].facts
    assert facts is not None
    readings = changed(readings, "n3", facts=replace(facts, start=start))
    expected = {} if restarted else {"n3": [f"started: runs since {start}, not restarted after {before}"]}
    assert missing(readings, n3=Expectation(started_after=before)) == expected


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
@pytest.mark.parametrize("situation", ["starting", "recovering", "recovering_meta", "leaderless"])
def test_a_server_on_its_way_back_is_not_back(version: str, situation: str) -> None:
    assert missing(read(version, situation, ["n3"]))["n3"]


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
def test_a_200_with_a_group_that_knows_no_leader_is_not_believed(version: str) -> None:
    readings = read(version, "leaderless", ["n3"])
    assert readings[0].health == Health(200)
    assert [one for one in missing(readings)["n3"] if one.endswith("has no leader")]


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
def test_a_server_in_lame_duck_mode_is_missing_in_its_own_words_and_in_those_of_the_leaders(version: str) -> None:
    found = missing(read(version, "lame_duck"))
    assert set(found) == {"n1"}
    assert found["n1"][0] == "healthz: 500 failed to be ready for connections after 1ms: server"
    for label in ("_meta_", STREAM, CONSUMER):
        assert f"jsz: replica n1 of {label} is offline" in found["n1"]


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
@pytest.mark.parametrize("situation", ["peer_down_1s", "peer_down_12s"])
def test_a_stopped_server_that_nobody_reads_is_missing_on_the_leaders_of_its_groups(version: str, situation: str) -> None:
    found = missing(read(version, situation, ["n1", "n3"]))
    said = sorted(one for ones in found.values() for one in ones)
    assert said == [
        f"jsz: replica n2 of {STREAM} > worker is offline",
        f"jsz: replica n2 of {STREAM} is offline",
        "jsz: replica n2 of _meta_ is offline",
    ]


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
def test_a_stopped_server_that_is_read_and_whose_name_is_known_is_missing_once(version: str) -> None:
    found = missing(read(version, "peer_down_1s"), n2=Expectation(server_name="n2"))
    assert found == {"n2": ["reachable: connection refused"]}


def test_a_stopped_server_whose_name_is_not_known_is_missing_on_the_leaders_too() -> None:
    found = missing(read("2.15.1", "peer_down_1s"))
    assert found["n2"] == ["reachable: connection refused"]
    assert found["n1"]


def test_a_group_that_a_user_has_deleted_is_not_waited_for() -> None:
    readings = read("2.15.1")
    assert missing(readings, n3=Expectation(raft_groups=frozenset({"S-R3F-deleted"}))) == {}


def test_a_group_that_another_server_still_knows_is_waited_for() -> None:
    readings = read("2.15.1")
    stream = group_of(readings, STREAM)
    lost = changed(without_group("n3", STREAM)(readings), "n3", placements=())
    assert missing(lost, n3=Expectation(raft_groups=frozenset({stream}))) == {"n3": [f"raft_groups: {STREAM} is not there"]}


@pytest.mark.parametrize(
    "names", [pytest.param(["n3"], id="it-is-read-alone"), pytest.param(["n2", "n3"], id="another-does-not-answer")]
)
def test_a_group_counts_as_deleted_only_if_all_others_could_say_so(names: list[str]) -> None:
    found = missing(read("2.15.1/starting", "", names), n3=Expectation(raft_groups=frozenset({"S-R3F-unknown"})))
    assert "raft_groups: S-R3F-unknown is not there" in found["n3"]


def test_a_single_server_without_jetstream_is_back_when_it_answers() -> None:
    alone = read("2.15.1", "", ["n3"])
    assert alone[0].facts is not None
    facts = replace(alone[0].facts, jetstream=False, cluster="", meta_leader="", meta_cluster_size=0)
    readings = changed(alone, "n3", facts=facts, peers=frozenset(), groups=(), placements=())
    assert missing(readings, n3=Expectation(version="2.15.1", server_name="n3")) == {}


def test_servers_of_two_clusters_need_no_route_to_each_other() -> None:
    readings = changed(read("2.15.1"), "n1", peers=frozenset({"n2"}))
    facts = readings[2].facts
    assert facts is not None
    readings = changed(readings, "n3", facts=replace(facts, cluster="other"), peers=frozenset())
    assert not [one for ones in missing(readings).values() for one in ones if one.startswith("routes")]


ALL_WRONG = Expectation(
    version="2.15.2",
    server_name="n9",
    started_after="2027-01-01T00:00:00Z",
    peers=frozenset({"n9"}),
    gateways=frozenset({"far"}),
    leaf_accounts=frozenset({"APP"}),
)


def all_wrong() -> list[Reading]:
    readings = with_group("n3", STREAM, leader="")(with_replica("n2", STREAM, "n3", lag=500)(read("2.15.1")))
    return healthz("n3", 503, "why")(readings)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_that_is_skipped_is_not_missing_and_the_others_are(condition: str) -> None:
    verdict = judge(all_wrong(), {"n3": ALL_WRONG}, max_lag=100, skip=frozenset({condition}))[2]
    assert [one.condition for one in verdict.missing] == [other for other in CONDITIONS if other != condition]


def test_what_is_missing_stands_in_one_line_with_the_server() -> None:
    readings = with_group("n3", STREAM, leader="")(healthz("n3", 503, "why")(read("2.15.1")))
    verdict = judge(readings, {}, max_lag=100)[2]
    assert str(verdict) == "n3 http://n3:8222: healthz: 503 why; raft_groups: APP > ORDERS has no leader"


def test_distances_are_the_lags_and_the_number_of_things_missing() -> None:
    readings = with_group("n1", STREAM, committed=30, applied=10)(with_replica("n2", STREAM, "n3", lag=500)(read("2.15.1")))
    verdicts = judge(readings, {}, max_lag=100)
    assert {name: number for name, number in distances(verdicts, 10).items() if number} == {
        "n1 lag": 20,
        "n3 lag": 500,
        "n3 jsz": 1,
    }


def test_lags_that_are_small_enough_are_no_distance() -> None:
    readings = with_group("n1", STREAM, committed=30, applied=10)(with_replica("n2", STREAM, "n3", lag=99)(read("2.15.1")))
    assert not any(distances(judge(readings, {}, max_lag=100), 100).values())


def test_of_a_server_that_does_not_answer_no_distance_is_known_but_that() -> None:
    silent = Verdict(Reading("n1", "http://n1:8222", error="connection refused"), (Missing("reachable", "refused", "n1"),), {})
    assert distances([silent], 100) == {"n1 reachable": 1}
    assert distances(judge(read("2.15.1"), {}, max_lag=100), 100)["n1 reachable"] == 0


def test_messages_that_a_snapshot_still_brings_count_as_distance_though_the_leader_says_no_lag() -> None:
    readings = read("2.15.1")
    placements = tuple(replace(p, held=Held(40, 1, 40)) if p.label == STREAM else p for p in readings[2].placements)
    verdicts = judge(changed(readings, "n3", placements=placements), {}, max_lag=100)
    assert {name: number for name, number in distances(verdicts, 50).items() if number} == {"n3 lag": 60}


def test_assets_that_come_and_go_do_not_keep_a_hopeless_wait_going() -> None:
    clock, progress = Clock(end_seconds=20_000), Progress()
    reading = read("2.15.1")[0]

    def look() -> list[Verdict]:
        return [Verdict(reading, (Missing("healthz", "503 why"),), {f"APP > JOBS > worker-{clock.now()}": 1})]

    polled = poll_until(
        look,
        lambda verdicts: verdicts[0].back,
        timeout_seconds=300.0,
        moved=lambda verdicts: progress.moved(distances(verdicts, 100)),
        now=clock.now,
        sleep=clock.sleep,
    )
    assert polled.elapsed_seconds == pytest.approx(300.0)


def test_nothing_is_expected_after_a_restart_of_a_server_that_was_not_read() -> None:
    assert restart_expectation(Reading("n1", "http://n1:8222", error="connection refused")) == Expectation()


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (999, "999"), (18_204, "18 204"), (1_000_000, "1 000 000")])
def test_counts_are_written_with_blanks(number: int, text: str) -> None:
    assert spaced(number) == text
