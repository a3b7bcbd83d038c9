"""What runs, compared with what the deployed files would start: recorded clusters, and facts of nodes with one thing changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import NOT_WAIVABLE, Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan import planner as _planner
from ansible_collections.natsops.cluster.plugins.module_utils._plan.plan import Plan
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading
from tests.unit.situations import POLICY, TARGET, cluster, found, journal, plan_of, refusals, with_facts

NAMES = ("n1", "n2", "n3")
PENDING = "pending_identity"
ENCRYPTED = {"stored": "chacha", "has_key": True, "opens": True, "cipher": "chacha"}


def same(reading: Reading) -> dict[str, Any]:
    """The next start of a recorded server where nothing was changed."""
    facts = reading.facts
    assert facts
    keys = ("server_name", "cluster", "system_account", "client_port", "cluster_port", "monitor_port", "jetstream", "store_dir")
    return {**{key: getattr(facts, key) for key in keys}, "jetstream_domain": "", "same_store": True, "encryption": None}


def planned(*waive: str, readings: list[Reading] | None = None, target: str = TARGET, on: str = "n1", **changes: Any) -> Plan:
    """The plan where the next start of one server, or of all, differs."""
    readings = readings or cluster()
    nodes = {
        r.name: {"next_start": {**same(r), "config_path": f"/etc/{r.name}.conf", **(changes if on in (r.name, "all") else {})}}
        for r in readings
    }
    return plan_of(readings, *waive, target=target, **nodes)


def pending(plan: Plan) -> Finding:
    return found(plan, PENDING)


def without_assets(readings: list[Reading]) -> list[Reading]:
    return [replace(reading, streams=frozenset()) for reading in readings]


@pytest.mark.parametrize("version", ["2.10.26", "2.12.8", "2.15.1"])
def test_servers_that_would_start_as_they_run_are_planned(version: str) -> None:
    plan = planned("end_of_life", readings=cluster(version=version), target={"2.10.26": "2.10.27"}.get(version, TARGET))
    assert PENDING not in refusals(plan)


FINAL = [
    pytest.param({"server_name": "nats-1"}, "it runs as n1, and would start as nats-1", "deleted from its disk", id="name"),
    pytest.param({"server_name": ""}, "it runs as n1, and would start without a name", "deleted from its disk", id="no-name"),
    pytest.param({"cluster": "prod"}, "cluster.name is lab, and would be prod", "gets no routes", id="cluster"),
    pytest.param({"cluster": ""}, "cluster.name is lab, and would be not set", "gets no routes", id="no-cluster"),
    pytest.param({"system_account": "$SYS"}, "system_account is SYS, and would be $SYS", "do not hear", id="system-account"),
    pytest.param({"jetstream": False}, "JetStream is on, and would be off", "would not be served", id="jetstream-off"),
    pytest.param(
        {"same_store": False, "store_dir": "/new/jetstream"}, ", and would be /new/jetstream", "move the store", id="store"
    ),
    pytest.param({"encryption": {**ENCRYPTED, "has_key": False}}, "it would start without a key", "as prev_key", id="no-key"),
    pytest.param(
        {"encryption": {**ENCRYPTED, "opens": False}}, "another key than jetstream.key", "as prev_key", id="another-key"
    ),
]


@pytest.mark.parametrize(("change", "line", "why"), FINAL)
def test_what_would_lose_something_is_refused_for_good(change: dict[str, Any], line: str, why: str) -> None:
    plan = planned(PENDING, **change)
    assert refusals(plan) == [PENDING]
    finding = pending(plan)
    assert (finding.waivable, finding.seen) == (False, ("n1",))
    assert f"{line} (/etc/n1.conf)\n" in finding.message.replace(" (jetstream.key)", "").replace(", and than prev_key", "")
    assert why in finding.message
    assert finding.message.endswith(NOT_WAIVABLE)


WAIVABLE = [
    pytest.param({"client_port": 4333}, "port is ", ", and would be 4333", id="clients"),
    pytest.param({"monitor_port": 0}, "http is ", ", and would be not set", id="monitoring"),
    pytest.param({"cluster_port": 6333}, "cluster.port is ", ", and would be 6333", id="routes"),
    pytest.param({"jetstream_domain": "hub"}, "jetstream.domain is ", "not set, and would be hub", id="domain"),
    pytest.param({"encryption": {**ENCRYPTED, "cipher": "aes"}}, "jetstream.cipher is ", "chacha, and would be aes", id="cipher"),
    pytest.param(
        {"encryption": {**ENCRYPTED, "stored": "none"}}, "what it stores is ", "not encrypted, and would be", id="encrypted"
    ),
]


@pytest.mark.parametrize(("change", "what", "then"), WAIVABLE)
def test_what_loses_nothing_is_refused_until_it_is_waived(change: dict[str, Any], what: str, then: str) -> None:
    plan = planned(**change)
    assert refusals(plan) == [PENDING]
    (line,) = [line for line in pending(plan).message.splitlines() if line.startswith("  ")]
    assert line.startswith(f"  n1: {what}")
    assert line.endswith(" (/etc/n1.conf)")
    assert then in line
    assert refusals(planned(PENDING, **change)) == []


@pytest.mark.parametrize("change", [{"jetstream": False}, {"same_store": False, "store_dir": "/new/jetstream"}])
def test_where_nothing_is_stored_nothing_is_lost(change: dict[str, Any]) -> None:
    readings = without_assets(cluster())
    assert refusals(planned(readings=readings, **change)) == [PENDING]
    assert refusals(planned(PENDING, readings=readings, **change)) == []


def test_what_is_stored_and_not_served_counts_as_well() -> None:
    (first, *others) = without_assets(cluster())
    node = {"next_start": {**same(first), "jetstream": False}, "stored_streams": ["APP > ORDERS"]}
    assert refusals(plan_of([first, *others], PENDING, "offline_assets", n1=node)) == [PENDING]


@pytest.mark.parametrize(
    "key",
    [
        *(
            "server_name",
            "cluster",
            "system_account",
            "client_port",
            "cluster_port",
            "monitor_port",
            "jetstream",
            "jetstream_domain",
        )
    ]
    + ["store_dir", "same_store", "encryption"],
)
def test_what_is_not_known_is_no_difference(key: str) -> None:
    assert refusals(planned(on="all", **{key: None})) == []


def test_a_server_that_does_not_tell_something_is_not_compared_by_it() -> None:
    """As in facts that an older version of the collection has told."""
    readings = with_facts(cluster(), jetstream_domain=None, cluster_port=None, system_account="")
    nodes = {r.name: {"next_start": same(r)} for r in cluster()}
    nodes["n1"]["next_start"].update(jetstream_domain="hub", cluster_port=6222)
    assert refusals(plan_of(readings, **nodes)) == []


def test_a_server_without_a_name_is_called_by_its_id_which_is_no_name() -> None:
    readings = [replace(r, facts=replace(r.facts, jetstream=False)) for r in cluster() if r.facts]
    nodes = {r.name: {"next_start": {**same(r), "jetstream": False}} for r in readings}
    readings = [replace(r, facts=replace(r.facts, server_id=r.facts.server_name)) for r in readings if r.facts]
    nodes["n1"]["next_start"]["server_name"] = ""
    nodes["n2"]["next_start"]["server_name"] = "named-at-last"
    assert PENDING not in refusals(plan_of(readings, **nodes))


def test_all_servers_and_all_that_differs_come_in_one_refusal_of_each_kind() -> None:
    plan = planned(on="all", cluster="prod", client_port=4333)
    assert refusals(plan) == [PENDING, PENDING]
    final, waivable = plan.settled.refusals
    assert (final.waivable, waivable.waivable) == (False, True)
    assert final.seen == waivable.seen == NAMES
    assert final.message.count("cluster.name is lab, and would be prod") == 3
    assert final.message.count("A server of another cluster") == 1
    assert "port" not in final.message.replace("ports", "")


def test_servers_that_are_not_to_be_stopped_are_not_judged() -> None:
    assert PENDING not in refusals(planned(target="2.15.1", server_name="nats-1"))


def test_jetstream_that_turned_itself_off_comes_back_and_one_that_is_new_is_told() -> None:
    readings = with_facts(cluster(), "n1", jetstream=False, start="2026-11-21T15:00:00Z")
    node = {"next_start": {**same(cluster()[0]), "jetstream": True}}
    for modified, refused in (("2026-11-21T14:00:00Z", False), (None, False), ("2026-11-21T16:00:00Z", True)):
        plan = plan_of(readings, n1={**node, "config_modified": modified})
        assert (PENDING in refusals(plan)) == refused
    assert pending(plan).waivable


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        pytest.param({"server_name": "n2", "cluster": "lab"}, False, id="put-right"),
        pytest.param({"server_name": "nats-2"}, True, id="still-another-name"),
        pytest.param({"cluster": "prod"}, True, id="still-another-cluster"),
        pytest.param({"server_name": "", "client_port": 4333}, False, id="nothing-to-compare-with"),
    ],
)
def test_a_turn_that_broke_off_is_judged_by_what_the_server_was_before(change: dict[str, Any], refused: bool) -> None:
    """It runs in another cluster, as its file said when it was started; the file may have been put right since."""
    readings = with_facts(cluster(), "n2", cluster="prod")
    left = journal("started")
    left["journal"]["data"] = {"cluster": "lab"}
    node = {"next_start": {**same(cluster()[1]), **change}, **left}
    assert (PENDING in refusals(plan_of(readings, n2=node))) == refused


def test_a_restart_is_judged_by_the_same() -> None:
    nodes: dict[str, Any] = {
        r.name: {"binary_version": "2.15.1", "config_path": "/etc/nats.conf", "config_digest": "b", "next_start": same(r)}
        for r in cluster()
    }
    nodes["n1"]["next_start"]["server_name"] = "nats-1"
    plan = _planner.plan_restart(Situation.of(with_facts(cluster(), config_digest="a"), nodes), POLICY, waive=[PENDING])
    assert (refusals(plan), plan.order[0]) == ([PENDING], "n1")
