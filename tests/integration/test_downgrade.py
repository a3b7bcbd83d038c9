"""A cluster goes to an older version, where all that it stores and is told can be served there; else it is refused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.integration.faults import finished, nothing_lost, says
from tests.integration.helpers import starts, touched_by, upgrade, write_hosts
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_assets import connect, make_stream
from tests.lab.load_process import Load

DOWN = {"nats_upgrade_waive": ["downgrade", "end_of_life"]}
MESSAGES = 20


def test_from_2_15_to_2_14_once_nothing_is_used_that_2_14_does_not_know(mirror: Path, tmp_path: Path) -> None:
    with LoopbackCluster("2.15.1") as cluster:
        hosts = write_hosts(cluster, mirror, **DOWN)
        # 2.14 serves it, and 2.12 would not.
        asyncio.run(make_stream(cluster.urls, "BATCHED", "BATCHED.>", MESSAGES, allow_batched=True))
        _refuses_a_key_of_the_newer_version(cluster, hosts)
        _goes_down(cluster, hosts, "2.14.6", tmp_path)
        assert asyncio.run(_stored(cluster.urls, "BATCHED")) == MESSAGES


def _refuses_a_key_of_the_newer_version(cluster: LoopbackCluster, hosts: Path) -> None:
    before = starts(cluster)
    config = cluster.nodes["n2"].config
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("jetstream {", "jetstream { limits { default_max_consumers: 500 },", 1), encoding="utf-8")
    done = upgrade(hosts, "2.14.6")
    assert done.returncode != 0
    says(done, 'unknown field "default_max_consumers"', "Nothing was changed")
    assert starts(cluster) == before
    config.write_text(text, encoding="utf-8")


def test_from_2_12_to_2_11_once_the_streams_that_2_11_cannot_serve_are_gone(mirror: Path, tmp_path: Path) -> None:
    with LoopbackCluster("2.12.8") as cluster:
        hosts = write_hosts(cluster, mirror, **DOWN)
        asyncio.run(make_stream(cluster.urls, "PLAIN", "PLAIN.>", MESSAGES))
        asyncio.run(make_stream(cluster.urls, "COUNTER", "COUNTER.>", allow_msg_counter=True))
        before = touched_by(cluster)
        done = upgrade(hosts, "2.11.11")
        assert done.returncode != 0
        says(
            done,
            "refused: downgrade_assets: nats-server 2.11.11 (API level 1) cannot serve 1 streams and consumers that exist",
            "APP > COUNTER: allow_msg_counter (API level 2)",
            "It cannot be waived.",
        )
        assert touched_by(cluster) == before
        asyncio.run(_delete(cluster.urls, "COUNTER"))
        _goes_down(cluster, hosts, "2.11.11", tmp_path)
        assert asyncio.run(_stored(cluster.urls, "PLAIN")) == MESSAGES


def _goes_down(cluster: LoopbackCluster, hosts: Path, version: str, folder: Path) -> None:
    """Go down under load: first a node that does not lead, and then at once the one that does."""
    with Load(cluster.urls, folder / "load.json", rate=20) as load:
        leader, old = cluster.known_leader(), cluster.version
        done = upgrade(hosts, version)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        says(
            done, f"waived: downgrade: n1, n2, n3 run {old}: {version} is older", f"2. {leader} {old} -> {version} (meta leader,"
        )
        nothing_lost(load)
    begun = starts(cluster)
    assert sorted(begun, key=lambda name: begun[name])[1] == leader
    finished(cluster, version)


async def _request(urls: list[str], subject: str, body: dict[str, Any]) -> dict[str, Any]:
    client = await connect(urls, "app", "app")
    try:
        answer = json.loads((await client.request(subject, json.dumps(body).encode(), timeout=10)).data)
    finally:
        await client.close()
    assert "error" not in answer, answer
    return dict(answer)


async def _delete(urls: list[str], name: str) -> None:
    await _request(urls, f"$JS.API.STREAM.DELETE.{name}", {})


async def _stored(urls: list[str], name: str) -> int:
    return int((await _request(urls, f"$JS.API.STREAM.INFO.{name}", {}))["state"]["messages"])
