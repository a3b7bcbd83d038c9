from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._plan import planner as _planner
from ansible_collections.natsops.cluster.plugins.module_utils._plan import restart as _restart
from ansible_collections.natsops.cluster.plugins.module_utils._plan import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import nodes as _nodes
from ansible_collections.natsops.cluster.plugins.module_utils._plan.plan import Plan
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation
from tests.unit.plugins.module_utils._plan.checks.test_containers import CONTAINER
from tests.unit.situations import LEADER, POLICY, RUNNING, cluster, found, journal, plan_of, refusals, silent, with_facts

DIGEST, OTHER = "sha256:aa", "sha256:bb"
LOADED = "2026-11-21T15:00:00.5Z"
NAMES = ("n1", "n2", "n3")


def node(**other: Any) -> dict[str, Any]:
    """What was found out on a node where nothing has changed since its server was started."""
    return {"binary_version": RUNNING, "config_path": "/etc/nats.conf", "config_digest": DIGEST, **other}


def restart_of(*, version: str = RUNNING, digest: str = DIGEST, options: dict[str, Any] | None = None, **nodes: Any) -> Plan:
    readings = with_facts(cluster(version=version), config_digest=digest, config_load_time=LOADED)
    found_out = {name: node(binary_version=version) for name in NAMES} | nodes
    return _planner.plan_restart(Situation.of(readings, found_out), POLICY, **options or {})


def why(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {step.host: step.why for step in plan.steps}


def test_nothing_is_to_do_where_every_server_runs_what_is_installed_and_configured() -> None:
    plan = restart_of()
    assert (plan.order, sorted(plan.done), refusals(plan)) == ((), ["n1", "n2", "n3"], [])
    assert "need no restart" in _text.lines(plan)[0]


def test_only_a_server_whose_configuration_was_changed_is_taken() -> None:
    plan = restart_of(n3=node(config_digest=OTHER))
    assert why(plan) == {"n3": ("its configuration was changed",)}
    assert plan.as_dict()["expect"] == {name: {"version": RUNNING} for name in ("n1", "n3", "n2")}
    lines = _text.lines(plan)
    assert lines[0].split(":")[1].startswith(" restart, one node at a time, about ")
    assert lines[1].startswith(f"  1. n3  {RUNNING}  its configuration was changed")


def test_all_are_taken_where_they_are_asked_for_and_the_meta_leader_last() -> None:
    plan = restart_of(options={"every": True}, n1=node(config_digest=OTHER))
    assert plan.order[-1] == LEADER
    assert why(plan) == {"n1": ("its configuration was changed",), "n2": ("asked for",), "n3": ("asked for",)}


@pytest.mark.parametrize(
    ("facts", "taken"),
    [
        ({"config_modified": "2026-11-21T15:00:00.499999999Z"}, ()),
        ({"config_modified": "2026-11-21T15:00:00.600000000Z"}, ("its configuration was written after it was loaded",)),
        ({"config_modified": None}, ("nobody can tell whether its configuration was changed",)),
        ({"config_modified": None, "config_path": ""}, ()),
    ],
)
def test_a_server_before_2_11_says_only_when_it_has_loaded_its_configuration(
    facts: dict[str, Any], taken: tuple[str, ...]
) -> None:
    plan = restart_of(digest="", n1=node(**facts), n2=node(config_path=""), n3=node(config_path=""))
    assert why(plan) == ({"n1": taken} if taken else {})


@pytest.mark.parametrize(("digest", "taken"), [("", ("its configuration was changed",)), (DIGEST, ())])
def test_a_file_that_was_replaced_under_a_container_counts_whatever_its_time_but_not_against_a_digest(
    digest: str, taken: tuple[str, ...]
) -> None:
    replaced = node(
        container={**CONTAINER, "wanted_image": "", "config_replaced": True}, config_modified="2026-11-20T15:00:00.0Z"
    )
    plan = restart_of(digest=digest, n1=replaced, n2=node(config_path=""), n3=node(config_path=""))
    assert why(plan) == ({"n1": taken} if taken else {})


def test_a_node_that_was_not_looked_at_is_left_alone_and_said_to_be() -> None:
    readings = with_facts(cluster(), config_digest=DIGEST)
    situation = Situation.of(readings, {"n1": node(), "n3": node(config_digest=OTHER)})
    plan = _planner.plan_restart(situation, POLICY)
    assert (plan.order, plan.done) == (("n3",), ("n1",))
    assert "  n1 needs no restart; n2 not looked at" in _text.lines(plan)
    assert set(_planner.plan_restart(situation, POLICY, every=True).order) == {"n1", "n2", "n3"}


def test_another_binary_on_disk_is_taken_to_its_version_and_judged_as_an_upgrade() -> None:
    plan = restart_of(version="2.14.6", n1=node(binary_version="2.15.1"))
    assert why(plan) == {"n1": ("2.15.1 is installed and does not run yet",)}
    assert plan.versions == {"n1": "2.15.1", "n2": "2.14.6", "n3": "2.14.6"}
    assert refusals(plan) == ["stepping_stone"]
    assert found(plan, "stepping_stone").seen == ("n1",)


def test_the_rules_about_versions_do_not_count_where_none_changes() -> None:
    assert refusals(restart_of(version="2.10.26", digest="", options={"every": True})) == []


def test_a_binary_that_says_nothing_that_is_known_is_refused() -> None:
    plan = restart_of(n1=node(binary_version="custom"))
    assert refusals(plan) == ["unknown_version"]
    assert found(plan, "unknown_version").seen == ("n1",)


@pytest.mark.parametrize(
    ("unit", "refused"),
    [
        ({"name": "nats-server.service", "enabled": "enabled"}, None),
        ({"name": "nats-server.service", "enabled": "disabled"}, "nats-server.service is disabled"),
        ({"name": "nats-server.service", "enabled": "enabled-runtime"}, "nats-server.service is enabled-runtime"),
        (None, "no unit of systemd starts it"),
    ],
)
def test_a_reboot_wants_a_unit_that_is_started_at_boot(unit: dict[str, Any] | None, refused: str | None) -> None:
    enabled = {"unit": {"name": "nats-server.service", "enabled": "enabled"}}
    every = {name: node(**enabled) for name in NAMES} | {"n1": node(unit=unit)}
    plan = restart_of(options={"every": True, "reboot": True}, **every)
    assert refusals(plan) == (["not_started_at_boot"] if refused else [])
    if refused:
        assert f"n1: {refused}: the host would come back" in found(plan, "not_started_at_boot").message
    else:
        assert "restart and reboot" in _text.lines(plan)[0]
        assert plan.seconds == restart_of(options={"every": True}).seconds + 3 * _planner.REBOOT_SECONDS


def test_a_turn_that_broke_off_is_taken_up_first_with_its_server_down_or_started() -> None:
    broken = node(**journal("starting", "n2", RUNNING, RUNNING, data={"mode": "restart"}))
    plan = restart_of(n2=broken)
    assert (plan.order, plan.steps[0].resumes) == (("n2",), "starting")
    readings = silent(with_facts(cluster(), config_digest=DIGEST), "n2")
    plan = _planner.plan_restart(Situation.of(readings, {"n1": node(), "n2": broken, "n3": node()}), POLICY)
    assert (plan.order, plan.steps[0].away, plan.steps[0].to, refusals(plan)) == (("n2",), True, RUNNING, [])


def test_a_restart_does_not_end_the_turn_of_an_upgrade_nor_an_upgrade_that_of_a_restart() -> None:
    plan = restart_of(n2=node(**journal("starting", "n2")))
    assert refusals(plan) == ["target_changed"]
    assert "natsops.cluster.upgrade -e nats_upgrade_version=2.15.2, or take it back" in found(plan, "target_changed").message
    of_restart = journal("starting", "n2", RUNNING, RUNNING, data={"mode": "restart"})
    upgrade = plan_of(cluster(), n2=of_restart)
    assert refusals(upgrade) == ["target_changed"]
    assert "the playbook natsops.cluster.restart" in found(upgrade, "target_changed").message
    assert _nodes.is_restart(of_restart["journal"])


def test_what_the_files_are_now_is_added_to_what_was_found_out() -> None:
    situation = _restart.with_digests(Situation((), (), {"n1": {"pid": 1}, "n2": {}}), {"n1": DIGEST})
    assert situation.nodes == {"n1": {"pid": 1, "config_digest": DIGEST}, "n2": {"config_digest": ""}}


def test_a_reboot_of_a_host_of_containers_cannot_be_waived() -> None:
    situation = Situation.of(cluster(), {"n1": node(container={"name": "nats"})})
    (finding,) = (trouble.finding for trouble in _restart.judge_reboot(situation, ["n1"]))
    assert finding.message.startswith("n1: the server runs in a container")
    assert not finding.waivable


def test_a_server_that_does_not_answer_is_left_out_where_that_is_waived() -> None:
    readings = with_facts(silent(cluster(), "n2"), config_digest=DIGEST, config_load_time=LOADED)
    plan = _planner.plan_restart(
        Situation.of(readings, {name: node() for name in NAMES}), POLICY, every=True, waive=["missing_server", "degraded_group"]
    )
    assert (sorted(plan.order), plan.done, plan.left_out) == (["n1", "n3"], (), ("n2",))
