# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""All that drift is judged by, and what is found, as values. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from typing import Any, Collection, Iterable, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Server
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading, ServerFacts

FAIL, WARN, NOTE = SEVERITIES = ("fail", "warn", "note")
# Every finding: how severe it is where the user says nothing else, and what it stands for.
NAMES: Mapping[str, tuple[str, str]] = {
    "bad_release": (FAIL, "a release runs that loses data, or breaks what is in use here"),
    "cluster_names": (NOTE, "the servers of a cluster call it by several names"),
    "config_mismatch": (WARN, "some servers of a cluster share a configuration, and others have another one"),
    "disk_unknown": (WARN, "it could not be found out which version lies on the disk of a node"),
    "duplicate_name": (FAIL, "two servers have the same name"),
    "end_of_life": (WARN, "a version runs that gets no patches any more"),
    "known_fault": (WARN, "a release runs with a fault, or without a security fix, that is worth knowing"),
    "mismatch_active": (NOTE, "a cluster runs several versions, and a roll is going on"),
    "mismatch_overdue": (FAIL, "a cluster runs several versions, for longer than is allowed"),
    "mismatch_stale": (WARN, "a cluster runs several versions, and no roll is going on"),
    "mixed_builds": (WARN, "servers of one version were built from different commits"),
    "newer_on_disk": (WARN, "a newer version lies on the disk than the one that runs"),
    "no_cluster": (NOTE, "a server is in no cluster, and others of the inventory are"),
    "not_in_cluster": (FAIL, "a server of a cluster has no route to any other server of it"),
    "older_on_disk": (WARN, "an older version lies on the disk than the one that runs"),
    "own_configs": (NOTE, "every server of a cluster has a configuration of its own, so that they cannot be compared"),
    "patch_available": (NOTE, "there is a later patch of the version that runs"),
    "prerelease": (WARN, "a preview or a release candidate runs"),
    "same_server": (FAIL, "several hosts of the inventory lead to one server"),
    "silent_server": (FAIL, "a host of the inventory does not answer"),
    "unknown_version": (WARN, "the rules do not know a version that runs"),
    "unlisted_cluster": (WARN, "a cluster that this one is joined to is not in the inventory"),
    "unlisted_server": (FAIL, "a server is in a cluster and not in the inventory"),
    "unreadable_server": (FAIL, "what answers for a host is not the monitoring port of a NATS server, or cannot be trusted"),
    "withdrawn_version": (WARN, "a version runs that was never released, or was taken back"),
    "wrong_server": (FAIL, "the server of another host answers for a host"),
}
FAILING = tuple(name for name, (severity, _unused) in NAMES.items() if severity == FAIL)
_TIME = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)\Z")


@dataclass(frozen=True)
class Limits:
    """When several versions in a cluster are overdue, and how long after a start a roll still counts as going on."""

    max_mismatch_seconds: float = 86400.0
    active_seconds: float = 3600.0


@dataclass(frozen=True)
class Fleet:
    """One reading of every host, and what is known of the hosts besides.

    C(names) are the names that the server of a host may have, C(nodes) is C(nats_node) by host where it was looked at,
    C(unlooked) why it could not be, and C(expected) the names of servers that are known and not read. Where C(whole) is false
    the readings are some of a cluster, so that nothing can be said of who is missing in it.
    """

    readings: tuple[Reading, ...]
    now: datetime
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    nodes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unlooked: Mapping[str, str] = field(default_factory=dict)
    expected: frozenset[str] = frozenset()
    whole: bool = True

    def names_of(self, host: str) -> tuple[str, ...]:
        return self.names.get(host) or (host, host.split(".", 1)[0])

    @cached_property
    def silent(self) -> tuple[Reading, ...]:
        return tuple(reading for reading in self.readings if reading.facts is None)

    @cached_property
    def by_id(self) -> Mapping[str, tuple[Server, ...]]:
        """Servers by their id, which is new at every start; several for one id are several ways to one server."""
        found: dict[str, list[Server]] = defaultdict(list)
        for reading in self.readings:
            if reading.facts:
                found[reading.facts.server_id].append(self._server(reading, reading.facts))
        return {
            one: tuple(sorted(same, key=lambda server: server.facts.server_name not in self.names_of(server.host)))
            for one, same in found.items()
        }

    @cached_property
    def servers(self) -> tuple[Server, ...]:
        """Every server once, under the host that has its name where there is one."""
        return tuple(same[0] for same in self.by_id.values())

    @cached_property
    def clusters(self) -> Mapping[str, tuple[Server, ...]]:
        """The servers by the name of the cluster that they say they are of; those of none under the empty name."""
        found: dict[str, list[Server]] = defaultdict(list)
        for server in self.servers:
            found[server.facts.cluster].append(server)
        return {name: tuple(found[name]) for name in sorted(found, key=lambda name: (not name, name))}

    def _server(self, reading: Reading, facts: ServerFacts) -> Server:
        started, now = time_of(facts.start), time_of(facts.now) or self.now
        # By the server's own clock where it tells it: that of the controller may be another.
        uptime = max(0.0, (now - started).total_seconds()) if started else None
        return Server(reading.name, facts, reading, uptime)


def time_of(text: str) -> datetime | None:
    """The time in a text as servers write it, with nine digits of a second; None where it is none."""
    match = _TIME.match(text)
    if not match:
        return None
    try:
        return datetime.fromisoformat(match[1] + match[2].replace("Z", "+00:00")).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def require_known(names: Iterable[str]) -> frozenset[str]:
    """The names that make an audit fail, if there are such findings; else raise NatsError."""
    wanted = list(names)
    for name in wanted:
        if name not in NAMES:
            hint = _text.meant(name, NAMES)
            raise NatsError(f"nats_audit_fail_on names '{name}', which is no finding{hint}. Known are {', '.join(NAMES)}")
    return frozenset(wanted)


def severity_of(name: str, failing: Collection[str]) -> str:
    """How severe a finding is where these make an audit fail."""
    usual = NAMES[name][0]
    return FAIL if name in failing else WARN if usual == FAIL else usual


def span(seconds: float) -> str:
    """A time as people say it: 40 s, 12 min, 5 h, 3 d."""
    for unit, length, most in (("s", 1, 100), ("min", 60, 100), ("h", 3600, 48)):
        if round(seconds / length) < most:
            return f"{round(seconds / length)} {unit}"
    return f"{round(seconds / 86400)} d"
