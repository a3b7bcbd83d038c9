"""What the upgrade leaves between a hub and its leaf node, and in which order they were taken."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import testinfra

if TYPE_CHECKING:
    from conftest import Node

LEAF = "n4"
COPY_SECONDS = 180


class Absence(NamedTuple):
    """When a server began to drain, and when the one after it was ready, in microseconds."""

    since: int
    until: int
    name: str


@pytest.fixture(scope="module")
def absences() -> list[Absence]:
    """Read from each journal when its server was away, in the order in which they went."""
    hosts = testinfra.get_hosts(["ansible://nats"], ansible_inventory=os.environ["MOLECULE_INVENTORY_FILE"])
    found = []
    for host in hosts:
        lines = host.check_output("journalctl --unit=nats-server --output=json --output-fields=MESSAGE").splitlines()
        said = [(int(entry["__REALTIME_TIMESTAMP"]), str(entry["MESSAGE"])) for entry in map(json.loads, lines)]
        (since,) = [at for at, message in said if "Entering lame duck mode" in message]
        (until,) = [at for at, message in said if "Server is ready" in message and at > since]
        found.append(Absence(since, until, host.backend.get_hostname()))
    return sorted(found)


def test_servers_were_away_one_at_a_time(absences: list[Absence], servers: dict[str, Node]) -> None:
    assert {absence.name for absence in absences} == set(servers)
    assert all(before.until < after.since for before, after in zip(absences, absences[1:]))


def test_the_leaf_node_was_taken_after_its_hub(absences: list[Absence]) -> None:
    assert absences[-1].name == LEAF


def test_the_leaf_node_is_connected_again(servers: dict[str, Node], cluster: dict[str, Node]) -> None:
    (connection,) = servers[LEAF].read("/leafz")["leafs"]
    assert connection["account"] == "APP"
    seen_by_hub = [leaf["name"] for node in cluster.values() for leaf in node.read("/leafz").get("leafs") or []]
    assert seen_by_hub == [LEAF]


def test_the_leaf_node_has_its_own_domain_and_is_no_member_of_the_hub_s_meta_group(servers: dict[str, Node]) -> None:
    jetstream = servers[LEAF].read("/jsz")
    assert (jetstream["config"]["domain"], "meta_cluster" in jetstream) == ("edge", False)


def test_every_message_of_the_hub_has_reached_the_copy_at_the_leaf_node(
    servers: dict[str, Node], cluster: dict[str, Node], load_report: dict[str, Any]
) -> None:
    at_hub = streams_of(cluster["n1"])["ORDERS"]["state"]
    assert at_hub["messages"] >= load_report["acknowledged"] > 0
    deadline = time.monotonic() + COPY_SECONDS
    # A copy keeps the numbers of its messages.
    wanted = [at_hub[field] for field in ("messages", "first_seq", "last_seq")]
    while (copied := copied_to(servers[LEAF])) != wanted and time.monotonic() < deadline:
        time.sleep(0.5)
    assert copied == wanted


def copied_to(leaf: Node) -> list[int]:
    """Count what the copy has."""
    state = streams_of(leaf)["COPY"]["state"]
    return [state[field] for field in ("messages", "first_seq", "last_seq")]


def streams_of(node: Node) -> dict[str, dict[str, Any]]:
    """Collect the streams that a server has, by name."""
    (account,) = [one for one in node.read("/jsz?accounts=true&streams=true")["account_details"] if one["name"] == "APP"]
    return {stream["name"]: stream for stream in account["stream_detail"]}
