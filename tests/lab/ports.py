"""The ports of a loopback cluster: of each kind, numbered upwards from a base, and checked before anything starts."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.lab.binaries import LabError
from tests.lab.locks import try_lock

HOST = "127.0.0.1"
KIND_STEP = 10
# What each block of ports is for. Those behind the third are of use in a topology only (tests/lab/topology.py).
KINDS = ("clients", "monitoring", "routes", "gateways", "leaf nodes", "MQTT", "websocket")
# Below the range from which Linux takes the ports of outgoing connections.
SEARCH_FROM, SEARCH_TO, SEARCH_STEP = 14000, 32000, 100


@dataclass(frozen=True)
class Ports:
    """The first port of each kind: node number i (from 1) has client + i, monitor + i and route + i.

    With C(own_addresses) all nodes have the ports of the first, each on an address of its own, as on machines.
    """

    client: int
    monitor: int
    route: int
    own_addresses: bool = False

    @classmethod
    def from_base(cls, base: int) -> Ports:
        """Return ports in one block that begins at the base: ten for clients, then monitoring, then routes and the rest."""
        if not 1024 <= base <= 65535 - len(KINDS) * KIND_STEP:
            raise LabError(f"port base {base} does not fit: choose one from 1024 to {65535 - len(KINDS) * KIND_STEP}")
        return cls(base, base + KIND_STEP, base + 2 * KIND_STEP)

    def other(self, kind: str) -> int:
        """The first port of a kind that only a topology has."""
        return self.route + (KINDS.index(kind) - KINDS.index("routes")) * KIND_STEP

    def host(self, number: int) -> str:
        return f"127.0.0.{number}" if self.own_addresses else HOST

    def place(self, number: int) -> int:
        """What is added to the first port of each kind."""
        return 1 if self.own_addresses else number

    def each(self, size: int) -> Iterator[tuple[str, int, str]]:
        """Return each address and port with what it is for."""
        first = (self.client, self.monitor, self.route, *(self.other(kind) for kind in KINDS[3:]))
        for number in range(1, size + 1):
            for port, kind in zip(first, KINDS):
                yield self.host(number), port + self.place(number), f"{kind} of n{number}"


_held: dict[Ports, int] = {}


def free_ports(size: int, *, own_addresses: bool = False) -> Ports:
    """Return ports of which all are free, and which are ours until we release them or end.

    That they are free now is not enough: a server is stopped and started in the course of a test, and nobody else may
    take its ports meanwhile.
    """
    bases = list(range(SEARCH_FROM, SEARCH_TO, SEARCH_STEP))
    # Not the ones of the cluster before: somebody may still be on the way there.
    random.shuffle(bases)
    for base in bases:
        ports, holding = replace(Ports.from_base(base), own_addresses=own_addresses), try_lock(f"ports-{base}")
        if holding is None:
            continue
        # Others than labs have ports too.
        if all(is_free(host, port) for host, port, _unused in ports.each(size)):
            _held[ports] = holding
            return ports
        os.close(holding)
    raise LabError(f"no free block of ports between {SEARCH_FROM} and {SEARCH_TO} on {HOST}")


def release(ports: Ports) -> None:
    """Let others have the ports. Those that were chosen by hand are nobody's."""
    if ports in _held:
        os.close(_held.pop(ports))


def check_free(ports: Ports, size: int) -> None:
    for host, port, purpose in ports.each(size):
        if not is_free(host, port):
            raise LabError(
                f"port {port} on {host} ({purpose}) is in use: choose another base with --ports BASE "
                f"(ports=Ports.from_base(BASE) in a test), or end what listens there (ss -ltnp 'sport = :{port}')"
            )


def is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the server does: connections of a former server in TIME_WAIT are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
