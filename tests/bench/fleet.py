"""How long the plan of a large fleet takes, and how much memory: ``python -m tests.bench.fleet``. Asserts nothing.

200 servers in 40 clusters, 20 000 streams and 60 000 consumers with three replicas each: answers as servers give them, decoded,
are read and judged as the collection does it. And so is one poll of a wait, while a server starts and has none of its groups yet.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections import defaultdict
from dataclasses import replace
from typing import Any, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._judge import health as _health
from ansible_collections.natsops.cluster.plugins.module_utils._judge import quorum as _quorum
from ansible_collections.natsops.cluster.plugins.module_utils._plan import planner as _planner
from ansible_collections.natsops.cluster.plugins.module_utils._plan import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._read.http_door import Door
from ansible_collections.natsops.cluster.plugins.module_utils._read.monitor import Target
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Answer, Reply, Settings
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading

CLUSTER_SIZE, REPLICAS, CONSUMERS = 5, 3, 3
STREAM_CONFIG = {"retention": "limits", "storage": "file", "num_replicas": REPLICAS, "compression": "none", "max_msgs": -1}
STREAM_CONFIG |= {"metadata": {"_nats.req.level": "0"}, "subjects": ["a", "b"]}


def _members(stream: int, servers: int) -> list[str]:
    cluster, place = stream % (servers // CLUSTER_SIZE), stream // (servers // CLUSTER_SIZE)
    return [f"n{cluster * CLUSTER_SIZE + (place + i) % CLUSTER_SIZE}" for i in range(REPLICAS)]


def _raft(group: str, members: list[str], viewer: str) -> dict[str, Any]:
    others = [{"name": name, "current": True, "active": 1, "peer": name} for name in members if name != viewer]
    return {"raft_group": group, "leader": members[0], "replicas": others}


def answers(servers: int, streams: int) -> dict[str, dict[str, Any]]:
    """/jsz and /raftz of every server."""
    details: dict[str, list[dict[str, Any]]] = defaultdict(list)
    groups: dict[str, dict[str, Any]] = defaultdict(dict)
    for number in range(streams):
        members = _members(number, servers)
        for viewer in members:
            consumers = []
            for consumer in range(CONSUMERS):
                group = f"C-{number}-{consumer}"
                consumers.append(
                    {"name": f"c{consumer}", "config": {"durable_name": "c"}, "cluster": _raft(group, members, viewer)}
                )
            stream = {"name": f"S{number}", "config": dict(STREAM_CONFIG), "consumer_detail": consumers, "state": {"last_seq": 9}}
            details[viewer].append({**stream, "cluster": _raft(f"S-{number}", members, viewer)})
            state = {
                "state": "LEADER" if viewer == members[0] else "FOLLOWER",
                "leader": members[0],
                "committed": 9,
                "applied": 9,
            }
            groups[viewer].update(dict.fromkeys([f"S-{number}"] + [f"C-{number}-{c}" for c in range(CONSUMERS)], state))
    return {
        name: {"jsz": {"account_details": [{"name": "APP", "stream_detail": details[name]}]}, "raftz": {"APP": groups[name]}}
        for name in (f"n{i}" for i in range(servers))
    }


def _varz(name: str, number: int) -> dict[str, Any]:
    varz = {"server_id": name, "server_name": name, "version": "2.14.6", "start": "2026-11-21T00:00:00Z", "uptime": "9d"}
    jetstream = {"config": {"store_dir": "/x"}, "meta": {"cluster_size": CLUSTER_SIZE}}
    return {**varz, "cluster": {"name": f"c{number // CLUSTER_SIZE}"}, "jetstream": jetstream, "max_connections": 65536}


def _routez(name: str, number: int) -> dict[str, Any]:
    first = number - number % CLUSTER_SIZE
    return {"routes": [{"remote_name": f"n{i}"} for i in range(first, first + CLUSTER_SIZE) if f"n{i}" != name]}


class Fleet(Door):
    """Answers for every server at once, as if they had just been decoded."""

    def __init__(self, servers: int, streams: int) -> None:
        super().__init__(Settings())
        found = answers(servers, streams)
        self.targets = [Target(name, f"http://{name}:8222") for name in found]
        self.bodies: dict[str, dict[str, Any]] = {}
        for number, (name, answer) in enumerate(found.items()):
            own = {"/varz": _varz(name, number), "/routez": _routez(name, number), "/healthz": {"status": "ok"}}
            self.bodies[name] = {**own, "/jsz": answer["jsz"], "/raftz": {}, "/raftz?acc=APP": answer["raftz"]}

    def get_many(self, urls: Sequence[str]) -> list[Reply]:
        return [self._reply(url) for url in urls]

    def _reply(self, url: str) -> Reply:
        name, _unused, path = url.partition("://")[2].partition(":8222")
        short = path if path.startswith("/raftz") else path.partition("?")[0]
        return Answer(200, self.bodies[name][short], "")


def _starting(reading: Reading) -> Reading:
    return replace(reading, groups=(), placements=(), streams=frozenset())


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Watch:
    """Seconds on the clock and of the processor since it was made, or asked last."""

    def __init__(self) -> None:
        self._at = time.monotonic(), time.process_time()

    def __str__(self) -> str:
        before, self._at = self._at, (time.monotonic(), time.process_time())
        wall, cpu = (now - then for now, then in zip(self._at, before))
        return f"{wall:.2f} s ({cpu:.2f} s of the processor)"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fleet", description=str(__doc__).splitlines()[0])
    parser.add_argument("--servers", type=int, default=200)
    parser.add_argument("--streams", type=int, default=20_000)
    options = parser.parse_args()
    fleet = Fleet(options.servers, options.streams)
    print(f"{options.servers} servers, {options.streams} streams, {options.streams * CONSUMERS} consumers, {REPLICAS} replicas")
    print(f"answers, made up and decoded: {_peak():.0f} MiB")
    watch = Watch()
    readings = _monitor.read_state(fleet, fleet.targets, assets=True)
    print(f"plan: read in {watch}")
    plan = _planner.plan_upgrade(Situation.of(readings), "2.15.1", _judge.load(), waive=["stepping_stone"])
    text = _text.lines(plan)
    print(f"plan: judged and told in {watch}; {len(plan.steps)} steps, {len(text)} lines")
    polled = _monitor.read_state(fleet, fleet.targets)
    print(f"one poll of a wait: read in {watch}")
    polled[0] = _starting(polled[0])
    missing = len(_health.judge(polled, {}, max_lag=100)[0].missing)
    print(f"one poll of a wait: judged in {watch}; {missing} things are missing on a server that starts")
    losing = len(_quorum.without(polled, polled[1].name, max_lag=100))
    print(f"one poll of a wait: quorum without the next server in {watch}; {losing} groups would lose it")
    print(f"at the most {_peak():.0f} MiB")


if __name__ == "__main__":
    main()
