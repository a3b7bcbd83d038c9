"""Watch the nodes of a cluster from outside while they are upgraded, and tell how long each was in which phase."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType

from tests.lab.cluster import LoopbackCluster
from tests.lab.monitoring import Reply, accounts_of, ask, is_settled, raft_groups
from tests.lab.node import Node

SAMPLE_SECONDS = 0.04
ASK_SECONDS = 1.0
JOIN_SECONDS = 10.0
# Seen once may be the moment before a relapse; the time that counts is that of the first look.
LOOKS_IN_A_ROW = 2


@dataclass(frozen=True)
class Phases:
    """How long a node was on its way from one server process to the next. None: it never got there."""

    version_before: str
    version_after: str | None
    began_at: float
    drain_seconds: float
    away_seconds: float | None
    catch_up_seconds: float | None

    @property
    def total_seconds(self) -> float | None:
        if self.away_seconds is None or self.catch_up_seconds is None:
            return None
        return self.drain_seconds + self.away_seconds + self.catch_up_seconds


@dataclass
class Watch:
    """What is known of one node.

    Drain: from the first /healthz 500 of the old process until nothing answers. Away: until the new process answers.
    Catch up: until it is healthy and every Raft group that the node had has a leader there again.
    """

    node: Node
    accounts: list[str]
    groups: frozenset[str]
    start: str
    version: str
    finished: list[Phases] = field(default_factory=list)
    draining_since: float | None = None
    gone_since: float | None = None
    new_since: float | None = None
    back_since: float | None = None
    looks: int = 0
    new_version: str | None = None

    def look(self) -> None:
        now = time.monotonic()
        health = ask(self.node.monitor_port, "/healthz", ASK_SECONDS)
        if health.status == 0:
            self._nothing_answers(now)
        elif self.gone_since is None:
            self._old_answers(now, health)
        else:
            self._new_answers(now, health)

    def _nothing_answers(self, now: float) -> None:
        self.draining_since = self.draining_since or now
        self.gone_since = self.gone_since or now
        # Also after it had answered: what does not stay up has not come back.
        self.new_since = self.back_since = None

    def _old_answers(self, now: float, health: Reply) -> None:
        if health.ok:
            self.draining_since = None
            return
        # A server that starts says 500 too, and may have taken the place of the old one between two looks.
        varz = ask(self.node.monitor_port, "/varz", ASK_SECONDS)
        if varz.ok and varz.field("start") != self.start:
            self._nothing_answers(now)
            self._new_answers(now, health)
        elif health.status == 500:
            self.draining_since = self.draining_since or now

    def _new_answers(self, now: float, health: Reply) -> None:
        if self.new_since is None:
            varz = ask(self.node.monitor_port, "/varz", ASK_SECONDS)
            if not varz.ok:
                return
            self.new_since, self.start, self.new_version = now, varz.field("start"), varz.field("version")
        if not (health.ok and self._groups_are_back()):
            self.back_since, self.looks = None, 0
            return
        self.back_since, self.looks = self.back_since or now, self.looks + 1
        if self.looks >= LOOKS_IN_A_ROW:
            self._finish()

    def _groups_are_back(self) -> bool:
        groups = raft_groups(partial(ask, self.node.monitor_port), self.accounts)
        return groups.keys() >= self.groups and all(map(is_settled, groups.values()))

    def _finish(self) -> None:
        self.finished.append(self.phases())
        self.version = self.new_version or self.version
        self.draining_since = self.gone_since = self.new_since = self.back_since = self.new_version = None
        self.looks = 0

    def phases(self) -> Phases:
        """Return the phases of the replacement that is under way, as far as they have come."""
        began = self.draining_since or time.monotonic()
        gone = self.gone_since or time.monotonic()
        away = None if self.new_since is None else self.new_since - gone
        caught_up = None if self.new_since is None or self.back_since is None else self.back_since - self.new_since
        return Phases(self.version, self.new_version, began, gone - began, away, caught_up)


class Sampler:
    """``with Sampler(cluster) as sampler: ...`` and then ``sampler.phases``."""

    def __init__(self, cluster: LoopbackCluster) -> None:
        self._watches = {name: _begin(node) for name, node in cluster.nodes.items()}
        self._stop = threading.Event()
        # One thread for each node: one that answers slowly does not blur the others.
        self._threads = [threading.Thread(target=self._run, args=(w,), daemon=True) for w in self._watches.values()]

    def __enter__(self) -> Sampler:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(JOIN_SECONDS)

    def _run(self, watch: Watch) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            watch.look()

    @property
    def phases(self) -> dict[str, list[Phases]]:
        """Return each node's replacements, with an unfinished one last."""
        return {name: [*watch.finished, *([watch.phases()] if watch.gone_since else [])] for name, watch in self._watches.items()}


def _begin(node: Node) -> Watch:
    port = node.monitor_port
    accounts, varz = accounts_of(partial(ask, port)), ask(port, "/varz")
    groups = frozenset(raft_groups(partial(ask, port), accounts))
    return Watch(node, accounts, groups, str(varz.field("start")), str(varz.field("version")))
