from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._values import assets as _assets
from ansible_collections.natsops.cluster.plugins.module_utils._values import routes as _routes
from ansible_collections.natsops.cluster.plugins.module_utils._values import server as _server
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import (
    Health,
    HealthError,
    Placement,
    RaftGroup,
    Replica,
)
from tests.unit.recorded import NAMES, OLDEST_AND_NEWEST, VERSIONS, answers

API_LEVELS = {"2.10.26": None, "2.11.11": 1, "2.12.8": 3, "2.14.6": 4, "2.15.1": 5}


def body(folder: str, path: str, name: str = "n1") -> Any:
    return answers(folder, name)[path]["body"]


@pytest.mark.parametrize("version", VERSIONS)
def test_varz_of_every_version_gives_the_facts(version: str) -> None:
    varz = body(version, "/varz")
    facts = _server.parse_varz(varz)
    assert (facts.server_name, facts.version, facts.cluster) == ("n1", version, "lab")
    assert (facts.server_id, facts.start, facts.go) == (varz["server_id"], varz["start"], varz["go"])
    assert facts.jetstream
    assert facts.api_level == API_LEVELS[version]
    assert facts.meta_leader in NAMES
    assert facts.meta_cluster_size == 3
    assert facts.system_account == "SYS"
    assert facts.monitor_port == varz["http_port"] > 0
    assert facts.config_digest.startswith("sha256:") or version == "2.10.26"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_servers_of_a_healthy_cluster_name_the_same_meta_leader(version: str) -> None:
    leaders = {_server.parse_varz(body(version, "/varz", name)).meta_leader for name in NAMES}
    assert len(leaders) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_each_peer_is_named_once_however_many_routes_there_are(version: str) -> None:
    routez = body(version, "/routez")
    assert len(routez["routes"]) > 2
    assert {peer.name for peer in _routes.parse_routez(routez)} == {"n2", "n3"}


def test_a_server_without_routes_has_no_peers() -> None:
    assert _routes.parse_routez({"num_routes": 0}) == ()
    assert _routes.parse_routez({"routes": None}) == ()


def test_a_peer_without_a_name_is_known_by_its_id() -> None:
    assert _routes.parse_routez({"routes": [{"remote_id": "NABC"}]}) == (_routes.Peer("NABC", "NABC", ""),)


@pytest.mark.parametrize("version", VERSIONS)
def test_jsz_of_every_version_gives_the_replicated_assets_and_no_others(version: str) -> None:
    placements = [_server.parse_jsz(body(version, "/jsz", name)) for name in NAMES]
    labels = [sorted(placement.label for placement in seen) for seen in placements]
    # The stream LOCAL has one replica, on one of the servers.
    assert labels == [["APP > ORDERS", "APP > ORDERS > worker", "_meta_"]] * 3
    for seen in placements:
        assert all(placement.leader in NAMES and placement.raft_group for placement in seen)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_leader_names_the_two_others_as_current_replicas(version: str) -> None:
    led = [p for name in NAMES for p in _server.parse_jsz(body(version, "/jsz", name)) if p.leader == name]
    assert len(led) == 3
    for placement in led:
        assert placement.members == set(NAMES)
        assert all(replica.current and not replica.offline and replica.lag == 0 for replica in placement.replicas)


@pytest.mark.parametrize("version", VERSIONS)
def test_raftz_of_every_version_gives_the_groups_that_jsz_names(version: str) -> None:
    system, app = _server.parse_raftz(body(version, "/raftz")), _server.parse_raftz(body(version, "/raftz?acc=APP"))
    named = {placement.raft_group for placement in _server.parse_jsz(body(version, "/jsz"))}
    assert {group.name for group in system + app} == named
    assert all(group.leader and not group.catching_up and not group.paused and group.lag == 0 for group in system + app)


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
def test_a_group_that_has_not_heard_of_a_leader_has_none(version: str) -> None:
    groups = _server.parse_raftz(body(f"{version}/leaderless", "/raftz?acc=APP", "n3"))
    assert any(group.leader == "" for group in groups)


def test_a_group_that_catches_up_says_so_and_how_far_behind_it_is() -> None:
    groups = _server.parse_raftz(body("2.15.1/recovering", "/raftz?acc=APP", "n3"))
    assert [(group.catching_up, group.lag) for group in groups if group.catching_up] == [(True, 4490)]


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
@pytest.mark.parametrize(
    ("situation", "name", "status", "words"),
    [
        pytest.param("starting", "n3", 500, "server, route", id="starting"),
        pytest.param("recovering", "n3", 503, "is not current", id="recovering"),
        pytest.param("recovering_meta", "n3", 503, "meta", id="recovering-meta"),
        pytest.param("lame_duck", "n1", 500, "failed to be ready for connections", id="lame-duck"),
    ],
)
def test_healthz_says_why_a_server_is_not_healthy(version: str, situation: str, name: str, status: int, words: str) -> None:
    answer = answers(f"{version}/{situation}", name)["/healthz"]
    health = _server.parse_healthz(answer["status"], answer["body"])
    assert not health.ok
    assert health.status == status
    assert words in health.errors[0].text


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        pytest.param(200, {"status": "ok"}, Health(200), id="ok"),
        pytest.param(
            200, {"status": "unavailable"}, Health(200, (HealthError("", "unavailable"),)), id="200-that-does-not-say-ok"
        ),
        pytest.param(200, None, Health(200, (HealthError("", "HTTP 200"),)), id="200-of-something-else"),
        pytest.param(503, {"status": "unavailable", "error": "why"}, Health(503, (HealthError("", "why"),)), id="503"),
        pytest.param(503, None, Health(503, (HealthError("", "HTTP 503"),)), id="503-without-json"),
        pytest.param(503, {"status": "ok"}, Health(503, (HealthError("", "ok"),)), id="503-that-says-ok"),
    ],
)
def test_only_200_with_ok_is_healthy(status: int, answer: Any, expected: Health) -> None:
    health = _server.parse_healthz(status, answer)
    assert health == expected
    assert health.ok is (expected == Health(200))


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
def test_a_server_in_lame_duck_mode_names_no_assets_any_more(version: str) -> None:
    assert _server.parse_jsz(body(f"{version}/lame_duck", "/jsz")) == ()


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
def test_a_leader_goes_on_calling_a_peer_current_that_it_knows_to_be_offline(version: str) -> None:
    seen = {p.label: p for p in _server.parse_jsz(body(f"{version}/peer_down_1s", "/jsz")) if p.leader == "n1"}
    assert Replica("n2", current=True, offline=True, lag=0) in seen["_meta_"].replicas


def test_an_asset_that_has_no_other_replica_any_more_is_left_out() -> None:
    stream = {"name": "S", "cluster": {"raft_group": "S-R3F-1", "leader": "n1"}}
    assert _server.parse_jsz({"account_details": [{"name": "APP", "stream_detail": [stream]}]}) == ()


def test_a_meta_group_of_one_is_no_group() -> None:
    assert _server.parse_jsz({"meta_cluster": {"name": "lab", "leader": "n1", "cluster_size": 1}}) == ()


def test_keys_that_nats_leaves_out_mean_nothing_false_and_zero() -> None:
    assert _server.parse_raftz({"APP": {"S-1": {"state": "FOLLOWER"}}}) == (RaftGroup("S-1", "FOLLOWER", "", False, False, 0, 0),)
    jsz = {
        "account_details": [{"name": "APP", "stream_detail": [{"name": "S", "cluster": {"raft_group": "S-1", "replicas": [{}]}}]}]
    }
    assert _server.parse_jsz(jsz) == (Placement("APP > S", "S-1", "", (Replica("", False, False, 0),)),)
    assert _server.parse_jsz({"account_details": [{"name": "APP"}]}) == ()


def test_a_group_that_has_applied_more_than_it_knows_committed_is_not_behind() -> None:
    assert RaftGroup("S-1", "FOLLOWER", "x", False, False, committed=5, applied=7).lag == 0


def test_streams_are_told_by_the_id_of_their_account_as_their_folders_are() -> None:
    account = {"name": "APP", "id": "ADAJ577A", "stream_detail": [{"name": "ORDERS"}]}
    assert _assets.parse_streams({"account_details": [account]}) == {"ADAJ577A > ORDERS"}


def test_accounts_are_known_by_their_id_which_in_operator_mode_is_not_the_name() -> None:
    details = [
        {"name": "APP", "id": "APP"},
        {"name": "Orders Ltd", "id": "ABJHLOVMPA4CI6R5KLNGOB4GSLNIY7IOUPAJC4YFNDLQVIOBYQGUWVLA"},
    ]
    assert _server.parse_accounts({"account_details": [*details, {"name": "OLD"}]}) == ("APP", details[1]["id"], "OLD")
    assert _server.parse_accounts({"disabled": True}) == ()


@pytest.mark.parametrize("version", VERSIONS)
def test_facts_are_plain_data_for_a_playbook(version: str) -> None:
    facts = _server.parse_varz(body(version, "/varz"))
    data = _server.as_dict(facts)
    assert json.loads(json.dumps(data)) == data
    assert _server.from_dict(data) == replace(facts, uptime="", now="", system_account="")
    assert {"server_id", "version", "start", "api_level", "meta_leader"} <= data.keys()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param([], "/varz is not what a NATS server answers: '[]'", id="list"),
        pytest.param("hello", "/varz is not what a NATS server answers: 'hello'", id="text"),
        pytest.param({"status": "up"}, "/varz lacks server_id, server_name, version, start", id="other-program"),
        pytest.param({"server_id": "N", "server_name": "n1", "version": 2, "start": "x"}, "/varz lacks version", id="wrong-type"),
    ],
)
def test_the_answer_of_another_program_is_refused(answer: Any, words: str) -> None:
    with pytest.raises(NatsError, match="NATS server") as refused:
        _server.parse_varz(answer)
    assert str(refused.value).startswith(words)


@pytest.mark.parametrize("version", ["0.9.6", "1.4.1"])
def test_a_server_of_1x_is_too_old_and_no_other_program(version: str) -> None:
    # 1.x has no server_name.
    varz = {"server_id": "Ro1a", "version": version, "start": "2026-11-21T09:22:18Z", "port": 4222, "connections": 3}
    with pytest.raises(NatsError) as refused:
        _server.parse_varz(varz)
    assert str(refused.value).startswith(
        f"it is nats-server {version}, which is too old: servers of 1.x and 2.x cannot be in one"
    )


def test_a_newer_server_without_a_name_is_not_said_to_be_too_old() -> None:
    with pytest.raises(NatsError, match="/varz lacks server_name"):
        _server.parse_varz({"server_id": "N", "version": "2.15.1", "start": "2026-11-21T09:22:18Z"})
