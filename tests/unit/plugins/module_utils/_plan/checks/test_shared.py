"""Reasons not to begin that lie in what servers of one machine share."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._plan.plan import Plan
from ansible_collections.natsops.cluster.plugins.module_utils._plan.planner import plan_upgrade
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation, Surge
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading
from tests.unit.situations import POLICY, RUNNING, TARGET, cluster, found, journal, plan_of, refusals, warnings, with_facts

FILE = "/usr/sbin/nats-server"


def node(pid: int, *others: int, place: str = "boot:1:2/nats-server", **switch: Any) -> dict[str, Any]:
    """Facts of a host whose server is started by a file that is in this place."""
    told = [{"pid": other, "config_path": f"/etc/nats/{other}.conf"} for other in others]
    own = {"path": FILE, "link": False, "managed": "", "names_version": "", "place": place, "others": told}
    return {"pid": pid, "binary_path": FILE, "binary_version": RUNNING, "binary_switch": {**own, **switch}}


def of_one_machine() -> dict[str, dict[str, Any]]:
    return {"n1": node(1, 2, 3), "n2": node(2, 1, 3), "n3": node(3, 1, 2)}


def test_one_binary_of_several_servers_of_a_cluster_is_warned_of_once_with_what_it_means() -> None:
    plan = plan_of(cluster(), **of_one_machine())
    assert (refusals(plan), warnings(plan)) == ([], ["shared_binary"])
    finding = found(plan, "shared_binary")
    assert finding.seen == ("n1", "n2", "n3")
    assert finding.message.startswith(f"n1, n2, n3 are started by one file, {FILE}: the new version is staged there once, and")
    assert "crashes before its own turn starts with the new version" in finding.message
    assert "where one is put back, the others would start with the old version" in finding.message


@pytest.mark.parametrize(
    "nodes",
    [
        pytest.param({"n1": node(1, place="a/x"), "n2": node(2, place="b/x")}, id="files-of-their-own"),
        pytest.param({"n1": node(1, place=""), "n2": node(2, place="")}, id="places-that-are-not-known"),
        pytest.param({"n1": {"pid": 1}, "n2": {"pid": 2, "binary_switch": None}}, id="no-binary-is-switched"),
    ],
)
def test_servers_that_share_nothing_are_not_told(nodes: dict[str, Any]) -> None:
    plan = plan_of(cluster(), **nodes)
    assert (refusals(plan), warnings(plan)) == ([], [])


def test_where_there_is_nothing_to_switch_nothing_is_told() -> None:
    plan = plan_of(cluster(), target=RUNNING, **of_one_machine())
    assert (refusals(plan), warnings(plan)) == ([], [])


def test_a_server_that_is_no_host_of_the_run_and_shares_the_binary_is_refused_with_its_pid() -> None:
    plan = plan_of(cluster(), n1=node(1, 2, 77), n2=node(2, 1, 77))
    assert refusals(plan) == ["shared_binary"]
    finding = found(plan, "shared_binary")
    assert f"n1, n2: {FILE} starts other servers as well, which are no hosts of this run: pid 77 (/etc/nats/77.conf)" in (
        finding.message
    )
    assert "nats_upgrade_binary_path" in finding.message
    assert refusals(plan_of(cluster(), "shared_binary", n1=node(1, 2, 77), n2=node(2, 1, 77))) == []


def test_a_server_whose_process_was_not_found_is_not_a_stranger_to_itself() -> None:
    """Its pid file is another one: what names it is refused by itself."""
    unknown = {**node(1, 2, 77), "pid": None}
    assert refusals(plan_of(cluster(), n1=unknown, n2=node(2, 77))) == []


def test_a_temporary_server_is_a_host_of_the_run() -> None:
    situation = Situation.of(cluster(), {"n1": node(1, 77)})
    surge = Surge("spare", {"pid": 77}, "", Reading("spare", "http://spare:8222", error="connection refused"))
    with_surge = Situation(situation.readings, situation.verdicts, situation.nodes, (surge,))
    assert "shared_binary" not in refusals(plan_upgrade(with_surge, TARGET, POLICY))
    assert "shared_binary" in refusals(plan_upgrade(situation, TARGET, POLICY))


def test_servers_of_several_clusters_with_one_binary_are_refused() -> None:
    plan = plan_of(with_facts(cluster(), "n3", cluster="other"), **of_one_machine())
    assert "shared_binary" in refusals(plan)
    message = found(plan, "shared_binary").message
    assert f"n1, n2, n3 are started by one file, {FILE}, and are of several clusters, " in message
    assert "the first turn switches it for all of them" in message


@pytest.mark.parametrize("hosts", [["n1", "n2", "n3"], ["n2", "n3"]])
def test_one_state_folder_for_several_servers_is_refused_by_name_and_cannot_be_waived(hosts: Sequence[str]) -> None:
    nodes: Mapping[str, Any] = {host: {"state_place": "boot:1:2" if host in hosts else host} for host in ("n1", "n2", "n3")}
    plan = plan_of(cluster(), **nodes)
    assert refusals(plan) == ["shared_state_dir"]
    finding = found(plan, "shared_state_dir")
    assert (finding.waivable, finding.seen) == (False, tuple(hosts))
    assert finding.message.startswith(f"{', '.join(hosts)} have one nats_upgrade_state_dir, on one machine: ")
    assert "/var/lib/natsops/{{ inventory_hostname }}" in finding.message


@pytest.mark.parametrize(
    ("name", "config", "refused"),
    [
        pytest.param("other", "/etc/other.conf", ["shared_state_dir"], id="another-server"),
        pytest.param("other", "/etc/nats.conf", [], id="renamed-since"),
        pytest.param("n2", "/etc/other.conf", [], id="another-file-since"),
    ],
)
def test_a_turn_of_a_server_in_another_inventory_is_not_finished_here(name: str, config: str, refused: list[str]) -> None:
    plan = plan_of(cluster(), n2={"config_path": "/etc/nats.conf", **journal("signalled", name, config_path=config)})
    assert [one for one in refusals(plan) if one == "shared_state_dir"] == refused
    if refused:
        assert f"and it is that of another server (other, with {config}): this host" in found(plan, "shared_state_dir").message


def test_state_folders_of_their_own_and_such_that_are_not_known_are_no_trouble() -> None:
    assert refusals(plan_of(cluster(), n1={"state_place": "a"}, n2={"state_place": "b"}, n3={"state_place": "c"})) == []
    assert refusals(plan_of(cluster(), n1={"state_place": ""}, n2={"state_place": ""}, n3={})) == []


def test_a_link_of_update_alternatives_is_refused_by_the_plan_with_what_to_do() -> None:
    plan = plan_of(cluster(), n1=node(1, managed="/etc/alternatives/nats-server"))
    assert refusals(plan) == ["managed_link"]
    finding = found(plan, "managed_link")
    assert not finding.waivable
    said = f"n1: {FILE} leads to nats-server {RUNNING} by /etc/alternatives/nats-server, which update-alternatives writes"
    assert finding.message.startswith(said)


def test_a_path_that_names_the_version_and_cannot_be_switched_is_warned_of() -> None:
    plan: Plan = plan_of(cluster(), n1=node(1, names_version=RUNNING))
    assert (refusals(plan), warnings(plan)) == ([], ["versioned_path"])
    assert f"n1: the server is started by {FILE}, which names {RUNNING}" in found(plan, "versioned_path").message
