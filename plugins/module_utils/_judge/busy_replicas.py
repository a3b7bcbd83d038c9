# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is seen of busy replicas in one look after another, made steady. Pure.

A leader calls a replica current while it has all that the leader has applied. Of a busy one that is true in about every other
look (measured on 2.14.6 and 2.15.1, 50 messages a second), so that a cluster with many busy streams is hardly ever current
in all of them at one moment, however well it is. So what counts is that each was seen current once, and is close since.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._judge.health import group_problem, running_groups
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Placement, RaftGroup, Reading, Replica

# By server name: since when it runs, and its Raft groups as it sees them; None while it starts or drains.
_Members = Mapping[str, "tuple[str, Mapping[str, RaftGroup] | None]"]


class Steady:
    """Keep it for a whole wait: it remembers which replicas were seen current, and forgets one that falls behind."""

    def __init__(self, max_lag: int) -> None:
        self._max_lag = max_lag
        # By leader, Raft group and replica, since when the replica's server runs: after a restart it has to be seen anew.
        self._seen: dict[tuple[str, str, str], str] = {}

    def steadied(self, readings: Sequence[Reading]) -> list[Reading]:
        """The readings, where a replica that was seen current is so while it is at most C(max_lag) behind in every look."""
        groups = running_groups(readings)
        read = [reading.facts for reading in readings if reading.facts]
        members = {facts.server_name: (facts.start, groups.get(facts.server_name)) for facts in read}
        return [self._reading(reading, members) for reading in readings]

    def _reading(self, reading: Reading, members: _Members) -> Reading:
        leading = {group.name for group in reading.groups if group.state == "LEADER"}
        # Only its leader knows who is current, see _judge/health.py.
        placements = tuple(
            self._placement(placement, reading.name, members) if placement.raft_group in leading else placement
            for placement in reading.placements
        )
        return reading if placements == reading.placements else replace(reading, placements=placements)

    def _placement(self, placement: Placement, leader: str, members: _Members) -> Placement:
        replicas = tuple(self._replica(replica, placement.raft_group, leader, members) for replica in placement.replicas)
        return placement if replicas == placement.replicas else replace(placement, replicas=replicas)

    def _replica(self, replica: Replica, raft_group: str, leader: str, members: _Members) -> Replica:
        key = (leader, raft_group, replica.name)
        # What is said of a server that is not read is all there is to know of it.
        start, groups = members.get(replica.name, ("", {}))
        if not self._is_close(replica, groups.get(raft_group) if groups else None, is_read=replica.name in members):
            self._seen.pop(key, None)
            return replica
        if replica.current:
            self._seen[key] = start
            return replica
        return replace(replica, current=True) if self._seen.get(key) == start else replica

    def _is_close(self, replica: Replica, own: RaftGroup | None, *, is_read: bool) -> bool:
        if replica.offline or replica.lag > self._max_lag:
            return False
        return not is_read or (own is not None and not group_problem(own, self._max_lag))
