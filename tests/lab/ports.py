"""The ports of a loopback cluster: three kinds, numbered upwards from a base, and checked before anything starts."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from tests.lab.binaries import LabError

HOST = "127.0.0.1"
KIND_STEP = 10
# Below the range from which Linux takes the ports of outgoing connections.
SEARCH_FROM, SEARCH_TO, SEARCH_STEP = 14000, 32000, 100


@dataclass(frozen=True)
class Ports:
    """The first port of each kind: node number i (from 1) has client + i, monitor + i and route + i."""

    client: int
    monitor: int
    route: int

    @classmethod
    def from_base(cls, base: int) -> Ports:
        """Return ports in one block of 30 that begins at the base: clients, then monitoring, then routes."""
        if not 1024 <= base <= 65535 - 3 * KIND_STEP:
            raise LabError(f"port base {base} does not fit: choose one from 1024 to {65535 - 3 * KIND_STEP}")
        return cls(base, base + KIND_STEP, base + 2 * KIND_STEP)

    def each(self, size: int) -> Iterator[tuple[int, str]]:
        """Return each port with what it is for."""
        for number in range(1, size + 1):
            yield self.client + number, f"clients of n{number}"
            yield self.monitor + number, f"monitoring of n{number}"
            yield self.route + number, f"routes of n{number}"


def free_ports(size: int) -> Ports:
    """Return ports of which all are free now. The search begins anywhere, so that labs started at once hardly meet."""
    bases = list(range(SEARCH_FROM, SEARCH_TO, SEARCH_STEP))
    random.shuffle(bases)
    for base in bases:
        ports = Ports.from_base(base)
        if all(is_free(port) for port, _ in ports.each(size)):
            return ports
    raise LabError(f"no free block of ports between {SEARCH_FROM} and {SEARCH_TO} on {HOST}")


def check_free(ports: Ports, size: int) -> None:
    for port, purpose in ports.each(size):
        if not is_free(port):
            raise LabError(
                f"port {port} on {HOST} ({purpose}) is in use: choose another base with --ports BASE "
                f"(ports=Ports.from_base(BASE) in a test), or end what listens there (ss -ltnp 'sport = :{port}')"
            )


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the server does: connections of a former server in TIME_WAIT are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
