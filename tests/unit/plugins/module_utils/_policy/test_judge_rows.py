"""Every rule of the shipped file, by a case that holds with it and does not without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Mapping

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.versions import parse
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._policy.judge import Policy

POLICY = _judge.load()
Without = Callable[[str, str], Policy]


@pytest.fixture
def without(tmp_path: Path) -> Without:
    """The policy less one rule."""

    def load(section: str, rule: str) -> Policy:
        path = tmp_path / "ours.yml"
        path.write_text(f"{section}: [{{id: {rule}, disabled: true}}]", encoding="utf-8")
        return _judge.load(str(path))

    return load


def why(policy: Policy, section: str, rule: str) -> str:
    return next(one.why for one in getattr(policy, section) if one.id == rule)


# Rule, a target that it is about, the first patch that it is not about, what is in use, whether it refuses.
BAD_RELEASES = [
    ("B2.9.12", "2.9.12", "2.9.14", "", True),
    ("B2.10.0-cve", "2.10.26", "2.10.27", "", False),
    ("B2.10.0-cve", "2.11.0", "2.11.1", "", False),
    ("B2.10.0-healthz", "2.10.23", "2.10.24", "", False),
    ("B2.10.6", "2.10.6", "2.10.7", "", False),
    ("B2.10.16", "2.10.16", "2.10.17", "", False),
    ("B2.10.19-cas", "2.10.19", "2.10.20", "r1_streams", True),
    ("B2.10.19-sources", "2.10.21", "2.10.22", "sources", True),
    ("B2.10.20-loss", "2.10.22", "2.10.23", "", True),
    ("B2.10.25-interest", "2.10.25", "2.10.26", "interest_or_workqueue_streams", True),
    ("B2.10.28", "2.10.28", "2.10.29", "", True),
    ("B2.10.28", "2.11.2", "2.11.3", "", True),
    ("B2.11.0-standalone", "2.11.1", "2.11.2", "standalone", True),
    ("B2.11.0-encryption", "2.11.5", "2.11.6", "encryption", True),
    ("B2.11.0-filtered", "2.11.5", "2.11.6", "", False),
    ("B2.11.0-peers", "2.12.2", "2.12.3", "", False),
    ("B2.11.0-peers", "2.11.11", "2.11.12", "", False),
    ("B2.11.0-pause", "2.12.2", "2.12.3", "", False),
    ("B2.11.15-mqtt", "2.11.15", "2.11.16", "mqtt auth_callout", True),
    ("B2.11.15-mqtt", "2.12.6", "2.12.7", "mqtt auth_callout", True),
    ("B2.11.0-security", "2.14.3", "2.14.4", "", False),
    ("B2.11.0-security", "2.12.12", "2.12.14", "", False),
    ("B2.11.0-security", "2.11.16", "2.11.17", "", False),
    ("B2.11.0-argv", "2.11.14", "2.11.15", "", False),
    ("B2.11.0-argv", "2.12.5", "2.12.6", "", False),
    ("B2.11.17-leaf", "2.11.17", "2.11.17-hotfix.1", "leafnodes", False),
    ("B2.12.0-leaf", "2.12.8", "2.12.9", "leafnodes", True),
    ("B2.12.0-leaf", "2.14.0", "2.14.1", "leafnodes", True),
    ("B2.12.0-create", "2.12.14", "2.12.15", "", False),
    ("B2.12.0-create", "2.14.4", "2.14.5", "", False),
    ("B2.12.0-compaction", "2.14.2", "2.14.3", "compression", True),
    ("B2.12.0-compaction", "2.12.11", "2.12.12", "compression", True),
    ("B2.12.0-compaction-encryption", "2.14.2", "2.14.3", "encryption", True),
    ("B2.12.0-cipher", "2.14.0", "2.14.1", "encryption", False),
    ("B2.12.0-counters", "2.14.2", "2.14.3", "", False),
    ("B2.12.0-catchup", "2.12.11", "2.12.12", "", False),
    ("B2.12.0-peer-set", "2.14.1", "2.14.2", "", False),
    ("B2.12.1-memory", "2.12.1", "2.12.2", "", False),
    ("B2.12.5-consumers", "2.12.5", "2.12.6", "", True),
    ("B2.12.7-subjects", "2.12.10", "2.12.11", "per_subject_limits", True),
    ("B2.14.0-consumer-stuck", "2.14.5", "2.14.6", "", False),
    ("B2.14.0-consumer-create", "2.14.5", "2.14.6", "", False),
]


@pytest.mark.parametrize(("rule", "bad", "good", "used", "refuses"), BAD_RELEASES, ids=str)
def test_a_bad_release_is_found(without: Without, rule: str, bad: str, good: str, used: str, refuses: bool) -> None:
    def told(policy: Policy, version: str, words: str) -> list[bool]:
        findings = _judge.judge_bad_release(policy, parse(version), frozenset(words.split()))
        return [f.refuses for f in findings if why(POLICY, "bad_releases", rule) in f.message and f.waivable]

    assert told(POLICY, bad, used) == [refuses]
    assert told(POLICY, good, used) == []
    assert told(without("bad_releases", rule), bad, used) == []
    for word in used.split():
        assert told(POLICY, bad, used.replace(word, "")) == []


# Rule, what runs, the target, whether it refuses, whether it can be waived, the way that is told.
STEPPING_STONES = [
    ("U02", "2.8.4", "2.9.25", False, True, ""),
    ("U03", "1.4.1", "2.15.2", True, False, ""),
    ("U04", "2.9.21", "2.10.29", False, True, "2.9.21 -> 2.9.25 -> 2.10.29"),
    ("U09", "2.11.8", "2.12.15", False, True, "2.11.8 -> 2.11.17 -> 2.12.15"),
    ("U12", "2.12.15", "2.15.2", True, False, "2.12.15 -> 2.14.7 -> 2.15.2"),
    ("U13", "2.14.6", "2.15.0", True, True, "2.14.6 -> 2.14.7 -> 2.15.0"),
]


@pytest.mark.parametrize(("rule", "old", "new", "refuses", "waivable", "way"), STEPPING_STONES, ids=str)
def test_a_stepping_stone_is_wanted(
    without: Without, rule: str, old: str, new: str, refuses: bool, waivable: bool, way: str
) -> None:
    def told(policy: Policy) -> list[Any]:
        findings = _judge.judge_way(policy, {"n1": old}, parse(new))
        return [(f.refuses, f.waivable, f.message) for f in findings if f.name == "stepping_stone"]

    said = f"n1 runs {old}: on the way to {new}, {why(POLICY, 'stepping_stones', rule)}{f'. Go {way}' if way else ''}"
    assert told(POLICY) == [(refuses, waivable, said)]
    assert told(without("stepping_stones", rule)) == []


# Rule, what runs, an older target, whether that is open.
DOWNGRADE_FLOORS = [
    ("D03", "2.15.2", "2.14.7", True),
    ("D04", "2.15.1", "2.14.6", True),
    ("D05", "2.14.7", "2.12.1", True),
    ("D05-floor", "2.14.7", "2.12.0", False),
    ("D07", "2.12.15", "2.11.10", True),
    ("D08", "2.12.15", "2.11.9", True),
    ("D09", "2.12.15", "2.11.8", False),
    ("D10", "2.11.17", "2.10.29", True),
    ("D11", "2.10.29", "2.9.22", True),
    ("D12", "2.10.29", "2.9.21", False),
]


@pytest.mark.parametrize(("rule", "new", "old", "is_open"), DOWNGRADE_FLOORS, ids=str)
def test_going_down_a_minor_says_what_it_costs(without: Without, rule: str, new: str, old: str, is_open: bool) -> None:
    (finding,) = _judge.judge_way(POLICY, {"n1": new}, parse(old))
    way = _judge.way_back(POLICY, parse(old), parse(new))
    assert (finding.name, finding.refuses, finding.waivable) == ("downgrade", True, is_open)
    assert way.open is is_open
    assert why(POLICY, "downgrade_floors", rule) in finding.message
    assert way.note in finding.message
    (less,) = _judge.judge_way(without("downgrade_floors", rule), {"n1": new}, parse(old))
    assert why(POLICY, "downgrade_floors", rule) not in less.message
    assert less.waivable


NEVER_RELEASED = {
    "U15-2.9.13": "2.9.13",
    "U15-2.10.13": "2.10.13",
    "U15-2.10.15": "2.10.15",
    "U15-2.11.13": "2.11.13",
    "U15-2.12.13": "2.12.13",
    "U15-2.13": "2.13.4",
}


@pytest.mark.parametrize(("rule", "version"), NEVER_RELEASED.items())
def test_a_version_that_there_is_not_is_refused(without: Without, rule: str, version: str) -> None:
    def told(policy: Policy) -> list[str]:
        return [f.message for f in _judge.judge_target(policy, parse(version)) if f.name == "withdrawn_version" and f.refuses]

    (message,) = told(POLICY)
    assert message.startswith(f"there is no nats-server {version}: {why(POLICY, 'never_released', rule)}. Take 2.")
    assert told(without("never_released", rule)) == []


# Rule, the kind, a configuration that uses it, one that does not, the level, a target that does not know it.
FEATURES: list[tuple[str, str, Mapping[str, Any], Mapping[str, Any], int, str]] = [
    ("F-compression", "stream", {"compression": "s2"}, {"compression": "none"}, 0, "2.9.25"),
    (
        "F-subject_transform",
        "stream",
        {"subject_transform": {"src": ">", "dest": "a.>"}},
        {"subject_transform": None},
        0,
        "2.9.25",
    ),
    (
        "F-sources-subject_transforms",
        "stream",
        {"sources": [{"name": "A"}, {"name": "B", "subject_transforms": [{"src": ">"}]}]},
        {"sources": [{"name": "A"}, {"name": "B", "subject_transforms": []}]},
        0,
        "2.9.25",
    ),
    ("F-mirror-subject_transforms", "stream", {"mirror": {"subject_transforms": [{"src": ">"}]}}, {"mirror": {}}, 0, "2.9.25"),
    ("F-filter_subjects", "consumer", {"filter_subjects": ["a", "b"]}, {"filter_subjects": []}, 0, "2.9.25"),
    ("F-allow_msg_ttl", "stream", {"allow_msg_ttl": True}, {"allow_msg_ttl": False}, 1, "2.10.29"),
    (
        "F-subject_delete_marker_ttl",
        "stream",
        {"subject_delete_marker_ttl": 10**9},
        {"subject_delete_marker_ttl": 0},
        1,
        "2.10.29",
    ),
    ("F-pause_until", "consumer", {"pause_until": "2027-01-01T00:00:00Z"}, {"pause_until": "0001-01-01T00:00:00Z"}, 1, "2.10.29"),
    ("F-priority_policy", "consumer", {"priority_policy": "overflow"}, {"priority_policy": "none"}, 1, "2.10.29"),
    ("F-priority_groups", "consumer", {"priority_groups": ["jobs"]}, {"priority_groups": None}, 1, "2.10.29"),
    ("F-priority_timeout", "consumer", {"priority_timeout": 10**9}, {}, 1, "2.10.29"),
    ("F-allow_msg_counter", "stream", {"allow_msg_counter": True}, {}, 2, "2.11.17"),
    ("F-allow_atomic", "stream", {"allow_atomic": True}, {}, 2, "2.11.17"),
    ("F-allow_msg_schedules", "stream", {"allow_msg_schedules": True}, {}, 2, "2.11.17"),
    ("F-persist_mode", "stream", {"persist_mode": "async"}, {"persist_mode": "default"}, 2, "2.11.17"),
    ("F-allow_batched", "stream", {"allow_batched": True}, {}, 4, "2.12.15"),
    ("F-ack_policy", "consumer", {"ack_policy": "flow_control"}, {"ack_policy": "explicit"}, 4, "2.12.15"),
]


@pytest.mark.parametrize(("rule", "kind", "config", "other", "level", "too_old"), FEATURES, ids=lambda value: str(value)[:40])
def test_a_feature_is_found_in_the_configuration(
    without: Without,
    rule: str,
    kind: str,
    config: Mapping[str, Any],
    other: Mapping[str, Any],
    level: int,
    too_old: str,
) -> None:
    field = next(feature.field for feature in POLICY.features if feature.id == rule)
    assert _judge.required_level(POLICY, kind, config) == (level, (field,) if level else ())
    assert _judge.unsupported_fields(POLICY, kind, config, parse(too_old)) == (field,)
    assert _judge.unsupported_fields(POLICY, kind, config, parse("2.14.0")) == ()
    for policy, used, of in ((POLICY, other, kind), (POLICY, config, "other"), (without("features", rule), config, kind)):
        assert _judge.required_level(policy, of, used) == (0, ())
        assert _judge.unsupported_fields(policy, of, used, parse(too_old)) == ()


# Rule, a line of a log that it is about, and one that it is not.
NOISE = {
    "N-sourcing": (
        "[WRN] Invalid JetStream request '$G > $JS.API.CONSUMER.CREATE.O': json: unknown field \"sourcing\"",
        "[WRN] Invalid JetStream request '$G > $JS.API.STREAM.CREATE.S': json: unknown field \"name2\"",
    ),
    "N-route": (
        "[ERR] Error trying to connect to route (attempt 1): dial tcp 127.0.0.1:6222: connect: connection refused",
        "[ERR] Error trying to connect to route (attempt 1): lookup n2: no such host",
    ),
    "N-index": (
        "[WRN] Filestore [PLAIN] Stream state magic and version mismatch",
        "[WRN] Recovering stream state from index errored: corrupt state file",
    ),
}


@pytest.mark.parametrize(("rule", "lines"), NOISE.items())
def test_a_line_that_a_roll_brings_is_expected(without: Without, rule: str, lines: tuple[str, str]) -> None:
    noise, no_noise = lines
    assert _judge.is_expected_noise(POLICY, noise)
    assert not _judge.is_expected_noise(POLICY, no_noise)
    assert not _judge.is_expected_noise(without("expected_log_noise", rule), noise)


@pytest.mark.parametrize(
    ("section", "rows"),
    [
        ("bad_releases", [row[0] for row in BAD_RELEASES]),
        ("stepping_stones", [row[0] for row in STEPPING_STONES]),
        ("downgrade_floors", [row[0] for row in DOWNGRADE_FLOORS]),
        ("never_released", list(NEVER_RELEASED)),
        ("features", [row[0] for row in FEATURES]),
        ("expected_log_noise", list(NOISE)),
    ],
)
def test_no_rule_is_without_a_case(section: str, rows: list[str]) -> None:
    assert {rule.id for rule in getattr(POLICY, section)} == set(rows)
