"""Whose turn it is, one case for each way in which servers, plan and journal can stand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.natsops.cluster.plugins.plugin_utils._turn import machine as _machine
from ansible_collections.natsops.cluster.plugins.plugin_utils._turn.values import Journaled, Server, Wanted

OLD, NEW = "2.14.6", "2.15.1"
SERVER = Server("n1", reachable=True, version=OLD, server_name="a", meta_leader="b", start="T1")
DOWN = Server("n1", error="connection refused")
LEADS = replace(SERVER, meta_leader="a")
UPGRADE = Wanted("n1", NEW, OLD, leader_last=True, leader_waits=True, others_first=True)
RESTART = replace(UPGRADE, target=OLD, restarts=True)
OPEN = Journaled(unfinished=True, started_after="T1")


@pytest.mark.parametrize(
    ("server", "wanted", "journaled", "outcome"),
    [
        pytest.param(SERVER, UPGRADE, Journaled(), "unfinished", id="runs the old version"),
        pytest.param(replace(SERVER, version=NEW), UPGRADE, Journaled(), "done", id="runs the new version"),
        pytest.param(
            replace(SERVER, version=NEW), UPGRADE, OPEN, "unfinished", id="new version, turn open: restarts may be held"
        ),
        pytest.param(DOWN, UPGRADE, OPEN, "unfinished", id="down since its turn broke off"),
        pytest.param(DOWN, UPGRADE, Journaled(), "unfinished", id="down by itself"),
        pytest.param(LEADS, UPGRADE, Journaled(), "later", id="leads, others are left"),
        pytest.param(LEADS, replace(UPGRADE, others_first=False), Journaled(), "unfinished", id="leads, no other is left"),
        pytest.param(
            LEADS, replace(UPGRADE, leader_waits=False), Journaled(), "unfinished", id="leads, in the play of the leaders"
        ),
        pytest.param(LEADS, replace(UPGRADE, leader_last=False), Journaled(), "unfinished", id="leads, an order was given"),
        pytest.param(LEADS, UPGRADE, OPEN, "unfinished", id="leads, turn open"),
        pytest.param(replace(LEADS, version=NEW), UPGRADE, Journaled(), "done", id="leads with the new version"),
        pytest.param(SERVER, RESTART, Journaled(), "unfinished", id="to be restarted"),
        pytest.param(SERVER, replace(RESTART, in_order=False), Journaled(), "done", id="needs no restart"),
        pytest.param(SERVER, replace(RESTART, in_order=False), OPEN, "unfinished", id="needs no restart, turn open"),
        pytest.param(LEADS, RESTART, Journaled(), "later", id="to be restarted, leads"),
    ],
)
def test_whose_turn_it_is(server: Server, wanted: Wanted, journaled: Journaled, outcome: str) -> None:
    assert _machine.outcome(server, wanted, journaled) == outcome


@pytest.mark.parametrize(
    ("server", "wanted", "journaled", "arrived"),
    [
        (SERVER, UPGRADE, Journaled(), False),
        (replace(SERVER, version=NEW), UPGRADE, Journaled(), True),
        (DOWN, UPGRADE, Journaled(), False),
        # Of a restart only its own turn knows that the server was started again.
        (SERVER, RESTART, Journaled(), False),
        (SERVER, RESTART, OPEN, False),
        (replace(SERVER, start="T2"), RESTART, OPEN, True),
        (replace(SERVER, start="T2"), RESTART, replace(OPEN, started_after=None), False),
        (replace(SERVER, start="T2", version=NEW), RESTART, OPEN, False),
    ],
)
def test_whether_a_server_has_become_what_its_turn_makes_of_it(
    server: Server, wanted: Wanted, journaled: Journaled, arrived: bool
) -> None:
    assert _machine.arrived(server, wanted, journaled) is arrived


READY = {"n1": True, "n2": True, "n3": True}


@pytest.mark.parametrize(
    ("ready", "outcomes", "lost"),
    [
        (READY, {"n1": "upgraded"}, []),
        (READY, {"n1": "done"}, []),
        (READY, {"n1": "later"}, []),
        (READY, {}, ["n1"]),
        (READY, {"n1": "unfinished"}, ["n1"]),
        (READY, {"n1": "upgraded", "n3": "unfinished"}, ["n3"]),
        ({**READY, "n3": False}, {"n1": "upgraded"}, ["n3"]),
        ({"n2": True, "n3": True}, {"n1": "upgraded"}, ["n1"]),
    ],
)
def test_a_host_that_was_lost_or_has_failed_is_followed_by_no_other(
    ready: dict[str, bool], outcomes: dict[str, str], lost: list[str]
) -> None:
    assert _machine.lost("n2", ["n1", "n2", "n3"], ready, outcomes) == lost


def test_why_a_run_ends_before_a_node_names_each_lost_host_once_and_who_goes_on_running() -> None:
    said = _machine.stopped_before("n2", ["n1", "n1"], ["s1"])
    assert said.startswith(
        "Stopped before n2, which was not touched: n1 was lost or has failed, and the cluster may be without it."
    )
    assert said.endswith(" Temporary servers that have joined (s1) go on running, for clients may need them.")
    assert "Temporary" not in _machine.stopped_before("n2", ["n1"], [])
    assert _machine.unread("n2", "") == "Stopped before n2, which was not touched: its server cannot be read"
