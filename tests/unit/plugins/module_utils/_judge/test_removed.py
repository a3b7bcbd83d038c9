"""Messages that a stream of one replica has no more: what its settings explain, and what they do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._judge import baseline as _baseline
from ansible_collections.natsops.cluster.plugins.module_utils._values.assets import Asset
from ansible_collections.natsops.cluster.plugins.module_utils._values.held import Held
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading
from tests.unit.recorded import read

FULL, LOST = Held(40, 1, 40), Held(29, 12, 40)
BEFORE, AFTER = "2026-12-01T10:00:00.5Z", "2026-12-01T10:01:00Z"
STREAM = Asset(
    "stream", "APP > S", "n1", "n1", 1, False, True, "2026-11-21T00:00:00Z", 40, 1, {"max_bytes": 9, "max_msgs": -1},
    held=FULL, first_time="2026-12-01T09:00:00Z",
)  # fmt: skip
CONSUMER = Asset(
    "consumer", "APP > S > c", "n1", "n1", 1, False, True, "2026-11-21T00:00:00Z", 0, 0, {}, pending=40, delivered=80,
    acknowledged=60,
)  # fmt: skip
FACTS = read("2.15.1")[0].facts


def taken(*assets: Asset, now: str = BEFORE) -> dict[str, Any]:
    assert FACTS
    facts = replace(FACTS, server_name="n1", now=now)
    return _baseline.take([Reading("n1", "http://n1:8222", facts=facts, assets=assets)], "n1")


def damage(before: Asset, after: Asset, *, consumer: Asset = CONSUMER, earlier: Held | None = None) -> list[str]:
    first = taken(replace(after, held=earlier or after.held), consumer, now=AFTER)
    return _baseline.damage(taken(before, CONSUMER), taken(after, consumer, now=AFTER), first)


def test_messages_that_nothing_removes_are_damage_with_both_numbers() -> None:
    (text,) = damage(STREAM, replace(STREAM, held=LOST))
    assert text == "APP > S holds 29 messages (12 to 40), and held 40 messages (1 to 40): its settings remove none of these"


@pytest.mark.parametrize(
    ("config", "after"),
    [
        pytest.param({}, LOST, id="first-block"),
        pytest.param({}, Held(29, 1, 40), id="block-in-the-middle"),
        pytest.param({}, Held(0, 41, 40), id="everything"),
        pytest.param({}, Held(34, 12, 45), id="and-new-ones-came"),
        pytest.param({"max_msgs": 40}, LOST, id="nothing-came-that-could-push"),
        pytest.param({"max_age": 3600 * 10**9 + 10**12}, LOST, id="too-young-to-expire"),
        pytest.param({"max_msgs": 40, "discard": "new"}, Held(34, 12, 45), id="new-ones-would-be-refused"),
        pytest.param({"retention": "workqueue"}, LOST, id="nothing-was-acknowledged"),
    ],
)
def test_what_no_setting_removes_is_damage(config: dict[str, Any], after: Held) -> None:
    before = replace(STREAM, config=config)
    assert damage(before, replace(before, held=after))


@pytest.mark.parametrize(
    ("config", "after"),
    [
        pytest.param({}, FULL, id="nothing-went"),
        pytest.param({}, Held(45, 1, 45), id="new-ones"),
        pytest.param({"max_msgs": 40}, Held(40, 6, 45), id="pushed-out-by-number"),
        pytest.param({"max_bytes": 4000}, Held(38, 8, 45), id="pushed-out-by-size"),
        pytest.param({"max_msgs_per_subject": 1, "discard": "new"}, Held(40, 1, 45), id="pushed-out-of-a-key"),
        pytest.param({"allow_rollup_hdrs": True}, Held(1, 41, 41), id="rolled-up"),
        pytest.param({"max_age": 3600 * 10**9}, LOST, id="expired"),
        pytest.param({"allow_msg_ttl": True}, LOST, id="own-times"),
    ],
)
def test_what_its_settings_remove_is_no_damage(config: dict[str, Any], after: Held) -> None:
    before = replace(STREAM, config=config)
    assert damage(before, replace(before, held=after)) == []


def test_what_was_acknowledged_is_no_damage_of_a_work_queue() -> None:
    before = replace(STREAM, config={"retention": "workqueue"})
    assert damage(before, replace(before, held=LOST), consumer=replace(CONSUMER, acknowledged=71)) == []


def test_where_messages_go_on_going_users_delete_them() -> None:
    assert damage(STREAM, replace(STREAM, held=Held(29, 12, 40)), earlier=Held(30, 11, 40)) == []


@pytest.mark.parametrize("held", [Held(40, 8, 47), Held(39, 1, 40)], ids=["purged", "deleted"])
def test_where_users_have_removed_messages_before_they_may_have_done_it_again(held: Held) -> None:
    before = replace(STREAM, config={}, held=held)
    assert damage(before, replace(before, held=Held(20, held.last - 19, held.last))) == []


@pytest.mark.parametrize("config", [{"max_bytes": 9}, {"max_age": 10**15}, {"max_msgs_per_subject": 1}])
def test_where_settings_have_removed_messages_before_nothing_is_known_of_users(config: dict[str, Any]) -> None:
    before = replace(STREAM, config=config, held=Held(40, 8, 47), first_time=BEFORE)
    assert damage(before, replace(before, held=Held(20, 28, 47)))


def test_settings_that_were_changed_meanwhile_explain_it() -> None:
    assert damage(STREAM, replace(STREAM, held=LOST, config={"max_msgs": 29})) == []


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"host": "n2", "leader": "n2"}, id="on-another-node"),
        pytest.param({"replicas": 3}, id="compared-replica-by-replica"),
        pytest.param({"memory": True}, id="in-memory-as-the-plan-says"),
    ],
)
def test_of_other_streams_nothing_is_said(changed: dict[str, Any]) -> None:
    before = replace(STREAM, **changed)
    assert damage(before, replace(before, held=LOST)) == []


def test_a_consumer_that_begins_anew_is_damage() -> None:
    found = damage(STREAM, STREAM, consumer=replace(CONSUMER, acknowledged=0, delivered=0, pending=100))
    assert found == [
        "the ack floor of APP > S > c fell from 60 to 0: it gives messages a second time",
        "the last delivered sequence of APP > S > c fell from 80 to 0: it gives messages a second time",
    ]


@pytest.mark.parametrize("changed", [{"created": "2026-12-01T10:00:30Z"}, {"acknowledged": 61}])
def test_a_consumer_that_was_made_anew_or_has_come_further_is_none(changed: dict[str, Any]) -> None:
    began = {"acknowledged": 0, "delivered": 0} if "created" in changed else {}
    assert damage(STREAM, STREAM, consumer=replace(CONSUMER, **{**began, **changed})) == []


def test_a_consumer_in_memory_begins_anew_as_the_plan_says() -> None:
    before, after = replace(CONSUMER, memory=True), replace(CONSUMER, memory=True, acknowledged=0, delivered=0)
    assert _baseline.damage(taken(STREAM, before), taken(STREAM, after)) == []


def test_a_baseline_that_an_older_run_has_kept_is_compared_as_far_as_it_goes() -> None:
    before = taken(STREAM, CONSUMER)
    for asset in before["assets"].values():
        for key in ("content", "delivered", "acknowledged"):
            asset.pop(key, None)
    assert _baseline.damage(before, taken(replace(STREAM, held=LOST), replace(CONSUMER, acknowledged=0))) == []
