# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which nodes a roll has to touch, in which order, what each step costs, and what stops it before it begins. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Collection, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Settled
from ansible_collections.natsops.cluster.plugins.module_utils._plan import surge as _surge
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge

# Who cannot read every server of the group cannot plan the way of any: most often an address is wrong.
BLIND = ("missing_server", "duplicate_name")


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
