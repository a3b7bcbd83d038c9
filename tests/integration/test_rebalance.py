"""Clients that all sit on one server are moved until they sit evenly, none stays away, and no acknowledged message is lost."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import nats
from nats.aio.client import Client

from ansible_collections.natsops.cluster.plugins.module_utils._judge.client_balance import surplus
from tests.integration.helpers import said, touched_by, upgrade, write_hosts
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_process import Load
from tests.lab.processes import wait_until

# A server in lame duck lets go of a client in 0.5 to 1 s.
CLIENTS = 9
WANTED: dict[str, Any] = {
    "nats_upgrade_rebalance": True,
    # With it the rounds take so long that lines tell of them.
    "nats_upgrade_rebalance_pause_seconds": 1,
    "nats_upgrade_rebalance_batch_percent": 25,
}


class Crowd:
    """Clients that try the servers in the same order, so that all are on the first one, and after a roll on one again."""

    def __init__(self, servers: Sequence[str]) -> None:
        self._servers = list(servers)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.clients: list[Client] = []
        self.told = 0

    def __enter__(self) -> Crowd:
        self._thread.start()
        self._run(self._connect())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def away(self) -> list[str]:
        return [str(client.options["name"]) for client in self.clients if not client.is_connected]

    @property
    def places(self) -> list[tuple[str, int | None]]:
        """Where each client is: the server, and its id there, which is another after every connection."""
        return [(client._server_info["server_name"], client.client_id) for client in self.clients]

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _connect(self) -> None:
        async def ignore(_unused: Exception) -> None:
            """Whether it is connected in the end is what counts."""

        async def told() -> None:
            self.told += 1

        for number in range(CLIENTS):
            self.clients.append(
                await nats.connect(
                    self._servers,
                    name=f"c{number}",
                    user="app",
                    password="app",
                    dont_randomize=True,
                    reconnect_time_wait=0.1,
                    max_reconnect_attempts=-1,
                    error_cb=ignore,
                    lame_duck_mode_cb=told,
                )
            )

    async def _close(self) -> None:
        await asyncio.gather(*(client.close() for client in self.clients), return_exceptions=True)


def connections(cluster: LoopbackCluster) -> dict[str, int]:
    return {name: int(cluster.ask(name, "/varz").field("connections") or 0) for name in cluster.nodes}


def test_clients_that_ended_up_on_one_server_are_moved_and_a_second_run_moves_nobody(mirror: Path) -> None:
    with LoopbackCluster("2.14.6") as cluster, Crowd(cluster.urls) as crowd:
        assert {server for server, _unused in crowd.places} == {"n1"}
        before = touched_by(cluster)
        refused = upgrade(write_hosts(cluster, mirror), "2.15.1", nats_upgrade_rebalance=True)
        assert refused.returncode != 0
        assert "refused: rebalance_account: clients are asked to move over the system account" in said(refused)
        assert touched_by(cluster) == before

        account = {"servers": cluster.urls, "user": "sys", "password": "sys"}
        hosts = write_hosts(cluster, mirror, nats_upgrade_system_account=account, **WANTED)
        with Load(cluster.urls, cluster.base / "load.json", rate=20) as load:
            done = upgrade(hosts, "2.15.1", env={"ANSIBLE_SHOW_CUSTOM_STATS": "1"})
            assert done.returncode == 0, done.stdout[-6000:] + done.stderr
            assert wait_until(lambda: not crowd.away, 20), crowd.away
            places, counts = crowd.places, connections(cluster)
            second = upgrade(hosts, "2.15.1")
            report = load.stop()

        # Those of the load are among them; the run itself has gone.
        assert sum(counts.values()) > CLIENTS
        assert surplus(counts, 20) == {}, counts
        assert re.search(r"[1-9]\d* clients were asked to move, in [1-9]\d* rounds?: they sit evenly now", done.stdout)
        assert re.search(r"n1  \d+ -> \d+ clients", done.stdout)
        assert re.search(r"^clients  \d+ asked to move, \d+ too many where they are  \d+ s$", done.stdout, re.MULTILINE)
        assert "nats_upgrade_connections:" in done.stdout.partition("CUSTOM STATS")[2]
        # All of them by n1 when it was drained, and then those that were asked: before their connection was ended.
        assert crowd.told > CLIENTS
        assert (report.lost, report.duplicates_in_stream, report.never_delivered) == (0, 0, 0)

        assert (second.returncode, second.changed) == (0, 0), second.stdout[-3000:]
        assert (crowd.places, crowd.away) == (places, [])
        print(f"{done.seconds:.0f} s, {counts}, gap {report.longest_consumer_gap_seconds:.2f} s")
