# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Is a server really back, and what is missing? Pure: no I/O, no clock.

/healthz alone is not trusted (measured on 2.10.26 to 2.15.1): after a restart it flaps 200, 503, 200, because a Raft
group that has not heard of any leader yet counts as healthy. In /raftz such a group has no leader. Replica lists are true
on the leader of their group only; a leader goes on calling a stopped replica current for 10 s, but says offline at once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Callable, Iterable, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Placement, RaftGroup, Reading

CONDITIONS = ("healthz", "version", "server_name", "started", "routes", "gateways", "leafnodes", "raft_groups", "jsz")
# Of these, what was there before the roll can be tolerated: it is somebody's old trouble and not the roll's doing.
TOLERABLE = ("reachable", "healthz", "routes", "gateways", "leafnodes", "raft_groups", "jsz")


@dataclass(frozen=True)
class Expectation:
    """What a server has to be once it is back. None is no expectation."""

    version: str | None = None
    server_name: str | None = None
    started_after: str | None = None
    peers: frozenset[str] | None = None
    gateways: frozenset[str] | None = None
    leaf_accounts: frozenset[str] = frozenset()
    raft_groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Missing:
    """One thing that is not as it has to be: the name of the condition, and the last value seen.

    C(subject) is what it is about (an asset, a server), and with the condition tells whether it is the same thing again.
    C(fleeting) is what may be over in the next look, and back in the one after: a busy replica that is close to its leader.
    """

    condition: str
    seen: str
    subject: str = ""
    fleeting: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return f"{self.condition}: {self.seen}"

    @property
    def key(self) -> str:
        return f"{self.condition} {self.subject}"


@dataclass(frozen=True)
class Verdict:
    """What is missing until a server is back, and how far behind it is: messages or Raft entries by asset."""

    reading: Reading
    missing: tuple[Missing, ...]
    lags: Mapping[str, int]

    @property
    def back(self) -> bool:
        return not self.missing

    def only(self, counts: Callable[[Missing], bool]) -> Verdict:
        """The verdict with only that of what is missing which counts."""
        return replace(self, missing=tuple(missing for missing in self.missing if counts(missing)))

    def but(self, more: Iterable[Missing]) -> Verdict:
        """The verdict with more that is missing."""
        return replace(self, missing=self.missing + tuple(more))

    def __str__(self) -> str:
        return f"{self.reading.name} {self.reading.monitor_url}: {'; '.join(map(str, self.missing)) or 'back'}"


def judge(
    readings: Sequence[Reading],
    expectations: Mapping[str, Expectation],
    *,
    max_lag: int,
    skip: frozenset[str] = frozenset(),
    tolerated: frozenset[str] = frozenset(),
) -> list[Verdict]:
    """Judge each server by its own answers and by those of the leaders of the groups that it serves.

    C(tolerated) has keys of what may be missing, because it was before.
    """
    cluster = Cluster(readings, expectations)
    verdicts = []
    for reading in readings:
        verdict = _judge_one(cluster, reading, expectations.get(reading.name, Expectation()), max_lag)
        verdicts.append(verdict.only(lambda missing: missing.condition not in skip and not _tolerates(tolerated, missing)))
    return verdicts


def _tolerates(tolerated: frozenset[str], missing: Missing) -> bool:
    return missing.key in tolerated and missing.condition in TOLERABLE


def is_another(verdict: Verdict, expected: Expectation) -> bool:
    """Whether a server was started again, and not with the version that it should have: no waiting changes that."""
    facts = verdict.reading.facts
    if facts is None or expected.version is None or expected.started_after is None:
        return False
    return facts.version != expected.version and is_later(facts.start, expected.started_after)


def without(verdicts: Sequence[Verdict], name: str) -> list[Verdict]:
    """The verdicts with what is missing of the others only because the server of this host (its name in the readings) is sick."""
    server_name = next((v.reading.facts.server_name for v in verdicts if v.reading.name == name and v.reading.facts), "")

    def is_own(missing: Missing) -> bool:
        if missing.condition == "routes":
            return not missing.subject.endswith(f": {server_name}")
        return not (missing.condition == "jsz" and missing.subject.startswith(f"replica {server_name} of "))

    return [v if v.reading.name == name else v.only(is_own) for v in verdicts] if server_name else list(verdicts)


def distances(verdicts: Sequence[Verdict], max_lag: int) -> dict[str, int]:
    """How far the servers are from being back, as numbers by name that shrink while they come nearer.

    Of a server that does not answer only that is known: its lag is not zero.
    """
    found: dict[str, int] = {}
    for verdict in verdicts:
        name = verdict.reading.name
        missing = Counter(one.condition for one in verdict.missing)
        found[f"{name} reachable"] = missing["reachable"]
        if not verdict.reading.error:
            # Sums, and not a number for each asset: assets come and go. A lag that is small enough is noise.
            found[f"{name} lag"] = sum(lag for lag in verdict.lags.values() if lag > max_lag)
            found.update({f"{name} {condition}": missing[condition] for condition in (*CONDITIONS, "quorum", *missing)})
    return found


def restart_expectation(reading: Reading) -> Expectation:
    """What this server has to be again after a restart."""
    facts = reading.facts
    if facts is None:
        return Expectation()
    return Expectation(
        server_name=facts.server_name,
        started_after=facts.start,
        peers=reading.peers,
        gateways=reading.gateways if facts.has_gateways else None,
        leaf_accounts=reading.leaf_accounts,
        raft_groups=reading.group_names,
    )


def running_groups(readings: Sequence[Reading]) -> dict[str, dict[str, RaftGroup]]:
    """By server name, the Raft groups of each server that answers and neither drains nor starts, as it sees them itself."""
    running = [r for r in readings if r.facts and r.health and not r.health.draining_or_starting]
    return {r.facts.server_name: {group.name: group for group in r.groups} for r in running if r.facts}


class Cluster:
    """The readings of one poll, looked at together. Indexed, because a large fleet has a quarter of a million replicas."""

    def __init__(self, readings: Sequence[Reading], expectations: Mapping[str, Expectation] | None = None) -> None:
        expectations = expectations or {}
        self.readings = readings
        self.labels: dict[str, str] = {}
        # What the leader of each group says: all of it, and by member and Raft group. Each cluster has a meta group of its own.
        self.led: list[Placement] = []
        self._led_of: dict[str, dict[str, Placement]] = defaultdict(dict)
        # Servers that answer for themselves, or would if they answered.
        self.names = frozenset(r.facts.server_name for r in readings if r.facts)
        self.names |= frozenset(e.server_name for e in expectations.values() if e.server_name)
        for reading in readings:
            # Not what /jsz says of the leader: a server that is just starting claims to lead whatever it led before it stopped.
            leading = {group.name for group in reading.groups if group.state == "LEADER"}
            for placement in reading.placements:
                self.labels[placement.raft_group] = placement.label
                if placement.raft_group in leading:
                    self._add(placement)

    def _add(self, placement: Placement) -> None:
        self.led.append(placement)
        for member in placement.members:
            self._led_of[member][placement.raft_group] = placement

    def label(self, raft_group: str) -> str:
        return self.labels.get(raft_group, raft_group)

    def peers_of(self, reading: Reading) -> frozenset[str]:
        """The other servers that were read and say that they are of the same cluster."""
        facts = reading.facts
        if facts is None or not facts.cluster:
            return frozenset()
        same = (r.facts for r in self.readings if r.facts and r.facts.cluster == facts.cluster)
        return frozenset(other.server_name for other in same) - {facts.server_name}

    def gateways_of(self, reading: Reading) -> frozenset[str]:
        """The other clusters among the readings that this server's is configured to be joined to, or the other way round."""
        facts = reading.facts
        if facts is None or not facts.has_gateways:
            return frozenset()
        others = (r.facts for r in self.readings if r.facts and r.facts.has_gateways and r.facts.cluster != facts.cluster)
        return frozenset(
            other.cluster
            for other in others
            if other.cluster in facts.configured_gateways or facts.cluster in other.configured_gateways
        )

    def led_of(self, server_name: str) -> Mapping[str, Placement]:
        """The groups that this server is a member of, by name, as their leaders say."""
        return self._led_of.get(server_name, {})

    def was_deleted(self, reading: Reading, raft_group: str) -> bool:
        """Whether no other server knows the group any more: a user may delete a stream at any time."""
        others = [other for other in self.readings if other is not reading]
        return bool(others) and all(other.health for other in others) and self._known_by.get(raft_group, set()) <= {reading.name}

    @cached_property
    def _known_by(self) -> dict[str, set[str]]:
        """By Raft group, the names of the readings in which it is."""
        known: dict[str, set[str]] = defaultdict(set)
        for reading in self.readings:
            for group in reading.groups:
                known[group.name].add(reading.name)
            for placement in reading.placements:
                known[placement.raft_group].add(reading.name)
        return known


def _judge_one(cluster: Cluster, reading: Reading, expected: Expectation, max_lag: int) -> Verdict:
    if reading.error or reading.facts is None or reading.health is None:
        return Verdict(reading, (Missing("reachable", reading.error or "not read", reading.name),), {})
    lags: dict[str, int] = {}
    found = list(_identity(reading, expected))
    found += _routes(cluster, reading, expected)
    found += _joints(cluster, reading, expected)
    found += _raft_groups(cluster, reading, expected, max_lag, lags)
    found += _replicas(cluster, reading, max_lag, lags)
    return Verdict(reading, tuple(found), lags)


def _identity(reading: Reading, expected: Expectation) -> Iterator[Missing]:
    facts, health = reading.facts, reading.health
    if facts is None or health is None:
        return
    for error in health.errors:
        yield Missing("healthz", f"{health.status} {error.text}", f"{facts.server_name}: {error.subject}")
    if expected.version is not None and facts.version != expected.version:
        yield Missing("version", f"runs {facts.version}, not {expected.version}")
    if expected.server_name is not None and facts.server_name != expected.server_name:
        yield Missing("server_name", f"is {facts.server_name}, not {expected.server_name}")
    if expected.started_after is not None and not is_later(facts.start, expected.started_after):
        yield Missing("started", f"runs since {facts.start}, not restarted after {expected.started_after}")


def is_later(moment: str, than: str) -> bool:
    """Compare two UTC times as NATS writes them: RFC 3339 with nanoseconds, zeros at the end left out."""
    return _sortable(moment) > _sortable(than)


def _sortable(moment: str) -> tuple[str, str]:
    whole, _unused, fraction = moment.rstrip("Zz").partition(".")
    return whole, fraction.ljust(9, "0")


def _routes(cluster: Cluster, reading: Reading, expected: Expectation) -> Iterator[Missing]:
    wanted = cluster.peers_of(reading) if expected.peers is None else expected.peers
    for absent in sorted(wanted - reading.peers - reading.peers_too):
        yield Missing("routes", f"no route to {absent}", f"{reading.name}: {absent}")


def _joints(cluster: Cluster, reading: Reading, expected: Expectation) -> Iterator[Missing]:
    """What joins it to other clusters."""
    wanted = cluster.gateways_of(reading) if expected.gateways is None else expected.gateways
    for absent in sorted(wanted - reading.gateways):
        yield Missing("gateways", f"no gateway to {absent}", f"{reading.name}: gateway {absent}")
    for absent in sorted(expected.leaf_accounts - reading.leaf_accounts):
        yield Missing("leafnodes", f"not connected as a leaf node for the account {absent}", f"{reading.name}: leaf {absent}")


def _raft_groups(
    cluster: Cluster, reading: Reading, expected: Expectation, max_lag: int, lags: dict[str, int]
) -> Iterator[Missing]:
    for group in reading.groups:
        if group.lag:
            lags[cluster.label(group.name)] = group.lag
        problem = group_problem(group, max_lag)
        if problem:
            label = cluster.label(group.name)
            yield Missing("raft_groups", f"{label} {problem}", f"{reading.name}: {label}")
    name = reading.facts.server_name if reading.facts else ""
    for raft_group in sorted((expected.raft_groups | cluster.led_of(name).keys()) - reading.group_names):
        if not cluster.was_deleted(reading, raft_group):
            label = cluster.label(raft_group)
            yield Missing("raft_groups", f"{label} is not there", f"{reading.name}: {label}")


def group_problem(group: RaftGroup, max_lag: int) -> str:
    if group.state == "CLOSED":
        return "is closed"
    if not group.leader:
        return "has no leader"
    if group.catching_up:
        return f"is catching up, {spaced(group.lag)} entries to apply"
    if group.paused:
        return "is paused"
    if group.lag > max_lag:
        return f"has {spaced(group.lag)} entries to apply"
    return ""


def _replicas(cluster: Cluster, reading: Reading, max_lag: int, lags: dict[str, int]) -> Iterator[Missing]:
    """What leaders say of this server, and what this one as a leader says of servers that were not read."""
    name = reading.facts.server_name if reading.facts else ""
    own = {placement.raft_group: placement for placement in reading.placements}
    for raft_group, placement in sorted(cluster.led_of(name).items()):
        for replica in placement.replicas:
            if replica.name != name and (placement.leader != name or replica.name in cluster.names):
                continue
            behind = _behind(placement, own.get(raft_group), replica.lag) if replica.name == name else replica.lag
            if behind:
                lags[placement.label] = max(behind, lags.get(placement.label, 0))
            if replica.offline or not replica.current or replica.lag > max_lag:
                subject = f"replica {replica.name} of {placement.label}"
                fleeting = not replica.offline and replica.lag <= max_lag
                yield Missing("jsz", f"{subject} {_state(replica.offline, replica.lag)}", subject, fleeting)


def _behind(led: Placement, own: Placement | None, lag: int) -> int:
    """Entries or messages that this server lacks: a catch-up by snapshot shows in the stream only, not in the lag."""
    if own is None or own.held is None or led.held is None:
        return lag
    return max(lag, led.held.last - own.held.last)


def _state(offline: bool, lag: int) -> str:
    if offline:
        return "is offline"
    return f"lags {spaced(lag)}" if lag else "is not current"


def spaced(number: int) -> str:
    """A count as people read it: 18 204."""
    return f"{number:,}".replace(",", " ")
