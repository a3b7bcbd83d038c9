"""Reasons not to begin that lie in streams and consumers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._judge import feature_wedge as _feature_wedge
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import assets as _checks_assets
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation
from ansible_collections.natsops.cluster.plugins.module_utils._values import assets as _values_assets
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Health, HealthError, Reading
from tests.unit.recorded import VERSIONS
from tests.unit.situations import (
    LOCAL,
    STREAM,
    changed,
    cluster,
    found,
    plan_of,
    refusals,
    warnings,
    with_asset,
    with_facts,
)

LEVEL = "_nats.req.level"


def names(plan: Any) -> list[str]:
    return [finding.name for finding in (*plan.settled.refusals, *plan.settled.warnings)]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_stream_without_a_second_replica_is_told_with_its_node(version: str) -> None:
    readings = cluster(version=version)
    finding = next(trouble.finding for trouble in _checks_assets._fragile(Situation.of(readings), False))
    assert (finding.name, finding.refuses, finding.seen) == ("r1_assets", False, (LOCAL,))
    assert f"\n  n1: 1: {LOCAL} (R1)\n" in finding.message


@pytest.mark.parametrize(
    ("asset", "told"),
    [
        pytest.param({"replicas": 1}, "APP > NEW (R1)", id="file"),
        pytest.param({"replicas": 1, "memory": True}, "APP > NEW (R1 in memory: emptied)", id="memory"),
        pytest.param({"replicas": 2}, "APP > NEW (R2)", id="two-replicas"),
        pytest.param({"kind": "consumer", "replicas": 2, "label": "APP > NEW > c"}, "APP > NEW > c (R2)", id="consumer-with-two"),
    ],
)
def test_what_cannot_do_without_a_node_is_told_with_why(asset: dict[str, Any], told: str) -> None:
    plan = plan_of(with_asset(cluster(), "n3", **asset))
    assert f"\n  n3: 1: {told}\n" in found(plan, "r1_assets").message
    (step,) = [step for step in plan.steps if step.host == "n3"]
    assert step.fragile == (asset.get("label", "APP > NEW"),)


@pytest.mark.parametrize(
    "asset",
    [
        pytest.param({}, id="three-replicas"),
        pytest.param({"replicas": 1, "leader": "", "host": "n3"}, id="nobody-leads-it"),
        pytest.param({"replicas": 1, "kind": "consumer"}, id="consumer-told-with-its-stream"),
        pytest.param({"replicas": 2, "kind": "consumer", "durable": False}, id="ephemeral-consumer"),
    ],
)
def test_what_can_or_what_is_told_elsewhere_is_not(asset: dict[str, Any]) -> None:
    plan = plan_of(with_asset(cluster(), "n3", **asset))
    assert found(plan, "r1_assets").seen == (LOCAL,)


def test_where_the_user_wants_it_streams_that_will_be_down_are_a_refusal_that_can_be_waived() -> None:
    assert refusals(plan_of(cluster(), refuse_r1=True)) == ["r1_assets"]
    waived = plan_of(cluster(), "r1_assets", refuse_r1=True)
    assert (refusals(waived), [finding.name for finding in waived.settled.waived]) == ([], ["r1_assets"])


@pytest.mark.parametrize(
    ("version", "target", "consumers", "told"),
    [
        ("2.14.6", "2.15.2", 901, True),
        ("2.14.6", "2.15.2", 900, False),
        ("2.14.6", "2.14.7", 901, False),
        ("2.15.1", "2.15.2", 901, False),
    ],
)
def test_a_stream_near_the_limit_of_the_target_is_told_where_the_limit_is_new(
    version: str, target: str, consumers: int, told: bool
) -> None:
    plan = plan_of(with_asset(cluster(version=version), "n1", consumers=consumers), target=target)
    assert ("many_consumers" in warnings(plan)) is told
    if told:
        message = found(plan, "many_consumers").message
        assert message.startswith("APP > NEW (901): from 2.15 a stream takes no more than 1000 consumers. After the last node")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        pytest.param({"allow_atomic": True}, "APP > NEW: allow_atomic (API level 2)", id="by-a-field"),
        pytest.param({"metadata": {LEVEL: "5"}}, "APP > NEW: what it uses (API level 5)", id="by-the-level-the-server-noted"),
    ],
)
def test_what_the_target_cannot_serve_is_refused_and_nothing_waives_that(config: dict[str, Any], says: str) -> None:
    readings = with_asset(cluster(version="2.12.8"), "n1", config=config)
    plan = plan_of(readings, "downgrade", target="2.11.17")
    assert refusals(plan) == ["downgrade_assets"]
    finding = found(plan, "downgrade_assets")
    assert (finding.seen, finding.waivable) == (("APP > NEW",), False)
    assert f"\n  {says}\n" in finding.message
    assert finding.message.endswith("It cannot be waived.")


def test_what_the_target_can_serve_is_not_refused() -> None:
    readings = with_asset(cluster(version="2.12.8"), "n1", config={"compression": "s2", "metadata": {LEVEL: "1"}})
    assert "downgrade_assets" not in names(plan_of(readings, "downgrade", target="2.11.17"))


def test_of_many_that_cannot_be_served_a_few_are_shown_and_all_counted() -> None:
    readings = cluster(version="2.12.8")
    for number in range(12):
        readings = with_asset(readings, "n1", label=f"APP > S{number}", config={"allow_atomic": True})
    message = found(plan_of(readings, target="2.11.17"), "downgrade_assets").message
    assert "cannot serve 12 streams and consumers that exist" in message
    assert (message.count("allow_atomic"), "\n  and 2 more\n" in message) == (10, True)


def mixed(needs: int = 5) -> list[Reading]:
    """The cluster in mid-roll, where n3 is upgraded already and somebody made a stream that only it can serve."""
    readings = with_facts(cluster(), "n1", "n2", version="2.14.6", api_level=4)
    sick = Health(503, (HealthError("APP > NEW", "JetStream stream 'APP > NEW' is not current: unsupported"),))
    return changed(with_asset(readings, "n3", config={"metadata": {LEVEL: str(needs)}}), "n3", health=sick)


def test_a_stream_that_only_upgraded_servers_can_serve_is_a_wedge_and_is_told_as_that_alone() -> None:
    plan = plan_of(mixed(), "stepping_stone", target="2.15.1")
    assert refusals(plan) == ["feature_wedge"]
    finding = found(plan, "feature_wedge")
    assert finding.seen == ("APP > NEW",)
    assert finding.message.startswith(
        "APP > NEW (API level 5) was made while several versions run, and n1, n2 (API level 4) cannot"
    )


def test_a_wedge_that_is_waived_is_tolerated_with_what_it_brings() -> None:
    plan = plan_of(mixed(), "feature_wedge", "stepping_stone", target="2.15.1")
    assert (refusals(plan), plan.tolerated) == ([], ("healthz n3: APP > NEW",))


def test_a_stream_that_every_server_can_serve_is_no_wedge() -> None:
    assert refusals(plan_of(mixed(needs=4), "stepping_stone", target="2.15.1")) == ["unhealthy_server"]
    upgraded = with_facts(mixed(), "n1", "n2", version="2.15.1", api_level=5)
    assert "feature_wedge" not in refusals(plan_of(upgraded, target="2.15.2"))


def test_of_many_that_are_wedged_five_are_named() -> None:
    readings = mixed()
    for number in range(7):
        readings = with_asset(readings, "n3", label=f"APP > S{number}", config={"metadata": {LEVEL: "5"}})
    finding = found(plan_of(readings, target="2.15.1"), "feature_wedge")
    assert " and 3 more was made while" in finding.message
    assert len(finding.seen) == 8


@pytest.mark.parametrize(
    ("subject", "label", "is_it"),
    [
        ("n3: APP > NEW", "APP > NEW", True),
        ("replica n3 of APP > NEW", "APP > NEW", True),
        ("n3: APP > NEW > worker", "APP > NEW", True),
        ("replica n3 of APP > NEW > worker", "APP > NEW", True),
        ("n3: APP > NEWER", "APP > NEW", False),
        ("n3: OTHER-APP > NEW", "APP > NEW", False),
        ("n3: APP > NEW", "APP > NEW > worker", False),
    ],
)
def test_what_is_about_an_asset_is_about_it_or_its_consumers_alone(subject: str, label: str, is_it: bool) -> None:
    assert _feature_wedge.is_about(subject, label) is is_it


@pytest.mark.parametrize("level", ["", "x", "-1", None, "²", "९", "9" * 5000, 1.5, []])
def test_a_level_that_is_none_is_zero(level: Any) -> None:
    (asset,) = [
        a for r in with_asset([cluster()[0]], "n1", config={"metadata": {LEVEL: level}}) for a in r.assets if "NEW" in a.label
    ]
    assert _values_assets.noted_level(asset.config) == 0


def test_a_stream_that_is_stored_on_a_node_and_not_served_there_is_refused() -> None:
    nodes = {"n1": {"stored_streams": [LOCAL, STREAM]}, "n3": {"stored_streams": [STREAM, "APP > FUTURE"]}}
    plan = plan_of(cluster(), **nodes)
    assert refusals(plan) == ["offline_assets"]
    finding = found(plan, "offline_assets")
    assert finding.seen == ("APP > FUTURE",)
    assert "\n  n3: APP > FUTURE\n" in finding.message
    assert "n1" not in finding.message


def test_a_store_that_cannot_be_read_and_a_server_that_has_not_begun_to_serve_tell_nothing() -> None:
    assert "offline_assets" not in refusals(plan_of(cluster(), n1={"stored_streams": None}))
    starting = plan_of(changed(cluster(), "n1", streams=frozenset(), health=Health(500)), n1={"stored_streams": [STREAM]})
    assert "offline_assets" not in refusals(starting)


@pytest.mark.parametrize(
    ("asset", "word"),
    [
        ({"config": {"compression": "s2"}}, "compression"),
        ({"replicas": 1}, "r1_streams"),
        ({"config": {"retention": "workqueue"}}, "interest_or_workqueue_streams"),
        ({"config": {"sources": [{"name": "A"}]}}, "sources"),
        ({"config": {"mirror": {"name": "A"}}}, "sources"),
    ],
)
def test_what_is_in_use_is_known_from_the_streams(asset: dict[str, Any], word: str) -> None:
    bare = [replace(reading, assets=()) for reading in cluster()]
    assert word not in _checks_assets.used(Situation.of(bare))
    assert word in _checks_assets.used(Situation.of(with_asset(bare, "n1", **asset)))


def test_what_is_in_use_is_known_from_the_servers() -> None:
    assert "leafnodes" in _checks_assets.used(Situation.of(with_facts(cluster(), "n3", used=frozenset({"leafnodes"}))))
    assert _checks_assets.used(Situation.of([])) == frozenset()
