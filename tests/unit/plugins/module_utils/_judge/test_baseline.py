from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._judge import baseline as _baseline
from ansible_collections.natsops.cluster.plugins.module_utils._values import assets as _assets
from ansible_collections.natsops.cluster.plugins.module_utils._values import server as _server
from ansible_collections.natsops.cluster.plugins.module_utils._values.assets import Asset
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading
from tests.unit.recorded import NAMES, VERSIONS, answers

STREAM = Asset("stream", "APP > S", "n1", "n1", 3, False, True, "2026-11-21T00:00:00Z", 40, 1, {})


def cluster(*assets: Asset, clients: int = 0) -> list[Reading]:
    facts = replace(_server.parse_varz(answers("2.15.1")["/varz"]["body"]), server_name="n1", connections=clients)
    return [Reading("host-1", "http://host-1:8222", facts=facts, assets=assets)]


def damage(before: Asset, *after: Asset) -> list[str]:
    return _baseline.damage(_baseline.take(cluster(before), "host-1"), _baseline.take(cluster(*after)))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_recorded_asset_is_kept_once_by_its_leader(version: str) -> None:
    bodies = {name: answers(version, name)["/jsz"]["body"] for name in NAMES}
    found = [asset for name, body in bodies.items() for asset in _assets.parse_assets(body, name)]
    labels = [asset.label for asset in found]
    assert labels
    assert len(labels) == len(set(labels))
    assert {asset.replicas for asset in found if asset.kind == "stream"} == {1, 3}
    assert all(asset.host == asset.leader for asset in found)


def test_nothing_is_damaged_where_all_is_as_it_was_or_more() -> None:
    assert damage(STREAM, replace(STREAM, last_sequence=41, host="n2", leader="n2")) == []


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        pytest.param({"replicas": 1}, None, "APP > S was on n1 alone, and is not there any more", id="r1-gone"),
        pytest.param({}, {"replicas": 2}, "APP > S had 3 replicas and has 2", id="fewer-replicas"),
        pytest.param({}, {"last_sequence": 39}, "the last sequence of APP > S fell from 40 to 39", id="sequence-fell"),
        pytest.param(
            {"replicas": 1, "memory": True, "host": "n2", "leader": "n2"},
            {"replicas": 1, "memory": True, "last_sequence": 0},
            "the last sequence of APP > S fell from 40 to 0",
            id="memory-of-another-node",
        ),
    ],
)
def test_what_is_less_than_before_is_damage(before: dict[str, Any], after: dict[str, Any] | None, words: str) -> None:
    was = replace(STREAM, **before)
    now = [] if after is None else [replace(STREAM, **after)]
    (found,) = damage(was, *now)
    assert found.startswith(words)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({}, None, id="replicated-and-deleted-by-a-user"),
        pytest.param({"replicas": 1, "host": "n2", "leader": "n2"}, None, id="deleted-on-another-node"),
        pytest.param({}, {"created": "2026-11-21T01:00:00Z", "last_sequence": 0}, id="made-anew"),
        pytest.param(
            {"replicas": 1, "memory": True}, {"replicas": 1, "memory": True, "last_sequence": 0}, id="memory-emptied-as-said"
        ),
        pytest.param({"durable": False, "kind": "consumer", "replicas": 1}, None, id="ephemeral-consumer"),
    ],
)
def test_what_users_do_and_what_the_plan_has_said_is_no_damage(before: dict[str, Any], after: dict[str, Any] | None) -> None:
    assert damage(replace(STREAM, **before), *([] if after is None else [replace(STREAM, **after)])) == []


@pytest.mark.parametrize(("before", "after", "told"), [(10, 8, False), (10, 7, True), (4, 0, False), (5, 3, True)])
def test_it_is_said_when_more_than_a_fifth_of_the_clients_stay_away(before: int, after: int, told: bool) -> None:
    said = _baseline.clients_lost(_baseline.take(cluster(clients=before)), _baseline.take(cluster(clients=after)))
    assert said.startswith(f"{after} clients are connected, and {before} were before") is told


def named_streams(*names: str) -> Reading:
    made = "2026-11-21T00:00:00Z"
    streams = [{"name": name, "created": made, "config": {"num_replicas": 1}, "state": {"last_seq": 7}} for name in names]
    body = {"account_details": [{"name": "APP", "id": "APP", "stream_detail": streams}]}
    return cluster(*_assets.parse_assets(body, "n1"))[0]


def test_streams_whose_names_are_shown_alike_stay_two() -> None:
    before = _baseline.take([named_streams("S\x1b[2J", "S\\x1b[2J")], "host-1")
    after = _baseline.take([named_streams("S\\x1b[2J")], "host-1")
    assert len(before["assets"]) == 2
    assert _baseline.damage(before, after) == [
        r"APP > S\x1b[2J was on n1 alone, and is not there any more: lost, or deleted meanwhile"
    ]
