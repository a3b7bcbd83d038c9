# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What servers say of themselves, as values, parsed once from JSON. Pure.

Shapes measured on nats-server 2.10.26, 2.11.11, 2.12.8, 2.14.6 and 2.15.1 (tests/fixtures). NATS leaves a key out where
its value is zero or false.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, Iterator, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.text import name
from ansible_collections.natsops.cluster.plugins.module_utils._values.assets import Asset, InFiles
from ansible_collections.natsops.cluster.plugins.module_utils._values.checked import named, text, texts
from ansible_collections.natsops.cluster.plugins.module_utils._values.gateways import Leaf
from ansible_collections.natsops.cluster.plugins.module_utils._values.held import Held, parse_held
from ansible_collections.natsops.cluster.plugins.module_utils._values.routes import Peer, Said

META_GROUP = "_meta_"


@dataclass(frozen=True)
class Replica:
    """A follower of a Raft group, as the group's leader sees it (/jsz)."""

    name: str
    current: bool
    offline: bool
    lag: int


@dataclass(frozen=True)
class Placement:
    """A replicated asset, as one server sees it (/jsz). Its replicas are true only where the server leads it."""

    label: str
    raft_group: str
    leader: str
    replicas: tuple[Replica, ...]
    # Of a stream, what this server has of it.
    held: Held | None = None

    @property
    def members(self) -> frozenset[str]:
        return frozenset(replica.name for replica in self.replicas) | ({self.leader} if self.leader else frozenset())


@dataclass(frozen=True)
class RaftGroup:
    """A Raft group that a server runs, as it sees it itself (/raftz)."""

    name: str
    state: str
    leader: str
    catching_up: bool
    paused: bool
    committed: int
    applied: int
    # Of the meta group only: the names of its other members, wherever they are. Every member knows them, not the leader alone.
    peers: frozenset[str] = frozenset()

    @property
    def lag(self) -> int:
        return max(0, self.committed - self.applied)


@dataclass(frozen=True)
class HealthError:
    """One thing that /healthz finds wrong. C(label) is the asset that it is about; empty where it is the server itself."""

    label: str
    text: str

    @property
    def subject(self) -> str:
        return self.label or self.text


@dataclass(frozen=True)
class Health:
    """The answer of /healthz: every error with details=true, else the first."""

    status: int
    errors: tuple[HealthError, ...] = ()

    @property
    def ok(self) -> bool:
        return self.status == 200 and not self.errors

    @property
    def draining_or_starting(self) -> bool:
        """500 is given by a server whose client port is not open: it has just started, or is in lame duck mode."""
        return self.status == 500


@dataclass(frozen=True)
class ServerFacts:
    """What /varz says. C(used) names what of a server is in use here, in the words of the version policy.

    Facts that a user has put together may have no more than a name and a version.
    """

    server_name: str
    version: str
    server_id: str = ""
    git_commit: str = ""
    go: str = ""
    start: str = ""
    uptime: str = ""
    now: str = ""
    cluster: str = ""
    monitor_port: int = 0
    client_port: int = 0
    connections: int = 0
    max_connections: int = 0
    configured_routes: tuple[str, ...] = ()
    connect_urls: tuple[str, ...] = ()
    used: frozenset[str] = frozenset()
    jetstream: bool = False
    store_dir: str = ""
    api_level: int | None = None
    meta_leader: str = ""
    meta_cluster_size: int = 0
    config_digest: str = ""
    config_load_time: str = ""
    system_account: str = ""
    # Names of the other clusters that this one is configured to have gateways to.
    configured_gateways: tuple[str, ...] = ()
    leafnodes: int = 0
    # None in facts that were told before there were these.
    jetstream_domain: str | None = None
    cluster_port: int | None = None

    @property
    def has_gateways(self) -> bool:
        return "gateways" in self.used


@dataclass(frozen=True)
class Reading:
    """All that was read of one server in one poll. A server that did not answer has an error and nothing else.

    C(lasting) says that waiting will not mend the error: a wrong address, certificate or program.
    """

    name: str
    monitor_url: str
    error: str = ""
    lasting: bool = False
    facts: ServerFacts | None = None
    health: Health | None = None
    # What it calls itself, and whom its routes lead to. In all else, servers and clusters have the names of known.py.
    said: Said = field(default_factory=Said)
    routes: tuple[Peer, ...] = ()
    peers: frozenset[str] = frozenset()
    # Other names by which its peers may be expected.
    peers_too: frozenset[str] = frozenset()
    groups: tuple[RaftGroup, ...] = ()
    placements: tuple[Placement, ...] = ()
    assets: tuple[Asset, ...] = ()
    streams: frozenset[str] = frozenset()
    # Of these, those that it keeps in files; only with their configuration.
    in_files: Mapping[str, InFiles] = field(default_factory=dict, hash=False)
    # Names of the clusters that it has an outbound gateway to.
    gateways: frozenset[str] = frozenset()
    leafs: tuple[Leaf, ...] = ()
    # Ids of the servers at the other ends of its gateways, by cluster; only where who is in the fleet is read.
    gateway_ids: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)

    @property
    def meta_peers(self) -> frozenset[str]:
        """The other members of its meta group, by server name, wherever they are; empty without JetStream."""
        return next((group.peers for group in self.groups if group.name == META_GROUP), frozenset())

    @property
    def leaf_accounts(self) -> frozenset[str]:
        """The accounts in which it is a leaf node of another server."""
        return frozenset(leaf.account for leaf in self.leafs if leaf.outgoing)

    @property
    def group_names(self) -> frozenset[str]:
        return frozenset(group.name for group in self.groups)


def _record(body: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise NatsError(f"{what} is not what a NATS server answers: {str(body)[:80]!r}")
    return body


_TOO_OLD = (
    "which is too old: servers of 1.x and 2.x cannot be in one cluster, so that nothing can be rolled. Set a cluster of 2.x up "
    "beside it and move the clients, or upgrade all of them by hand while none runs"
)


def parse_varz(body: Any) -> ServerFacts:
    """Facts from the answer of /varz; raises NatsError where it is some other program's answer."""
    varz = _record(body, "/varz")
    missing = [key for key in ("server_id", "server_name", "version", "start") if not isinstance(varz.get(key), str)]
    if missing == ["server_name"] and varz["version"].startswith(("0.", "1.")):
        raise NatsError(f"it is nats-server {named(varz, 'version')}, {_TOO_OLD}")
    if missing:
        raise NatsError(f"/varz lacks {', '.join(missing)}: this is not the monitoring port of a NATS server")
    jetstream = varz.get("jetstream") or {}
    meta = jetstream.get("meta") or {}
    return ServerFacts(
        server_id=named(varz, "server_id"),
        server_name=named(varz, "server_name"),
        version=named(varz, "version"),
        git_commit=text(varz, "git_commit"),
        go=text(varz, "go"),
        start=named(varz, "start"),
        uptime=text(varz, "uptime"),
        now=text(varz, "now"),
        cluster=text(varz.get("cluster") or {}, "name"),
        monitor_port=int(varz.get("http_port") or varz.get("https_port") or 0),
        client_port=int(varz.get("port") or 0),
        connections=int(varz.get("connections", 0)),
        max_connections=int(varz.get("max_connections", 0)),
        configured_routes=texts((varz.get("cluster") or {}).get("urls") or (), "cluster.urls"),
        # What clients are told, the server's own address first; nothing with no_advertise (measured, 2.10.26 and 2.15.1).
        connect_urls=texts(varz.get("connect_urls") or (), "connect_urls"),
        used=_used(varz),
        # Not the configuration alone: a server that was asked before its JetStream was there leaves it out from then on
        # (measured, 2.12.8 to 2.15.1: one start in ten to thirty, if /varz is asked all the time).
        jetstream=any(jetstream.get(part) for part in ("config", "stats", "meta")),
        store_dir=store_dir(jetstream),
        # 2.10 has no levels; 2.11 is 1, 2.12 is 3, 2.14 is 4, 2.15 is 5.
        api_level=_count(((jetstream.get("stats") or {}).get("api") or {}).get("level")),
        meta_leader=text(meta, "leader"),
        meta_cluster_size=int(meta.get("cluster_size", 0)),
        config_digest=text(varz, "config_digest"),
        config_load_time=text(varz, "config_load_time"),
        system_account=text(varz, "system_account"),
        configured_gateways=tuple(sorted(named(one) for one in (varz.get("gateway") or {}).get("gateways") or ())),
        leafnodes=int(varz.get("leafnodes", 0)),
        jetstream_domain=domain(jetstream),
        cluster_port=int((varz.get("cluster") or {}).get("cluster_port") or 0),
    )


def _count(value: Any) -> int | None:
    return None if value is None else int(value)


def store_dir(told: Any) -> str:
    """The folder of JetStream by jetstream of /varz, or by /jsz, which tells it always; empty where neither does."""
    return text(told.get("config") or {}, "store_dir") if isinstance(told, dict) else ""


def domain(told: Any) -> str | None:
    """The domain of JetStream, from where C(store_dir) is; empty for none, and None where there is one that is not told."""
    config = told.get("config", {} if not told else None) if isinstance(told, dict) else None
    return text(config, "domain") if isinstance(config, dict) else None


def _used(varz: Mapping[str, Any]) -> frozenset[str]:
    """What is in use, of what can be seen from outside. A leaf node or gateway port that nobody uses is not."""
    seen = {
        "leafnodes": int(varz.get("leafnodes", 0)) > 0,
        "gateways": bool((varz.get("gateway") or {}).get("name")),
        "mqtt": bool((varz.get("mqtt") or {}).get("port")),
        "websocket": bool((varz.get("websocket") or {}).get("port")),
        "standalone": not (varz.get("cluster") or {}).get("name"),
    }
    return frozenset(name for name, used in seen.items() if used)


def parse_healthz(status: int, body: Any) -> Health:
    """Health from the status and answer of /healthz, with details=true or without."""
    answer = body if isinstance(body, dict) else {}
    if status == 200 and answer.get("status") == "ok":
        return Health(200)
    details = [error for error in answer.get("errors") or [] if isinstance(error, dict)]
    if details:
        return Health(status, tuple(_health_error(error) for error in details))
    return Health(status, (HealthError("", name(str(answer.get("error") or answer.get("status") or f"HTTP {status}"))),))


def _health_error(error: Mapping[str, Any]) -> HealthError:
    # Before 2.10.24 such an answer came with HTTP 200.
    label = " > ".join(named(error, part) for part in ("account", "stream", "consumer") if error.get(part))
    return HealthError(label, name(str(error.get("error") or error.get("type") or "an error without a text")))


def parse_raftz(body: Any) -> tuple[RaftGroup, ...]:
    """Raft groups of the accounts in one answer of /raftz."""
    return tuple(
        RaftGroup(
            name=name(group_name),
            state=text(group, "state"),
            leader=text(group, "leader"),
            catching_up=bool(group.get("catching_up")),
            paused=bool(group.get("paused")),
            committed=int(group.get("committed", 0)),
            applied=int(group.get("applied", 0)),
            peers=_peers(group) if group_name == META_GROUP else frozenset(),
        )
        for groups in _record(body, "/raftz").values()
        for group_name, group in groups.items()
    )


def _peers(group: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(text(peer, "name") for peer in (group.get("peers") or {}).values() if peer.get("name"))


def _replicas(cluster: Mapping[str, Any]) -> tuple[Replica, ...]:
    return tuple(
        _replica(text(replica, "name"), bool(replica.get("current")), bool(replica.get("offline")), int(replica.get("lag", 0)))
        for replica in cluster.get("replicas") or ()
    )


# Most replicas on a server are seen alike, and a large fleet has half a million of them.
@lru_cache(maxsize=4096)
def _replica(name: str, current: bool, offline: bool, lag: int) -> Replica:
    return Replica(name, current, offline, lag)


def _placement(label: str, cluster: Mapping[str, Any], held: Held | None = None) -> Placement:
    return Placement(
        label=label,
        raft_group=text(cluster, "raft_group"),
        leader=text(cluster, "leader"),
        replicas=_replicas(cluster),
        held=held,
    )


def _stream_placements(account: str, stream: Mapping[str, Any]) -> Iterator[Placement]:
    label = f"{account} > {named(stream)}"
    yield _placement(label, stream.get("cluster") or {}, parse_held(stream.get("state") or {}))
    for consumer in stream.get("consumer_detail") or []:
        yield _placement(f"{label} > {named(consumer)}", consumer.get("cluster") or {})


def parse_jsz(body: Any) -> tuple[Placement, ...]:
    """The meta group and every replicated stream and consumer in an answer of /jsz?consumers=true&raft=true.

    Assets with one replica have no Raft group and are left out.
    """
    jsz = _record(body, "/jsz")
    found: list[Placement] = []
    meta = jsz.get("meta_cluster") or {}
    if meta.get("cluster_size", 0) > 1:
        found.append(
            Placement(
                label=META_GROUP,
                raft_group=META_GROUP,
                leader=text(meta, "leader"),
                replicas=_replicas(meta),
            )
        )
    for account in jsz.get("account_details") or []:
        for stream in account.get("stream_detail") or []:
            found += [p for p in _stream_placements(named(account), stream) if p.raft_group and p.replicas]
    return tuple(found)


def parse_accounts(body: Any) -> tuple[str, ...]:
    """Ids of the accounts with JetStream in an answer of /jsz?accounts=true; in operator mode an id is a public key.

    As they are, for requests: a server knows no account by its printable name. They are not to be shown.
    """
    found = tuple(account.get("id") or account["name"] for account in _record(body, "/jsz").get("account_details") or [])
    texts(found, "account_details")
    return found


# What is only of use inside a poll, or is said in other words.
_NOT_TOLD = ("uptime", "now", "system_account")


def as_dict(facts: ServerFacts) -> dict[str, Any]:
    """The facts as a playbook sees them, without what is only of use inside a poll."""
    told = {one.name: getattr(facts, one.name) for one in fields(facts) if one.name not in _NOT_TOLD}
    return {name: _plain(value) for name, value in told.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value


def from_dict(told: Mapping[str, Any]) -> ServerFacts:
    """The facts that C(as_dict) has told; raises KeyError without a name or a version."""
    return ServerFacts(
        **{
            **{one.name: told[one.name] for one in fields(ServerFacts) if one.name in told and one.name not in _NOT_TOLD},
            "server_name": told["server_name"],
            "version": told["version"],
            "used": frozenset(told.get("used", ())),
            "configured_routes": tuple(told.get("configured_routes", ())),
            "configured_gateways": tuple(told.get("configured_gateways", ())),
            "connect_urls": tuple(told.get("connect_urls", ())),
        }
    )
