# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which nodes a roll has to touch, in which order, what each step costs, and what stops it before it begins. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Collection, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _versions
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.text import named
from ansible_collections.natsops.cluster.plugins.module_utils._judge import feature_wedge as _feature_wedge
from ansible_collections.natsops.cluster.plugins.module_utils._judge import findings as _findings
from ansible_collections.natsops.cluster.plugins.module_utils._judge import health as _health
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding, Settled
from ansible_collections.natsops.cluster.plugins.module_utils._plan import downgrade as _downgrade
from ansible_collections.natsops.cluster.plugins.module_utils._plan import order as _order
from ansible_collections.natsops.cluster.plugins.module_utils._plan import surge as _surge
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import assets as _assets
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import cluster as _cluster
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import gateways as _gateways
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import identity as _identity
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import nodes as _nodes
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import source as _source
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Server, Situation, Trouble, is_meta_leader
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._policy.judge import Policy
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import ServerFacts

# What a node takes besides its clients: hold, swap, start, two gates. Measured with the demo, 2 cores, local connection.
STEP_SECONDS = 9.0
# A server waits this long for its leaders to move, where it leads anything (measured, 2.10.26 to 2.15.1).
LEADERS_SECONDS = 1.0
# Clients are closed one by one, on average three quarters of a second apart (server.go, lameDuckMode).
CLIENT_SECONDS = 0.75
# Who cannot read every server of the group cannot plan the way of any: most often an address is wrong.
BLIND = ("missing_server", "duplicate_name")
DEFAULT_LAME_DUCK = (120.0, 10.0)


@dataclass(frozen=True)
class Step:
    """One node's turn, and what it costs. C(why) says why a restart takes it. C(resumes) is the step in which its turn broke off;
    C(away), that its server is down or draining since then, so that nothing is asked before it is taken: the cluster is
    without it already; C(stale), that its configuration was written after its server has read it. C(yields_to) are the hosts that
    go first should it have become the meta leader by its turn.
    """

    host: str
    server_name: str
    cluster: str
    version: str
    leads: int
    leader: bool
    clients: int
    fragile: tuple[str, ...]
    seconds: float
    resumes: str
    away: bool
    to: str
    stale: bool = False
    why: tuple[str, ...] = ()
    yields_to: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "host": self.host,
            "server_name": self.server_name,
            "cluster": self.cluster,
            "from": self.version,
            "to": self.to,
            "why": list(self.why),
            "leads": self.leads,
            "meta_leader": self.leader,
            "clients": self.clients,
            "assets_down": list(self.fragile),
            "seconds": round(self.seconds),
            "resumes": self.resumes,
            "away": self.away,
            "stale": self.stale,
            "yields_to": list(self.yields_to),
        }


@dataclass(frozen=True)
class Plan:
    """Names of hosts: those to take, in order, and those that need not be; and all that is to be said.

    A rolling restart has no target, for each server goes to what is installed on its node. C(leader_last) says whether a node
    that becomes the meta leader in mid-roll waits until the others are done; C(versions), what each host runs in the end.
    """

    target: str
    steps: tuple[Step, ...]
    done: tuple[str, ...]
    clusters: Mapping[str, tuple[str, ...]]
    domains: tuple[tuple[str, ...], ...]
    settled: Settled
    tolerated: tuple[str, ...]
    notes: tuple[_judge.Note, ...]
    ways_back: tuple[str, ...]
    versions: Mapping[str, str]
    leader_last: bool = True
    reboot: bool = False
    surge: tuple[_surge.Place, ...] = ()
    # Hosts of steps that a later run is to take, because this one takes only so many.
    later: tuple[str, ...] = ()
    # Hosts whose servers do not answer, where that is waived.
    left_out: tuple[str, ...] = ()

    @property
    def blind(self) -> bool:
        """Whether servers of the group are not seen, and that was not waived."""
        return any(finding.name in BLIND for finding in self.settled.refusals)

    @property
    def order(self) -> tuple[str, ...]:
        return tuple(step.host for step in self.steps if step.host not in self.later)

    @property
    def seconds(self) -> float:
        return sum(step.seconds for step in self.steps if step.host not in self.later)

    def seen(self) -> Plan:
        """The plan without its steps where it is blind."""
        return replace(self, steps=(), done=(), left_out=(), notes=(), ways_back=(), surge=()) if self.blind else self

    def only(self, most: int, hosts: Collection[str]) -> Plan:
        """The plan with the first steps only, of those that are on the hosts of this run."""
        later = tuple(host for host in self.order if host in hosts)[most:]
        clusters = {step.cluster for step in self.steps if step.host not in later}
        surge = tuple(replace(place, joins=place.joins and place.cluster in clusters) for place in self.surge)
        return replace(self, later=later, surge=surge)

    def as_dict(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "expect": {host: {"version": version} for host, version in self.versions.items()},
            "leader_last": self.leader_last,
            "order": list(self.order),
            "later": list(self.later),
            "done": list(self.done),
            "left_out": list(self.left_out),
            "clusters": {name: list(hosts) for name, hosts in self.clusters.items()},
            "domains": [list(hosts) for hosts in self.domains],
            "steps": [step.as_dict() for step in self.steps],
            "estimated_seconds": round(self.seconds),
            "refused": bool(self.settled.refusals),
            "refusals": [finding.as_dict() for finding in self.settled.refusals],
            "warnings": [finding.as_dict() for finding in self.settled.warnings],
            "waived": [finding.as_dict() for finding in self.settled.waived],
            "tolerated": list(self.tolerated),
            "notes": [note.as_dict() for note in self.notes],
            "ways_back": list(self.ways_back),
            "surge": [place.as_dict() for place in self.surge],
        }


def make_plan(
    situation: Situation,
    version: str,
    policy: Policy,
    *,
    waive: Sequence[str] = (),
    refuse_r1: bool = False,
    order: Sequence[Sequence[str]] = (),
    source: Mapping[str, Any] | None = None,
) -> Plan:
    """Plan the way of these servers to a version. Raises NatsError for a waiver that does not exist.

    C(order) are groups of hosts to be taken one after the other; inside of one, and behind them all, the computed order holds.
    C(source) is what variables say of where the new version comes from.
    """
    waived = _findings.require_known(waive)
    try:
        target = _versions.require_exact(version)
    except NatsError as exc:
        message = str(exc)
        settled = _findings.settle([Finding("not_exact", message.replace("refused: ", "", 1), waivable=False)], waived)
        return Plan(version, (), (), {}, (), settled, (), (), (), {})
    ordered, down = _order.in_order(situation, order), _downgrade.is_one(situation, target)
    if down and not order:
        ordered = _downgrade.newest_first(situation, ordered)
    left = [server for server in ordered if server.facts.version != version or situation.unfinished(server.host)]
    steps = steps_of_the_down(situation, version)
    troubles = [*_troubles(situation, policy, target, refuse_r1), *_order.judge(situation, ordered, order)]
    troubles += _source.judge(situation, source or {}) if left or steps else ()
    troubles += _identity.judge(situation, [server.host for server in left])
    steps += [step_of(situation, server, version, _order.after(situation, left, n, order)) for n, server in enumerate(left)]
    return Plan(
        target=version,
        steps=tuple(steps),
        done=tuple(server.host for server in ordered if server not in left),
        left_out=left_out_of(situation),
        clusters=clusters_of(ordered, steps),
        domains=domains_of(situation),
        **settled_of(troubles, waived),
        notes=_notes(situation, policy, target) if steps else (),
        ways_back=_ways_back(left, policy, target),
        versions={**{server.host: version for server in ordered}, **{step.host: version for step in steps}},
        leader_last=not down,
        surge=_surge.places(situation, {step.cluster for step in steps}),
    ).seen()


def most_nodes(wanted: Any) -> int | None:
    """How many nodes a run takes at most, None for all, out of what a user gives, which by -e is text."""
    text = str(wanted).strip()
    if wanted is None or text in ("", "all"):
        return None
    if isinstance(wanted, bool) or not text.isascii() or not text.isdigit() or int(text) < 1:
        raise NatsError(
            f"refused: nats_upgrade_max_nodes is {wanted!r}, and has to be a whole number from 1, or all. Nothing was touched."
        )
    return int(text)


def left_out_of(situation: Situation) -> tuple[str, ...]:
    """Hosts that nothing is done on: their servers do not answer, and no turn of ours has brought that about."""
    return tuple(reading.name for reading in situation.silent if not situation.unfinished(reading.name))


def settled_of(troubles: Sequence[Trouble], waived: frozenset[str]) -> dict[str, Any]:
    settled = _findings.settle([trouble.finding for trouble in troubles], waived)
    keys = {key for trouble in troubles if trouble.finding in settled.waived for key in trouble.keys}
    return {"settled": settled, "tolerated": tuple(sorted(keys))}


def clusters_of(ordered: Sequence[Server], steps: Sequence[Step]) -> dict[str, tuple[str, ...]]:
    clusters: dict[str, list[str]] = {}
    for server in ordered:
        clusters.setdefault(server.facts.cluster, []).append(server.host)
    _join(clusters, steps)
    return {name: tuple(hosts) for name, hosts in clusters.items()}


def domains_of(situation: Situation) -> tuple[tuple[str, ...], ...]:
    return tuple(domain.hosts for domain in situation.domains)


def _troubles(situation: Situation, policy: Policy, target: _versions.ServerVersion, refuse_r1: bool) -> Iterator[Trouble]:
    running = {server.host: server.facts.version for server in situation.servers}
    findings = _judge.judge_target(policy, target)
    findings += _judge.judge_bad_release(policy, target, _assets.used(situation))
    findings += _judge.judge_way(policy, running, target)
    changes = any(version != str(target) for version in running.values())
    # Where every server runs the target there is nothing to refuse it for.
    if changes:
        yield from map(Trouble, findings)
    yield from _assets.judge(situation, policy, target, refuse_r1=refuse_r1)
    yield from _cluster.judge(without_wedge(situation))
    yield from _gateways.judge(situation, target)
    yield from _nodes.judge(situation, target)
    if changes or situation.resumed:
        yield from _surge.judge(situation)


def without_wedge(situation: Situation) -> Situation:
    """The situation without what the wedge explains, which is told as the wedge."""
    labels = [asset.label for asset, _unused in _feature_wedge.wedged(situation.readings)]
    if not labels:
        return situation
    verdicts = tuple(
        v.only(lambda missing: not any(_feature_wedge.is_about(missing.subject, label) for label in labels))
        for v in situation.verdicts
    )
    return replace(situation, verdicts=verdicts)


def steps_of_the_down(situation: Situation, target: str = "") -> list[Step]:
    """Nodes that a run left with their server down: it can only be better for the cluster to bring them back."""
    steps = []
    for reading in situation.silent:
        if situation.unfinished(reading.name):
            journal = situation.journal(reading.name)
            expected = journal.get("expectation") or {}
            steps.append(
                Step(
                    host=reading.name,
                    server_name=expected.get("server_name") or reading.name,
                    cluster=situation.cluster_away(reading.name),
                    version=str(journal.get("old_version", "")),
                    to=target
                    or str((situation.nodes.get(reading.name) or {}).get("binary_version") or journal.get("target", "")),
                    leads=0,
                    leader=False,
                    clients=0,
                    fragile=(),
                    seconds=STEP_SECONDS,
                    resumes=str(journal.get("step", "")),
                    away=True,
                )
            )
    return steps


def _join(clusters: dict[str, list[str]], steps: Sequence[Step]) -> None:
    """Put nodes that are down into the cluster that they were of: the one there is, where there is one."""
    for step in steps:
        if not any(step.host in hosts for hosts in clusters.values()):
            name = step.cluster if step.cluster in clusters or len(clusters) != 1 else next(iter(clusters))
            clusters.setdefault(name, []).insert(0, step.host)


def step_of(situation: Situation, server: Server, to: str, yields_to: tuple[str, ...]) -> Step:
    assets = [asset for asset in server.reading.assets if asset.leader == server.facts.server_name and _assets.fragile(asset)]
    leads = sum(1 for group in server.reading.groups if group.state == "LEADER")
    duration, grace = _lame_duck(situation, server.host)
    clients = server.facts.connections
    resumes, health = situation.unfinished(server.host), server.reading.health
    drain = min(duration, grace + clients * CLIENT_SECONDS) if clients else 0.0
    return Step(
        host=server.host,
        server_name=server.facts.server_name,
        cluster=server.facts.cluster,
        version=server.facts.version,
        to=to,
        leads=leads,
        leader=is_meta_leader(server),
        clients=clients,
        fragile=tuple(asset.label for asset in assets),
        seconds=STEP_SECONDS + (LEADERS_SECONDS if leads else 0.0) + drain,
        resumes=str(situation.journal(server.host).get("step", "")) if resumes else "",
        away=resumes and bool(health and health.draining_or_starting),
        stale=resumes and _is_stale(server.facts, situation.nodes.get(server.host) or {}),
        yields_to=yields_to,
    )


def _is_stale(facts: ServerFacts, node: Mapping[str, Any]) -> bool:
    modified = node.get("config_modified")
    return bool(modified) and _health.is_later(str(modified), facts.config_load_time or facts.start)


def _lame_duck(situation: Situation, host: str) -> tuple[float, float]:
    node = situation.nodes.get(host) or {}
    return (
        float(node.get("lame_duck_duration_seconds") or DEFAULT_LAME_DUCK[0]),
        float(node.get("lame_duck_grace_period_seconds") or DEFAULT_LAME_DUCK[1]),
    )


def _oldest(situation: Situation) -> _versions.ServerVersion | None:
    parsed = [_versions.parse_or_none(server.facts.version) for server in situation.servers]
    return min((version for version in parsed if version), default=None)


def _notes(situation: Situation, policy: Policy, target: _versions.ServerVersion) -> tuple[_judge.Note, ...]:
    oldest = _oldest(situation)
    return _judge.notes(policy, oldest, target) if oldest and oldest < target else ()


def _ways_back(left: Sequence[Server], policy: Policy, target: _versions.ServerVersion) -> tuple[str, ...]:
    """Whether a node that has started with the target can be put back, where there is anything to say of it."""
    said = []
    for text in sorted({server.facts.version for server in left}):
        old = _versions.parse_or_none(text)
        if old is None or old == target:
            continue
        way = _judge.way_back(policy, old, target)
        hosts = named(server.host for server in left if server.facts.version == text)
        if not way.open:
            said.append(f"the way back to {text} is closed once a node has started with {target} ({hosts}): {way.note}")
        elif way.note:
            said.append(f"the way back to {text} is open ({hosts}): {way.note}")
    return tuple(said)
