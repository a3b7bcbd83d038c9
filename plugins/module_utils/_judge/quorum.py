# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What breaks if this server stops now? Pure.

/healthz does not tell: the survivors of a lost quorum went on saying 200 for 11 s (measured on 2.10.26 to 2.15.1), and a leader
calls a stopped replica current for 10 s. So every member of every group is asked itself, and counts only if it answers.
"""

from __future__ import annotations

from typing import Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._judge.health import Cluster, Missing, group_problem, running_groups
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import META_GROUP, Placement, RaftGroup, Reading

CONDITION = "quorum"


def without(readings: Sequence[Reading], stopping: str, *, max_lag: int) -> list[Missing]:
    """The groups that would lose their quorum if the server of this host (its name in the readings) stopped now.

    A group of one or two members has none without any of them, whenever that is: the plan says so beforehand, and it does not
    count here. The meta group of a two-node cluster is a refusal of the plan.
    """
    reading = next((reading for reading in readings if reading.name == stopping), None)
    if reading is None or reading.facts is None:
        return []
    return list(_losing(Cluster(readings), running_groups(readings), reading.facts.server_name, max_lag))


def at_risk(readings: Sequence[Reading], *, max_lag: int) -> bool:
    """Whether a group has no leader, or would lose its quorum by the stop of any one of these servers."""
    if any(not group.leader and group.state != "CLOSED" for reading in readings for group in reading.groups):
        return True
    cluster, groups = Cluster(readings), running_groups(readings)
    return any(any(_losing(cluster, groups, r.facts.server_name, max_lag)) for r in readings if r.facts)


_Groups = Mapping[str, Mapping[str, RaftGroup]]


def _losing(cluster: Cluster, groups: _Groups, leaving: str, max_lag: int) -> Iterator[Missing]:
    for raft_group, placement in sorted(cluster.led_of(leaving).items()):
        size = max(len(placement.members), _meta_size(cluster.readings, placement) if raft_group == META_GROUP else 0)
        needed = size // 2 + 1
        staying = [
            name for name in sorted(placement.members - {leaving}) if _serves(groups.get(name, {}), placement, name, max_lag)
        ]
        if size > 2 and len(staying) < needed:
            who = f" ({', '.join(staying)})" if staying else ""
            yield Missing(
                CONDITION,
                f"{placement.label} needs {needed} of its {size} members, and without {leaving} {len(staying)}{who} would be up "
                "and current",
                placement.label,
            )


def _meta_size(readings: Sequence[Reading], meta: Placement) -> int:
    return max((r.facts.meta_cluster_size for r in readings if r.facts and r.facts.server_name in meta.members), default=0)


def _serves(groups: Mapping[str, RaftGroup], placement: Placement, name: str, max_lag: int) -> bool:
    """Whether a member holds the group up by itself: it runs it (it answers and does not drain), and has caught up."""
    own = groups.get(placement.raft_group)
    if own is None or group_problem(own, max_lag):
        return False
    seen = next((replica for replica in placement.replicas if replica.name == name), None)
    return seen is None or (seen.current and not seen.offline and seen.lag <= max_lag)
