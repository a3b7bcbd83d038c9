"""Record what real servers answer on their monitoring port, as fixtures for the unit tests.

``python -m tests.lab.record`` writes ``tests/fixtures/<version>/<node>.json`` for a healthy cluster and
``tests/fixtures/<version>/<situation>/<node>.json`` for the situations that are hard to tell from a healthy one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGUSR2
from typing import Any, Dict

from tests.lab import damage
from tests.lab.binaries import ROOT, LabError, server_binary
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_assets import MESSAGE_ID, STREAM, connect, create_assets
from tests.lab.node import Settings, lay_out
from tests.lab.ports import HOST
from tests.lab.processes import wait_until
from tests.lab.topology import Part, Topology

FIXTURES = ROOT / "tests" / "fixtures"
VERSIONS = ("2.10.26", "2.11.11", "2.12.8", "2.14.6", "2.15.1")
# The situations differ little from version to version: the oldest and the newest show what there is.
VERSIONS_WITH_SITUATIONS = ("2.10.26", "2.15.1")
# What clusters without a name call themselves differs where both of these are in one.
VERSION_WITHOUT_NAMES, NEXT_VERSION = "2.12.8", "2.14.6"
# One made-up name in fifteen begins with a digit that sorts before this one.
SORTS_FIRST, NAMES_TO_TRY = "4", 200
NAMELESS = Settings(cluster_name="", server_names=False, jetstream=False)
VERSIONS_WITH_DAMAGE = ("2.12.8", "2.15.1")
# In this order: what says "healthy" is read just before what proves or disproves it.
PATHS = (
    "/healthz",
    "/raftz",
    "/raftz?acc=APP",
    "/jsz?accounts=true&streams=true&consumers=true&raft=true&config=true",
    "/varz",
    "/routez",
)
# What joins a server to other clusters.
JOINTS = ("/gatewayz", "/leafz")
HEALTH, META_GROUPS, GROUPS, JSZ = PATHS[:4]
MESSAGES, BACKLOG = 100, 50_000
LONG_GRACE = "20s"
PEER_DOWN_SECONDS = (1, 12)
RETURN_SECONDS = 30.0
ROUNDS = 8
STARTS = 200
LINE_LENGTH = 110

Snapshot = Dict[str, Any]


def snapshot(cluster: LoopbackCluster, name: str, paths: Sequence[str] = PATHS) -> Snapshot:
    """Return what the node answers now, by path."""
    replies = {path: cluster.ask(name, path) for path in paths}
    return {path: {"status": reply.status, "body": reply.body} for path, reply in replies.items()}


def write(path: Path, recorded: Snapshot) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(compact(recorded) + "\n", encoding="utf-8")


def compact(value: Any, indent: int = 0) -> str:
    """Return JSON in which everything that fits stands on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if indent + len(line) <= LINE_LENGTH or not isinstance(value, (dict, list)):
        return line
    margin = " " * (indent + 1)
    if isinstance(value, list):
        return "[\n" + ",\n".join(margin + compact(item, indent + 1) for item in value) + f"\n{' ' * indent}]"
    items = (f"{margin}{json.dumps(key)}: {compact(item, indent + 1)}" for key, item in value.items())
    return "{\n" + ",\n".join(items) + f"\n{' ' * indent}}}"


def record_healthy(version: str, folder: Path) -> None:
    with LoopbackCluster(version) as cluster:
        asyncio.run(_fill(cluster.urls, MESSAGES))
        _wait_current(cluster)
        for name in cluster.nodes:
            write(folder / f"{name}.json", snapshot(cluster, name))


def record_topologies(folder: Path) -> None:
    """Two clusters joined by gateways, a leaf node with a JetStream of its own, and leaf nodes that extend that of the hub."""
    topologies = {
        "supercluster": (Part("east", 3, gateways=True), Part("west", 2, gateways=True)),
        "leaf": (Part("hub", 3, domain="hub"), Part("edge", 1, leaf_of="hub", domain="edge")),
        "extended": (Part("hub", 3, domain="hub"), Part("edge", 2, leaf_of="hub", extends=True, domain="hub")),
    }
    for situation, parts in topologies.items():
        with Topology(folder.name, *parts) as topology:
            for name in topology.nodes:
                recorded = snapshot(topology, name)
                recorded.update(snapshot(topology, name, JOINTS))
                write(folder / situation / f"{name}.json", recorded)


def record_nameless(folder: Path) -> None:
    """Core NATS without names of servers or of the cluster, where n1 has been upgraded already: each calls the cluster as it
    likes. And two clusters of one name, n1 and n2, n3 and n4, that have nothing to do with each other."""
    with LoopbackCluster(folder.name, settings=NAMELESS) as cluster:
        begin_upgrade(cluster, NEXT_VERSION)
        for name in cluster.nodes:
            write(folder / "nameless" / f"{name}.json", snapshot(cluster, name))
    named = Settings(server_names=False, jetstream=False)
    with LoopbackCluster(folder.name, 2, settings=named) as first, LoopbackCluster(folder.name, 2, settings=named) as second:
        for cluster, numbers in ((first, (1, 2)), (second, (3, 4))):
            for name, number in zip(cluster.nodes, numbers):
                write(folder / "namesakes" / f"n{number}.json", snapshot(cluster, name))


def begin_upgrade(cluster: LoopbackCluster, version: str) -> None:
    """Have n1 run another version, in a cluster without a name that its servers call by several.

    Of two made-up names a server that joins takes the one that sorts last, and those that were there before keep theirs.
    """
    lay_out(cluster.nodes["n1"], server_binary(version), cluster.config_of("n1"))
    for name in cluster.nodes:
        cluster.terminate(name)
    for _unused in range(NAMES_TO_TRY):
        cluster.start_node("n1")
        _need(lambda: bool(_said(cluster, "n1")), RETURN_SECONDS, "n1 did not start")
        if _said(cluster, "n1") < SORTS_FIRST:
            break
        cluster.terminate("n1")
    for name in ("n2", "n3"):
        cluster.start_node(name)
    cluster.wait_ready()
    if len({_said(cluster, name) for name in cluster.nodes}) == 1:
        raise LabError("all servers call the cluster the same")


def _said(cluster: LoopbackCluster, name: str) -> str:
    return str(cluster.ask(name, "/varz").field("cluster", "name") or "")


def record_lame_duck(version: str, folder: Path) -> None:
    """One server in lame duck mode that still has a client, and what the others say meanwhile."""
    with LoopbackCluster(version, settings=Settings(lame_duck_grace_period=LONG_GRACE)) as cluster:
        asyncio.run(_fill(cluster.urls, MESSAGES))
        _wait_current(cluster)
        with _idle_client(cluster.nodes["n1"].client_port):
            cluster.signal_node("n1", SIGUSR2)
            _need(lambda: bool(cluster.ask("n1", "/jsz").field("disabled")), 10.0, "n1 did not enter lame duck mode")
            for name in cluster.nodes:
                write(folder / "lame_duck" / f"{name}.json", snapshot(cluster, name))


def record_peer_down(version: str, folder: Path) -> None:
    """The leader's view of a peer that has just gone, and of one that has been away for longer."""
    with LoopbackCluster(version) as cluster:
        asyncio.run(_fill(cluster.urls, MESSAGES))
        while cluster.leader() == "n2":
            cluster.terminate("n2")
            cluster.start_node("n2")
            cluster.wait_ready()
        _wait_current(cluster)
        cluster.terminate("n2")
        stopped = time.monotonic()
        for seconds in PEER_DOWN_SECONDS:
            # It is the age of the stop that is recorded, there is no condition for it.
            time.sleep(max(0.0, stopped + seconds - time.monotonic()))
            for name in ("n1", "n3"):
                write(folder / f"peer_down_{seconds}s" / f"{name}.json", snapshot(cluster, name))


def record_diverged(version: str, folder: Path) -> None:
    """A replica that has lost its oldest messages while its server was down, and counts as current all the same."""
    with LoopbackCluster(version) as cluster:
        asyncio.run(_fill(cluster.urls, MESSAGES))
        asyncio.run(damage.make_blocks(cluster.urls, "BLOCKS"))
        _wait_current(cluster)
        follower = next(name for name in cluster.nodes if _messages(cluster, name)[0] != name)
        cluster.terminate(follower)
        damage.lose_first_block(cluster.nodes[follower], "BLOCKS")
        cluster.start_node(follower)
        _wait_current(cluster)
        _need(lambda: _messages(cluster, follower)[1] < damage.MESSAGES, 10.0, f"{follower} has lost nothing")
        for name in cluster.nodes:
            write(folder / "diverged" / f"{name}.json", snapshot(cluster, name))


def _messages(cluster: LoopbackCluster, name: str) -> tuple[str, int]:
    """The leader of the stream BLOCKS, and how many messages a server has of it."""
    accounts = cluster.ask(name, JSZ).field("account_details") or ()
    stream = next(s for account in accounts for s in account.get("stream_detail", ()) if s["name"] == "BLOCKS")
    return stream["cluster"].get("leader", ""), stream["state"]["messages"]


def classify(recorded: Snapshot) -> str | None:
    """Name the situation of a server that comes back, where it is one to keep."""
    status, body = recorded[HEALTH]["status"], recorded[HEALTH]["body"] or {}
    if status == 500:
        return "starting"
    if status == 503:
        return "recovering" if "is not current" in body.get("error", "") else "recovering_meta"
    groups = [group for path in (META_GROUPS, GROUPS) for group in _groups(recorded[path])]
    return "leaderless" if status == 200 and any(not group.get("leader") for group in groups) else None


def _groups(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for members in (answer["body"] or {}).values() if answer["status"] == 200 else ():
        yield from members.values()


@dataclass
class Return:
    """The situations that one or more restarts of a server have shown."""

    kept: dict[str, Snapshot] = field(default_factory=dict)

    def watch(self, cluster: LoopbackCluster, name: str) -> None:
        """Keep the first look at each situation, until the server is really back."""
        deadline = time.monotonic() + RETURN_SECONDS
        while cluster.what_is_missing():
            recorded = snapshot(cluster, name)
            situation = classify(recorded)
            if situation:
                self.kept.setdefault(situation, recorded)
            if time.monotonic() > deadline:
                raise LabError(f"{name} did not come back within {RETURN_SECONDS:g} s")


def record_return(version: str, folder: Path) -> None:
    """A server that crashed and has a backlog to catch up with. Not each restart shows all situations."""
    seen = Return()
    with LoopbackCluster(version) as cluster:
        asyncio.run(_fill(cluster.urls, MESSAGES))
        for _unused in range(ROUNDS):
            _wait_current(cluster)
            cluster.kill_node("n3")
            asyncio.run(_fill(cluster.urls[:2], BACKLOG, make_assets=False))
            cluster.start_node("n3")
            seen.watch(cluster, "n3")
            if {"starting", "recovering", "leaderless"} <= seen.kept.keys():
                break
    for situation, recorded in seen.kept.items():
        write(folder / situation / "n3.json", recorded)
    print(f"  {version}: seen while n3 came back: {', '.join(sorted(seen.kept))}", flush=True)


def record_asked_early(version: str, folder: Path) -> None:
    """Servers whose first /varz was asked before their JetStream was there: they leave its configuration out for good.

    One start in twenty shows it, so that each node is started until it does.
    """
    with LoopbackCluster(version) as cluster:
        asyncio.run(_fill(cluster.urls, MESSAGES))
        for name in cluster.nodes:
            for _unused in range(STARTS):
                _start_asking(cluster, name)
                if "config" not in cluster.varz(name)["jetstream"]:
                    break
            else:
                raise LabError(f"{name} has told its configuration of JetStream after each of {STARTS} starts")
        _wait_current(cluster)
        for name in cluster.nodes:
            write(folder / "asked_early" / f"{name}.json", snapshot(cluster, name))


def _start_asking(cluster: LoopbackCluster, name: str) -> None:
    cluster.terminate(name)
    cluster.start_node(name)
    deadline = time.monotonic() + RETURN_SECONDS
    while True:
        with suppress(OSError), socket.create_connection((HOST, cluster.nodes[name].monitor_port), 1.0) as asked:
            asked.sendall(b"GET /varz HTTP/1.0\r\n\r\n")
            asked.recv(1 << 16)
            break
        if time.monotonic() > deadline:
            raise LabError(f"{name} does not answer {RETURN_SECONDS:g} s after its start")
    cluster.wait_ready()


async def _fill(servers: Sequence[str], count: int, *, make_assets: bool = True) -> None:
    """Make the streams and store so many messages in ORDERS."""
    if make_assets:
        await create_assets(servers)
    client = await connect(servers, "app", "app")
    try:
        jetstream = client.jetstream(timeout=10)
        wanted = (await jetstream.stream_info(STREAM)).state.messages + count
        for number in range(count):
            await client.publish("orders.new", b"x" * 100, headers={MESSAGE_ID: f"fill-{wanted}-{number}"})
        await client.flush(timeout=30)
        deadline = time.monotonic() + 60.0
        while (await jetstream.stream_info(STREAM)).state.messages < wanted:
            if time.monotonic() > deadline:
                raise LabError(f"the stream {STREAM} has not stored {count} messages within 60 s")
            await asyncio.sleep(0.05)
    finally:
        await client.close()


def _wait_current(cluster: LoopbackCluster) -> None:
    """Wait until no replica lags behind, so that a healthy recording is one."""
    cluster.wait_ready()
    _need(lambda: not any(_lagging(cluster, name) for name in cluster.nodes), 30.0, "replicas lag behind")


def _lagging(cluster: LoopbackCluster, name: str) -> bool:
    """Look at the replicas of what this server leads: only its view of them is true."""
    jsz = cluster.ask(name, JSZ)
    groups = [jsz.field("meta_cluster") or {}]
    for account in jsz.field("account_details") or ():
        for stream in account.get("stream_detail", ()):
            groups.append(stream.get("cluster") or {})
            groups += [consumer.get("cluster") or {} for consumer in stream.get("consumer_detail", ())]
    replicas = [replica for group in groups if group.get("leader") == name for replica in group.get("replicas") or ()]
    return any(not replica["current"] or replica.get("lag") or replica.get("offline") for replica in replicas)


def _need(condition: Callable[[], bool], seconds: float, failure: str) -> None:
    if not wait_until(condition, seconds):
        raise LabError(f"{failure} within {seconds:g} s")


@contextmanager
def _idle_client(port: int) -> Iterator[None]:
    """Hold a client connection open: without one, a server in lame duck mode exits at once."""
    with socket.create_connection((HOST, port), timeout=5) as client:
        client.sendall(b'CONNECT {"user":"app","pass":"app","verbose":false}\r\nPING\r\n')
        received = b""
        while b"PONG" not in received:
            part = client.recv(4096)
            if not part:
                raise LabError(f"the server on port {port} closed the connection: {received[-200:]!r}")
            received += part
        yield


def record(version: str, folder: Path) -> None:
    print(f"{version}", flush=True)
    record_healthy(version, folder)
    if version == VERSION_WITHOUT_NAMES:
        record_nameless(folder)
    if version in VERSIONS_WITH_SITUATIONS:
        record_lame_duck(version, folder)
        record_peer_down(version, folder)
        record_return(version, folder)
        record_topologies(folder)
    if version == VERSIONS_WITH_SITUATIONS[-1]:  # 2.10 has JetStream before it answers
        record_asked_early(version, folder)
    if version in VERSIONS_WITH_DAMAGE:
        record_diverged(version, folder)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.record", description="Record fixtures from real servers.")
    parser.add_argument("versions", nargs="*", default=VERSIONS, help=f"default: {' '.join(VERSIONS)}")
    try:
        for version in parser.parse_args(arguments).versions:
            record(version, FIXTURES / version)
    except LabError as error:
        print(f"record: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
