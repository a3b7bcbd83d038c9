from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.text import duration
from ansible_collections.natsops.cluster.plugins.module_utils._plan import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._plan.plan import Plan
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Health, HealthError, Reading
from tests.unit.situations import (
    LOCAL,
    TARGET,
    changed,
    cluster,
    found,
    journal,
    plan_of,
    silent,
    with_asset,
    with_facts,
    with_meta_peer,
)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.6, "60 s"),
        (99.4, "99 s"),
        (99.6, "2 min"),
        (100, "2 min"),
        (89 * 60, "89 min"),
        (99 * 60 + 29, "99 min"),
        (99 * 60 + 31, "1 h 40 min"),
        (100 * 60, "1 h 40 min"),
        (120 * 60, "2 h 0 min"),
        (7830, "2 h 10 min"),
        (26 * 3600, "26 h 0 min"),
    ],
)
def test_a_duration_is_told_as_people_say_it(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_a_plan_says_the_order_what_each_step_costs_and_what_to_know() -> None:
    lines = _text.lines(plan_of(with_facts(cluster(), "n1", connections=3)))
    assert lines[:4] == [
        f"lab: to {TARGET}, one node at a time, about 41 s",
        f"  1. n1  2.15.1 -> {TARGET}  3 clients move  leads 1 Raft group  1 down meanwhile ({LOCAL})",
        f"  2. n3  2.15.1 -> {TARGET}",
        f"  3. n2  2.15.1 -> {TARGET}  (meta leader, last)  leads 2 Raft groups",
    ]
    assert lines[4].startswith("warning: r1_assets: streams and consumers that are down while their node is away")
    assert lines[5] == f"    n1: 1: {LOCAL} (R1)"
    assert lines[7].startswith("warning: mixed_configs: ")


def test_of_many_streams_that_are_down_three_are_named() -> None:
    readings = cluster()
    for number in range(5):
        readings = with_asset(readings, "n3", label=f"APP > S{number}", replicas=1)
    text = "\n".join(_text.lines(plan_of(readings)))
    assert "5 down meanwhile (APP > S0, APP > S1, APP > S2 and 2 more)" in text


def test_a_cluster_that_runs_the_target_already_is_told_in_one_line() -> None:
    assert _text.lines(plan_of(cluster(), target="2.15.1"))[0] == "lab: n1, n3, n2 run 2.15.1 already"
    (alone,) = with_facts(cluster()[:1], cluster="")
    assert _text.lines(plan_of([alone], target="2.15.1"))[0] == "no cluster: n1 runs 2.15.1 already"


def test_hosts_that_are_done_are_told_with_those_that_are_not() -> None:
    lines = _text.lines(plan_of(with_facts(cluster(), "n1", version=TARGET)))
    assert "  n1 runs it already" in lines


def test_a_turn_that_broke_off_is_told_with_the_step() -> None:
    lines = _text.lines(plan_of(silent(cluster("peer_down_12s"), "n2"), n2=journal("switching")))
    assert f"  1. n2  2.15.1 -> {TARGET}  resumed: it broke off at 'switching'" in lines


def test_what_is_refused_is_named_in_the_plan_and_explained_in_the_error() -> None:
    plan = plan_of(cluster("lame_duck"))
    assert "refused: unhealthy_server, degraded_group" in _text.lines(plan)
    refused = _text.refused(plan)
    assert refused.details == {"refusals": ["unhealthy_server", "degraded_group"]}
    assert str(refused).startswith("refused: unhealthy_server: not every server is healthy")
    # n1 is down, so that no other may stop.
    assert str(refused).endswith("\nNothing was touched.")


def lone(**facts: Any) -> list[Reading]:
    reading = cluster()[0]
    return with_facts([replace(reading, peers=frozenset(), groups=(), placements=(), assets=())], meta_cluster_size=0, **facts)


def test_one_refusal_is_waived_by_a_command_that_keeps_what_was_waived_before_and_says_its_risk() -> None:
    assert str(_text.refused(plan_of(lone()))).endswith(
        'Nothing was touched. To proceed anyway: -e \'{"nats_upgrade_waive": ["single_server"]}\'. '
        "The risk: no service for the length of a drain and a start"
    )
    twice = _text.refused(plan_of(lone(), "single_server", target="2.12.8"))
    assert "nats_upgrade_waive" not in str(twice), "going down by more than a minor is final"
    again = str(_text.refused(plan_of(lone(version="2.14.6"), "single_server", target="2.15.2")))
    assert '-e \'{"nats_upgrade_waive": ["single_server", "stepping_stone"]}\'. The risk: streams that' in again


def test_several_refusals_are_waived_each_by_itself_and_by_no_ready_command() -> None:
    text = str(_text.refused(plan_of(lone(version="2.14.6"), target="2.15.2")))
    assert text.endswith(
        "To proceed anyway, add each of these to nats_upgrade_waive, with its risk:\n"
        "  stepping_stone: streams that do not get on, or no way back\n"
        "  single_server: no service for the length of a drain and a start"
    )


@pytest.mark.parametrize(
    ("readings", "name", "words"),
    [
        pytest.param(cluster("peer_down_12s"), "missing_server", "Start the server", id="a-server-is-missing"),
        pytest.param(cluster("leaderless"), "degraded_group", "start the servers that are down", id="no-leader"),
        pytest.param(with_meta_peer(cluster(), "n4", offline=True), "ghost_peer", "peer-remove", id="three-of-four"),
    ],
)
def test_no_waiver_is_offered_of_what_could_cost_a_majority_and_what_to_do_is_said(
    readings: list[Reading], name: str, words: str
) -> None:
    plan = plan_of(readings)
    text = str(_text.refused(plan))
    assert "nats_upgrade_waive" not in text
    assert "To proceed anyway" not in text
    assert words in found(plan, name).message
    assert found(plan, name).as_dict()["risk"] == ""


def test_old_damage_that_costs_no_majority_can_be_waived_as_ever() -> None:
    sick = changed(cluster(), "n3", health=Health(503, (HealthError("APP > ORDERS > GHOST", "consumer not found"),)))
    assert "The risk: a server that cannot take over when it has to" in str(_text.refused(plan_of(sick)))


def test_no_waiver_is_offered_for_a_version_that_does_not_exist_but_the_one_to_take() -> None:
    text = str(_text.refused(plan_of(cluster(version="2.12.8"), target="2.12.13")))
    assert "there is no nats-server 2.12.13" in text
    assert re.search(r"Take 2\.12\.\d+", text)
    assert "nats_upgrade_waive" not in text


def test_where_something_cannot_be_waived_no_command_is_offered() -> None:
    node = {"lame_duck_duration_seconds": 5.0, "lame_duck_grace_period_seconds": 5.0}
    refused = str(_text.refused(plan_of(cluster(), n1=node)))
    assert refused.endswith("It cannot be waived.\nNothing was touched.")
    sick = changed(cluster(), "n3", health=Health(503, (HealthError("", "why"),)))
    both = str(_text.refused(plan_of(sick, n1=node)))
    assert both.endswith("\nNothing was touched. Of these, only unhealthy_server can be waived.")


def test_what_was_waived_is_in_the_plan_with_what_it_is() -> None:
    lines = _text.lines(plan_of(cluster("peer_down_12s"), "missing_server"))
    (at,) = [number for number, line in enumerate(lines) if line.startswith("waived: missing_server: monitoring cannot be read")]
    assert lines[at + 1] == "    n2 http://n2:8222: connection refused"


def ways_back(plan: Plan) -> list[str]:
    return [line for line in _text.lines(plan) if line.startswith("the way back")]


def test_the_way_back_is_told_where_there_is_anything_to_say() -> None:
    (is_open,) = ways_back(plan_of(cluster(version="2.14.6"), "stepping_stone", target="2.15.2"))
    assert is_open.startswith("the way back to 2.14.6 is open (n1, n3, n2): ")
    (is_closed,) = ways_back(plan_of(with_facts(cluster(), version="2.12.8"), "skipped_minor", target="2.15.2"))
    assert is_closed.startswith("the way back to 2.12.8 is closed once a node has started with 2.15.2 (n1, n3, n2): ")
    assert ways_back(plan_of(cluster())) == []


def test_what_is_not_checked_yet_is_told_at_the_end_where_there_is_anything_to_stage() -> None:
    assert _text.lines(plan_of(cluster()))[-1].startswith("not checked until staged: what is in the file of 2.15.2")
    assert "not checked" not in "".join(_text.lines(plan_of(cluster(), target="2.15.1")))


def test_what_the_target_brings_is_told_by_minor_and_only_where_there_is_something_to_do() -> None:
    plan = plan_of(cluster(version="2.14.6"), "stepping_stone", target="2.15.2")
    assert _text.notes(plan)
    assert all(line.startswith("2.15: ") for line in _text.notes(plan))
    assert _text.notes(plan_of(cluster())) == []
    done = [replace(reading) for reading in with_facts(cluster(), version=TARGET)]
    assert _text.notes(plan_of(done)) == []
