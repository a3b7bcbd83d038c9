# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Judges version drift: which servers of a cluster run another version than most of it, and since when. Pure.

For the controller only, as _policy/judge.py is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any, Collection, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._audit import members as _members
from ansible_collections.natsops.cluster.plugins.module_utils._audit import versions as _audit_versions
from ansible_collections.natsops.cluster.plugins.module_utils._audit.fleet import (
    FAIL,
    FAILING,
    SEVERITIES,
    Fleet,
    Limits,
    severity_of,
    span,
)
from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _core_versions
from ansible_collections.natsops.cluster.plugins.module_utils._core.text import named
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Server
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._policy.judge import Policy

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
    """Several versions in one cluster: C(state) is active, stale or overdue. Ages are None where no server tells its start.

    Servers tell since when they run, and not what they ran before. C(sure_seconds) is for how long several versions have been
    there whatever that was. C(age_seconds) is the time since the first start of a newer server; it is longer than that where
    C(doubtful), the servers of another version, were started later: either again, or for the first time with that version.
    """

    state: str
    age_seconds: float | None
    sure_seconds: float | None
    last_start_seconds: float | None
    doubtful: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        ages = {name: _whole(getattr(self, name)) for name in ("age_seconds", "sure_seconds", "last_start_seconds")}
        return {"state": self.state, **ages}


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
            "mismatch": self.mismatch and self.mismatch.as_dict(),
            "outliers": [
                {"host": one.server.host, "version": one.server.facts.version, "gap": one.gap.as_dict()} for one in self.outliers
            ],
        }


@dataclass(frozen=True)
class Drift:
    """The judgement. C(findings) are in the order of their severity; C(failing) names those that make an audit fail."""

    fleet: Fleet
    limits: Limits
    clusters: tuple[Cluster, ...]
    findings: tuple[Finding, ...]
    failing: Collection[str]

    def severity(self, finding: Finding) -> str:
        return severity_of(finding.name, self.failing)

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the findings that make an audit fail."""
        return tuple(dict.fromkeys(finding.name for finding in self.findings if self.severity(finding) == FAIL))

    def brief(self) -> dict[str, Any]:
        """All but the single servers, of which there may be thousands."""
        by_severity = Counter(map(self.severity, self.findings))
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
            "findings": [self._told(finding) for finding in self.findings],
        }

    def _told(self, finding: Finding) -> dict[str, Any]:
        told = {one: getattr(finding, one) for one in ("cluster", "message", "next", "source")}
        named_first = {"name": finding.name, "severity": self.severity(finding)}
        return {**named_first, **told, "servers": list(finding.seen), **finding.details}

    def as_dict(self) -> dict[str, Any]:
        return {**self.brief(), "servers": [_server(server) for server in self.fleet.servers]}


def judge(fleet: Fleet, policy: Policy, limits: Limits | None = None, failing: Collection[str] = FAILING) -> Drift:
    """Judge a fleet by the policy. C(failing) are the names of the findings that make an audit fail."""
    limits = limits or Limits()
    clusters = tuple(_cluster(policy, name, servers, limits) for name, servers in fleet.clusters.items())
    found = [
        *(finding for cluster in clusters for finding in _mismatch_finding(cluster, limits)),
        *_members.judge(fleet),
        *_audit_versions.judge(fleet, policy),
    ]
    found.sort(key=lambda finding: SEVERITIES.index(severity_of(finding.name, failing)))
    return Drift(fleet, limits, clusters, tuple(found), failing)


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def _rank(text: str) -> tuple[Any, ...]:
    version = _core_versions.parse_or_none(text)
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
    version, most = _core_versions.parse_or_none(text), _core_versions.parse_or_none(majority)
    if version is None or most is None:
        return Gap("unknown")
    newer = version > most
    if version.major != most.major:
        return Gap("major", abs(version.major - most.major), newer)
    if version.minor != most.minor:
        return Gap("minor", _judge.minors_between(policy, version, most), newer)
    if version.patch != most.patch:
        return Gap("patch", abs(version.patch - most.patch), newer)
    return Gap("build", newer=newer)


def _mismatch(servers: Sequence[Server], limits: Limits) -> Mismatch:
    up: dict[str, list[float]] = {server.facts.version: [] for server in servers}
    for server in servers:
        up[server.facts.version] += [] if server.uptime_seconds is None else [server.uptime_seconds]
    oldest = min(up, key=_rank)
    old = up[oldest]
    new = [uptime for version, uptimes in up.items() if version != oldest for uptime in uptimes]
    if not new:
        return Mismatch("stale", None, None, None)
    age = max(new)
    # Two versions have been there together since a server of each was up.
    longest, sure, *_unused = sorted((max(uptimes, default=0.0) for uptimes in up.values()), reverse=True)
    # Where all of the older side came last it may be a roll to the older version, or servers that were left behind and were
    # restarted: nothing tells one from the other. Within the limit it counts as the roll. Beyond it, it is overdue, or a server
    # that is restarted now and then would hide a mismatch for ever.
    last = min(old if old and max(old) < min(new) else new)
    state = "overdue" if age > limits.max_mismatch_seconds else "active" if last < limits.active_seconds else "stale"
    return Mismatch(state, age, sure, last, _not_of(servers, up, longest) if sure < age else ())


def _not_of(servers: Sequence[Server], up: Mapping[str, Sequence[float]], longest: float) -> tuple[str, ...]:
    """The hosts of all but the version that has been up for longest."""
    first = next(version for version, uptimes in up.items() if longest in uptimes)
    return tuple(server.host for server in servers if server.facts.version != first)


def _mismatch_finding(cluster: Cluster, limits: Limits) -> Iterator[Finding]:
    if cluster.mismatch is None:
        return
    mismatch = cluster.mismatch
    by_gap: dict[str, list[str]] = defaultdict(list)
    for one in cluster.outliers:
        by_gap[f"{one.server.facts.version} ({one.gap})"].append(one.server.host)
    which = "; ".join(f"{named(hosts)} {'run' if len(hosts) > 1 else 'runs'} {what}" for what, hosts in by_gap.items())
    most = cluster.versions[cluster.majority]
    if mismatch.state == "active":
        todo = f"Let the roll end; it is overdue after {span(limits.max_mismatch_seconds)}"
    else:
        maybe = "If a roll to the older version has just begun, let it end. Else finish" if mismatch.doubtful else "Finish"
        todo = (
            f"{maybe} the roll or take it back; what to run for either says: ansible-playbook natsops.cluster.status -i INVENTORY"
        )
    yield Finding(
        f"mismatch_{mismatch.state}",
        f"{cluster.name} runs {len(cluster.versions)} versions, {_since(mismatch)}. {most} of {len(cluster.servers)} servers run "
        f"{cluster.majority}; {which}",
        next=todo,
        cluster=cluster.name,
        seen=tuple(one.server.host for one in cluster.outliers),
        details={
            "majority": cluster.majority,
            "age_seconds": _whole(mismatch.age_seconds),
            "sure_seconds": _whole(mismatch.sure_seconds),
            "versions": cluster.versions,
        },
    )


def _since(mismatch: Mismatch) -> str:
    """For how long, as far as it can be known, and where it cannot what it hangs on."""
    age, sure, last = mismatch.age_seconds, mismatch.sure_seconds, mismatch.last_start_seconds
    if age is None or sure is None or last is None:
        return "for an unknown time"
    told = f"for {span(sure)} at least"
    if mismatch.doubtful and span(sure) != span(age):
        were = "were" if len(mismatch.doubtful) > 1 else "was"
        told += f", and for {span(age)} if {named(mismatch.doubtful)} {were} only restarted"
    return told + (f"; the last start was {span(last)} ago" if last not in (age, sure) else "")
