from __future__ import annotations

import json
import shlex
from typing import Any, Sequence

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._servers import Health, HealthError, Reading
from ansible_collections.natsops.cluster.plugins.module_utils._situation import Situation
from ansible_collections.natsops.cluster.plugins.module_utils._status import status
from tests.unit.situations import POLICY, changed, cluster, journal, with_facts


def told(readings: Sequence[Reading], inventory: Sequence[str] = (), group: str = "nats", **nodes: Any) -> dict[str, Any]:
    return status(Situation.of(readings, nodes), POLICY, inventory, group)


def words(command: str) -> list[str]:
    """A command as a shell reads it."""
    return shlex.split(command)


def test_a_cluster_in_which_nothing_was_left_has_nothing_to_finish() -> None:
    state = told(
        with_facts(cluster(), uptime="3d"), n1={"hold": False, "lock": {}, "journal": {}}, n2=journal("done", target="2.15.1")
    )
    assert state["lines"] == ["n1  2.15.1  up 3d", "n2  2.15.1  up 3d", "n3  2.15.1  up 3d", "no roll is under way"]
    assert (state["roll"], state["commands"], state["unfinished"], state["holds"]) == (None, {}, {}, [])
    assert state["versions"] == {"n1": "2.15.1", "n2": "2.15.1", "n3": "2.15.1"}


def test_a_turn_that_broke_off_is_told_with_its_step_and_both_ways_on() -> None:
    readings = with_facts(cluster("peer_down_12s"), uptime="3d")
    state = told(readings, n2={"hold": True, **journal("switching")})
    assert state["silent"] == {"n2": "connection refused"}
    assert list(state["unfinished"]) == state["holds"] == ["n2"]
    assert state["roll"] == {"from": "2.15.1", "to": "2.15.2"}
    assert state["lines"][2] == (
        "n2  does not answer: connection refused  its turn broke off at 'switching' (to 2.15.2, since 2026-10-01T12:00:00Z)  "
        "automatic restarts are held"
    )
    assert state["lines"][-3:] == [
        "a roll from 2.15.1 to 2.15.2 is under way",
        "finish it: ansible-playbook natsops.cluster.upgrade -e nats_upgrade_version=2.15.2",
        "take it back: ansible-playbook natsops.cluster.upgrade -e nats_upgrade_version=2.15.1",
    ]


def test_a_roll_that_stopped_between_two_nodes_is_under_way_too() -> None:
    state = told(with_facts(cluster(), "n1", version="2.15.2"), n1=journal("done"))
    assert (state["unfinished"], state["roll"]) == ({}, {"from": "2.15.1", "to": "2.15.2"})


def test_a_roll_that_has_ended_is_not_under_way() -> None:
    state = told(with_facts(cluster(), version="2.15.2"), n1=journal("done"), n2=journal("done"), n3=journal("done"))
    assert state["roll"] is None


def test_the_turn_that_broke_off_says_which_roll_it_is() -> None:
    readings = with_facts(cluster(), "n1", version="2.14.6")
    old = journal("done", target="2.14.6", old="2.12.8")
    assert told(readings, n1=old, n3=journal("draining", name="n3"))["roll"] == {"from": "2.15.1", "to": "2.15.2"}


def test_a_rolling_restart_that_broke_off_is_finished_and_cannot_be_taken_back() -> None:
    turn = journal("starting", target="2.15.1", data={"mode": "restart", "waive": ["r1_assets"]})
    state = told(with_facts(cluster("peer_down_12s"), uptime="3d"), n2=turn)
    assert state["lines"][-2:] == [
        "a rolling restart is under way",
        'finish it: ansible-playbook natsops.cluster.restart -e \'{"nats_upgrade_waive": ["r1_assets"]}\'',
    ]
    assert list(state["commands"]) == ["finish"]


def test_a_restart_that_is_over_is_no_roll_whatever_versions_run() -> None:
    turn = journal("done", target="2.15.2", data={"mode": "restart"})
    assert told(with_facts(cluster(), "n1", version="2.15.2"), n1=turn)["roll"] is None


def test_the_commands_name_every_inventory_and_a_group_of_another_name() -> None:
    state = told(cluster(), ["inventories/prod.yml", "my hosts.ini"], "edge servers", n1=journal("began"))
    for command, version in ((state["commands"]["finish"], "2.15.2"), (state["commands"]["take_back"], "2.15.1")):
        assert words(command) == [
            "ansible-playbook",
            "natsops.cluster.upgrade",
            "-i",
            "inventories/prod.yml",
            "-i",
            "my hosts.ini",
            "-e",
            f"nats_upgrade_version={version}",
            "-e",
            json.dumps({"nats_upgrade_group": "edge servers"}),
        ]


@pytest.mark.parametrize("source", ["a; rm -rf /", "$(id)", "it's", 'a "b"', "a\nb"])
def test_what_a_shell_would_read_as_more_than_a_word_is_quoted(source: str) -> None:
    assert words(told(cluster(), [source], n1=journal("began"))["commands"]["finish"])[3] == source


def test_a_group_is_named_where_it_is_not_that_of_the_defaults() -> None:
    assert words(told(cluster(), group="edge", n1=journal("began"))["commands"]["finish"])[-1] == "nats_upgrade_group=edge"
    assert "nats_upgrade_group" not in told(cluster(), n1=journal("began"))["commands"]["finish"]


def waivers(command: str) -> list[str]:
    found: list[str] = json.loads(words(command)[-1])["nats_upgrade_waive"]
    return found


def test_what_the_roll_was_told_to_accept_is_in_both_commands() -> None:
    state = told(cluster(), n1=journal("began", data={"waive": ["two_node_cluster", "r1_assets"]}))
    assert waivers(state["commands"]["finish"]) == ["two_node_cluster", "r1_assets"]
    assert waivers(state["commands"]["take_back"]) == ["r1_assets", "two_node_cluster"]


def test_to_take_back_what_went_up_a_minor_the_downgrade_is_waived() -> None:
    readings = with_facts(cluster(), "n2", "n3", version="2.14.7")
    state = told(readings, n1=journal("done", target="2.15.1", old="2.14.7", data={"waive": ["stepping_stone"]}))
    assert waivers(state["commands"]["finish"]) == ["stepping_stone"]
    assert waivers(state["commands"]["take_back"]) == ["downgrade", "stepping_stone"]


def test_the_node_that_is_down_may_run_the_target_already() -> None:
    readings = with_facts(cluster("peer_down_12s"), version="2.14.7")
    state = told(readings, n2=journal("starting", target="2.15.1", old="2.14.7"))
    assert waivers(state["commands"]["take_back"]) == ["downgrade"]


def test_a_downgrade_that_nobody_may_waive_is_not_offered_as_if_one_could() -> None:
    readings = with_facts(cluster(), "n2", "n3", version="2.12.8")
    state = told(readings, n1=journal("done", target="2.15.1", old="2.12.8"))
    assert "nats_upgrade_waive" not in state["commands"]["take_back"]


def test_a_lock_is_told_once_with_all_the_hosts_it_lies_on() -> None:
    lock = {"run_id": "r1", "state": "held", "said": "held by ada@build7"}
    state = told(cluster(), n1={"lock": lock}, n3={"lock": lock}, n2={"lock": {"run_id": "r2", "state": "expired"}})
    assert [line for line in state["lines"] if line.startswith("locked")] == [
        "locked: n1, n3: held by ada@build7",
        "locked: n2: run r2, expired",
    ]
    assert list(state["locks"]) == ["n1", "n2", "n3"]


def test_what_is_not_well_is_told_and_of_much_the_first_ten() -> None:
    sick = Health(503, tuple(HealthError(f"APP > S{number}", f"S{number} is not current") for number in range(12)))
    state = told(changed(cluster(), "n3", health=sick))
    lines = [line for line in state["lines"] if line.startswith("not well: ")]
    assert lines[0] == "not well: n3: healthz: 503 S0 is not current"
    assert (len(lines), lines[-1]) == (11, "not well: and 2 more")
    assert len(state["unhealthy"]["n3"]) == 12


def test_that_a_server_does_not_answer_is_told_once() -> None:
    lines = told(cluster("peer_down_12s"))["lines"]
    assert len([line for line in lines if "connection refused" in line]) == 1


def test_what_was_left_is_not_told_by_the_facts_of_another_host() -> None:
    node = {"hold": True, "read_on": {"host": "n3", "hostname": "c", "machine_id": ""}}
    state = told(cluster(), n1=node, n3=node)
    assert state["holds"] == ["n3"]
    assert (
        "n1  what was left there is not known: the facts given for it were read on n3 (host name c, machine id ?)"
        in state["lines"]
    )
