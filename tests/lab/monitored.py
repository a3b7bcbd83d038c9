"""What every cluster of the lab can be asked on its monitoring ports, wherever its servers run."""

from __future__ import annotations

import time
from functools import partial
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from tests.lab.binaries import LabError
from tests.lab.monitoring import Reply, accounts_of, ask, is_settled, raft_groups
from tests.lab.node import Settings
from tests.lab.over_nats import ask_over_nats

READY_SECONDS = 120.0
LEADER_SECONDS = 60.0
POLL_SECONDS = 0.05
# One look may fall in between two states, the same result twice does not.
LOOKS_IN_A_ROW = 2


class Server(Protocol):
    """Where a server is found."""

    @property
    def host(self) -> str:
        """Its address."""

    @property
    def monitor_port(self) -> int:
        """The port of its monitoring."""

    @property
    def client_url(self) -> str:
        """Where clients connect."""

    @property
    def monitor_url(self) -> str:
        """Where its monitoring is read."""


ServerType = TypeVar("ServerType", bound=Server)


class MonitoredCluster(Generic[ServerType]):
    """The questions, and a life in C(with). Whoever inherits sets the attributes, starts and stops."""

    size: int
    settings: Settings
    nodes: dict[str, ServerType]

    def start(self) -> None:
        """Start all servers, without waiting for them to be ready."""
        raise NotImplementedError

    def stop(self) -> None:
        """End whatever there is of it, also of one that was started in part."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.start()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def urls(self) -> list[str]:
        """Where clients connect, one URL per node."""
        return [node.client_url for node in self.nodes.values()]

    def monitor_url(self, name: str) -> str:
        return self.nodes[name].monitor_url

    def varz(self, name: str) -> dict[str, Any]:
        return self._body(name, "/varz")

    def jsz(self, name: str, query: str = "accounts=true&streams=true&consumers=true&raft=true") -> dict[str, Any]:
        return self._body(name, f"/jsz?{query}")

    def healthz(self, name: str) -> Reply:
        return self.ask(name, "/healthz")

    def raftz(self, name: str, account: str | None = None) -> dict[str, Any]:
        return self._body(name, f"/raftz?acc={account}" if account else "/raftz")

    def ask(self, name: str, path: str) -> Reply:
        """Return what the node's monitoring port answers, whatever it is."""
        node = self.nodes[name]
        if self.settings.monitoring != "open":
            return ask_over_nats(node.client_url, name, path, self.settings.system_password)
        return ask(node.monitor_port, path, host=node.host)

    def _body(self, name: str, path: str) -> dict[str, Any]:
        reply = self.ask(name, path)
        if not reply.ok or not isinstance(reply.body, dict):
            raise LabError(f"{name} answers {path} with status {reply.status or 'none'}")
        return reply.body

    def versions(self) -> dict[str, str]:
        return {name: str(self.ask(name, "/varz").field("version") or "down") for name in self.nodes}

    def starts(self) -> dict[str, str]:
        """When each server was started; "down" where it does not answer."""
        return {name: str(self.ask(name, "/varz").field("start") or "down") for name in self.nodes}

    def routes(self, name: str) -> set[str]:
        """Return the nodes that this one has a route to."""
        known = {} if self.settings.server_names else {self.ask(node, "/varz").field("server_id"): node for node in self.nodes}
        seen = (route["remote_name"] for route in self.ask(name, "/routez").field("routes") or ())
        return {known.get(name, name) for name in seen}

    def leader(self) -> str | None:
        """Return the meta leader that all nodes agree on, or None."""
        leaders = {self.ask(name, "/jsz").field("meta_cluster", "leader") for name in self.nodes}
        return str(leaders.pop()) if len(leaders) == 1 and None not in leaders else None

    def known_leader(self) -> str:
        """Return the meta leader once all nodes agree on one: for what depends on who it is. Fails where they do not."""
        deadline = time.monotonic() + LEADER_SECONDS
        while (leader := self.leader()) is None:
            if time.monotonic() > deadline:
                raise LabError(f"the nodes do not agree on a meta leader within {LEADER_SECONDS:g} s")
            time.sleep(POLL_SECONDS)
        return leader

    def wait_ready(self, timeout_seconds: float = READY_SECONDS) -> None:
        """Wait until all servers are healthy and agree on a leader, and every Raft group has one."""
        deadline, looks = time.monotonic() + timeout_seconds, 0
        while looks < LOOKS_IN_A_ROW:
            missing = self.what_is_missing()
            looks = 0 if missing else looks + 1
            if missing and time.monotonic() > deadline:
                raise LabError(f"the cluster is not ready after {timeout_seconds:g} s: {missing}")
            time.sleep(POLL_SECONDS)

    def what_is_missing(self) -> str:
        """Return what keeps the cluster from being ready, or nothing. Fails where it never will be."""
        for name in self.nodes:
            self.check_started(name)
            health = self.healthz(name)
            if not health.ok:
                return f"{name} /healthz {health.status or 'does not answer'} {health.field('error') or ''}".rstrip()
        if self.size == 1:
            return ""
        return self._what_cluster_is_missing()

    def check_started(self, name: str) -> None:
        """Fail where the server of the node has ended and nobody will start it."""

    def _what_cluster_is_missing(self) -> str:
        for name in self.nodes:
            if missing := set(self.nodes) - self.routes(name) - {name}:
                return f"{name} has no route to {', '.join(sorted(missing))}"
        if not self.settings.jetstream:
            return ""
        if self.leader() is None:
            return "the nodes do not agree on a meta leader"
        for name in self.nodes:
            ask_server = partial(self.ask, name)
            groups = raft_groups(ask_server, accounts_of(ask_server))
            unsettled = [group for group, state in groups.items() if not is_settled(state)]
            if unsettled or not groups:
                return f"{name}: Raft groups without a leader or catching up: {', '.join(unsettled) or 'all'}"
        return ""
