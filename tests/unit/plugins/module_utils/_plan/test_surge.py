"""Temporary servers: which may join, whether they have, and whether the cluster can do without them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._config import client_access as _client_access
from ansible_collections.natsops.cluster.plugins.module_utils._config import tree as _tree
from ansible_collections.natsops.cluster.plugins.module_utils._plan import status as _status
from ansible_collections.natsops.cluster.plugins.module_utils._plan import surge as _surge
from ansible_collections.natsops.cluster.plugins.module_utils._plan import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._plan.plan import Plan
from ansible_collections.natsops.cluster.plugins.module_utils._plan.planner import plan_upgrade
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation, Surge
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Health, Reading
from tests.unit.situations import (
    POLICY,
    RUNNING,
    TARGET,
    changed,
    cluster,
    found,
    journal,
    refusals,
    silent,
    warnings,
    with_facts,
)

CONFIG = "server_name: s1, accounts { APP { users: [ {user: app, password: app} ] } }, cluster { name: lab }"
URL = "10.0.0.9:4222"


def node(text: str = CONFIG) -> dict[str, Any]:
    return {"access": _client_access.facts(_tree.read("f", lambda _path: text, {}), [], "k")}


def down() -> Reading:
    return Reading("s1", "http://s1:8222", error="connection refused")


def up(**facts: Any) -> Reading:
    (reading,) = with_facts(cluster()[:1], server_name="s1", jetstream=False, connect_urls=(URL,), meta_leader="", **facts)
    return replace(reading, name="s1", groups=(), placements=(), assets=(), peers=frozenset({"n1", "n2", "n3"}))


def surge(text: str = CONFIG, **values: Any) -> Surge:
    return replace(Surge("s1", node(text), "", down(), "ansible s1 -m natsops.cluster.nats_lameduck"), **values)


def plan_with(*temporary: Surge, readings: list[Reading] | None = None, target: str = TARGET, **nodes: Any) -> Plan:
    readings = cluster() if readings is None else readings
    known = {reading.name: node() for reading in readings}
    situation = replace(Situation.of(readings, {**known, **nodes}), surge=temporary)
    return plan_upgrade(situation, target, POLICY)


def beside(readings: list[Reading]) -> list[Reading]:
    """The cluster while the temporary server is there."""
    return [
        replace(r, peers=r.peers | {"s1"}, facts=replace(r.facts, connect_urls=(f"{r.name}:4222", URL))) if r.facts else r
        for r in readings
    ]


def without_jetstream(*readings: Reading) -> list[Reading]:
    bare = [replace(r, placements=(), groups=(), assets=()) for r in readings]
    names = {reading.name for reading in readings}
    bare = [replace(r, peers=r.peers & names) for r in bare]
    return with_facts(bare, jetstream=False, meta_leader="", meta_cluster_size=0)


def test_a_plan_names_the_temporary_server_first_and_last() -> None:
    plan = plan_with(surge())
    assert refusals(plan) == []
    lines = _text.lines(plan)
    assert lines[1] == "  before: s1 is started and joins, a temporary place for clients (it may run any version)"
    assert lines[2].startswith("  1. n1")
    assert lines[5] == "  after: s1 is drained and stopped"
    (place,) = plan.as_dict()["surge"]
    assert (place["host"], place["server_name"], place["joins"], place["running"]) == ("s1", "s1", True, False)
    assert (place["cluster"], place["version"], place["advertised"]) == ("lab", "", True)


def test_one_that_runs_already_is_used_and_is_no_unlisted_server_nor_does_its_version_count() -> None:
    plan = plan_with(surge(reading=up(version="2.11.11")), readings=beside(cluster()))
    assert (refusals(plan), warnings(plan)) == ([], [])
    assert "  before: s1 runs already (2.11.11), and is used as a temporary place for clients" in _text.lines(plan)
    assert refusals(plan_with(readings=beside(cluster()))) == ["unlisted_server"]


def test_one_that_was_left_behind_is_taken_away_though_nothing_else_is_to_be_done() -> None:
    plan = plan_with(surge(reading=up()), readings=beside(cluster()), target=RUNNING)
    assert _text.lines(plan)[1] == "  s1, a temporary server, was left behind: it is drained and stopped"
    assert [(place.joins, place.running) for place in plan.surge] == [(False, True)]


def test_where_nothing_is_to_be_done_a_temporary_server_that_could_not_join_is_no_trouble() -> None:
    assert refusals(plan_with(surge(error="host lost", node={}), target=RUNNING)) == []


@pytest.mark.parametrize(
    ("temporary", "name", "said"),
    [
        pytest.param(surge(f"{CONFIG}, jetstream {{}}"), "surge_jetstream", "has JetStream on", id="jetstream"),
        pytest.param(surge(reading=up(), node=node(f"{CONFIG}, jetstream {{}}")), "surge_jetstream", "JetStream", id="and-runs"),
        pytest.param(
            surge(CONFIG.replace("lab", "prod")),
            "surge_server",
            "is called 'prod', and the cluster that is upgraded lab",
            id="name",
        ),
        pytest.param(
            surge(CONFIG.replace("name: lab", "listen: 6222")), "surge_server", "gives its cluster no name", id="no-name"
        ),
        pytest.param(surge(host="n1"), "surge_server", "n1: is a host of the cluster", id="a-host-of-the-cluster"),
        pytest.param(surge(error="ssh: refused", node={}), "surge_server", "cannot be found out: ssh: refused", id="host-lost"),
        pytest.param(
            surge(CONFIG.replace("password: app", "password: x")),
            "surge_config",
            "account APP: user app has another password, or another hash of it (compared with n1, n2, n3)",
            id="password",
        ),
        pytest.param(
            surge(CONFIG.replace("name: lab", "name: lab, no_advertise: true")),
            "surge_config",
            "no_advertise is set on s1",
            id="unknown-to-clients",
        ),
    ],
)
def test_one_that_could_not_stand_in_is_refused_by_name(temporary: Surge, name: str, said: str) -> None:
    plan = plan_with(temporary)
    assert refusals(plan) == [name]
    assert said in found(plan, name).message
    assert found(plan, name).waivable is (name == "surge_config")


def test_a_node_that_advertises_nothing_is_named_too() -> None:
    plan = plan_with(surge(), n2=node(CONFIG.replace("name: lab", "name: lab, no_advertise: true")))
    assert "no_advertise is set on n2" in found(plan, "surge_config").message
    assert [place.advertised for place in plan.surge] == [False]


def test_two_servers_without_jetstream_are_warned_of_unless_there_is_a_temporary_one() -> None:
    readings = without_jetstream(*cluster()[:2])
    alone = plan_with(readings=readings)
    assert (refusals(alone), warnings(alone)) == ([], ["two_node_cluster"])
    assert "the only place for clients" in found(alone, "two_node_cluster").message
    assert warnings(plan_with(surge(), readings=readings)) == []
    # It takes no part in JetStream.
    assert "two_node_cluster" in refusals(plan_with(surge(), readings=with_facts(cluster()[:2], meta_cluster_size=2)))


def test_a_single_server_without_jetstream_is_not_alone_with_a_temporary_one() -> None:
    readings = without_jetstream(*cluster()[:1])
    assert refusals(plan_with(readings=readings)) == ["single_server"]
    assert refusals(plan_with(surge(), readings=readings)) == []


def test_a_temporary_server_has_room_for_clients() -> None:
    full = with_facts(cluster(), connections=10, max_connections=10)
    assert "client_capacity" in refusals(plan_with(readings=full))
    assert refusals(plan_with(surge(), readings=full)) == []
    assert "client_capacity" in refusals(plan_with(surge(f"{CONFIG}, max_connections: 5"), readings=full))


def test_it_has_joined_once_every_server_has_a_route_and_tells_clients() -> None:
    readings = beside(cluster())
    assert _surge.not_joined(readings, [up()], advertised=True) == []
    unrouted = changed(readings, "n2", peers=frozenset({"n1", "n3"}))
    assert _surge.not_joined(unrouted, [up()], advertised=True) == ["no route to s1 on n2"]
    mute = with_facts(readings, "n1", "n3", connect_urls=("n1:4222",))
    assert _surge.not_joined(mute, [up()], advertised=True) == [f"{URL} of s1 is not told to clients by n1, n3 (no_advertise?)"]
    assert _surge.not_joined(mute, [up()], advertised=False) == []
    (speechless,) = with_facts([up()], connect_urls=())
    assert _surge.not_joined(readings, [speechless], advertised=True) == [
        "s1 tells clients no address of its own (no_advertise?)"
    ]
    assert _surge.not_joined(readings, [down()], advertised=True) == ["s1 http://s1:8222 does not answer: connection refused"]
    assert _surge.not_joined(readings, [up(cluster="prod")], advertised=False) == ["s1 says that it is of the cluster 'prod'"]


def test_it_has_gone_once_no_server_has_anything_of_it() -> None:
    assert _surge.still_there(cluster(), ["s1"], [URL]) == []
    assert _surge.still_there(changed(cluster(), "n2", peers=frozenset({"n1", "s1"})), ["s1"], [URL]) == ["n2 still has s1"]
    assert _surge.still_there(with_facts(cluster(), "n3", connect_urls=(URL,)), ["s1"], [URL]) == [f"n3 still has {URL}"]


def test_clients_need_it_while_a_server_of_the_cluster_is_not_up() -> None:
    readings = beside(cluster())
    assert _surge.needed(readings, ["s1"]) == []
    assert _surge.needed(silent(readings, "n2"), ["s1"]) == ["n2 does not answer"]
    draining = changed(readings, "n2", health=Health(500))
    assert _surge.needed(draining, ["s1"]) == ["n2 takes no clients (it drains, or has just started)"]
    assert _surge.needed(changed(readings, "n2", health=Health(503)), ["s1"]) == []
    assert _surge.needed(changed(readings, "n2", peers=frozenset({"n1", "s1"})), ["s1"]) == ["n2 has no route to n3"]


def test_a_status_tells_of_one_that_was_left_and_how_to_take_it_away() -> None:
    situation = replace(Situation.of(beside(cluster()), {"n1": journal("done")}), surge=(surge(reading=up()), surge(host="s2")))
    told = _status.status(situation, POLICY, [], "nats")
    assert told["surge"] == ["s1"]
    (line,) = [line for line in told["lines"] if "temporary" in line]
    assert line.startswith("s1  a temporary server, up ")
    assert line.endswith(": ansible s1 -m natsops.cluster.nats_lameduck")
