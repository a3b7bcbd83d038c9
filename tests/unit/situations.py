"""Recorded clusters with one thing changed, and the plan that is made of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan.plan import Plan
from ansible_collections.natsops.cluster.plugins.module_utils._plan.planner import plan_upgrade
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._state import journal as _journal
from ansible_collections.natsops.cluster.plugins.module_utils._state.files import Content
from ansible_collections.natsops.cluster.plugins.module_utils._values.assets import Asset
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import META_GROUP, Placement, Reading, Replica
from tests.unit.recorded import read

POLICY = _judge.load()
RUNNING, TARGET = "2.15.1", "2.15.2"
# A recorded cluster of this version with nothing the matter but what is told of every one: an R1 stream, own configurations.
ALWAYS = {"r1_assets", "mixed_configs"}
NOON = 1_790_856_000.0  # 2026-10-01T12:00:00Z
# In it n2 leads the meta group and the stream ORDERS, and n1 the consumer and the stream LOCAL, which it has alone.
LEADER = "n2"
STREAM, CONSUMER, LOCAL = "APP > ORDERS", "APP > ORDERS > worker", "APP > LOCAL"


def cluster(situation: str = "", version: str = RUNNING) -> list[Reading]:
    return read(version, situation, assets=True)


def plan_of(readings: Sequence[Reading], *waive: str, target: str = TARGET, refuse_r1: bool = False, **nodes: Any) -> Plan:
    return plan_upgrade(Situation.of(readings, nodes), target, POLICY, waive=waive, refuse_r1=refuse_r1)


def refusals(plan: Plan) -> list[str]:
    return [finding.name for finding in plan.settled.refusals]


def warnings(plan: Plan) -> list[str]:
    """Names of what is warned of, less what is told of every recorded cluster."""
    return [finding.name for finding in plan.settled.warnings if finding.name not in ALWAYS]


def found(plan: Plan, name: str) -> Finding:
    """The one finding of this name."""
    settled = plan.settled
    (finding,) = [one for one in (*settled.refusals, *settled.warnings, *settled.waived) if one.name == name]
    return finding


def changed(readings: Sequence[Reading], name: str, **values: Any) -> list[Reading]:
    """The readings with one of them changed."""
    return [replace(reading, **values) if reading.name == name else reading for reading in readings]


def with_facts(readings: Sequence[Reading], *names: str, **facts: Any) -> list[Reading]:
    """The readings with other facts, of some servers or of all."""
    said = {key: facts[key] for key in ("server_name", "cluster") if key in facts}
    return [
        replace(r, facts=replace(r.facts, **facts), said=replace(r.said, **said))
        if r.facts and (not names or r.name in names)
        else r
        for r in readings
    ]


def silent(readings: Sequence[Reading], *names: str) -> list[Reading]:
    """The readings where these hosts do not answer."""
    return [Reading(r.name, r.monitor_url, error="connection refused") if r.name in names else r for r in readings]


def with_asset(readings: Sequence[Reading], name: str, **values: Any) -> list[Reading]:
    """The readings with one more asset on a server, a stream with three replicas but for what is given."""
    stream = Asset("stream", "APP > NEW", name, name, 3, False, True, "2026-11-21T09:00:00Z", 0, 0, {})
    return [replace(r, assets=(*r.assets, replace(stream, **values))) if r.name == name else r for r in readings]


def with_placements(readings: Sequence[Reading], label: str, change: Callable[[Placement], Placement]) -> list[Reading]:
    """The readings with a group changed as every server sees it in /jsz."""
    return [replace(r, placements=tuple(change(p) if p.label == label else p for p in r.placements)) for r in readings]


def with_meta_peer(readings: Sequence[Reading], name: str, *, offline: bool) -> list[Reading]:
    """The readings where the meta group has one more member, of which no reading is."""
    peer = Replica(name, current=not offline, offline=offline, lag=0)
    more = with_placements(readings, META_GROUP, lambda p: replace(p, replicas=(*p.replicas, peer)))
    return with_facts(more, meta_cluster_size=4)


def journal(step: str, name: str = "n2", target: str = TARGET, old: str = RUNNING, **other: Any) -> dict[str, Any]:
    """What is found out on a node whose turn got as far as this step."""
    turn = _journal.said(_journal.began("r1", target, old, {"expectation": {"server_name": name}}, NOON), step, {}, "r1", NOON)
    return {"journal": {**(_journal.as_dict(Content(turn)) or {}), **other}}
