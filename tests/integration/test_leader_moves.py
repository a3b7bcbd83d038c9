"""The order was planned before the first node was taken, and the meta leader may move in the middle of the run."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import suppress
from pathlib import Path

from nats.errors import Error

from tests.integration.helpers import PLAYBOOK_SECONDS, starts, upgrade, write_hosts
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_assets import connect

STEP_DOWN = "$JS.API.META.LEADER.STEPDOWN"
# For a request to which nobody answers, as while leadership moves: whether it was done is seen, and it is made again.
ANSWER_SECONDS = 1.0


class Mover(threading.Thread):
    """Makes a node the meta leader as soon as another one runs the new version."""

    def __init__(self, cluster: LoopbackCluster, after: str, version: str, chosen: str) -> None:
        super().__init__(daemon=True)
        self.cluster, self.after, self.version, self.chosen = cluster, after, version, chosen
        self.moved = False

    def run(self) -> None:
        asyncio.run(self._move(time.monotonic() + PLAYBOOK_SECONDS))

    async def _move(self, deadline: float) -> None:
        request = json.dumps({"placement": {"preferred": self.chosen}}).encode()
        client = await connect([self.cluster.nodes[self.chosen].client_url], "sys", "sys")
        try:
            while self.cluster.ask(self.after, "/varz").field("version") != self.version:
                assert time.monotonic() < deadline, f"{self.after} did not get {self.version}"
                await asyncio.sleep(0.01)
            while not self._leads():
                assert time.monotonic() < deadline, f"{self.chosen} did not become the leader"
                with suppress(Error, asyncio.TimeoutError):
                    await client.request(STEP_DOWN, request, timeout=ANSWER_SECONDS)
                await asyncio.sleep(0.05)
            self.moved = True
        finally:
            await client.close()

    def _leads(self) -> bool:
        return self.cluster.ask(self.chosen, "/jsz").field("meta_cluster", "leader") == self.chosen


def test_a_node_that_becomes_the_meta_leader_before_its_turn_is_left_for_last(mirror: Path) -> None:
    with LoopbackCluster("2.14.6") as cluster:
        leader = cluster.known_leader()
        first, second = [name for name in cluster.nodes if name != leader]
        mover = Mover(cluster, first, "2.15.1", second)
        mover.start()
        done = upgrade(write_hosts(cluster, mirror), "2.15.1")
        mover.join(10)
        begun = starts(cluster)
        assert mover.moved
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        assert set(cluster.versions().values()) == {"2.15.1"}
        assert sorted(begun, key=lambda name: begun[name]) == [first, leader, second]
        assert f"Leave it for last, for it leads the cluster now, {second}" in done.stdout
