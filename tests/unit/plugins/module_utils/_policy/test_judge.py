from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.versions import parse
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import FINAL, NAMES, Finding
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._policy.judge import Policy

POLICY = _judge.load()
NOTHING: frozenset[str] = frozenset()


def way(running: Mapping[str, str] | str, target: str, policy: Policy = POLICY) -> list[Finding]:
    hosts = {"n1": running} if isinstance(running, str) else running
    return _judge.judge_way(policy, hosts, parse(target))


def names(findings: list[Finding]) -> list[str]:
    assert all(finding.name in {*NAMES, *FINAL} for finding in findings)
    return [finding.name for finding in findings]


def extended(tmp_path: Path, text: str) -> Policy:
    (tmp_path / "ours.yml").write_text(text, encoding="utf-8")
    return _judge.load(str(tmp_path / "ours.yml"))


@pytest.mark.parametrize("target", ["2.15.2", "2.15.0", "2.14.7", "2.14.0", "2.14.7-hotfix.1"])
def test_a_maintained_release_is_a_target(target: str) -> None:
    assert _judge.judge_target(POLICY, parse(target)) == []


@pytest.mark.parametrize("target", ["2.15.2", "2.14.7"])
def test_nothing_bad_is_known_of_the_newest_releases(target: str) -> None:
    everything = frozenset(word for rule in POLICY.bad_releases for word in rule.when)
    assert _judge.judge_bad_release(POLICY, parse(target), everything) == []


@pytest.mark.parametrize("target", ["2.15.1-RC.1", "2.15.0-preview.2", "2.14.7-dev"])
def test_a_candidate_is_refused_and_the_release_named(target: str) -> None:
    (finding,) = _judge.judge_target(POLICY, parse(target))
    newest = "2.14.7" if target.startswith("2.14") else "2.15.2"
    assert (finding.name, finding.refuses, finding.waivable) == ("prerelease", True, True)
    assert finding.message == (f"{target} is not a release: NATS publishes previews and candidates for testing. Take {newest}")


@pytest.mark.parametrize("target", ["2.9.25", "2.10.29", "2.11.17", "2.12.15", "2.12.8", "2.11.17-hotfix.1"])
def test_a_minor_without_patches_is_warned_of(target: str) -> None:
    (finding,) = _judge.judge_target(POLICY, parse(target))
    assert (finding.name, finding.refuses) == ("end_of_life", False)
    assert "Maintained are 2.14, 2.15: plan the way there" in finding.message


@pytest.mark.parametrize(
    ("target", "known"),
    [
        pytest.param("2.15.3", "newer than what the rules of this collection know (up to 2.15.2)", id="patch"),
        pytest.param("2.14.8", "newer than what the rules of this collection know (up to 2.14.7)", id="patch-of-the-one-before"),
        pytest.param("2.16.0", "newer than what the rules of this collection know (up to 2.15.2)", id="minor"),
        pytest.param("3.0.0", "newer than what the rules of this collection know (up to 2.15.2)", id="major"),
        pytest.param("2.8.4", "older than what the rules of this collection know (from 2.9 on)", id="old"),
    ],
)
def test_a_version_that_the_rules_do_not_know_is_warned_of(target: str, known: str) -> None:
    (finding,) = _judge.judge_target(POLICY, parse(target))
    assert (finding.name, finding.refuses) == ("unknown_version", False)
    assert finding.message.startswith(f"{target} is {known}: ")
    assert "nats_upgrade_policy_file" in finding.message


def test_a_file_of_the_user_makes_a_newer_patch_known(tmp_path: Path) -> None:
    policy = extended(tmp_path, 'minors: {"2.15": {latest: 2.15.3}}')
    assert _judge.judge_target(policy, parse("2.15.3")) == []


@pytest.mark.parametrize(
    ("target", "used", "message"),
    [
        pytest.param(
            "2.12.5",
            NOTHING,
            "2.12.5 has a known fault: a stream update can lose the consumers of the stream in a cluster. It is mended in "
            "2.12.6: take 2.12.15",
            id="everywhere",
        ),
        pytest.param(
            "2.12.6",
            frozenset({"mqtt", "auth_callout", "websocket"}),
            "2.12.6 has a known fault: the auth callout does not get the JWT of MQTT clients, so they cannot log in (in use "
            "here: auth_callout, mqtt). It is mended in 2.11.16 and 2.12.7: take 2.12.15",
            id="in-use",
        ),
        pytest.param(
            "2.12.1",
            NOTHING,
            "2.12.1 has a known fault: a user saw it take 16 times the memory of 2.12.0, with timeouts, and the report is still "
            "open. It is not known to be mended: take 2.12.15",
            id="not-mended",
        ),
        pytest.param(
            "2.11.17",
            frozenset({"leafnodes"}),
            "2.11.17 has a known fault: when leafnodes reconnect, sourcing consumers are created again and again, which can "
            "bring a cluster down (in use here: leafnodes). It is mended in 2.11.17-hotfix.1",
            id="the-newest-has-it-too",
        ),
    ],
)
def test_a_bad_release_says_what_why_and_what_to_take(target: str, used: frozenset[str], message: str) -> None:
    assert message in [finding.message for finding in _judge.judge_bad_release(POLICY, parse(target), used)]


@pytest.mark.parametrize(
    ("running", "target"),
    [
        pytest.param("2.15.1", "2.15.1", id="the-same"),
        pytest.param("2.15.0", "2.15.2", id="patch"),
        pytest.param("2.14.0-RC.1", "2.14.7", id="from-a-candidate"),
        pytest.param("2.9.22", "2.10.29", id="2.9-2.10"),
        pytest.param("2.10.29", "2.11.17", id="2.10-2.11"),
        pytest.param("2.11.9", "2.12.15", id="2.11-2.12"),
        pytest.param("2.12.0", "2.14.7", id="2.12-2.14"),
        pytest.param("2.14.7", "2.15.2", id="2.14-2.15"),
        pytest.param("2.14.7-hotfix.1", "2.15.2", id="from-a-hotfix"),
        pytest.param("2.15.2", "2.16.0", id="to-an-unknown-minor"),
        pytest.param("2.15.2", "2.15.1", id="one-patch-down"),
        pytest.param("2.12.14", "2.12.12", id="one-patch-down-over-a-gap"),
        pytest.param("2.11.17-hotfix.1", "2.11.17", id="down-from-a-hotfix"),
        pytest.param("2.15.1+build.3", "2.15.1", id="build-metadata"),
    ],
)
def test_a_way_with_nothing_against_it(running: str, target: str) -> None:
    assert way(running, target) == []


@pytest.mark.parametrize("minor", POLICY.minors[:-1], ids=str)
def test_the_way_that_is_told_can_be_gone(minor: Any) -> None:
    stops = _judge.path(POLICY, minor.latest, POLICY.minors[-1].latest)
    assert [way(old, new) for old, new in zip(stops, stops[1:])] == [[]] * (len(stops) - 1)


@pytest.mark.parametrize(
    ("start", "target", "stops"),
    [
        pytest.param("2.10.29", "2.15.2", "2.10.29 -> 2.11.17 -> 2.12.15 -> 2.14.7 -> 2.15.2", id="all"),
        pytest.param("2.10.26", "2.15.1", "2.10.26 -> 2.11.17 -> 2.12.15 -> 2.14.7 -> 2.15.1", id="no-patch-first"),
        pytest.param("2.9.10", "2.11.17", "2.9.10 -> 2.9.25 -> 2.10.29 -> 2.11.17", id="patch-first-before-2.10"),
        pytest.param("2.14.3", "2.15.2", "2.14.3 -> 2.14.7 -> 2.15.2", id="patch-first-before-2.15"),
        pytest.param("2.11.8", "2.14.7", "2.11.8 -> 2.11.17 -> 2.12.15 -> 2.14.7", id="patch-first-before-2.12"),
        pytest.param("2.12.8", "2.14.3", "2.12.8 -> 2.14.3", id="next-minor"),
        pytest.param("2.14.7", "2.17.0", "2.14.7 -> 2.15.2 -> 2.17.0", id="through-an-unknown-one"),
        pytest.param("2.15.0", "2.15.2", "2.15.0 -> 2.15.2", id="patch"),
        pytest.param("2.15.2", "2.15.2", "2.15.2", id="nowhere"),
        pytest.param("2.15.2", "2.11.9", "2.15.2 -> 2.14.7 -> 2.12.15 -> 2.11.9", id="down"),
        pytest.param("2.15.2", "2.14.6", "2.15.2 -> 2.14.6", id="down-one"),
        pytest.param("1.4.1", "2.15.2", "1.4.1 -> 2.15.2", id="majors"),
    ],
)
def test_a_path_goes_minor_by_minor_latest_patch_by_latest_patch(start: str, target: str, stops: str) -> None:
    assert " -> ".join(_judge.path(POLICY, parse(start), parse(target))) == stops


def test_a_rule_of_the_user_may_want_a_patch_of_the_next_minor_first(tmp_path: Path) -> None:
    rule = "{id: A, from: '==2.14.*', to: '>=2.15.0', severity: refuse, by: 2.15.1, why: ours does, source: wiki}"
    policy = extended(tmp_path, f"stepping_stones: [{rule}, {{id: U13, disabled: true}}]")
    assert _judge.path(policy, parse("2.14.7"), parse("2.15.2")) == ("2.14.7", "2.15.1", "2.15.2")
    assert _judge.path(policy, parse("2.14.7"), parse("2.15.1")) == ("2.14.7", "2.15.1")


def test_a_skipped_minor_is_refused_with_the_way_to_go() -> None:
    running = {"n1": "2.12.8", "n2": "2.12.8", "n3": "2.11.17"}
    findings = [finding for finding in way(running, "2.14.7") if finding.name == "skipped_minor"]
    assert [(f.seen, f.refuses, f.waivable) for f in findings] == [(("n3",), True, True)]
    assert findings[0].message == (
        "n3 runs 2.11.17: 2.14.7 is 2 minors on (2.12, 2.14), and NATS writes its upgrade guides from each minor to the next. Go "
        "one minor at a time, each to its end: 2.11.17 -> 2.12.15 -> 2.14.7"
    )


def test_hosts_of_the_same_version_are_told_together() -> None:
    running = {"n1": "2.11.17", "n2": "2.10.29", "n3": "2.11.17"}
    findings = [finding for finding in way(running, "2.14.7") if finding.name == "skipped_minor"]
    assert [(f.seen, f.message.partition(":")[0]) for f in findings] == [
        (("n1", "n3"), "n1, n3 run 2.11.17"),
        (("n2",), "n2 runs 2.10.29"),
    ]


def test_of_many_hosts_a_few_are_named_and_all_are_in_the_data() -> None:
    running = {f"n{number}": "2.14.6" for number in range(1, 101)}
    (finding,) = way(running, "2.15.2")
    assert finding.message.startswith("n1, n2, n3, n4, n5 and 95 more run 2.14.6: ")
    assert finding.seen == tuple(running)


def test_a_skipped_minor_is_no_matter_where_the_window_is_wider(tmp_path: Path) -> None:
    policy = extended(tmp_path, "window: {minors: 2, months: 24}")
    assert names(way("2.11.17", "2.14.7", policy)) == []
    assert names(way("2.10.29", "2.14.7", policy)) == ["skipped_minor", "version_window"]


def test_minors_that_came_out_too_far_apart_are_refused() -> None:
    (finding,) = [finding for finding in way({"n1": "2.11.17", "n2": "2.11.17"}, "2.14.7") if finding.name == "version_window"]
    assert (finding.refuses, finding.waivable, finding.seen) == (True, True, ("n1", "n2"))
    assert finding.message == (
        "n1, n2 run 2.11.17: 2.11 and 2.14 came out 13 months apart, and the window is 12: versions so far apart are seldom "
        "tried in one cluster. Go 2.11.17 -> 2.12.15 -> 2.14.7"
    )


@pytest.mark.parametrize(("months", "told"), [(12, True), (13, False)])
def test_the_window_counts_full_months(tmp_path: Path, months: int, told: bool) -> None:
    policy = extended(tmp_path, f"window: {{months: {months}}}")
    assert ("version_window" in names(way("2.11.17", "2.14.7", policy))) is told


def test_a_month_that_is_not_over_does_not_count(tmp_path: Path) -> None:
    # 2.12.0 came out on a 22nd, 2.15.0 on a 17th.
    policy = extended(tmp_path, "window: {minors: 2, months: 11}")
    assert names(way("2.12.15", "2.15.2", policy)) == ["stepping_stone"]


def test_the_next_minor_is_in_the_window_however_long_it_took() -> None:
    # A year and a half lie between 2.10.0 and 2.11.0.
    assert way("2.10.0", "2.11.17") == []


@pytest.mark.parametrize("text", ["", "dev", "2.15", "2.15.1.4", "v2.15.1"])
def test_a_version_of_a_servers_own_making_is_refused(text: str) -> None:
    (finding,) = way({"n1": text, "n2": text, "n3": "2.15.1"}, "2.15.2")
    assert (finding.name, finding.refuses, finding.waivable, finding.seen) == ("unknown_version", True, True, ("n1", "n2"))
    assert finding.message.startswith(
        f"n1, n2 run {text or 'no version'}, which is no version of nats-server that can be compared"
    )


@pytest.mark.parametrize(("running", "target", "patches"), [("2.15.2", "2.15.0", 2), ("2.12.15", "2.12.11", 3)])
def test_more_than_one_patch_down_is_refused_and_can_be_waived(running: str, target: str, patches: int) -> None:
    (finding,) = way(running, target)
    assert (finding.name, finding.refuses, finding.waivable) == ("downgrade", True, True)
    assert f"{target} is {patches} patches down" in finding.message


def test_a_downgrade_says_what_is_looked_at_all_the_same() -> None:
    (finding,) = way({"n1": "2.15.1", "n2": "2.15.1"}, "2.14.6")
    assert finding.message.startswith("n1, n2 run 2.15.1: 2.14.6 is older, and going down by a minor is a risk: NATS recommends")
    assert "2.14.7 or later" in finding.message
    assert finding.message.endswith(
        "Who waives this still meets two gates: streams and consumers have to do with API level 4 (downgrade_assets), and 2.14.6 "
        "has to accept the configuration, so take out what it does not know, such as "
        "jetstream.limits.default_max_consumers (config)"
    )


def test_a_downgrade_below_a_floor_cannot_be_waived_and_says_what_to_take() -> None:
    (finding,) = way("2.12.15", "2.11.8")
    assert not finding.waivable
    assert finding.message.endswith("the floor is 2.11.9. Take a later 2.11, or stay")


def test_where_a_hard_floor_is_broken_only_that_is_told(tmp_path: Path) -> None:
    rule = "{id: A, from: '==2.12.*', to: '==2.11.*', why: ours does, source: wiki}"
    policy = extended(tmp_path, f"downgrade_floors: [{rule}]")
    (below,), (above,) = way("2.12.15", "2.11.8", policy), way("2.12.15", "2.11.17", policy)
    assert ("ours does" in below.message, "wiki" in below.source, below.waivable) == (False, False, False)
    assert ("ours does" in above.message, "wiki" in above.source, above.waivable) == (True, True, True)


def test_two_minors_down_cannot_be_waived_and_the_way_is_told() -> None:
    (finding,) = way("2.15.1", "2.12.8")
    assert (finding.name, finding.refuses, finding.waivable) == ("downgrade", True, False)
    assert finding.message == (
        "n1 runs 2.15.1: 2.12.8 is older, and going down by a minor is a risk: 2.12.8 is 2 minors down, and the window is 1. Go "
        "one minor at a time: 2.15.1 -> 2.14.7 -> 2.12.8"
    )


def test_more_minors_down_can_be_waived_where_the_window_is_wider(tmp_path: Path) -> None:
    (finding,) = way("2.15.1", "2.12.8", extended(tmp_path, "window: {minors_down: 2}"))
    assert finding.waivable
    assert "API level 3" in finding.message


def test_down_to_another_major_there_is_no_way() -> None:
    (finding,) = way("2.0.0", "1.4.1")
    assert not finding.waivable
    assert "cannot be in one cluster" in finding.message


def test_from_another_major_only_that_is_told() -> None:
    assert names(way("1.4.1", "2.15.2")) == ["stepping_stone"]


def test_each_server_is_judged_by_what_it_runs() -> None:
    findings = way({"up": "2.14.6", "there": "2.14.7", "down": "2.15.1"}, "2.14.7")
    assert [(finding.name, finding.seen) for finding in findings] == [("downgrade", ("down",))]


@pytest.mark.parametrize(
    ("old", "new", "is_open", "said"),
    [
        pytest.param("2.15.0", "2.15.2", True, "", id="patch"),
        pytest.param("2.15.2", "2.15.1", True, "", id="back-is-up"),
        pytest.param("2.15.1", "2.14.7", True, "", id="back-is-up-a-minor"),
        pytest.param("2.14.7", "2.15.2", True, "a scale or a move", id="2.15-2.14"),
        pytest.param("2.12.15", "2.14.7", True, "rebuilds index.db", id="2.14-2.12"),
        pytest.param("2.11.17", "2.12.15", True, "rebuilds index.db", id="2.12-2.11"),
        pytest.param("2.10.29", "2.11.17", True, "rebuilds index.db", id="2.11-2.10"),
        pytest.param("2.11.8", "2.12.15", False, "the floor is 2.11.9", id="below-a-floor"),
        pytest.param("2.9.10", "2.10.29", False, "the floor is 2.9.22", id="below-the-oldest-floor"),
        pytest.param("2.12.8", "2.15.2", False, "2.12.8 is 2 minors down, and the window is 1", id="too-far"),
        pytest.param("1.4.1", "2.15.2", False, "cannot be in one cluster", id="majors"),
        pytest.param("2.15.2", "2.16.0", True, "", id="nothing-is-known"),
    ],
)
def test_the_way_back(old: str, new: str, is_open: bool, said: str) -> None:
    back = _judge.way_back(POLICY, parse(old), parse(new))
    assert back.open is is_open
    assert said in back.note
    assert bool(back.note) is bool(said)
    assert bool(back.source) is bool(said)


def test_what_is_rebuilt_is_not_told_where_it_is_not() -> None:
    # 2.15 kept the format of 2.14.
    assert "index.db" not in _judge.way_back(POLICY, parse("2.14.7"), parse("2.15.2")).note


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("1.4.1", 0),
        ("2.8.4", 0),
        ("2.10.29", 0),
        ("2.11.0", 1),
        ("2.11.17-hotfix.1", 1),
        ("2.12.8", 3),
        ("2.13.0", 3),
        ("2.14.6", 4),
        ("2.15.1", 5),
        ("2.16.0", 5),
        ("3.0.0", 5),
    ],
)
def test_the_api_level_of_a_version(version: str, level: int) -> None:
    assert _judge.api_level(POLICY, parse(version)) == level


@pytest.mark.parametrize(
    ("config", "needed"),
    [
        pytest.param({}, (0, ()), id="nothing"),
        pytest.param({"metadata": None, "compression": "s2"}, (0, ()), id="no-level"),
        pytest.param({"metadata": {"_nats.req.level": "0"}}, (0, ()), id="noted-none"),
        pytest.param({"metadata": {"_nats.req.level": "2"}, "allow_atomic": True}, (2, ("allow_atomic",)), id="noted-and-seen"),
        pytest.param({"metadata": {"_nats.req.level": "0"}, "allow_atomic": True}, (2, ("allow_atomic",)), id="noted-too-low"),
        pytest.param({"metadata": {"_nats.req.level": "6"}, "allow_atomic": True}, (6, ()), id="the-server-knows-better"),
        pytest.param({"metadata": {"_nats.req.level": "x", "_nats.level": "5"}}, (0, ()), id="no-number"),
        pytest.param({"allow_msg_ttl": True, "allow_batched": True}, (4, ("allow_batched",)), id="the-highest"),
        pytest.param(
            {"allow_atomic": True, "allow_msg_counter": True}, (2, ("allow_msg_counter", "allow_atomic")), id="two-of-a-level"
        ),
    ],
)
def test_what_a_stream_needs_comes_from_its_metadata_and_its_fields(config: Mapping[str, Any], needed: Any) -> None:
    assert _judge.required_level(POLICY, "stream", config) == needed


def test_all_fields_that_are_too_new_are_named() -> None:
    config = {"allow_msg_ttl": True, "allow_atomic": True, "compression": "s2", "allow_batched": True}
    fields = [_judge.unsupported_fields(POLICY, "stream", config, parse(text)) for text in ("2.14.7", "2.12.8", "2.10.29")]
    assert fields == [(), ("allow_batched",), ("allow_msg_ttl", "allow_atomic", "allow_batched")]


def test_notes_are_of_each_minor_that_is_stepped_into_oldest_first() -> None:
    notes = _judge.notes(POLICY, parse("2.11.17"), parse("2.14.7"))
    minors = [note.minor for note in notes]
    assert (sorted(set(minors)), minors) == (["2.12", "2.14"], sorted(minors))
    assert any("refuses requests with unknown fields" in note.text for note in notes)
    assert all(note.text.endswith(".") and note.source for note in notes)


def test_new_configuration_keys_are_a_note_with_the_keys_as_data() -> None:
    notes = _judge.notes(POLICY, parse("2.14.7"), parse("2.15.2"))
    assert [note.config_keys for note in notes if note.config_keys] == [("jetstream.limits.default_max_consumers",)]
    last = notes[-1].as_dict()
    assert (last["minor"], last["config_keys"]) == ("2.15", ["jetstream.limits.default_max_consumers"])
    assert "add them after the last node is done" in last["text"]


@pytest.mark.parametrize(("old", "new"), [("2.15.0", "2.15.2"), ("2.15.1", "2.14.7"), ("2.15.1", "2.15.1"), ("2.15.2", "2.16.0")])
def test_there_are_no_notes_within_a_minor_or_downwards_or_of_what_is_not_known(old: str, new: str) -> None:
    assert _judge.notes(POLICY, parse(old), parse(new)) == ()
