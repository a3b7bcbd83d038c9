# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Typed reads of NATS monitoring endpoints, of many servers at once. What cannot be read is a Reading with an error.

What is asked is a server and a path, whichever way that goes: by HTTP from here (http_door.py), by HTTP from the server's own
host, or as a request over NATS (plugin_utils). Everything above is the same for all of them.
"""

from __future__ import annotations

import contextlib
import gc
from dataclasses import dataclass, replace
from typing import Any, Callable, Iterator, Protocol, Sequence
from urllib.parse import quote

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Fault, Reply, without_credentials
from ansible_collections.natsops.cluster.plugins.module_utils._values import assets as _assets
from ansible_collections.natsops.cluster.plugins.module_utils._values import gateways as _gateways
from ansible_collections.natsops.cluster.plugins.module_utils._values import known as _known
from ansible_collections.natsops.cluster.plugins.module_utils._values import routes as _routes
from ansible_collections.natsops.cluster.plugins.module_utils._values import server as _server
from ansible_collections.natsops.cluster.plugins.module_utils._values.checked import ODD, text
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading

# The server's own page size (2.10 to 2.15): asking for more returns no more.
ACCOUNTS_IN_A_PAGE = 1024
# The server's own default; about half a megabyte.
CONNECTIONS_IN_A_PAGE = 1024
_TEXTS_OF_A_CONNECTION = ("account", "ip", "kind", "lang", "name", "type", "uptime", "version")
_NUMBERS_OF_A_CONNECTION = ("cid", "port")
# A server that never comes to an end is none of these.
MOST_ACCOUNTS, MOST_CONNECTIONS = 64 * ACCOUNTS_IN_A_PAGE, 1024 * CONNECTIONS_IN_A_PAGE


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


class Source(Protocol):
    """A way to ask servers. Keep it for a whole wait: connections are reused. Use as a context manager."""

    def __enter__(self) -> Source:
        """Open it."""

    def __exit__(self, *unused: object) -> None:
        """Close it."""

    def ask(self, questions: Sequence[tuple[Target, str]]) -> list[Reply]:
        """Return one reply for each server and path, in the same order.

        What a server can cause is a reply. NatsError is raised where the way itself is wrong, as by a refused password.
        """


class _NoReadingError(Exception):
    def __init__(self, message: str, lasting: bool) -> None:
        super().__init__(_text.line(message))
        self.lasting = lasting

    def of(self, target: Target) -> Reading:
        return Reading(target.name, target.shown_url, error=str(self), lasting=self.lasting)


def read_facts(source: Source, targets: Sequence[Target]) -> list[Reading]:
    """Read /varz and /routez of each server, and /jsz where /varz does not tell where its JetStream lies."""
    replies = _ask(source, targets, ("/varz", "/routez"))
    readings = {target: _guarded(target, _facts_of, target, *replies[target]) for target in targets}
    untold = [target for target, reading in readings.items() if reading.facts and _is_untold(reading.facts)]
    for target, (jsz,) in (_ask(source, untold, ("/jsz",)) if untold else {}).items():
        readings[target] = _guarded(target, _with_store, readings[target], jsz)
    return _known.settled([readings[target] for target in targets])


def _is_untold(facts: _server.ServerFacts) -> bool:
    return facts.jetstream and not facts.store_dir


def _with_store(reading: Reading, jsz: Reply) -> Reading:
    return _completed(reading, _body("/jsz", jsz))


def _completed(reading: Reading, jsz: Any) -> Reading:
    """With what /jsz tells of JetStream, where /varz has left it out."""
    if not reading.facts or not _is_untold(reading.facts):
        return reading
    return replace(reading, facts=replace(reading.facts, store_dir=_server.store_dir(jsz), jetstream_domain=_server.domain(jsz)))


def read_members(source: Source, targets: Sequence[Target]) -> list[Reading]:
    """Read /varz of each server; and of those that answered who else they see, over routes and gateways.

    In two rounds: a server that hangs costs its time once, and not once for each path.
    """
    varz = _ask(source, targets, ("/varz",))
    readings = {target: _guarded(target, _varz_of, target, *varz[target]) for target in targets}
    wanted = [
        (target, path)
        for target, reading in readings.items()
        if reading.facts
        for path in ("/routez", *(["/gatewayz"] if reading.facts.has_gateways else []))
    ]
    for (target, path), reply in zip(wanted, source.ask(wanted) if wanted else []):
        reading = readings[target]
        if not reading.error:
            readings[target] = _guarded(target, _with_members, reading, path, reply)
    return _known.settled([readings[target] for target in targets])


def _varz_of(target: Target, varz: Reply) -> Reading:
    body = _body("/varz", varz)
    return Reading(target.name, target.shown_url, facts=_server.parse_varz(body), said=_routes.parse_said(body))


def _with_routes(reading: Reading, routez: Reply) -> Reading:
    routes = _routes.parse_routez(_body("/routez", routez))
    return replace(reading, routes=routes, peers=frozenset(peer.name for peer in routes))


def _with_members(reading: Reading, path: str, reply: Reply) -> Reading:
    if path == "/routez":
        return _with_routes(reading, reply)
    body = _body(path, reply)
    return replace(reading, gateways=_gateways.parse_gatewayz(body), gateway_ids=_gateways.parse_gateway_ids(body))


def _guarded(target: Target, read: Callable[..., Reading], *given: Any) -> Reading:
    """The reading, or one with an error where the answer is not what a server would give, whatever it is."""
    try:
        with _judging_shapes():
            return read(*given)
    except _NoReadingError as silent:
        return silent.of(target)


@contextlib.contextmanager
def _judging_shapes() -> Iterator[None]:
    """The one guard: inside it, whatever is wrong with an answer is a _NoReadingError. Nothing takes an answer apart outside."""
    try:
        yield
    except NatsError as exc:
        raise _NoReadingError(str(exc), lasting=True) from None
    except ODD as exc:
        message = f"an answer has another shape than a NATS server's ({str(exc)[:100]}): is this the monitoring port of one?"
        raise _NoReadingError(message, lasting=True) from None


def read_state(source: Source, targets: Sequence[Target], *, assets: bool = False) -> list[Reading]:
    """Read what tells whether each server is fully back: /varz, /routez, /healthz, /jsz, and /raftz of each account.

    With C(assets) the streams and consumers come with their configuration.
    """
    with _no_collection():
        return _read_state(source, targets, assets)


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


def _read_state(source: Source, targets: Sequence[Target], assets: bool) -> list[Reading]:
    replies = _ask(source, targets, ("/varz", "/routez", "/healthz?details=true", _jsz(0, assets)))
    wanted: list[tuple[Target, str]] = []
    readings = {target: _guarded(target, _state_of, source, target, replies[target], assets, wanted) for target in targets}
    for (target, path), reply in zip(wanted, source.ask(wanted) if wanted else []):
        if not readings[target].error:
            readings[target] = _guarded(target, _with_answer, readings[target], path, reply)
    return _known.settled([readings[target] for target in targets])


def _state_of(
    source: Source, target: Target, replies: Sequence[Reply], assets: bool, wanted: list[tuple[Target, str]]
) -> Reading:
    """What the first answers tell; what is to be asked next is added to those wanted."""
    varz, routez, healthz, jsz = replies
    reading = _with_health(_facts_of(target, varz, routez), healthz)
    reading, accounts = _with_placements(source, target, reading, jsz, assets)
    wanted += [(target, path) for path in (_next_paths(reading.facts, accounts) if reading.facts else ())]
    return reading


def read_clients(source: Source, target: Target, most: int) -> list[dict[str, Any]]:
    """The clients of a server as /connz gives them. Raises NatsError where it cannot be read."""
    return _connections(target, source.ask([(target, f"/connz?state=open&limit={most}")])[0])


def read_connections(source: Source, targets: Sequence[Target]) -> dict[str, list[dict[str, Any]]]:
    """Every connection of each server as /connz gives it, with its account. Raises NatsError where one cannot be read."""
    found: dict[str, list[dict[str, Any]]] = {target.name: [] for target in targets}
    left, offset = list(targets), 0
    while left:
        path = f"/connz?auth=true&limit={CONNECTIONS_IN_A_PAGE}&offset={offset}"
        replies = _ask(source, left, (path,))
        for target in list(left):
            page = _connections(target, replies[target][0])
            found[target.name] += page
            if len(page) > CONNECTIONS_IN_A_PAGE or offset > MOST_CONNECTIONS:
                raise NatsError(f"{target.name} {target.shown_url}: /connz gives more connections than it was asked for")
            if len(page) < CONNECTIONS_IN_A_PAGE:
                left.remove(target)
        offset += CONNECTIONS_IN_A_PAGE
    return found


def _connections(target: Target, connz: Reply) -> list[dict[str, Any]]:
    try:
        with _judging_shapes():
            return [_connection(one) for one in _body("/connz", connz).get("connections") or ()]
    except _NoReadingError as silent:
        raise NatsError(f"{target.name} {target.shown_url}: {silent}") from None


def _connection(connection: Any) -> dict[str, Any]:
    """What is of use of a connection, its texts as they are compared and shown."""
    if not isinstance(connection, dict):
        raise TypeError(f"a connection is {str(connection)[:40]}")
    texts = {key: text(connection, key) for key in _TEXTS_OF_A_CONNECTION if key in connection}
    return {**texts, **{key: int(connection[key]) for key in _NUMBERS_OF_A_CONNECTION if key in connection}}


def _jsz(offset: int, config: bool) -> str:
    page = f"limit={ACCOUNTS_IN_A_PAGE}&offset={offset}"
    return f"/jsz?accounts=true&streams=true&consumers=true&raft=true&{'config=true&' if config else ''}{page}"


def _ask(source: Source, targets: Sequence[Target], paths: Sequence[str]) -> dict[Target, list[Reply]]:
    replies = iter(source.ask([(target, path) for target in targets for path in paths]))
    return {target: [next(replies) for _unused in paths] for target in targets}


def _facts_of(target: Target, varz: Reply, routez: Reply) -> Reading:
    return _with_routes(_varz_of(target, varz), routez)


def _with_health(reading: Reading, healthz: Reply) -> Reading:
    if isinstance(healthz, Fault):
        raise _NoReadingError(healthz.message, healthz.lasting)
    return replace(reading, health=_server.parse_healthz(healthz.status, healthz.body))


def _with_placements(
    source: Source, target: Target, reading: Reading, first_page: Reply, config: bool
) -> tuple[Reading, tuple[str, ...]]:
    name = reading.facts.server_name if reading.facts else ""
    body = _body("/jsz", first_page)
    placements, accounts = _server.parse_jsz(body), _server.parse_accounts(body)
    reading = _completed(reading, body)
    streams, in_files = _assets.parse_streams(body), _assets.parse_in_files(body)
    assets = _assets.parse_assets(body, name) if config else ()
    page = accounts
    while len(page) == ACCOUNTS_IN_A_PAGE and len(accounts) <= MOST_ACCOUNTS:
        body = _body("/jsz", _ask(source, [target], [_jsz(len(accounts), config)])[target][0])
        page = _server.parse_accounts(body)
        placements += _server.parse_jsz({"account_details": body.get("account_details")})
        assets += _assets.parse_assets(body, name) if config else ()
        streams |= _assets.parse_streams(body)
        in_files.update(_assets.parse_in_files(body))
        accounts += page
    return replace(reading, placements=placements, assets=assets, streams=streams, in_files=in_files), accounts


def follow_ups(varz: Reply, jsz: Reply) -> list[str]:
    """What C(read_state) asks a server next, once these two answers have come; nothing where they tell of no server."""
    try:
        with _judging_shapes():
            return _next_paths(_server.parse_varz(_body("/varz", varz)), _server.parse_accounts(_body("/jsz", jsz)))
    except _NoReadingError:
        return []


def _next_paths(facts: _server.ServerFacts, accounts: Sequence[str]) -> list[str]:
    """Where its Raft groups are told, and what joins it to other clusters: only of a server that has some."""
    if len(accounts) > MOST_ACCOUNTS:
        raise _NoReadingError(f"/jsz names more than {MOST_ACCOUNTS} accounts: is it a NATS server?", lasting=True)
    # Without ?acc= a server answers for the system account only, where the meta group is.
    raftz = ["/raftz", *(f"/raftz?acc={quote(account, safe='')}" for account in accounts)] if facts.jetstream else []
    return raftz + (["/gatewayz"] if facts.has_gateways else []) + (["/leafz"] if facts.leafnodes else [])


def _with_answer(reading: Reading, path: str, reply: Reply) -> Reading:
    if path == "/gatewayz":
        return replace(reading, gateways=_gateways.parse_gatewayz(_body(path, reply)))
    if path == "/leafz":
        return replace(reading, leafs=_gateways.parse_leafz(_body(path, reply)))
    if isinstance(reply, Fault):
        raise _NoReadingError(reply.message, reply.lasting)
    if reply.status == 200 and isinstance(reply.body, dict):
        return replace(reading, groups=reading.groups + _server.parse_raftz(reply.body))
    # 404, not JSON: a server that runs no Raft node, alone or just starting. It has no groups.
    return reading


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
