# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The order in which servers go to an older version. Pure."""

from __future__ import annotations

from typing import Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _versions
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Server, Situation, is_meta_leader


def is_one(situation: Situation, target: _versions.ServerVersion) -> bool:
    """Whether a server would go to an older version."""
    versions = [_versions.parse_or_none(server.facts.version) for server in situation.servers]
    return any(version > target for version in versions if version)


def newest_first(situation: Situation, ordered: Sequence[Server]) -> list[Server]:
    """The same servers in the order of a downgrade: the newest version first, and in each cluster the meta leader as soon as
    there is an older server that can lead.

    While a new server leads, it takes streams that the older ones cannot serve, and those wedge the roll; an older one refuses
    them cleanly, so it should lead early. Taken first of all, the leader could only hand over to another new one.
    """
    begun = [server for server in ordered if situation.unfinished(server.host)]
    rest = [server for server in ordered if server not in begun]
    # As they come, the cluster of the meta leader is the last one.
    names = reversed(dict.fromkeys(server.facts.cluster for server in rest))
    return begun + [server for name in names for server in _leader_early([s for s in rest if s.facts.cluster == name], ordered)]


def _leader_early(cluster: Sequence[Server], every: Sequence[Server]) -> list[Server]:
    leader = next((server for server in cluster if is_meta_leader(server)), None)
    others = sorted((server for server in cluster if server is not leader), key=_age)
    if leader is None:
        return others
    newer = sum(1 for server in others if _age(server) < _age(leader))
    first = newer or (0 if any(_age(server) > _age(leader) for server in every) else 1)
    return [*others[:first], leader, *others[first:]]


def _age(server: Server) -> tuple[int, ...]:
    """Smaller for a newer version."""
    version = _versions.parse_or_none(server.facts.version)
    return (-version.major, -version.minor, -version.patch) if version else ()
