"""The events of rolls that never took place, as a run writes them: for tests of the report and for pictures of it."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import Any

Event = dict[str, Any]
BEGAN = datetime(2026, 11, 21, 14, 2, 7, 250_000, tzinfo=timezone.utc)
SERVER_LOG = [
    "[4711] 2026/11/21 14:02:51.101201 [INF] Starting nats-server",
    "[4711] 2026/11/21 14:02:51.101377 [INF]   Version:  2.15.1",
    "[4711] 2026/11/21 14:02:51.101390 [INF]   Name:     n2",
    "[4711] 2026/11/21 14:02:51.104522 [INF] Starting JetStream",
    "[4711] 2026/11/21 14:02:51.105003 [FTL] Can't start JetStream: could not create storage directory"
    " - mkdir /srv/nats/jetstream: no space left on device",
]
REFUSALS = [
    {
        "name": "stepping_stone",
        "message": "n1, n2, n3 run 2.14.6: on the way to 2.15.1, NATS highly recommends to come from 2.14.7 or later. "
        "Go to 2.14.7 first, and run this again",
        "refuses": True,
        "waivable": True,
        "risk": "streams that do not get on, or no way back",
        "seen": ["n1", "n2", "n3"],
        "source": "https://docs.nats.io/release-notes/whats_new/whats_new_215",
    },
    {
        "name": "ghost_peer",
        "message": "the meta group counts 4 servers, and n4 is offline and not in the inventory: it takes part in every "
        "majority without being there. Remove it: nats server cluster peer-remove n4",
        "refuses": True,
        "waivable": True,
        "risk": "one failure during the roll stops every decision of JetStream",
        "seen": ["n4"],
        "source": "",
    },
]
WARNING = {
    "name": "r1_assets",
    "message": "APP > CACHE has one replica, on n2: it is down while n2 is away",
    "refuses": False,
    "waivable": True,
    "seen": ["APP > CACHE"],
    "source": "",
}


class Roll:
    """A cluster of so many servers, and a clock; each step appends the events of it."""

    def __init__(self, nodes: int = 3, *, clients: int = 812, old: str = "2.14.6", names: str = "n{}") -> None:
        self.hosts = [names.format(number) for number in range(1, nodes + 1)]
        self.old, self.new = old, "2.15.1"
        self.events: list[Event] = []
        self.second = 0.0
        self.versions = dict.fromkeys(self.hosts, old)
        self.clients: dict[str, float | None] = {
            host: clients + 13 * (number % 5) - 7 * (number % 3) for number, host in enumerate(self.hosts)
        }
        self.leader = self.hosts[-1]
        self.run = "20261121T140207-4711"

    def add(self, kind: str, **more: Any) -> None:
        at = (BEGAN + timedelta(seconds=self.second)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.events.append({"at": at, "run": self.run, "kind": kind, **more})

    def begin(self, **more: Any) -> None:
        self.add(
            "run_began",
            **{
                "mode": "upgrade",
                "target": self.new,
                "group": "nats",
                "hosts": self.hosts,
                "limit": "",
                "artifact": "archive",
                "service": "systemd",
                "waive": ["stepping_stone"],
                "max_nodes": None,
                "check_mode": False,
                "controller": {"host": "ops1", "user": "deploy", "pid": 4711},
                "collection_version": "0.1.0",
                "ansible_version": "2.19.14",
                **more,
            },
        )
        self.second += 1.8

    def plan(self, cluster: str = "east", **more: Any) -> None:
        self.add(
            "planned",
            **{
                "clusters": {cluster: self.hosts},
                "order": self.hosts,
                "refusals": [],
                "waived": [REFUSALS[0]],
                "warnings": [WARNING],
                "servers": {
                    host: {
                        "server_name": host.partition(".")[0],
                        "version": self.versions[host],
                        "connections": self.clients[host],
                        "meta_leader": host == self.leader,
                    }
                    for host in self.hosts
                },
                "estimate": 14 * len(self.hosts),
                **more,
            },
        )
        self.second += 0.4

    def phase(self, host: str, phase: str, seconds: float, *, fails: bool = False, every: float = 1.0, detail: str = "") -> None:
        """A phase from its begin to its end, with samples meanwhile."""
        self.add("phase", host=host, phase=phase, state="began", **({"detail": detail} if detail else {}))
        begin = self.second
        while self.second + every < begin + seconds:
            self.second += every
            self._sample(host, phase, (self.second - begin) / seconds)
        self.second = begin + seconds
        self.add("phase", host=host, phase=phase, state="failed" if fails else "ended", seconds=seconds)
        self.second += 0.15

    def stage(self) -> None:
        """On all at once, each taking its own time."""
        for host in self.hosts:
            self.add("phase", host=host, phase="stage", state="began")
        for number, host in enumerate(self.hosts):
            self.second += 4.2 / len(self.hosts)
            self.add("phase", host=host, phase="stage", state="ended", seconds=round(2 + number * 4.2 / len(self.hosts), 3))
        self.second += 0.6

    def away(self, host: str, drain: float = 9.0, every: float = 1.0) -> None:
        """Until the server of this node has gone."""
        self.phase(host, "gate", 1.1)
        self.phase(host, "hold", 0.5)
        self.phase(host, "drain", drain, every=every)
        self.clients[host] = None
        if self.leader == host and self.hosts[0] != host:
            self.add("leader_moved", **{"from": host, "to": self.hosts[0]})
            self.leader = self.hosts[0]

    def turn(self, host: str, *, drain: float = 9.0, catch_up: float = 6.0, every: float = 1.0) -> None:
        begin, before = self.second, self.clients[host]
        self.away(host, drain, every)
        self.phase(host, "swap", 0.4)
        self.phase(host, "start", 1.3)
        self.versions[host] = self.new
        self.clients[host] = 0.0
        self.phase(host, "catch_up", catch_up, every=every)
        self.phase(host, "soak", 3.0, every=every)
        self.add(
            "node_done",
            host=host,
            old_version=self.old,
            new_version=self.new,
            seconds=round(self.second - begin, 3),
            connections_before=before,
            connections_after=round(self.clients[host] or 0),
        )

    def probe(self, host: str, gap: float = 0.21, **more: Any) -> None:
        now = (BEGAN + timedelta(seconds=self.second)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.add(
            "client_probe",
            **{
                "host": host,
                "longest_gap_seconds": {"publish": gap, "consume": gap * 1.4, "request": gap / 2},
                "published": 2140,
                "received": 2140,
                "lost": 0,
                "duplicated": 1,
                "failed_requests": 0,
                "since": now,
                "until": now,
                **more,
            },
        )

    def end(self, outcome: str, upgraded: list[str], next_: str = "") -> None:
        self.second += 0.3
        left = [] if outcome == "nothing_to_do" else [host for host in self.hosts if host not in upgraded]
        self.add("run_ended", outcome=outcome, upgraded=upgraded, left=left, next=next_)

    def _sample(self, host: str, phase: str, part: float) -> None:
        others = [one for one in self.hosts if one != host and self.clients[one] is not None]
        if phase == "drain" and self.clients[host]:
            moving = self.clients[host] * min(1, 0.12 + part * 0.55)
            self.clients[host] -= moving
            for other in others:
                self.clients[other] += moving / len(others)
        if phase == "soak":
            self.clients[host] = (self.clients[host] or 0) + 38
            for other in others:
                self.clients[other] -= 38 / len(others)
        lag = round(18_204 * math.exp(-4 * part)) if phase == "catch_up" else 0
        self.add(
            "sample",
            servers={
                one: {
                    "connections": None if count is None else round(count),
                    "reachable": count is not None,
                    "version": self.versions[one],
                }
                for one, count in self.clients.items()
            },
            largest_lag={"group": "APP > ORDERS", "host": host, "lag": lag} if lag > 50 else None,
            not_current=len(self.hosts) if self.clients[host] is None else round(4 * (1 - part)) if phase == "catch_up" else 0,
            meta_leader=self.leader,
        )


def good(nodes: int = 3, **settings: Any) -> list[Event]:
    """Everything works; what was not perfect is small."""
    roll = Roll(nodes, **settings)
    roll.begin()
    roll.plan()
    roll.stage()
    for number, host in enumerate(roll.hosts):
        roll.turn(host, drain=9 + 2.5 * (number % 3), catch_up=5 + 3 * (number % 4))
        roll.probe(host, gap=0.18 + 0.03 * (number % 3))
        if number == 1:
            roll.add("r1_outage", host=host, assets=["APP > CACHE"], seconds=21.4)
            roll.add("note", host=host, text="3 of 819 clients have not come back to any server after 10 s")
    roll.phase(roll.hosts[0], "verify", 0.9)
    roll.end("done", roll.hosts)
    return roll.events


def failed() -> list[Event]:
    """The second of three does not come up, and is put back."""
    roll = Roll()
    roll.begin()
    roll.plan()
    roll.stage()
    roll.turn("n1")
    roll.away("n2")
    roll.phase("n2", "swap", 0.4)
    roll.phase("n2", "start", 6.0, fails=True, detail="the process ended with status 1 after 0.1 s, three times")
    roll.phase("n2", "put_back", 4.2)
    roll.clients["n2"] = 0.0
    roll.add("put_back", host="n2", version="2.14.6", detail="it is up and current")
    roll.add(
        "failed",
        host="n2",
        step="Start the new version on n2",
        msg="n2: nats-server 2.15.1 ended right after its start (exit status 1).\n"
        "n2: it was put back to 2.14.6, and is up and current.\n"
        "n1 runs 2.15.1, n2 and n3 run 2.14.6: the cluster is complete.",
        server_log=SERVER_LOG,
    )
    roll.end("failed", ["n1"], "Make room in /srv/nats on n2, and run the same playbook again; it goes on with n2.")
    return roll.events


def refused() -> list[Event]:
    """Nothing was touched."""
    roll = Roll()
    roll.begin(waive=[])
    roll.plan(refusals=REFUSALS, waived=[], order=[])
    roll.add("failed", step="Judge the plan", msg="refused: stepping_stone: ...", refusal="stepping_stone")
    next_ = "nothing was touched: mend what is said, or waive it where it can be waived, and run the same playbook again"
    roll.end("refused", [], next_)
    return roll.events


def killed() -> list[Event]:
    """The controller is gone while the second node drains."""
    roll = Roll()
    roll.begin()
    roll.plan()
    roll.stage()
    roll.turn("n1")
    roll.away("n2", drain=12)
    while roll.events[-1]["kind"] != "sample":
        roll.events.pop()
    return roll.events


def taken_up() -> list[Event]:
    """The same, after another run has gone on with it: said by that one."""
    roll = Roll()
    roll.events, roll.second = killed(), 95.0
    roll.add("taken_up", by="20261121T140336-4802")
    return roll.events


def nothing_to_do() -> list[Event]:
    """All run the target."""
    roll = Roll(old="2.15.1")
    roll.begin(waive=[])
    roll.plan(order=[], waived=[], warnings=[], estimate=0)
    roll.end("nothing_to_do", [])
    return roll.events


def part_done() -> list[Event]:
    """A canary: one of five."""
    roll = Roll(5, clients=140)
    roll.begin(max_nodes=1)
    roll.plan(warnings=[])
    roll.stage()
    roll.turn("n1")
    roll.end("part_done", ["n1"], "1 of 5 done. Look at n1, and run the same playbook again to go on.")
    return roll.events


def resumed() -> list[Event]:
    """A run that was killed, and the next one, which has taken up its events."""
    roll = Roll()
    roll.events, earlier = killed(), roll.run
    roll.run = "20261121T140336-4802"
    roll.versions["n1"] = roll.new
    roll.second = 90.0
    roll.begin()
    roll.plan(order=["n2", "n3"])
    roll.add("resumed", previous_run=earlier, found=True)
    roll.turn("n2", drain=2.0)
    roll.turn("n3")
    roll.end("done", ["n2", "n3"])
    return roll.events


def large(nodes: int = 30, events: int = 5000) -> list[Event]:
    """Many servers and as many events as asked for, about."""
    roll = Roll(nodes, clients=240, names="nats{:02d}.fra1.example.org")
    every = nodes * 44 / events
    roll.begin()
    roll.plan()
    roll.stage()
    for number, host in enumerate(roll.hosts):
        roll.turn(host, drain=18 + 4 * (number % 3), catch_up=14 + 5 * (number % 4), every=every)
        if number in (7, 19):
            roll.add("leader_moved", **{"from": f"nats{number:02d}", "to": f"nats{number + 1:02d}"})
    roll.end("done", roll.hosts)
    return roll.events


STORIES = {
    "good": good,
    "failed": failed,
    "refused": refused,
    "killed": killed,
    "taken_up": taken_up,
    "nothing_to_do": nothing_to_do,
    "part_done": part_done,
    "resumed": resumed,
    "large": large,
}
