from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import Any, Sequence

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._plan.planner import plan_upgrade
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation
from ansible_collections.natsops.cluster.plugins.module_utils._plan.status import status
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Health, HealthError, Reading
from tests.unit.situations import POLICY, changed, cluster, journal, refusals, with_facts


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
    readings = with_facts(with_facts(cluster(), "n2", "n3", version="2.11.11"), "n1", version="2.14.6")
    accepted = {"waive": ["skipped_minor", "version_window"]}
    state = told(readings, n1=journal("done", target="2.14.6", old="2.11.11", data=accepted))
    assert list(state["commands"]) == ["finish"], state["lines"]
    (line,) = [line for line in state["lines"] if line.startswith("take it back: ")]
    assert line.startswith("take it back: not possible as things are, a run would be refused: downgrade: n1 runs 2.14.6: ")
    assert "ansible-playbook" not in line


def two_without_jetstream() -> list[Reading]:
    """n1 and n2 without JetStream, n2 down since its turn broke off."""
    n1, n2, _unused = cluster("peer_down_12s")
    alone = replace(n1, peers=frozenset(), groups=(), placements=(), assets=())
    return with_facts([alone, n2], jetstream=False, meta_cluster_size=0, meta_leader="")


def test_of_two_nodes_the_printed_commands_are_not_refused_because_the_other_one_is_down() -> None:
    node = {"hold": True, **journal("switching", data={"cluster": "lab"})}
    state = told(two_without_jetstream(), n2=node)
    assert list(state["commands"]) == ["finish", "take_back"]
    situation = Situation.of(two_without_jetstream(), {"n2": node})
    for version in ("2.15.1", "2.15.2"):
        plan = plan_upgrade(situation, version, POLICY)
        assert (refusals(plan), plan.order[0]) == ([], "n2")


def test_a_server_that_is_alone_is_so_though_a_turn_of_another_cluster_broke_off() -> None:
    node = journal("switching", data={"cluster": "another"})
    assert refusals(plan_upgrade(Situation.of(two_without_jetstream(), {"n2": node}), "2.15.2", POLICY)) == ["single_server"]


def test_what_has_to_be_well_first_is_said_before_the_commands() -> None:
    sick = Health(503, (HealthError("APP > S", "S is not current"),))
    state = told(changed(with_facts(cluster(), "n1", version="2.15.2"), "n3", health=sick), n1=journal("done"))
    assert "fix first what is not well or does not answer: until then a run is refused (unhealthy_server)" in state["lines"][-3]
    assert state["lines"][-2].startswith("finish it: ansible-playbook")


def test_a_name_that_cannot_be_waived_any_more_is_in_no_command() -> None:
    state = told(cluster(), n1=journal("began", data={"waive": ["duplicate_name", "r1_assets"]}))
    assert waivers(state["commands"]["finish"]) == ["r1_assets"]


HELD = {
    "run_id": "r1",
    "state": "held",
    "said": "held by ada@build7",
    "controller": {"host": "build7"},
    "expires_at": "2026-10-01T12:02:00Z",
}


def test_a_lock_is_told_once_with_all_the_hosts_it_lies_on() -> None:
    state = told(cluster(), n1={"lock": HELD}, n3={"lock": HELD}, n2={"lock": {"run_id": "r2", "state": "expired"}})
    assert [line for line in state["lines"] if line.startswith("locked")] == [
        "locked: n1, n3: held by ada@build7. Only build7 can tell whether its process lives. Wait for it, or where it is dead "
        "until the lock ends by itself, at 2026-10-01T12:02:00Z",
        "locked: n2: run r2, expired. The next run takes the lock over",
    ]
    assert list(state["locks"]) == ["n1", "n2", "n3"]


@pytest.mark.parametrize(
    ("lock", "holder", "said"),
    [
        pytest.param(HELD, "lives", "Its process lives: that run is at work, or stands still. Wait for it", id="lives"),
        pytest.param(HELD, "dead", "Its process has gone: the next run from build7 takes the lock over at once", id="dead"),
        pytest.param(HELD, "unknown", "Only build7 can tell whether its process lives", id="another-controller"),
        pytest.param({"state": "unreadable", "said": "x"}, "unknown", "delete lock.json in nats_upgrade_state_dir", id="damaged"),
    ],
)
def test_a_lock_says_whether_its_holder_lives_and_what_to_do(lock: dict[str, Any], holder: str, said: str) -> None:
    situation = Situation.of(cluster(), {"n1": {"lock": lock}})
    lines = status(situation, POLICY, (), "nats", {lock.get("run_id", "?"): holder})["lines"]
    (line,) = [line for line in lines if line.startswith("locked")]
    assert said in line


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
