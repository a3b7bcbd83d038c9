from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._audit import drift as _drift
from ansible_collections.natsops.cluster.plugins.module_utils._audit import fleet as _fleet
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading
from tests.unit.fleets import CLEAN, DAY, HOUR, NOW, POLICY, ago, found, judged, names, server, silent, three
from tests.unit.recorded import OLDEST_AND_NEWEST, read


def mixed(newer_up: list[float], older_up: list[float], older: str = "2.14.7") -> list[Reading]:
    hosts = iter(f"n{number}" for number in range(1, 10))
    readings = [server(next(hosts), CLEAN, up) for up in newer_up] + [server(next(hosts), older, up) for up in older_up]
    everybody = frozenset(reading.name for reading in readings)
    return [replace(reading, peers=everybody - {reading.name}) for reading in readings]


def test_a_cluster_of_one_version_has_nothing_to_tell() -> None:
    drift = judged(three())
    assert drift.findings == ()
    assert drift.failed == ()
    (cluster,) = drift.clusters
    assert (cluster.name, cluster.majority, cluster.versions, cluster.mismatch) == ("lab", CLEAN, {CLEAN: 3}, None)


@pytest.mark.parametrize(
    ("newer_up", "older_up", "state", "age", "sure"),
    [
        pytest.param([300], [9 * DAY, 9 * DAY], "active", 300, 300, id="a roll began"),
        pytest.param([5 * HOUR, 60], [9 * DAY], "active", 5 * HOUR, 5 * HOUR, id="a slow roll goes on"),
        pytest.param([5 * HOUR, 4 * HOUR], [9 * DAY], "stale", 5 * HOUR, 5 * HOUR, id="a roll stopped"),
        pytest.param([5 * HOUR, 4 * HOUR], [60], "active", 5 * HOUR, 60, id="it is taken back"),
        pytest.param([5 * HOUR, 4 * HOUR], [2 * HOUR], "stale", 5 * HOUR, 2 * HOUR, id="taking it back stopped"),
        pytest.param([2 * DAY, 4 * HOUR], [9 * DAY], "overdue", 2 * DAY, 2 * DAY, id="overdue"),
        pytest.param([2 * DAY, 60], [9 * DAY], "overdue", 2 * DAY, 2 * DAY, id="overdue, and somebody is at it"),
        pytest.param([2 * DAY], [2 * HOUR, 2 * HOUR], "overdue", 2 * DAY, 2 * HOUR, id="those left behind were restarted"),
        pytest.param([30 * DAY, 30 * DAY], [60], "overdue", 30 * DAY, 60, id="the one left behind was restarted now"),
        pytest.param([DAY], [9 * DAY], "stale", DAY, DAY, id="the last moment that is allowed"),
    ],
)
def test_several_versions_are_a_roll_or_one_that_stopped_or_overdue(
    newer_up: list[float], older_up: list[float], state: str, age: int, sure: int
) -> None:
    drift = judged(mixed(newer_up, older_up))
    mismatch = drift.clusters[0].mismatch
    assert mismatch is not None
    assert (mismatch.state, mismatch.age_seconds, mismatch.sure_seconds) == (state, age, sure)
    finding = found(drift, f"mismatch_{state}")
    assert drift.severity(finding) == {"active": "note", "stale": "warn", "overdue": "fail"}[state]
    assert (finding.details["age_seconds"], finding.details["sure_seconds"]) == (age, sure)
    assert drift.failed == (("mismatch_overdue",) if state == "overdue" else ())


@pytest.mark.parametrize(
    ("newer_up", "older_up", "said"),
    [
        ([5 * HOUR, 60], [9 * DAY], "for 5 h at least; the last start was 60 s ago. "),
        ([30 * DAY, 30 * DAY], [2 * HOUR], "for 2 h at least, and for 30 d if n3 was only restarted. "),
        (
            [30 * DAY],
            [3 * HOUR, 2 * HOUR],
            "for 3 h at least, and for 30 d if n2, n3 were only restarted; the last start was 2 h ago",
        ),
        ([30 * DAY, 60], [2 * HOUR], "for 2 h at least, and for 30 d if n3 was only restarted; the last start was 60 s ago. "),
    ],
)
def test_at_least_is_said_of_what_is_sure(newer_up: list[float], older_up: list[float], said: str) -> None:
    """A server says since when it runs, and not whether it ran another version before."""
    drift = judged(mixed(newer_up, older_up))
    (finding,) = [finding for finding in drift.findings if finding.name.startswith("mismatch_")]
    assert finding.message.startswith(f"lab runs 2 versions, {said}")
    assert finding.next.startswith("If a roll to the older version has just begun, let it end") is ("only restarted" in said)


def test_of_three_versions_two_that_have_long_been_there_are_sure_whoever_was_restarted() -> None:
    readings = [server("n1", CLEAN, 30 * DAY), server("n2", "2.14.7", 10 * DAY), server("n3", "2.14.6", HOUR)]
    mismatch = judged(readings).clusters[0].mismatch
    assert mismatch is not None
    assert (mismatch.age_seconds, mismatch.sure_seconds, mismatch.doubtful) == (30 * DAY, 10 * DAY, ("n2", "n3"))


def test_the_limits_are_the_users() -> None:
    readings = mixed([300], [9 * DAY])
    assert names(judged(readings, _fleet.Limits(max_mismatch_seconds=200)))[0] == "mismatch_overdue"
    assert names(judged(readings, _fleet.Limits(active_seconds=100)))[0] == "mismatch_stale"


def test_ages_are_by_the_clocks_of_the_servers() -> None:
    """Of servers whose clock is an hour ahead of the controller's, one that was started a minute ago is no riddle."""
    readings = [server("n1", CLEAN, now=ago(-HOUR), start=ago(60 - HOUR)), server("n2", "2.14.7")]
    mismatch = judged(readings).clusters[0].mismatch
    assert mismatch is not None
    assert (mismatch.state, mismatch.age_seconds) == ("active", 60)


@pytest.mark.parametrize("start", ["", "yesterday", "2026-13-77T99:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_start_that_says_nothing_breaks_nothing(start: str) -> None:
    assert judged([server("n1", start=start), server("n2", "2.14.7", start=start)]).clusters[0].mismatch is not None


@pytest.mark.parametrize(
    ("version", "gap"),
    [
        ("2.15.1", "1 patch older"),
        ("2.15.0", "2 patches older"),
        ("2.15.4", "2 patches newer"),
        ("2.14.7", "1 minor older"),
        ("2.12.8", "2 minors older"),  # 2.13 was never released
        ("2.16.0", "1 minor newer"),
        ("1.4.1", "1 major older"),
        ("3.0.0", "1 major newer"),
        ("2.15.2-RC.1", "same patch, older"),
        ("2.15.2-hotfix.1", "same patch, newer"),
        ("2.15-ours", "cannot be compared"),
    ],
)
def test_a_gap_is_told_in_the_words_of_versions(version: str, gap: str) -> None:
    (outlier,) = judged(three(n2=version)).clusters[0].outliers
    assert (outlier.server.host, str(outlier.gap)) == ("n2", gap)


def test_the_majority_is_what_most_run_and_where_none_does_the_newest() -> None:
    assert judged(three(n1="2.14.7", n2="2.14.7")).clusters[0].majority == "2.14.7"
    assert judged(three(n1="2.14.7", n2="2.14.6")).clusters[0].majority == CLEAN
    assert judged([server("n1", "2.14.7"), server("n2", CLEAN)]).clusters[0].majority == CLEAN


def test_clusters_are_told_apart_and_single_servers_are_not_compared() -> None:
    east = [server(host, "2.14.7", cluster={"name": "east"}, peers=frozenset({"e1", "e2"} - {host})) for host in ("e1", "e2")]
    alone = [server("a1", "2.14.6", cluster={}, peers=frozenset()), server("a2", "2.15.1", cluster={}, peers=frozenset())]
    drift = judged([*three(), *east, *alone])
    assert [(cluster.name, cluster.majority, cluster.outliers) for cluster in drift.clusters[:2]] == [
        ("east", "2.14.7", ()),
        ("lab", CLEAN, ()),
    ]
    assert (drift.clusters[2].name, drift.clusters[2].outliers) == ("", ())
    assert names(drift) == ["no_cluster", "patch_available"]
    assert found(drift, "no_cluster").seen == ("a1", "a2")


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
def test_recorded_servers_are_judged(version: str) -> None:
    drift = judged(read(version))
    assert drift.clusters[0].versions == {version: 3}
    assert not {"not_in_cluster", "unlisted_server", "same_server"} & set(names(drift))


def test_findings_come_in_the_order_of_their_severity_and_the_user_says_what_fails() -> None:
    fleet = _fleet.Fleet((*three(n2="2.14.6"), silent("n4")), NOW)
    usual = _drift.judge(fleet, POLICY)
    ranks = [_fleet.SEVERITIES.index(usual.severity(finding)) for finding in usual.findings]
    assert ranks == sorted(ranks)
    assert usual.failed == ("mismatch_overdue", "silent_server")
    other = _drift.judge(fleet, POLICY, failing=["patch_available"])
    assert other.failed == ("patch_available",)
    assert other.severity(found(other, "silent_server")) == "warn"
    assert _drift.judge(fleet, POLICY, failing=[]).failed == ()


def test_a_finding_that_there_is_not_cannot_fail_an_audit() -> None:
    with pytest.raises(NatsError, match=r"names 'silent_servers', which is no finding \(did you mean silent_server\?\)"):
        _fleet.require_known(["silent_servers"])


def test_the_judgement_is_data(tmp_path: Any) -> None:
    told = judged([*three(n2="2.14.6"), silent("n4")]).as_dict()
    assert (told["schema"], told["at"]) == (1, "2026-11-21T12:00:00Z")
    assert told["summary"] == {
        "hosts": 4,
        "answered": 3,
        "servers": 3,
        "clusters": 1,
        "versions": {CLEAN: 2, "2.14.6": 1},
        **{severity: sum(one["severity"] == severity for one in told["findings"]) for severity in _fleet.SEVERITIES},
    }
    assert told["clusters"][0]["outliers"] == [
        {"host": "n2", "version": "2.14.6", "gap": {"level": "minor", "count": 1, "direction": "older"}}
    ]
    assert [one["host"] for one in told["servers"]] == ["n1", "n2", "n3"]
    assert told["servers"][0]["uptime_seconds"] == 30 * DAY
