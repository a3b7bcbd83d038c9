from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._wait import health as _health
from tests.unit.clock import Clock
from tests.unit.nats import SimulatedServer
from tests.unit.recorded import NAMES
from tests.unit.waits import THREE, Wait, params


def test_a_healthy_cluster_is_back_after_as_many_polls_as_have_to_agree(wait: Wait) -> None:
    result = wait((0, "2.15.1"), consecutive_polls=3)
    assert (result["back"], result["changed"], result["polls"], result["missing"]) == (True, False, 3, {})
    assert result["elapsed_seconds"] == pytest.approx(0.2)


def test_what_each_server_has_to_be_after_a_restart_is_in_the_result(wait: Wait) -> None:
    servers = wait((0, "2.15.1"))["servers"]
    assert list(servers) == list(NAMES)
    for name, server in servers.items():
        again = server["after_restart"]
        assert (server["server_name"], again["server_name"], again["started_after"]) == (name, name, server["start"])
        assert again["peers"] == sorted(set(NAMES) - {name})
        assert len(again["raft_groups"]) == 3


def test_the_result_of_one_wait_is_what_the_next_expects(wait: Wait) -> None:
    before = wait((0, "2.15.1"))["servers"]
    with pytest.raises(NatsError) as late:
        wait((0, "2.15.1"), expect={"n2": before["n2"]["after_restart"]}, timeout_seconds=5)
    start = before["n2"]["start"]
    assert late.value.details["missing"] == {"n2": [f"started: runs since {start}, not restarted after {start}"]}


def test_a_server_that_comes_back_is_waited_for(wait: Wait) -> None:
    result = wait((0, "2.15.1/peer_down_1s"), (20, "2.15.1"))
    assert result["back"]
    assert 20 < result["elapsed_seconds"] < 23


def test_a_healthy_moment_between_two_others_is_not_believed(wait: Wait) -> None:
    clock = Clock()
    result = wait((0, "2.15.1"), (0.05, "2.15.1/peer_down_1s"), (10, "2.15.1"), clock=clock)
    assert result["elapsed_seconds"] > 10


def test_a_wait_that_times_out_says_what_is_missing_where_and_after_how_long(wait: Wait) -> None:
    with pytest.raises(NatsError) as late:
        wait((0, "2.15.1/lame_duck"), timeout_seconds=30)
    lines = str(late.value).splitlines()
    assert lines[0].startswith("n1 http://n1:8222: not back after 30 s: healthz: 500 failed to be ready for connections")
    assert "jsz: replica n1 of APP > ORDERS is offline" in lines[0]
    assert len(lines) == 1
    assert late.value.details["elapsed_seconds"] == pytest.approx(30)
    assert list(late.value.details["missing"]) == ["n1"]
    assert late.value.details["polls"] > 10


def test_of_many_things_missing_the_message_names_some_and_the_data_all(wait: Wait) -> None:
    groups = [f"S-{number}" for number in range(9)]
    # It is read alone, so that nobody can say that these groups were deleted.
    with pytest.raises(NatsError, match=r"; and 6 more$") as late:
        wait(
            (0, "2.15.1/starting"),
            servers=[THREE[2]],
            expect={"n3": {"raft_groups": groups, "version": "2.0.0", "peers": ["n1"]}},
            timeout_seconds=1,
        )
    assert len(late.value.details["missing"]["n3"]) == 12


def test_a_server_that_stays_silent_is_given_up_before_the_timeout(wait: Wait) -> None:
    with pytest.raises(NatsError, match="reachable: connection refused") as silent:
        wait((0, "2.15.1/peer_down_1s"), timeout_seconds=300, unreachable_timeout_seconds=15)
    assert 15 <= silent.value.details["elapsed_seconds"] < 18


def test_silence_is_counted_from_its_beginning_and_each_one_anew(wait: Wait) -> None:
    result = wait(
        (0, "2.15.1/peer_down_1s"),
        (10, "2.15.1/lame_duck"),
        (20, "2.15.1/peer_down_1s"),
        (30, "2.15.1"),
        unreachable_timeout_seconds=13,
    )
    assert result["back"]


def test_a_server_that_answers_but_is_not_healthy_is_not_silent(wait: Wait) -> None:
    assert wait((0, "2.15.1/lame_duck"), (60, "2.15.1"), unreachable_timeout_seconds=5)["back"]


def test_without_a_limit_silence_is_waited_for_until_the_timeout(wait: Wait) -> None:
    assert wait((0, "2.15.1/peer_down_1s"), (250, "2.15.1"), timeout_seconds=300)["back"]


@pytest.mark.parametrize("situation", ["2.15.1/lame_duck", "2.15.1/peer_down_1s"])
def test_a_look_reports_what_is_missing_and_does_not_wait_or_fail(wait: Wait, situation: str) -> None:
    clock = Clock()
    result = wait((0, situation), clock=clock, look_once=True)
    assert (result["back"], result["polls"], result["changed"]) == (False, 1, False)
    assert result["missing"]
    assert clock.slept == []


def test_a_look_at_a_server_that_does_not_answer_gives_its_error(wait: Wait) -> None:
    result = wait((0, "2.15.1/peer_down_1s"), look_once=True)
    assert result["servers"]["n2"] == {"monitor_url": "http://n2:8222", "error": "connection refused"}


def test_a_look_at_a_healthy_cluster_finds_it_back(wait: Wait) -> None:
    result = wait((0, "2.15.1"), look_once=True)
    assert (result["missing"], result["back"], result["polls"]) == ({}, True, 1)


def test_a_cluster_that_is_healthy_at_the_deadline_may_prove_it(wait: Wait) -> None:
    result = wait((0, "2.15.1"), timeout_seconds=0)
    assert (result["back"], result["polls"]) == (True, 2)


def test_a_wait_never_fails_without_a_word(wait: Wait) -> None:
    with pytest.raises(NatsError, match=r"n2 http://n2:8222: not back after 0 s: reachable: connection refused"):
        wait((0, "2.15.1"), (0.05, "2.15.1/peer_down_1s"), timeout_seconds=0)


def test_a_lasting_fault_ends_the_wait_at_once() -> None:
    words = "is the server's http_base_path part of the monitor URL"
    with SimulatedServer(base_path="/nats") as server, pytest.raises(NatsError, match=words) as wrong:
        _health.wait_until_back(params(monitor_url=server.url), "n1")
    assert wrong.value.details["polls"] == 1


def test_a_real_server_is_waited_for_by_its_address_alone() -> None:
    with SimulatedServer() as server:
        server.be_alone()
        result = _health.wait_until_back(params(monitor_url=server.url), "host-1")
    assert result["back"]
    assert list(result["servers"]) == ["host-1"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"timeout_seconds": -1.0}, "cannot be negative", id="timeout"),
        pytest.param({"max_lag": -1}, "cannot be negative", id="lag"),
        pytest.param({"consecutive_polls": 0}, "has to be 1 or more", id="polls"),
        pytest.param({"server_name": "n1"}, "server_name is of one server", id="name-of-several"),
        pytest.param({"expect": {"n9": {}}}, "expect names n9, which is not among the servers: n1, n2, n3", id="unknown-server"),
        pytest.param(
            {"expect": {"n1": {"verion": "2"}}},
            "expect of n1 has verion; it may have gateways, ",
            id="typo",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_read(wait: Wait, given: dict[str, Any], words: str) -> None:
    with pytest.raises(NatsError, match=words):
        wait((0, "2.15.1"), **given)


def test_what_is_expected_of_one_server_comes_before_what_is_expected_of_all(wait: Wait) -> None:
    with pytest.raises(NatsError) as late:
        wait((0, "2.15.1"), version="2.15.2", expect={"n1": {"version": "2.15.1"}}, timeout_seconds=1)
    assert sorted(late.value.details["missing"]) == ["n2", "n3"]


def test_conditions_can_be_skipped(wait: Wait) -> None:
    assert wait((0, "2.15.1/lame_duck"), skip_conditions=["healthz", "jsz", "raft_groups"])["back"]
