# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What has become of the drift of each cluster since it was last looked at. Pure.

For the controller only, as _audit/drift.py is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._audit.drift import Cluster, Drift

DIVERGED, OVERDUE, CONVERGED = "diverged", "overdue", "converged"
# So many servers are named in an event.
_MOST = 50


@dataclass(frozen=True)
class Seen:
    """A cluster as it was last known: C(state) of its mismatch, empty without one, and the hosts whose servers are in it.

    A mismatch that is overdue stays so until it is over: a server that answers now and then must not make it overdue again and
    again, for its age is that of the servers that are seen.
    """

    state: str
    hosts: frozenset[str]


Known = Mapping[str, Seen]


def changes(known: Known, drift: Drift) -> tuple[dict[str, Seen], list[dict[str, Any]]]:
    """What is known from now on, and the changes.

    A mismatch is over when every server of the cluster that was known says so: the one that has another version may be the
    one that does not answer.
    """
    silent = frozenset(reading.name for reading in drift.fleet.silent)
    now = {cluster.name: cluster for cluster in drift.clusters if cluster.name}
    after: dict[str, Seen] = {}
    found: list[dict[str, Any]] = []
    for name in sorted({*known, *now}):
        before, cluster = known.get(name, Seen("", frozenset())), now.get(name)
        away = before.hosts & silent
        state = cluster.mismatch.state if cluster and cluster.mismatch else before.state if away else ""
        state = OVERDUE if state and before.state == OVERDUE else state
        hosts = away | frozenset(server.host for server in cluster.servers) if cluster else away
        if hosts:
            after[name] = Seen(state, hosts)
        change = _change(before.state, state)
        if change:
            found.append(
                {"change": change, "cluster": name, "was": before.state, "state": state, **_told(cluster), "silent": sorted(away)}
            )
    return after, found


def _change(before: str, after: str) -> str:
    if after == "overdue":
        return OVERDUE if before != "overdue" else ""
    if bool(before) == bool(after):
        return ""
    return DIVERGED if after else CONVERGED


def _told(cluster: Cluster | None) -> dict[str, Any]:
    """Versions as a list: as the keys of a dictionary a rule cannot name them, for their dots."""
    told = cluster.as_dict() if cluster else {"versions": {}, "majority": "", "mismatch": None, "outliers": []}
    return {
        "versions": [{"version": version, "servers": count} for version, count in told["versions"].items()],
        "majority": told["majority"],
        "age_seconds": (told["mismatch"] or {}).get("age_seconds"),
        "outliers": told["outliers"][:_MOST],
    }
