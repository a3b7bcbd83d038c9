"""Events of a made-up roll, as the role writes them."""

from __future__ import annotations

from typing import Any

RUN = "20261130T215921Z-7238e8"
FOLDER = f"/reports/{RUN}"
HOSTS = ("n2", "n3", "n1")
CLIENTS = {"n2": 12, "n3": 11, "n1": 13}
Events = list[dict[str, Any]]


def event(second: float, kind: str, **keys: Any) -> dict[str, Any]:
    minutes, seconds = divmod(21 + second, 60)
    at = f"2026-11-30T21:{59 if minutes == 0 else 0:02}:{seconds:06.3f}Z" if not minutes else f"2026-11-30T22:00:{seconds:06.3f}Z"
    return {"at": at, "run": RUN, "kind": kind, **keys}


def began(**keys: Any) -> dict[str, Any]:
    told = {"mode": "upgrade", "target": "2.14.6", "group": "nats", "hosts": ["n1", "n2", "n3"], "artifact": "archive"}
    return event(0, "run_began", **{**told, "check_mode": False, **keys})


def planned(**keys: Any) -> dict[str, Any]:
    told = {
        "target": "2.14.6",
        "clusters": {"shop": list(HOSTS)},
        "order": list(HOSTS),
        "servers": {host: {"version": "2.12.8", "connections": CLIENTS[host]} for host in HOSTS},
        "about": {"n1": ["meta leader, last"]},
        "ways_back": ["the way back to 2.12.8 is open (n2, n3, n1): the first start is slow"],
        "notes": ["2.14: one", "2.14: two"],
        "estimate": 28,
        "seconds": dict.fromkeys(HOSTS, 9.0),
        **{key: [] for key in ("later", "done", "left_out", "refusals", "waived", "warnings", "surge")},
    }
    return event(1, "planned", **{**told, **keys})


def staged() -> Events:
    ended = [event(5, "phase", host=host, phase="stage", state="ended", seconds=1.0) for host in ("n1", "n2", "n3")]
    return [event(4, "fetched", file="nats-server-v2.14.6-linux-amd64.tar.gz", sha256="ab"), *ended]


def sample(second: float, *upgraded: str, **keys: Any) -> dict[str, Any]:
    servers = {
        host: {
            "connections": CLIENTS[host],
            "reachable": True,
            "version": "2.14.6" if host in upgraded else "2.12.8",
            "routes": 2,
            "groups": 7,
        }
        for host in HOSTS
    }
    return event(second, "sample", **{"servers": servers, "groups": 7, "not_current": 0, "largest_lag": None, **keys})


def phase(second: float, host: str | None, name: str, state: str = "ended", **keys: Any) -> dict[str, Any]:
    return event(second, "phase", **({"host": host} if host else {}), phase=name, state=state, **keys)


def turn(begin: float, host: str, *before: str) -> Events:
    counts = [CLIENTS[host], CLIENTS[host], 4, 0]
    return [
        phase(begin, host, "gate", "began"),
        sample(begin, *before),
        phase(begin + 0.2, host, "gate", seconds=0.2),
        phase(begin + 1, host, "gate", "began"),
        phase(begin + 1.2, host, "gate", seconds=0.2),
        phase(begin + 1.5, host, "drain", "began"),
        *(event(begin + 2, "draining", host=host, connections=count) for count in counts),
        phase(begin + 2.6, host, "drain", seconds=1.1),
        phase(begin + 2.6, host, "swap", seconds=0.1),
        phase(begin + 2.8, host, "start", seconds=0.1, pid=13092),
        phase(begin + 2.9, host, "catch_up", "began"),
        sample(begin + 3, *before, host),
        phase(begin + 3.7, host, "catch_up", seconds=0.9),
        event(begin + 3.7, "compared", host=host, damage=[]),
        event(begin + 4.8, "node_done", host=host, seconds=4.8, new_version="2.14.6"),
    ]


def verified(second: float) -> Events:
    return [sample(second, *HOSTS), phase(second, None, "verify", seconds=0.2)]


def ended(second: float, outcome: str = "done") -> dict[str, Any]:
    return event(second, "run_ended", outcome=outcome, upgraded=[], left=[], next="")


def whole() -> Events:
    after = {"n1": 0, "n2": 19, "n3": 17}
    counts = {host: {"before": CLIENTS[host], "after": after[host]} for host in ("n1", "n2", "n3")}
    turns = [one for number, host in enumerate(HOSTS) for one in turn(11 + 5 * number, host, *HOSTS[:number])]
    clients = event(27, "clients", connections=counts, even=False, asked=0, told="set nats_upgrade_rebalance")
    return [began(), planned(), *staged(), *turns, *verified(26.5), clients, ended(27)]
