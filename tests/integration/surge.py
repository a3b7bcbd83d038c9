"""Clusters with a temporary server beside them: one host more, whose server is not started and not in the others' routes."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from tests.integration.faults import OLD
from tests.lab.binaries import ROOT, server_binary
from tests.lab.cluster import LoopbackCluster
from tests.lab.inventory import host_of, inventory
from tests.lab.load_assets import connect
from tests.lab.node import Node, Settings, config_text, launch, lay_out, server_process, server_processes
from tests.lab.ports import free_ports
from tests.lab.processes import end, wait_until

DOCUMENTED = ROOT / "docs" / "inventories" / "surge.yml"
JOIN_SECONDS = 20.0
FLOW_SECONDS = 60.0
# A machine that stands still for a moment is no interruption.
ANSWER_SECONDS = 5.0


class Temporary:
    """The temporary server s1 of a cluster: laid out, and not started."""

    def __init__(self, cluster: LoopbackCluster) -> None:
        self.cluster, number, ports = cluster, cluster.size + 1, cluster.ports
        self.node = Node("s1", cluster.base / "s1", ports.client + number, ports.monitor + number, ports.route + number)
        self._children: list[subprocess.Popen[bytes]] = []
        settings = Settings(cluster_name=cluster.settings.cluster_name, jetstream=False)
        lay_out(self.node, server_binary(OLD), config_text(self.node, [*cluster.nodes.values(), self.node], settings))

    @property
    def runs(self) -> bool:
        return server_process(self.node) is not None

    def start(self) -> None:
        """Start it as an earlier run did that left it behind, and wait until it has joined."""
        self._children.append(launch(self.node))
        assert wait_until(lambda: all("s1" in self.cluster.routes(name) for name in self.cluster.nodes), JOIN_SECONDS)

    def stop(self) -> None:
        while processes := server_processes([self.node]):
            end(processes, patience_seconds=3.0)
        for child in self._children:
            child.wait(10)

    @contextmanager
    def configured(self, *changes: tuple[str, str]) -> Iterator[None]:
        """With another configuration for a while."""
        before = self.node.config.read_text(encoding="utf-8")
        after = before
        for old, new in changes:
            assert old in after
            after = after.replace(old, new)
        self.node.config.write_text(after, encoding="utf-8")
        yield
        self.node.config.write_text(before, encoding="utf-8")

    def gone(self) -> bool:
        """Whether it has left nothing: no process, no route, and no address that clients are told."""
        url = f"{self.node.host}:{self.node.client_port}"
        told = [url in (self.cluster.varz(name).get("connect_urls") or ()) for name in self.cluster.nodes]
        routed = ["s1" in self.cluster.routes(name) for name in self.cluster.nodes]
        return not (self.runs or any(told) or any(routed) or (self.node.folder / "state" / "lock.json").exists())


@contextmanager
def surging(size: int, **settings: Any) -> Iterator[tuple[LoopbackCluster, Temporary]]:
    ports = free_ports(size + 1)
    with LoopbackCluster(OLD, size, ports=ports, settings=Settings(**settings)) as cluster:
        temporary = Temporary(cluster)
        try:
            yield cluster, temporary
        finally:
            temporary.stop()


def write_lab(temporary: Temporary, mirror: Path, **extra: Any) -> Path:
    """What the lab adds to the documented inventory: where everything is, and how it is started without a service manager."""
    cluster = temporary.cluster
    own = {"nats_upgrade_download_dir": str(cluster.base / "downloads"), "nats_upgrade_waive": ["stepping_stone"]}
    content = inventory(cluster, mirror, ansible_become=False, **{**own, **extra})
    surge = {key: content["nats"]["vars"][key] for key in ("ansible_connection", "ansible_python_interpreter", "ansible_become")}
    surge["nats_upgrade_service"] = "command"
    content["nats_surge"] = {"hosts": {"s1": host_of(temporary.node)}, "vars": surge}
    path = cluster.base / f"lab-{uuid.uuid4().hex[:8]}.yml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


class Requests:
    """Requests and answers without JetStream while it lasts. Each client knows one server, and what that one tells it."""

    def __init__(self, servers: list[str]) -> None:
        # A client that is not answered asks again and again: what counts is how often that began.
        self.ok = self.interruptions = self.disconnects = 0
        self.seen: set[str] = set()
        self._servers, self._stop, self._flows = servers, threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Requests:
        self._thread.start()
        assert self._flows.wait(FLOW_SECONDS), "no request was answered"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(FLOW_SECONDS)

    async def _connect(self, first: int) -> Client:
        async def disconnected() -> None:
            self.disconnects += not self._stop.is_set()

        async def reconnected() -> None:
            self.seen.add(str(client.connected_url.netloc if client.connected_url else "").rpartition("@")[2])

        client = await connect([self._servers[first]], "app", "app", disconnected_cb=disconnected, reconnected_cb=reconnected)
        return client

    async def _run(self) -> None:
        clients = [await self._connect(number % len(self._servers)) for number in range(4)]
        for client in clients[:2]:
            await client.subscribe("echo", queue="echo", cb=_respond)
        await asyncio.gather(*(self._ask(client) for client in clients[2:]))
        for client in clients:
            await client.close()

    async def _ask(self, client: Client) -> None:
        answered = False
        while not self._stop.is_set():
            before, answered = answered, await self._is_answered(client)
            self.ok += answered
            self.interruptions += before and not answered
            await asyncio.sleep(0.02)

    async def _is_answered(self, client: Client) -> bool:
        try:
            await client.request("echo", b"?", timeout=ANSWER_SECONDS)
        except (Error, asyncio.TimeoutError, ConnectionError):
            return False
        self._flows.set()
        return True


async def _respond(message: Msg) -> None:
    await message.respond(message.data)
