# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# This module util is PRIVATE to the collection: it may change in any release.
"""Typed reads of NATS monitoring endpoints, of many servers at once. What cannot be read is a Reading with an error."""

from __future__ import annotations

import contextlib
import gc
from dataclasses import dataclass, replace
from typing import Any, Iterator, Sequence
from urllib.parse import quote

from ansible_collections.natsops.cluster.plugins.module_utils import _assets, _servers
from ansible_collections.natsops.cluster.plugins.module_utils._errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._http import Door, Fault, Reply, without_credentials
from ansible_collections.natsops.cluster.plugins.module_utils._servers import Reading

# The server's own page size (2.10 to 2.15): asking for more returns no more.
ACCOUNTS_IN_A_PAGE = 1024


@dataclass(frozen=True)
class Target:
    """A server to read: its name in the inventory, or its URL where it has none, and its monitor URL."""

    name: str
    monitor_url: str

    @property
    def shown_url(self) -> str:
        """The address as it may be shown."""
        return without_credentials(self.monitor_url)

    def url(self, path: str) -> str:
        return self.monitor_url.rstrip("/") + path


class _NoReadingError(Exception):
    def __init__(self, message: str, lasting: bool) -> None:
        super().__init__(message)
        self.lasting = lasting

    def of(self, target: Target) -> Reading:
        return Reading(target.name, target.shown_url, error=str(self), lasting=self.lasting)


def read_facts(door: Door, targets: Sequence[Target]) -> list[Reading]:
    """Read /varz and /routez of each server."""
    replies = _ask(door, targets, ("/varz", "/routez"))
    return [_facts_of(target, *replies[target]) for target in targets]


def read_state(door: Door, targets: Sequence[Target], *, assets: bool = False) -> list[Reading]:
    """Read what tells whether each server is fully back: /varz, /routez, /healthz, /jsz, and /raftz of each account.

    With C(assets) the streams and consumers come with their configuration.
    """
    with _no_collection():
        return _read_state(door, targets, assets)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Answers and readings hold no cycles. Of a large fleet they are millions of objects, and looking for some takes longer
    than all the rest."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _read_state(door: Door, targets: Sequence[Target], assets: bool) -> list[Reading]:
    replies = _ask(door, targets, ("/varz", "/routez", "/healthz?details=true", _jsz(0, assets)))
    readings: dict[Target, Reading] = {}
    accounts: dict[Target, tuple[str, ...]] = {}
    for target in targets:
        varz, routez, healthz, jsz = replies[target]
        reading = _facts_of(target, varz, routez)
        try:
            if not reading.error:
                reading = _with_health(reading, healthz)
                reading, accounts[target] = _with_placements(door, target, reading, jsz, assets)
        except _NoReadingError as silent:
            reading = silent.of(target)
        except NatsError as exc:
            reading = _NoReadingError(str(exc), lasting=True).of(target)
        readings[target] = reading
    _add_raft_groups(door, readings, accounts)
    return [readings[target] for target in targets]


def read_clients(door: Door, target: Target, most: int) -> list[dict[str, Any]]:
    """The clients of a server as /connz gives them. Raises NatsError where it cannot be read."""
    path = f"/connz?state=open&limit={most}"
    try:
        body = _body("/connz", door.get_many([target.url(path)])[0])
    except _NoReadingError as silent:
        raise NatsError(f"{target.name} {target.shown_url}: {silent}") from None
    return list(body.get("connections") or [])


def _jsz(offset: int, config: bool) -> str:
    page = f"limit={ACCOUNTS_IN_A_PAGE}&offset={offset}"
    return f"/jsz?accounts=true&streams=true&consumers=true&raft=true&{'config=true&' if config else ''}{page}"


def _ask(door: Door, targets: Sequence[Target], paths: Sequence[str]) -> dict[Target, list[Reply]]:
    replies = iter(door.get_many([target.url(path) for target in targets for path in paths]))
    return {target: [next(replies) for _unused in paths] for target in targets}


def _facts_of(target: Target, varz: Reply, routez: Reply) -> Reading:
    try:
        facts = _servers.parse_varz(_body("/varz", varz))
        peers = _servers.parse_routez(_body("/routez", routez))
    except _NoReadingError as silent:
        return silent.of(target)
    except NatsError as exc:
        return _NoReadingError(str(exc), lasting=True).of(target)
    return Reading(target.name, target.shown_url, facts=facts, peers=peers)


def _with_health(reading: Reading, healthz: Reply) -> Reading:
    if isinstance(healthz, Fault):
        raise _NoReadingError(healthz.message, healthz.lasting)
    return replace(reading, health=_servers.parse_healthz(healthz.status, healthz.body))


def _with_placements(
    door: Door, target: Target, reading: Reading, first_page: Reply, config: bool
) -> tuple[Reading, tuple[str, ...]]:
    name = reading.facts.server_name if reading.facts else ""
    body = _body("/jsz", first_page)
    placements, accounts = _servers.parse_jsz(body), _servers.parse_accounts(body)
    streams = _servers.parse_streams(body)
    assets = _assets.parse_assets(body, name) if config else ()
    page = accounts
    while len(page) == ACCOUNTS_IN_A_PAGE:
        body = _body("/jsz", _ask(door, [target], [_jsz(len(accounts), config)])[target][0])
        page = _servers.parse_accounts(body)
        placements += _servers.parse_jsz({"account_details": body.get("account_details")})
        assets += _assets.parse_assets(body, name) if config else ()
        streams |= _servers.parse_streams(body)
        accounts += page
    return replace(reading, placements=placements, assets=assets, streams=streams), accounts


def _add_raft_groups(door: Door, readings: dict[Target, Reading], accounts: dict[Target, tuple[str, ...]]) -> None:
    # Without ?acc= a server answers for the system account only, where the meta group is.
    wanted = [
        (target, path)
        for target, reading in readings.items()
        if reading.facts and reading.facts.jetstream
        for path in ["/raftz"] + [f"/raftz?acc={quote(account, safe='')}" for account in accounts[target]]
    ]
    replies = door.get_many([target.url(path) for target, path in wanted])
    for (target, _unused), reply in zip(wanted, replies):
        reading = readings[target]
        if isinstance(reply, Fault):
            readings[target] = _NoReadingError(reply.message, reply.lasting).of(target)
        elif reply.status == 200 and isinstance(reply.body, dict) and not reading.error:
            readings[target] = replace(reading, groups=reading.groups + _servers.parse_raftz(reply.body))
        # else: 404, not JSON: a server that runs no Raft node, alone or just starting. It has no groups.


def _body(path: str, reply: Reply) -> Any:
    if isinstance(reply, Fault):
        raise _NoReadingError(reply.message, reply.lasting)
    if reply.status == 404:
        raise _NoReadingError(f"HTTP 404 for {path}: is the server's http_base_path part of the monitor URL?", lasting=True)
    if reply.body is None:
        seen = f"HTTP {reply.status} for {path} is not JSON but {reply.text[:60]!r}"
        raise _NoReadingError(f"{seen}: is this the monitoring port of a NATS server?", lasting=True)
    if reply.status != 200:
        raise _NoReadingError(f"HTTP {reply.status} for {path}", lasting=False)
    return reply.body
