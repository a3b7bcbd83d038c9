# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Do the replicas of each stream hold the same? Seen over several polls. Pure: time comes in.

A replica that lost a file while its server was down counts as current everywhere, and is never repaired (measured on 2.12.8 and
2.15.1): only its own first sequence and number of messages tell. A healthy one differs for a moment: deletes, purges and
acknowledgements are applied one replica after the other, and each lets messages expire by itself. Measured under load, with all
kinds of retention and servers killed in between, no healthy difference stayed as it was for longer than 0.4 s (2.12.8, 2.14.6,
2.15.1). What is lost stays lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, NamedTuple, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._values.held import Held
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading


class Difference(NamedTuple):
    """A replica that holds something else than its leader. C(seconds) is for how long, with nothing that explains it, and
    C(still) whether nothing at all has come or gone in either copy meanwhile."""

    label: str
    raft_group: str
    leader: str
    replica: str
    led: Held
    own: Held
    seconds: float = 0.0
    still: bool = True

    @property
    def key(self) -> tuple[str, str, str]:
        return self.raft_group, self.leader, self.replica

    @property
    def fewer(self) -> Held:
        """The copy that holds less."""
        return min(self.led, self.own, key=lambda held: held.messages)

    @property
    def fullest(self) -> str:
        """The server whose copy holds more; empty where neither does."""
        if self.led.messages == self.own.messages:
            return ""
        return self.leader if self.led.messages > self.own.messages else self.replica

    def __str__(self) -> str:
        return f"replica {self.replica} of {self.label} holds {self.own}, its leader {self.leader} {self.led}"


@dataclass(frozen=True)
class _Since:
    """The two copies when their difference was first seen; C(reached) is when the replica had what its leader had then."""

    led: Held
    own: Held
    reached: float | None


class Agreement:
    """Keep it for a whole wait. A replica that was seen to agree, or whose difference went away, is trusted while both servers
    run on: nothing but a start makes a server lose what it has."""

    def __init__(self) -> None:
        # By Raft group, leader and replica: since when the two servers run.
        self._agreed: dict[tuple[str, str, str], tuple[str, str]] = {}
        self._since: dict[tuple[str, str, str], _Since] = {}

    def look(self, readings: Sequence[Reading], now: float) -> list[Difference]:
        """The differences of this poll that nothing has explained yet."""
        starts = {reading.facts.server_name: reading.facts.start for reading in readings if reading.facts}
        found, seen = [], set()
        for pair in _pairs(readings):
            run = (starts[pair.leader], starts[pair.replica])
            if self._agreed.get(pair.key) == run:
                continue
            since = self._later(pair, now)
            if since is None:
                self._agreed[pair.key] = run
                continue
            seen.add(pair.key)
            self._since[pair.key] = since
            if since.reached is not None and _differ(pair):
                still = (pair.led, pair.own) == (since.led, since.own)
                found.append(pair._replace(seconds=now - since.reached, still=still))
        # The leader has changed, or one of the two is away: what was seen of them is of no use any more.
        self._since = {key: since for key, since in self._since.items() if key in seen}
        return found

    def accept(self, difference: Difference, readings: Sequence[Reading]) -> None:
        """It was explained: trust this replica from now on."""
        starts = {reading.facts.server_name: reading.facts.start for reading in readings if reading.facts}
        self._agreed[difference.key] = (starts.get(difference.leader, ""), starts.get(difference.replica, ""))
        self._since.pop(difference.key, None)

    def _later(self, pair: Difference, now: float) -> _Since | None:
        """What to remember of a pair; None where it agrees, or its difference has gone."""
        since = self._since.get(pair.key)
        if since is None or since.reached is None:
            # A replica that is behind has yet to show what it lacks.
            wanted = pair.led.last if since is None else since.led.last
            if pair.own.last < wanted:
                return since or _Since(pair.led, pair.own, None)
            return _Since(pair.led, pair.own, now) if _differ(pair) else None
        return since if _differ(pair) and _stays(since, pair) else None


def _differ(pair: Difference) -> bool:
    return (pair.led.first, pair.led.holes) != (pair.own.first, pair.own.holes)


def _stays(since: _Since, pair: Difference) -> bool:
    """Whether one lacks what the other still has, though time has passed: no delay explains that.

    First sequences only grow. What lies behind them may be lacking too; nothing is said of it while messages are deleted.
    """
    if since.own.first > pair.led.first or since.led.first > pair.own.first:
        return True
    return (pair.led.holes, pair.own.holes) == (since.led.holes, since.own.holes) and pair.led.holes != pair.own.holes


def _pairs(readings: Sequence[Reading]) -> Iterator[Difference]:
    """Each copy of a stream beside that of its leader, where both servers run and say what they have."""
    running = [(r.facts.server_name, r) for r in readings if r.facts and r.health and not r.health.draining_or_starting]
    led: dict[str, tuple[str, Held]] = {}
    for name, reading in running:
        # Only the group itself knows who leads it, see _judge/health.py.
        leading = {group.name for group in reading.groups if group.state == "LEADER"}
        led.update((p.raft_group, (name, p.held)) for p in reading.placements if p.held and p.raft_group in leading)
    for name, reading in running:
        for own in reading.placements:
            leader, held = led.get(own.raft_group, (name, None))
            if own.held and held and leader != name:
                yield Difference(own.label, own.raft_group, leader, name, held, own.held)
