"""Reasons not to begin that lie in how a node runs its server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Placement, Reading
from tests.unit.situations import (
    RUNNING,
    STREAM,
    changed,
    cluster,
    found,
    journal,
    plan_of,
    refusals,
    silent,
    warnings,
    with_facts,
    with_placements,
)

NODE = {"lame_duck_duration_seconds": 120.0, "lame_duck_grace_period_seconds": 10.0, "config_path": "/etc/nats.conf"}
# As in the unit file that NATS ships.
UNIT = {
    "name": "nats-server.service",
    "restart": "on-failure",
    "timeout_stop_seconds": 150.0,
    "exec_stop": ["/bin/kill", "-s", "SIGUSR2", "$MAINPID"],
    "need_daemon_reload": False,
}


def with_unit(**unit: Any) -> dict[str, Any]:
    return {**NODE, "unit": {**UNIT, **unit}}


@pytest.mark.parametrize(
    "unit",
    [
        pytest.param({}, id="as-shipped"),
        pytest.param({"timeout_stop_seconds": None}, id="no-limit"),
        pytest.param({"exec_stop": []}, id="no-exec-stop"),
        pytest.param({"exec_stop": ["/opt/PRINT/stop", "-20"]}, id="a-name-with-int-in-it"),
    ],
)
def test_a_unit_that_lets_the_server_drain_is_safe(unit: dict[str, Any]) -> None:
    plan = plan_of(cluster(), n1=with_unit(**unit), n2={**NODE, "unit": None})
    assert (refusals(plan), warnings(plan)) == ([], [])


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        pytest.param(
            {"timeout_stop_seconds": 149.0},
            "TimeoutStopSec is 149 s and a drain may take 120 s, so that systemctl stop kills it in the middle: set 150 s",
            id="killed-in-the-middle",
        ),
        pytest.param(
            {"exec_stop": ["/bin/kill", "-s", "SIGINT", "$MAINPID"]},
            "ExecStop (/bin/kill -s SIGINT $MAINPID) sends SIGINT, so that systemctl stop drops every client at once",
            id="sigint",
        ),
        pytest.param({"exec_stop": ["/bin/kill", "-INT", "$MAINPID"]}, "sends SIGINT", id="sigint-by-its-short-name"),
        pytest.param({"exec_stop": ["/bin/kill", "-2", "$MAINPID"]}, "sends SIGINT", id="sigint-by-its-number"),
        pytest.param({"restart": "always"}, "Restart=always starts the old binary again after a lame duck by hand", id="restart"),
        pytest.param({"need_daemon_reload": True}, "its files were edited and not loaded (NeedDaemonReload)", id="not-loaded"),
    ],
)
def test_a_unit_that_does_not_is_warned_of_with_what_it_does(unit: dict[str, Any], said: str) -> None:
    plan = plan_of(cluster(), n1=with_unit(**unit), n2=with_unit())
    assert (refusals(plan), warnings(plan)) == ([], ["unsafe_unit"])
    finding = found(plan, "unsafe_unit")
    assert finding.seen == ("n1",)
    assert finding.message.startswith("n1: unit nats-server.service: ")
    assert said in finding.message


def test_everything_about_a_unit_is_told_together() -> None:
    plan = plan_of(cluster(), n1=with_unit(restart="always", need_daemon_reload=True, timeout_stop_seconds=5.0))
    message = found(plan, "unsafe_unit").message
    assert [word in message for word in ("TimeoutStopSec", "Restart=always", "NeedDaemonReload", "SIGINT")] == [True] * 3 + [
        False
    ]


def test_the_time_to_stop_is_that_of_this_nodes_own_drain() -> None:
    plan = plan_of(cluster(), n1={**with_unit(timeout_stop_seconds=90.0), "lame_duck_duration_seconds": 60.0})
    assert warnings(plan) == []


@pytest.mark.parametrize(("grace", "refused"), [(120.0, True), (200.0, True), (119.0, False)])
def test_lame_duck_settings_with_which_the_server_does_not_start_cannot_be_waived(grace: float, refused: bool) -> None:
    plan = plan_of(cluster(), n1={**NODE, "lame_duck_grace_period_seconds": grace})
    assert refusals(plan) == (["lame_duck_settings"] if refused else [])
    if refused:
        finding = found(plan, "lame_duck_settings")
        assert (finding.waivable, finding.seen) == (False, ("n1",))
        assert f"lame_duck_grace_period is {grace:g} s and lame_duck_duration 120 s in /etc/nats.conf" in finding.message


def test_a_hold_that_an_earlier_run_left_is_told() -> None:
    assert warnings(plan_of(cluster(), n1={**NODE, "hold": True})) == ["leftover_hold"]
    assert warnings(plan_of(cluster(), n1={**NODE, "hold": False})) == []


def test_a_policy_for_packages_that_an_earlier_run_left_is_told() -> None:
    assert warnings(plan_of(cluster(), n1={**NODE, "package_guard": True})) == ["leftover_hold"]


@pytest.mark.parametrize(
    ("version", "then"),
    [
        ("2.15.2", "in its turn the node is drained and started, and that is all"),
        ("2.14.9", "in its turn the node goes to 2.15.2"),
    ],
)
def test_a_binary_that_was_replaced_and_not_started_is_told(version: str, then: str) -> None:
    plan = plan_of(cluster(), n1={**NODE, "binary_version": version, "binary_path": "/usr/sbin/nats-server"}, n2=NODE)
    assert warnings(plan) == ["replaced_binary"]
    message = found(plan, "replaced_binary").message
    assert message.startswith(f"n1: /usr/sbin/nats-server is nats-server {version}, and {RUNNING} runs")
    assert then in message


def test_the_hold_of_a_turn_that_is_taken_up_again_is_part_of_it() -> None:
    assert warnings(plan_of(cluster(), n2={**NODE, "hold": True, **journal("draining")})) == []
    assert warnings(plan_of(cluster(), n2={**NODE, "hold": True, **journal("done")})) == ["leftover_hold"]


def test_a_journal_that_cannot_be_read_is_told_with_why() -> None:
    plan = plan_of(cluster(), n2={**NODE, "journal": {"unreadable": "it is no JSON"}})
    assert (refusals(plan), warnings(plan)) == ([], ["damaged_journal"])
    assert "n2: what an earlier run wrote down cannot be read (it is no JSON)" in found(plan, "damaged_journal").message


PROCESS = {**NODE, "pid": 7, "program": "/usr/bin/nats-server"}


@pytest.mark.parametrize(
    ("found_by", "variable"), [("pid_file", "nats_upgrade_pid_file"), ("service", "nats_upgrade_service_name")]
)
def test_a_process_that_is_not_the_server_that_answers_cannot_be_waived(found_by: str, variable: str) -> None:
    node = {**PROCESS, "listening_ports": [4222, 8223], "found_by": found_by}
    plan = plan_of(with_facts(cluster(), monitor_port=8222), n3=node)
    assert refusals(plan) == ["other_process"]
    finding = found(plan, "other_process")
    assert (finding.seen, finding.waivable) == (("n3",), False)
    assert "is monitored on port 8222" in finding.message
    assert "(/usr/bin/nats-server, pid 7) listens on 4222, 8223. That is another server" in finding.message
    assert f"set {variable}, or nats_upgrade_monitor_url" in finding.message


@pytest.mark.parametrize("ports", [[4222, 8222], None], ids=["its-own", "may-not-be-read"])
def test_a_process_that_listens_where_the_server_answers_or_may_do_so_is_taken_for_it(ports: Any) -> None:
    node = {**PROCESS, "listening_ports": ports, "found_by": "pid_file"}
    assert refusals(plan_of(with_facts(cluster(), monitor_port=8222), n3=node)) == []


def test_a_server_without_a_monitoring_port_is_known_by_its_client_port() -> None:
    cluster_over_nats = with_facts(cluster(), monitor_port=0, client_port=4222)
    other = plan_of(cluster_over_nats, n3={**PROCESS, "listening_ports": [4223], "found_by": "pid_file"})
    assert refusals(other) == ["other_process"]
    assert "has its clients on port 4222" in found(other, "other_process").message
    assert "set nats_upgrade_pid_file, or nats_upgrade_server_name" in found(other, "other_process").message
    assert refusals(plan_of(cluster_over_nats, n3={**PROCESS, "listening_ports": [4222, 6222]})) == []


@pytest.mark.parametrize("facts", [{"server_name": "n 1"}, {"cluster": "our lab"}], ids=["server", "cluster"])
def test_a_name_with_a_space_keeps_the_server_from_starting_and_cannot_be_waived(facts: dict[str, str]) -> None:
    readings = with_facts(cluster(version="2.10.26"), "n1", **facts)
    waive = ("unlisted_server", "ghost_peer")
    plan = plan_of(readings, *waive, target="2.11.17")
    finding = found(plan, "names_with_spaces")
    assert ("names_with_spaces" in refusals(plan), finding.waivable, finding.seen) == (True, False, ("n1",))
    assert f"n1: '{next(iter(facts.values()))}'" in finding.message
    same_minor = plan_of(readings, *waive, target="2.10.29")
    assert "names_with_spaces" not in refusals(same_minor)


def test_a_roll_to_another_version_that_has_not_ended_is_refused_with_both_ways_out() -> None:
    readings = with_facts(cluster(), "n1", "n3", version="2.15.0")
    # The turn of n2 is done: it is the others that tell that the roll is not.
    plan = plan_of(readings, target="2.15.2", n2=journal("done", target="2.15.1", old="2.15.0"))
    assert refusals(plan) == ["target_changed"]
    message = found(plan, "target_changed").message
    assert message.startswith("n2: a roll from 2.15.0 to 2.15.1 is under way (last step there: done), and this run wants 2.15.2")
    assert "-e nats_upgrade_version=2.15.1, or take it back with -e nats_upgrade_version=2.15.0" in message
    assert refusals(plan_of(readings, "target_changed", n2=journal("done", target="2.15.1", old="2.15.0"))) == []


@pytest.mark.parametrize("target", ["2.15.1", "2.15.0"])
def test_to_finish_a_roll_or_to_take_it_back_is_no_change(target: str) -> None:
    readings = with_facts(cluster(), "n1", "n3", version="2.15.0")
    assert "target_changed" not in refusals(plan_of(readings, target=target, n2=journal("done", target="2.15.1", old="2.15.0")))


def test_a_roll_that_has_ended_is_no_reason_not_to_begin_another() -> None:
    ended = journal("done", target="2.15.1", old="2.15.0")
    assert refusals(plan_of(cluster(), n1=ended, n2=ended, n3=ended)) == []


def test_a_turn_that_broke_off_counts_even_where_all_run_the_same() -> None:
    assert refusals(plan_of(cluster(), n2=journal("began", target="2.16.0"))) == ["target_changed"]


def test_what_is_not_known_of_a_node_is_no_reason() -> None:
    plan = plan_of(cluster(), n1={}, n2={"journal": {}, "lock": {}, "hold": False, "unit": None})
    assert (refusals(plan), warnings(plan)) == ([], [])


# What a turn that broke off leaves.


def test_the_silence_of_a_node_whose_turn_broke_off_is_not_refused() -> None:
    plan = plan_of(cluster("peer_down_12s"), n2=journal("switching"))
    assert refusals(plan) == []
    assert (plan.order[0], plan.steps[0].away) == ("n2", True)


def test_a_draining_node_whose_turn_broke_off_is_not_refused_for_that() -> None:
    plan = plan_of(cluster("lame_duck"), n1=journal("draining", name="n1"))
    assert refusals(plan) == []
    assert (plan.order[0], plan.steps[0].resumes, plan.steps[0].away) == ("n1", "draining", True)


@pytest.mark.parametrize(("resumed", "refused"), [("n2", []), ("n3", ["missing_route"])])
def test_a_missing_route_to_such_a_node_is_not_refused_and_one_to_another_is(resumed: str, refused: list[str]) -> None:
    readings = changed(cluster(), "n1", peers=frozenset({"n3"}))
    assert refusals(plan_of(readings, **{resumed: journal("starting", name=resumed)})) == refused


@pytest.mark.parametrize(("resumed", "refused"), [("n3", []), ("n1", ["degraded_group"])])
def test_a_replica_on_such_a_node_that_is_behind_is_not_refused_and_one_on_another_is(resumed: str, refused: list[str]) -> None:
    def behind(placement: Placement) -> Placement:
        return replace(placement, replicas=tuple(replace(r, lag=5000) if r.name == "n3" else r for r in placement.replicas))

    readings = with_placements(cluster(), STREAM, behind)
    assert refusals(plan_of(readings, **{resumed: journal("starting", name=resumed)})) == refused


@pytest.mark.parametrize("resumed", ["n1", "n3"])
def test_any_other_trouble_is_refused_all_the_same(resumed: str) -> None:
    plan = plan_of(cluster("peer_down_12s"), **{resumed: journal("began", name=resumed)})
    assert refusals(plan) == ["missing_server"]


def test_a_second_server_that_is_down_is_refused_beside_the_one_that_is_taken_up() -> None:
    readings = silent(cluster("peer_down_12s"), "n3")
    plan = plan_of(readings, n2=journal("switching"))
    assert refusals(plan)[0] == "missing_server"
    assert found(plan, "missing_server").seen == ("n3",)
    assert plan_of(readings, "missing_server", n2=journal("switching")).steps[0].host == "n2"


def test_the_name_of_the_server_is_that_which_the_journal_gives() -> None:
    readings = cluster("peer_down_12s")
    readings[1] = Reading("machine-7", "http://machine-7:8222", error="connection refused")
    plan = plan_of(readings, **{"machine-7": journal("switching", name="n2")})
    assert refusals(plan) == []
    assert plan.steps[0].server_name == "n2"


def read_on(host: str) -> dict[str, Any]:
    return {"read_on": {"host": host, "hostname": f"{host}.example.org", "machine_id": f"id-of-{host}"}}


def test_facts_that_were_read_on_another_host_are_refused_and_nothing_else_is_judged_by_them() -> None:
    """As with ansible-core 2.21, where all hosts may get the facts of the last one."""
    left = {"hold": True, "lame_duck_duration_seconds": 5.0, "lame_duck_grace_period_seconds": 10.0, **read_on("n3")}
    plan = plan_of(cluster(), "leftover_hold", n1=left, n2=left, n3=left)
    foreign = [finding for finding in plan.settled.refusals if finding.name == "foreign_facts"]
    assert [finding.seen for finding in foreign] == [("n1",), ("n2",)]
    assert (
        "n1: the facts given for this host were read on n3 (host name n3.example.org, machine id id-of-n3)" in foreign[0].message
    )
    assert not any(finding.waivable for finding in foreign)
    assert [finding.seen for finding in plan.settled.refusals if finding.name == "lame_duck_settings"] == [("n3",)]


def test_facts_of_the_own_host_are_taken_and_so_are_those_that_name_none() -> None:
    assert "foreign_facts" not in refusals(plan_of(cluster(), n1=read_on("n1"), n2={}, n3={"read_on": None}))


def test_facts_of_another_host_cannot_be_waived() -> None:
    with pytest.raises(NatsError, match="foreign_facts, which cannot be waived"):
        plan_of(cluster(), "foreign_facts", n1=read_on("n2"))
