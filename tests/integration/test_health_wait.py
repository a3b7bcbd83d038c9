"""nats_health_wait on real servers: it ends when the last replica is complete, and says by name what is missing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.errors import Error

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._wait import health as _health
from tests.integration.helpers import adhoc, starts, write_hosts
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_assets import STREAM, connect, create_assets
from tests.lab.node import Settings
from tests.lab.processes import wait_until

BACKLOG = 30_000
ROUNDS = 3
DEFAULTS = {name: option.get("default") for name, option in _health.SPEC.items()}
# Those that only say how the wait went, and what moves from one look to the next.
OF_THE_MOMENT = ("state", "elapsed_seconds", "polls", "connections")


@pytest.fixture(scope="module")
def cluster() -> Iterator[LoopbackCluster]:
    with LoopbackCluster("2.14.6") as running:
        asyncio.run(create_assets(running.urls))
        running.wait_ready()
        yield running


@pytest.fixture(scope="module")
def hosts(cluster: LoopbackCluster, mirror: Path) -> Path:
    return write_hosts(cluster, mirror)


def wait(cluster: LoopbackCluster, **options: Any) -> dict[str, Any]:
    """Wait in this process, for all servers: no start of Ansible lies between a restart and the first look."""
    servers = [{"name": name, "monitor_url": node.monitor_url} for name, node in cluster.nodes.items()]
    return _health.wait_until_back({**DEFAULTS, "servers": servers, **options})


def wait_for_one(cluster: LoopbackCluster, **options: Any) -> dict[str, Any]:
    return _health.wait_until_back({**DEFAULTS, "monitor_url": cluster.monitor_url("n1"), **options}, "n1")


def not_back(cluster: LoopbackCluster, **expected: Any) -> str:
    """Return the message of a wait for n1 that has to fail."""
    with pytest.raises(NatsError) as failure:
        wait_for_one(cluster, timeout_seconds=0.2, **expected)
    return str(failure.value)


def test_a_healthy_cluster_is_back_after_at_least_two_polls(hosts: Path) -> None:
    result = adhoc(hosts, "n1", "nats_health_wait", hosts=["n1", "n2", "n3"])["n1"]
    assert result["state"] == "SUCCESS"
    assert result["back"] is True
    assert result["polls"] >= 2
    assert result["missing"] == {}
    assert result["servers"]["n2"]["after_restart"]["server_name"] == "n2"


def test_a_node_reads_the_same_as_the_controller(hosts: Path) -> None:
    looks = [
        adhoc(hosts, "n1", "nats_health_wait", probe_from=where, monitor_url="{{ nats_upgrade_monitor_url }}")["n1"]
        for where in ("controller", "node")
    ]
    assert looks[0]["back"] is True
    controller, node = [_without_the_moment(look) for look in looks]
    assert list(node["servers"].values()) == list(controller["servers"].values())
    assert (node["back"], node["missing"]) == (controller["back"], controller["missing"])


def _without_the_moment(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_the_moment(inner) for name, inner in value.items() if name not in OF_THE_MOMENT}


@pytest.mark.parametrize(
    ("option", "value", "seen"),
    [
        ("version", "9.9.9", "version: runs 2.14.6, not 9.9.9"),
        ("server_name", "n9", "server_name: is n1, not n9"),
        ("peers", ["n2", "n9"], "routes: no route to n9"),
        ("raft_groups", ["S-R3F-unknown"], "raft_groups: S-R3F-unknown is not there"),
    ],
)
def test_an_expectation_that_is_not_met_is_named_with_what_was_seen(
    cluster: LoopbackCluster, option: str, value: Any, seen: str
) -> None:
    told = not_back(cluster, **{option: value})
    # How long it looked is a matter of the machine as well.
    assert re.sub(r" after \d+ s: ", " after N s: ", told) == f"n1 {cluster.monitor_url('n1')}: not back after N s: {seen}"


def test_a_server_that_was_not_restarted_is_not_back(cluster: LoopbackCluster) -> None:
    start = starts(cluster)["n1"]
    assert f"started: runs since {start}, not restarted after {start}" in not_back(cluster, started_after=start)


def test_a_raft_group_that_no_server_knows_was_deleted_and_is_not_waited_for(cluster: LoopbackCluster) -> None:
    assert wait(cluster, expect={"n1": {"raft_groups": ["S-R3F-unknown"]}}, timeout_seconds=60.0)["back"]


def test_a_skipped_condition_is_not_asked_for(cluster: LoopbackCluster) -> None:
    assert wait_for_one(cluster, version="9.9.9", skip_conditions=["version"], timeout_seconds=60.0)["back"]


def test_check_mode_looks_once_and_reports_what_is_missing_without_failing(hosts: Path) -> None:
    result = adhoc(hosts, "n1", "nats_health_wait", "--check", version="9.9.9")["n1"]
    assert (result["state"], result["back"], result["polls"]) == ("SUCCESS", False, 1)
    assert result["missing"] == {"n1": ["version: runs 2.14.6, not 9.9.9"]}


def test_a_wrong_base_path_is_an_error_at_once(cluster: LoopbackCluster, hosts: Path) -> None:
    url = f"{cluster.monitor_url('n1')}/nats"
    result = adhoc(hosts, "n1", "nats_health_wait", monitor_url=url, timeout_seconds=300)["n1"]
    assert result["state"] == "FAILED!"
    assert result["polls"] == 1
    assert "HTTP 404 for /varz: is the server's http_base_path part of the monitor URL?" in result["msg"]


def test_a_restarted_server_is_back_only_when_its_streams_are_complete(cluster: LoopbackCluster) -> None:
    for _unused in range(ROUNDS):
        before = wait(cluster, timeout_seconds=60.0)["servers"]["n3"]["after_restart"]
        cluster.kill_node("n3")
        asyncio.run(_publish(cluster.urls[:2], BACKLOG))
        cluster.start_node("n3")
        wait(cluster, expect={"n3": before}, timeout_seconds=60.0)
        states = {name: _state(cluster, name) for name in cluster.nodes}
        assert states["n3"] == states["n1"] == states["n2"]
        assert states["n3"][0] >= BACKLOG


async def _publish(servers: list[str], count: int) -> None:
    client = await connect(servers, "app", "app")
    try:
        # A crash leaves the stream without a leader for some seconds.
        wanted = await asyncio.wait_for(_stored(client), 60) + count
        for _unused in range(count):
            await client.publish("orders.new", b"x" * 100)
        await client.flush(timeout=30)
        await asyncio.wait_for(_until_stored(client, wanted), 60)
    finally:
        await client.close()


async def _until_stored(client: Client, wanted: int) -> None:
    while await _stored(client) < wanted:
        await asyncio.sleep(0.02)


async def _stored(client: Client) -> int:
    """Return how many messages the stream has, as soon as somebody can tell."""
    while True:
        with suppress(Error):
            return int((await client.jetstream(timeout=1).stream_info(STREAM)).state.messages)
        await asyncio.sleep(0.05)


def _state(cluster: LoopbackCluster, name: str) -> tuple[int, int]:
    """How many messages the server holds of the replicated stream, and the last of them."""
    for account in cluster.jsz(name, "streams=true")["account_details"]:
        for stream in account["stream_detail"]:
            if stream["name"] == STREAM:
                return stream["state"]["messages"], stream["state"]["last_seq"]
    return 0, 0


def test_a_server_that_is_down_is_not_reachable_and_the_others_are_not_blamed(cluster: LoopbackCluster, hosts: Path) -> None:
    cluster.terminate("n3")
    try:
        assert wait_until(lambda: _leaders_are_known(cluster), 30.0)
        expected = {"n3": {"server_name": "n3"}}
        arguments = {"hosts": ["n1", "n2", "n3"], "expect": expected, "timeout_seconds": 2}
        result = adhoc(hosts, "n1", "nats_health_wait", **arguments)["n1"]
    finally:
        cluster.start_node("n3")
        cluster.wait_ready()
    assert result["state"] == "FAILED!"
    assert list(result["missing"]) == ["n3"]
    assert [missing.partition(":")[0] for missing in result["missing"]["n3"]] == ["reachable"]
    assert result["msg"].startswith(f"n3 {cluster.monitor_url('n3')}: not back after ")


def _leaders_are_known(cluster: LoopbackCluster) -> bool:
    """Tell whether the two that are left have elected a leader of every group again."""
    groups = [group for name in ("n1", "n2") for acc in (None, "APP") for group in _groups(cluster, name, acc)]
    return bool(groups) and all(group.get("leader") for group in groups)


def _groups(cluster: LoopbackCluster, name: str, account: str | None) -> list[dict[str, Any]]:
    return [group for members in cluster.raftz(name, account).values() for group in members.values()]


@pytest.mark.parametrize("jetstream", [False, True])
def test_a_single_server_is_back_with_and_without_jetstream(jetstream: bool) -> None:
    with LoopbackCluster("2.14.6", 1, settings=Settings(jetstream=jetstream)) as alone:
        result = wait_for_one(alone, version="2.14.6", timeout_seconds=60.0)
        assert (result["back"], result["missing"]) == (True, {})
