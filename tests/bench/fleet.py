"""How long the plan of a large fleet takes, and how much memory: ``python -m tests.bench.fleet``. Asserts nothing.

200 servers in 40 clusters, 20 000 streams and 60 000 consumers with three replicas each: answers as servers give them, parsed and
judged as the collection does it.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections import defaultdict
from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils import _assets, _plan, _plan_text, _policy, _servers
from ansible_collections.natsops.cluster.plugins.module_utils._servers import Reading
from ansible_collections.natsops.cluster.plugins.module_utils._situation import Situation

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
            groups[viewer].update({name: state for name in [f"S-{number}"] + [f"C-{number}-{c}" for c in range(CONSUMERS)]})
    return {
        name: {"jsz": {"account_details": [{"name": "APP", "stream_detail": details[name]}]}, "raftz": {"APP": groups[name]}}
        for name in (f"n{i}" for i in range(servers))
    }


def _reading(name: str, number: int, answer: dict[str, Any]) -> Reading:
    cluster = number // CLUSTER_SIZE
    varz = {"server_id": name, "server_name": name, "version": "2.14.6", "start": "2026-11-21T00:00:00Z", "uptime": "9d"}
    varz |= {"cluster": {"name": f"c{cluster}"}, "jetstream": {"config": {"store_dir": "/x"}}, "max_connections": 65536}
    peers = frozenset(f"n{i}" for i in range(cluster * CLUSTER_SIZE, (cluster + 1) * CLUSTER_SIZE)) - {name}
    return Reading(
        name,
        f"http://{name}:8222",
        facts=_servers.parse_varz(varz),
        health=_servers.parse_healthz(200, {"status": "ok"}),
        peers=peers,
        groups=_servers.parse_raftz(answer["raftz"]),
        placements=_servers.parse_jsz(answer["jsz"]),
        assets=_assets.parse_assets(answer["jsz"], name),
        streams=_servers.parse_streams(answer["jsz"]),
    )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fleet", description=str(__doc__).splitlines()[0])
    parser.add_argument("--servers", type=int, default=200)
    parser.add_argument("--streams", type=int, default=20_000)
    options = parser.parse_args()
    given = answers(options.servers, options.streams)
    with_answers = _peak()
    began = time.monotonic()
    readings = [_reading(name, number, given.pop(name)) for number, name in enumerate(list(given))]
    parsed = time.monotonic()
    plan = _plan.make_plan(Situation.of(readings), "2.15.1", _policy.load(), waive=["stepping_stone"])
    text = _plan_text.lines(plan)
    judged = time.monotonic()
    print(f"{options.servers} servers, {options.streams} streams, {options.streams * CONSUMERS} consumers, {REPLICAS} replicas")
    print(f"made up answers: {with_answers:.0f} MiB; at the end at most {_peak():.0f} MiB")
    print(
        f"parsed in {parsed - began:.2f} s, judged and told in {judged - parsed:.2f} s; {len(plan.steps)} steps, {len(text)} lines"
    )


if __name__ == "__main__":
    main()
