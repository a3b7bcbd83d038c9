# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Count the clients of each server after a roll, and ask single ones to move until they sit evenly.

Measured on 2.10.26 and 2.15.1: LDM only tells a client that its server is about to leave, and most client libraries do nothing
but call a callback of the application. KICK ends the connection, and the client is on some server of its list 4 to 12 ms later.
Ids of clients are never used twice by a server: who is kicked by one that has moved meanwhile is nobody.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Mapping, Sequence, Tuple

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.poll import poll_until
from ansible_collections.natsops.cluster.plugins.module_utils._judge import client_balance as _client_balance
from ansible_collections.natsops.cluster.plugins.module_utils._judge import health as _health
from ansible_collections.natsops.cluster.plugins.module_utils._judge.busy_replicas import Steady
from ansible_collections.natsops.cluster.plugins.module_utils._judge.client_balance import Load
from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options
from ansible_collections.natsops.cluster.plugins.module_utils._read.monitor import Target
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading, ServerFacts

SPEC: _options.Spec = {
    "hosts": {"type": "list", "elements": "str", "required": True},
    "before": {"type": "dict", "default": {}},
    "move": {"type": "bool", "default": True},
    "tolerance_percent": {"type": "int", "default": 20},
    "batch_percent": {"type": "int", "default": 10},
    "pause_seconds": {"type": "float", "default": 2.0},
    "tolerate": {"type": "list", "elements": "str", "default": []},
    "max_lag": {"type": "int", "default": 100},
    "timeout_seconds": {"type": "float", "default": 300.0},
    **_options.HOW_TO_READ,
}
# How long those who were kicked may take to connect again. Most do at once; libraries wait 2 s before they try a server twice.
_RETURN_SECONDS = 10.0
# So many rounds in a row that make nothing better are enough to see that clients come back to where they were.
_STALLED_ROUNDS = 3

# Sends LDM or KICK for clients of servers, named by server id and client id.
Tell = Callable[[str, Sequence[Tuple[str, int]]], None]
# Is shown in each round how many clients were asked so far, and how many still sit where too many do.
Watch = Callable[[int, int], None]
Clusters = Dict[str, Dict[str, ServerFacts]]


@dataclass
class _Done:
    """What came of asking."""

    asked: int = 0
    rounds: int = 0
    told: str = ""
    batches: dict[str, int] = field(default_factory=dict)


class Rebalance:
    """One count of the clients, and what it takes to even them. C(tell) is None where nothing may be asked."""

    def __init__(
        self,
        params: Mapping[str, Any],
        source: _monitor.Source,
        targets: Sequence[Target],
        tell: Tell | None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        watch: Watch | None = None,
    ) -> None:
        if params["tolerance_percent"] < 0 or not 1 <= params["batch_percent"] <= 100 or params["pause_seconds"] < 0:
            raise NatsError("tolerance_percent and pause_seconds cannot be negative, and batch_percent has to be 1 to 100")
        if params["move"] and tell is None:
            raise NatsError(f"refused: rebalance_account: {_client_balance.NO_ACCOUNT}", refusal="rebalance_account")
        self._params, self._source, self._targets, self._tell = params, source, targets, tell
        self._tolerance = params["tolerance_percent"]
        self._now, self._sleep, self._watch = now, sleep, watch

    def run(self) -> dict[str, Any]:
        """The result of the module. Raises NatsError where the cluster is not well while clients are asked."""
        clusters = self._read()
        if not self._params["move"] or self._tell is None:
            uneven = _client_balance.uneven(_connections(clusters), self._tolerance)
            return self._result(clusters, _Done(told=_unasked(uneven)), bool(uneven))
        done = _Done()
        loads = self._move(self._tell, done)
        return self._result(self._read(), done, _over(loads, self._tolerance) > 0)

    def _move(self, tell: Tell, done: _Done) -> list[list[Load]]:
        lowest, stalled = None, 0
        while True:
            facts = self._healthy(done)
            loads = self._loads(facts)
            over = _over(loads, self._tolerance)
            if self._watch:
                self._watch(done.asked, over)
            stalled = stalled + 1 if lowest is not None and over >= lowest else 0
            lowest = over if lowest is None else min(lowest, over)
            batch = self._batch(done, loads)
            done.told = self._why_no_more(done, loads, over, stalled, batch)
            if done.told or not over:
                done.told = done.told or _evened(done)
                return loads
            self._ask(tell, batch, facts, done)
            if not self._back(facts, _total(loads), sum(map(len, batch.values()))):
                done.told = (
                    f"{_clients(done.asked)} were asked to move, and of the last of them too many are not connected again after "
                    f"{_RETURN_SECONDS:.0f} s. No more were asked: see whether they may connect to the other servers"
                )
                return self._loads(facts)

    def _batch(self, done: _Done, loads: Sequence[Sequence[Load]]) -> dict[str, tuple[int, ...]]:
        batch: dict[str, tuple[int, ...]] = {}
        for cluster in loads:
            over = _over([cluster], self._tolerance)
            if over:
                size = done.batches.setdefault(cluster[0].host, _client_balance.batch_size(over, self._params["batch_percent"]))
                batch.update(_client_balance.moves(cluster, self._tolerance, size))
        return batch

    def _why_no_more(
        self, done: _Done, loads: Sequence[Sequence[Load]], over: int, stalled: int, batch: Mapping[str, Sequence[int]]
    ) -> str:
        """Why no more clients are asked though they sit unevenly; empty where there is no reason."""
        if not over:
            return ""
        still = "; ".join(_client_balance.uneven(_by_host(loads), self._tolerance))
        if not batch:
            why = "the other servers have no room (max_connections), or those that are too many there speak MQTT"
        elif stalled >= _STALLED_ROUNDS:
            why = "clients that are asked come back to where they were: do they know the other servers (no_advertise)?"
        elif done.rounds >= 3 * (100 // self._params["batch_percent"] + 1):
            why = "so many rounds are enough for one run; run it again to go on"
        else:
            return ""
        return f"Still uneven after {_clients(done.asked)} were asked to move: {still}. No more were asked: {why}"

    def _ask(self, tell: Tell, batch: Mapping[str, Sequence[int]], clusters: Clusters, done: _Done) -> None:
        ids = {host: facts.server_id for cluster in clusters.values() for host, facts in cluster.items()}
        clients = [(ids[host], cid) for host, cids in batch.items() for cid in cids]
        tell("LDM", clients)
        self._sleep(max(self._params["pause_seconds"], 0.01))
        tell("KICK", clients)
        done.asked += len(clients)
        done.rounds += 1

    def _back(self, clusters: Clusters, wanted: int, asked: int) -> bool:
        """Wait until as many clients are connected as before; others come and go, so that a few may be missing in the end."""

        def missing() -> int:
            try:
                return wanted - _total(self._loads(clusters))
            except NatsError:
                return 0  # a server does not answer: that is said in full before the next round

        polled = poll_until(missing, lambda count: count <= 0, timeout_seconds=_RETURN_SECONDS, now=self._now, sleep=self._sleep)
        return polled.value * 2 <= asked

    def _healthy(self, done: _Done) -> Clusters:
        """Wait until all servers are, and return them."""
        steady = Steady(self._params["max_lag"])
        polled = poll_until(
            lambda: _health.judge(
                steady.steadied(_monitor.read_state(self._source, self._targets)),
                {},
                max_lag=self._params["max_lag"],
                tolerated=frozenset(self._params["tolerate"]),
            ),
            lambda verdicts: all(verdict.back for verdict in verdicts),
            consecutive=2,
            timeout_seconds=self._params["timeout_seconds"],
            now=self._now,
            sleep=self._sleep,
        )
        if not polled.satisfied:
            ill = "\n".join(str(verdict) for verdict in polled.value if not verdict.back)
            raise NatsError(
                f"clients are not asked to move while the cluster is not well, and it is not after "
                f"{polled.elapsed_seconds:.0f} s ({_clients(done.asked)} were asked before):\n{ill}",
                asked=done.asked,
            )
        return _by_cluster([verdict.reading for verdict in polled.value])

    def _read(self) -> Clusters:
        return _by_cluster(_monitor.read_facts(self._source, self._targets))

    def _loads(self, clusters: Clusters) -> list[list[Load]]:
        by_name = {target.name: target for target in self._targets}
        wanted = [by_name[host] for servers in clusters.values() for host in servers]
        connections = _monitor.read_connections(self._source, wanted)
        return [
            [
                _client_balance.load_of(host, facts.system_account, connections[host], facts.connections, facts.max_connections)
                for host, facts in servers.items()
            ]
            for servers in clusters.values()
        ]

    def _result(self, clusters: Clusters, done: _Done, uneven: bool) -> dict[str, Any]:
        after = {host: facts.connections for servers in clusters.values() for host, facts in servers.items()}
        before = self._params["before"]
        connections = {t.name: {"before": _number(before.get(t.name)), "after": after.get(t.name)} for t in self._targets}
        return {
            "changed": done.asked > 0,
            "connections": connections,
            "lines": _client_balance.lines(connections) + ([done.told] if done.told else []),
            "told": done.told,
            "even": not uneven,
            "asked": done.asked,
            "rounds": done.rounds,
        }


def _by_cluster(readings: Sequence[Reading]) -> Clusters:
    """The servers that answer, by cluster: clients know the servers of one cluster only."""
    clusters: Clusters = {}
    for reading in readings:
        if reading.facts:
            # A server without a cluster is one of its own.
            clusters.setdefault(reading.facts.cluster or f"({reading.name})", {})[reading.name] = reading.facts
    return clusters


def _number(value: Any) -> int | None:
    return None if value in (None, "") else int(value)


def _over(loads: Sequence[Sequence[Load]], tolerance_percent: int) -> int:
    return sum(
        sum(_client_balance.surplus({load.host: load.clients for load in cluster}, tolerance_percent).values())
        for cluster in loads
    )


def _total(loads: Sequence[Sequence[Load]]) -> int:
    return sum(load.clients for cluster in loads for load in cluster)


def _by_host(loads: Sequence[Sequence[Load]]) -> dict[str, dict[str, int]]:
    return {str(number): {load.host: load.clients for load in cluster} for number, cluster in enumerate(loads)}


def _connections(clusters: Clusters) -> dict[str, dict[str, int]]:
    return {name: {host: facts.connections for host, facts in servers.items()} for name, servers in clusters.items()}


def _clients(count: int) -> str:
    return f"{count} client{'' if count == 1 else 's'}"


def _evened(done: _Done) -> str:
    rounds = f"{done.rounds} round{'' if done.rounds == 1 else 's'}"
    return f"{_clients(done.asked)} were asked to move, in {rounds}: they sit evenly now" if done.asked else ""


def _unasked(uneven: Sequence[str]) -> str:
    if not uneven:
        return ""
    return (
        f"{'; '.join(uneven)}. Clients do not move back by themselves: nats_upgrade_rebalance: true asks them to, over "
        "nats_upgrade_system_account"
    )
