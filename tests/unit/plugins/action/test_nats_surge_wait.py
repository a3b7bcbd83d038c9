"""Temporary servers are waited for on real ports."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.unit.nats import SimulatedServer
from tests.unit.plugins.action.test_actions import Host
from tests.unit.situations import RUNNING

URL = "10.0.0.9:4222"


class Beside:
    """Two servers of a cluster, and a temporary one that both know, on real ports."""

    def __init__(self, n1: SimulatedServer, n2: SimulatedServer, s1: SimulatedServer) -> None:
        self.servers, self.host = {"n1": n1, "n2": n2, "s1": s1}, Host()
        for server in (n1, n2):
            self.change(server, "/varz", connect_urls=["n:4222", URL])
            self.change(server, "/routez", routes=[{"remote_name": name} for name in ("n1", "n2", "s1")])
        self.change(s1, "/varz", server_name="s1", connect_urls=[URL, "n:4222"], jetstream={})
        self.host.task_vars["hostvars"] = {
            name: {"inventory_hostname": name, "nats_upgrade_monitor_url": server.url} for name, server in self.servers.items()
        }

    def change(self, server: SimulatedServer, path: str, **values: Any) -> None:
        server.answers[path]["body"] = {**copy.deepcopy(server.answers[path]["body"]), **values}

    def wait(self, state: str, **given: Any) -> dict[str, Any]:
        return self.host.run(
            "nats_surge_wait", **{"state": state, "hosts": ["n1", "n2"], "surge": ["s1"], "timeout_seconds": 0, **given}
        )


@pytest.fixture
def beside() -> Iterator[Beside]:
    with ExitStack() as stack:
        yield Beside(*(stack.enter_context(SimulatedServer(RUNNING, name)) for name in ("n1", "n2", "n3")))


def test_a_temporary_server_that_all_know_has_joined(beside: Beside) -> None:
    result = beside.wait("joined")
    assert (result["changed"], result["running"], result["names"], result["urls"]) == (False, ["s1"], ["s1"], [URL])


def test_who_does_not_tell_clients_is_named(beside: Beside) -> None:
    beside.change(beside.servers["n2"], "/varz", connect_urls=["n:4222"])
    result = beside.wait("joined")
    assert (result["failed"], result["missing"]) == (True, [f"{URL} of s1 is not told to clients by n2 (no_advertise?)"])
    assert re.search(r"have not joined after \d+ s", result["msg"])


def test_one_with_jetstream_is_an_error_at_once(beside: Beside) -> None:
    beside.change(beside.servers["s1"], "/varz", jetstream={"config": {"store_dir": "/data"}})
    result = beside.wait("joined", timeout_seconds=60)
    assert (result["failed"], result["refusal"]) == (True, "surge_jetstream")


def test_whether_it_is_needed_is_told_and_no_failure(beside: Beside) -> None:
    assert beside.wait("looked")["needed"] == []
    beside.servers["n2"].stop()
    result = beside.wait("looked")
    assert (result.get("failed", False), result["needed"]) == (False, ["n2 does not answer"])


def test_one_that_has_gone_is_gone_and_one_that_has_not_is_named(beside: Beside) -> None:
    given = {"names": ["s1"], "urls": [URL]}
    result = beside.wait("gone", **given)
    assert (result["failed"], result["left"]) == (True, [f"n1 still has s1, {URL}", f"n2 still has s1, {URL}"])
    for name in ("n1", "n2"):
        beside.change(beside.servers[name], "/varz", connect_urls=["n:4222"])
        beside.change(beside.servers[name], "/routez", routes=[])
    assert beside.wait("gone", **given).get("failed", False) is False
