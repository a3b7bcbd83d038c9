# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# This module util is PRIVATE to the collection: it may change in any release.
"""Judges version drift: which servers of a cluster run another version than most of it, and since when. Pure.

For the controller only, as _policy is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import Any, Collection, Iterator, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils import _drift_members, _drift_rules, _policy, _versions
from ansible_collections.natsops.cluster.plugins.module_utils._fleet import (
    FAIL,
    FAILING,
    SEVERITIES,
    DriftFinding,
    Fleet,
    Limits,
    Server,
    severity_of,
    span,
)
from ansible_collections.natsops.cluster.plugins.module_utils._policy import Policy
from ansible_collections.natsops.cluster.plugins.module_utils._situation import named

SCHEMA = 1


@dataclass(frozen=True)
class Gap:
    """How far a version is from the majority's: C(level) is major, minor, patch, build, or unknown where it cannot be told."""

    level: str
    count: int = 0
    newer: bool = False

    def __str__(self) -> str:
        if self.level == "unknown":
            return "cannot be compared"
        side = "newer" if self.newer else "older"
        if self.level == "build":
            return f"same patch, {side}"
        return f"{self.count} {self.level}{self._plural} {side}"

    @property
    def _plural(self) -> str:
        return "" if self.count == 1 else "es" if self.level == "patch" else "s"

    def as_dict(self) -> dict[str, Any]:
        known = self.level != "unknown"
        return {"level": self.level, "count": self.count, "direction": ("newer" if self.newer else "older") if known else ""}


@dataclass(frozen=True)
class Outlier:
    server: Server
    gap: Gap


@dataclass(frozen=True)
class Mismatch:
    """Several versions in one cluster: C(state) is active, stale or overdue. Ages are None where no server tells its start."""

    state: str
    age_seconds: float | None
    last_start_seconds: float | None


@dataclass(frozen=True)
class Cluster:
    """One cluster. C(name) is empty for the servers that are in none, which are not compared with each other."""

    name: str
    servers: tuple[Server, ...]
    majority: str
    outliers: tuple[Outlier, ...]
    mismatch: Mismatch | None

    @property
    def versions(self) -> dict[str, int]:
        """How many servers run each version, the newest first."""
        counted = Counter(server.facts.version for server in self.servers)
        return {text: counted[text] for text in sorted(counted, key=_rank, reverse=True)}

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "servers": len(self.servers),
            "versions": self.versions,
            "majority": self.majority,
            "mismatch": self.mismatch
            and {
                "state": self.mismatch.state,
                "age_seconds": _whole(self.mismatch.age_seconds),
                "last_start_seconds": _whole(self.mismatch.last_start_seconds),
            },
            "outliers": [
                {"host": one.server.host, "version": one.server.facts.version, "gap": one.gap.as_dict()} for one in self.outliers
            ],
        }


@dataclass(frozen=True)
class Drift:
    """The judgement. C(findings) are in the order of their severity."""

    fleet: Fleet
    limits: Limits
    clusters: tuple[Cluster, ...]
    findings: tuple[DriftFinding, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the findings that make an audit fail."""
        return tuple(dict.fromkeys(finding.name for finding in self.findings if finding.severity == FAIL))

    def brief(self) -> dict[str, Any]:
        """All but the single servers, of which there may be thousands."""
        by_severity = Counter(finding.severity for finding in self.findings)
        return {
            "schema": SCHEMA,
            "at": self.fleet.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "max_mismatch_seconds": self.limits.max_mismatch_seconds,
            "summary": {
                "hosts": len(self.fleet.readings),
                "answered": len(self.fleet.readings) - len(self.fleet.silent),
                "servers": len(self.fleet.servers),
                "clusters": sum(1 for cluster in self.clusters if cluster.name),
                "versions": dict(Counter(server.facts.version for server in self.fleet.servers)),
                **{severity: by_severity[severity] for severity in SEVERITIES},
            },
            "failed": list(self.failed),
            "clusters": [cluster.as_dict() for cluster in self.clusters],
            "findings": [finding.as_dict() for finding in self.findings],
        }

    def as_dict(self) -> dict[str, Any]:
        return {**self.brief(), "servers": [_server(server) for server in self.fleet.servers]}


def judge(fleet: Fleet, policy: Policy, limits: Limits | None = None, failing: Collection[str] = FAILING) -> Drift:
    """Judge a fleet by the policy. C(failing) are the names of the findings that make an audit fail."""
    limits = limits or Limits()
    clusters = tuple(_cluster(policy, name, servers, limits) for name, servers in fleet.clusters.items())
    found = [
        *(finding for cluster in clusters for finding in _mismatch_finding(cluster, limits)),
        *_drift_members.judge(fleet),
        *_drift_rules.judge(fleet, policy),
    ]
    severe = (replace(finding, severity=severity_of(finding.name, failing)) for finding in found)
    return Drift(fleet, limits, clusters, tuple(sorted(severe, key=lambda finding: SEVERITIES.index(finding.severity))))


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def _rank(text: str) -> tuple[Any, ...]:
    version = _versions.parse_or_none(text)
    return (version is not None, version) if version else (False, text)


def _server(server: Server) -> dict[str, Any]:
    facts = server.facts
    return {
        "host": server.host,
        "server_name": facts.server_name,
        "server_id": facts.server_id,
        "cluster": facts.cluster,
        "version": facts.version,
        "git_commit": facts.git_commit,
        "start": facts.start,
        "uptime_seconds": _whole(server.uptime_seconds),
        "config_digest": facts.config_digest,
        "monitor_url": server.reading.monitor_url,
    }


def _cluster(policy: Policy, name: str, servers: tuple[Server, ...], limits: Limits) -> Cluster:
    counted = Counter(server.facts.version for server in servers)
    # Where as many run one version as another, the newer one is where it is going.
    majority = max(counted, key=lambda text: (counted[text], _rank(text)))
    others = [server for server in servers if server.facts.version != majority] if name else []
    outliers = tuple(Outlier(server, _gap(policy, server.facts.version, majority)) for server in others)
    return Cluster(name, servers, majority, outliers, _mismatch(servers, limits) if others else None)


def _gap(policy: Policy, text: str, majority: str) -> Gap:
    version, most = _versions.parse_or_none(text), _versions.parse_or_none(majority)
    if version is None or most is None:
        return Gap("unknown")
    newer = version > most
    if version.major != most.major:
        return Gap("major", abs(version.major - most.major), newer)
    if version.minor != most.minor:
        return Gap("minor", _policy.minors_between(policy, version, most), newer)
    if version.patch != most.patch:
        return Gap("patch", abs(version.patch - most.patch), newer)
    return Gap("build", newer=newer)


def _mismatch(servers: Sequence[Server], limits: Limits) -> Mismatch:
    by_version: dict[str, list[float]] = defaultdict(list)
    for server in servers:
        by_version[server.facts.version] += [] if server.uptime_seconds is None else [server.uptime_seconds]
    oldest = min(by_version, key=_rank)
    old = by_version.pop(oldest)
    new = [uptime for uptimes in by_version.values() for uptime in uptimes]
    # On the way down it is the older side that came last, and all of it.
    down = bool(old and new and max(old) < min(new) and min(old) < limits.active_seconds)
    came = old if down else new
    if not came:
        return Mismatch("stale", None, None)
    age, last = max(came), min(came)
    state = "overdue" if age > limits.max_mismatch_seconds else "active" if last < limits.active_seconds else "stale"
    return Mismatch(state, age, last)


def _mismatch_finding(cluster: Cluster, limits: Limits) -> Iterator[DriftFinding]:
    if cluster.mismatch is None:
        return
    state, age = cluster.mismatch.state, cluster.mismatch.age_seconds
    since = "for an unknown time" if age is None else f"for {span(age)} at least"
    last = cluster.mismatch.last_start_seconds
    lately = f"; the last start was {span(last)} ago" if last is not None and last != age else ""
    by_gap: dict[str, list[str]] = defaultdict(list)
    for one in cluster.outliers:
        by_gap[f"{one.server.facts.version} ({one.gap})"].append(one.server.host)
    which = "; ".join(f"{named(hosts)} {'run' if len(hosts) > 1 else 'runs'} {what}" for what, hosts in by_gap.items())
    most = cluster.versions[cluster.majority]
    if state == "active":
        todo = f"Let the roll end; it is overdue after {span(limits.max_mismatch_seconds)}"
    else:
        todo = (
            "Finish the roll or take it back; what to run for either says: ansible-playbook natsops.cluster.status -i INVENTORY"
        )
    yield DriftFinding(
        f"mismatch_{state}",
        f"{cluster.name} runs {len(cluster.versions)} versions, {since}{lately}. {most} of {len(cluster.servers)} servers run "
        f"{cluster.majority}; {which}",
        todo,
        cluster.name,
        tuple(one.server.host for one in cluster.outliers),
        details={"majority": cluster.majority, "age_seconds": _whole(age), "versions": cluster.versions},
    )
