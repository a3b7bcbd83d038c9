# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""JetStream streams and consumers as values, parsed once from /jsz?config=true. Pure.

Shapes measured on nats-server 2.10.26 to 2.15.1. A server lists what it hosts; of an asset that is replicated, only what
its leader says is kept, so that each asset is there once. An asset without a leader is there once for each server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, NamedTuple

from ansible_collections.natsops.cluster.plugins.module_utils._values.checked import named, text
from ansible_collections.natsops.cluster.plugins.module_utils._values.held import Held, parse_held

_REQUIRED_LEVEL, _LEVEL = "_nats.req.level", re.compile(r"[0-9]{1,6}\Z")
# Says nothing about what an asset needs, and may be long.
_BULKY = ("subjects", "description", "name", "durable_name", "filter_subject")


class InFiles(NamedTuple):
    """A stream that a server keeps in files: when it was made, and how many copies there are."""

    created: str
    replicas: int


@dataclass(frozen=True)
class Asset:
    """A stream or a consumer. C(label) is ACCOUNT > STREAM or ACCOUNT > STREAM > CONSUMER; C(config) is without names."""

    kind: str
    label: str
    host: str
    leader: str
    replicas: int
    memory: bool
    durable: bool
    created: str
    last_sequence: int
    consumers: int
    config: Mapping[str, Any]
    # Of a stream.
    held: Held | None = None
    first_time: str = ""
    # Of a consumer: how many messages it has still to give, how many to hear of, and how far it has come in its stream.
    pending: int = 0
    unacknowledged: int = 0
    delivered: int = 0
    acknowledged: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """What makes it this asset, and not one of the same name that was made later."""
        return self.label, self.created


def parse_assets(body: Any, server_name: str) -> tuple[Asset, ...]:
    """What this server leads, or hosts without anybody leading it, in its answer of /jsz?consumers=true&config=true."""
    return tuple(
        asset
        for account in body.get("account_details") or []
        for stream in account.get("stream_detail") or []
        for asset in _of_stream(named(account), stream, server_name)
    )


def parse_streams(body: Any) -> frozenset[str]:
    """ID OF ACCOUNT > STREAM of every stream that this server serves a replica of. Folders on disk are named by the id too."""
    return frozenset(label for label, _unused in _labelled(body))


def parse_in_files(body: Any) -> dict[str, InFiles]:
    """Of these, those that are stored in files. Nothing where the answer came without C(config)."""
    return {
        label: InFiles(text(stream, "created"), _replicas(stream["config"]))
        for label, stream in _labelled(body)
        if (stream.get("config") or {}).get("storage") == "file"
    }


def _labelled(body: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for account in body.get("account_details") or []:
        for stream in account.get("stream_detail") or []:
            yield f"{named(account, 'id' if account.get('id') else 'name')} > {named(stream)}", stream


def _of_stream(account: str, stream: Mapping[str, Any], server_name: str) -> Iterator[Asset]:
    label = f"{account} > {named(stream)}"
    leader = _leader(stream, server_name)
    if leader in ("", server_name):
        yield _stream(label, stream, server_name, leader)
    for consumer in stream.get("consumer_detail") or []:
        leader = _leader(consumer, server_name)
        if leader in ("", server_name):
            yield _consumer(f"{label} > {named(consumer)}", consumer, server_name, leader, stream.get("config") or {})


def _stream(label: str, stream: Mapping[str, Any], server_name: str, leader: str) -> Asset:
    config, state = stream.get("config") or {}, stream.get("state") or {}
    return Asset(
        kind="stream",
        label=label,
        host=server_name,
        leader=leader,
        replicas=_replicas(config),
        memory=config.get("storage") == "memory",
        durable=True,
        created=text(stream, "created"),
        last_sequence=int(state.get("last_seq", 0)),
        consumers=int(state.get("consumer_count", 0)),
        config=_told(config),
        held=parse_held(state),
        first_time=text(state, "first_ts"),
    )


def _consumer(label: str, consumer: Mapping[str, Any], server_name: str, leader: str, stream: Mapping[str, Any]) -> Asset:
    config = consumer.get("config") or {}
    return Asset(
        kind="consumer",
        label=label,
        host=server_name,
        leader=leader,
        replicas=_consumer_replicas(config, stream),
        memory=bool(config.get("mem_storage")) or stream.get("storage") == "memory",
        # An ephemeral one comes and goes with its client.
        durable=bool(config.get("durable_name")),
        created=text(consumer, "created"),
        last_sequence=0,
        consumers=0,
        config=_told(config),
        pending=int(consumer.get("num_pending", 0)),
        unacknowledged=int(consumer.get("num_ack_pending", 0)),
        delivered=_sequence(consumer, "delivered"),
        acknowledged=_sequence(consumer, "ack_floor"),
    )


def _sequence(consumer: Mapping[str, Any], key: str) -> int:
    return int((consumer.get(key) or {}).get("stream_seq", 0))


def _leader(asset: Mapping[str, Any], server_name: str) -> str:
    # A server that is no member of a cluster gives no cluster, and leads what it has.
    return text(asset["cluster"], "leader") if asset.get("cluster") else server_name


def _replicas(config: Mapping[str, Any]) -> int:
    return int(config.get("num_replicas") or 1)


def _consumer_replicas(config: Mapping[str, Any], stream: Mapping[str, Any]) -> int:
    if config.get("num_replicas"):
        return int(config["num_replicas"])
    # Zero means: as the stream, but for an ephemeral consumer, which gets one, unless the stream's retention counts on it.
    durable = bool(config.get("durable_name")) or stream.get("retention", "limits") != "limits"
    return _replicas(stream) if durable else 1


def noted_level(config: Mapping[str, Any]) -> int:
    """The API level that a server has noted for an asset (2.11+); 0 where it has noted none."""
    noted = str((config.get("metadata") or {}).get(_REQUIRED_LEVEL, ""))
    return int(noted) if _LEVEL.match(noted) else 0


def _told(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are set at all, without the bulky ones: of a large fleet all of it is in memory at once.

    Raises TypeError where one of those that are judged by more than their presence is of another type than a server gives.
    """
    metadata, per_subject = config.get("metadata") or {}, config.get("max_msgs_per_subject", 0)
    if not isinstance(metadata, dict) or not isinstance(per_subject, int):
        raise TypeError(f"metadata is {str(metadata)[:40]}, max_msgs_per_subject {str(per_subject)[:40]}")
    return {key: value for key, value in config.items() if value and key not in _BULKY}
