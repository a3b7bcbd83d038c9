# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""By what a server and a cluster are known, from one poll to the next. Pure.

A server is known by its name. One without a name has another id after each start: it is known by where it is read, its host,
and as the other end of a route by its address. A cluster is known by its name where all of its servers say the same, and no
other cluster does; else by its routes. Every reading goes through C(settled), so that whoever judges has one name for one thing.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import combinations
from typing import Iterable, Iterator, Mapping, Sequence, TypeVar
from urllib.parse import urlsplit

from ansible_collections.natsops.cluster.plugins.module_utils._values.routes import Peer
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading, ServerFacts

# As servers make up names of clusters: a NUID.
_MADE_UP = re.compile(r"[0-9A-Za-z]{22}\Z")
_LOOPBACK = ("localhost", "127.", "::1")
Part = Sequence[Reading]
_Item = TypeVar("_Item")


def unnamed(place: str) -> str:
    """What a server without a name is called: C(place) is its host, or its address. No server has such a name of its own."""
    return f"{place} (no server_name)"


def settled(readings: Sequence[Reading]) -> list[Reading]:
    """The readings of one poll, with one name for one server and one cluster wherever they are named."""
    return _with_clusters(_with_names(readings))


def has_name(reading: Reading) -> bool:
    """Whether the server has a server_name; false where it does not answer."""
    return reading.facts is not None and said_name(reading) != reading.facts.server_id


def said_name(reading: Reading) -> str:
    """What the server calls itself."""
    return reading.said.server_name or (reading.facts.server_name if reading.facts else "")


def said_cluster(reading: Reading) -> str:
    """What the server calls its cluster."""
    return reading.said.cluster or (reading.facts.cluster if reading.facts else "")


def _with_names(readings: Sequence[Reading]) -> list[Reading]:
    own = {r.facts.server_id: unnamed(r.name) for r in readings if r.facts and r.facts.server_name == r.facts.server_id}
    if not own and all(peer.has_name for reading in readings for peer in reading.routes):
        return list(readings)
    names = {r.facts.server_id: own.get(r.facts.server_id, r.facts.server_name) for r in readings if r.facts}
    silent = _silent_places(readings)
    return [_renamed(reading, own, names, silent) for reading in readings]


def _silent_places(readings: Sequence[Reading]) -> dict[str, str]:
    """By address, the host that does not answer there. Several at one address, as on loopback, cannot be told apart."""
    places: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        places[_host_of(reading.monitor_url)].append(reading)
    return {
        place: there[0].name
        for place, there in places.items()
        if place and len(there) == 1 and there[0].facts is None and not place.startswith(_LOOPBACK)
    }


def _renamed(reading: Reading, own: Mapping[str, str], names: Mapping[str, str], silent: Mapping[str, str]) -> Reading:
    facts = reading.facts
    if facts is None:
        return reading
    called = {peer: _name_of(peer, names, silent) for peer in reading.routes}
    return replace(
        reading,
        facts=replace(facts, server_name=own.get(facts.server_id, facts.server_name)),
        peers=frozenset(called.values()) if reading.routes else reading.peers,
        # Whoever was known by its address when it was not read may be read by now.
        peers_too=frozenset(unnamed(peer.address) for peer in reading.routes if not peer.has_name),
        leafs=tuple(replace(leaf, name=own.get(leaf.name, leaf.name)) for leaf in reading.leafs),
        assets=tuple(
            replace(asset, host=own.get(asset.host, asset.host), leader=own.get(asset.leader, asset.leader))
            for asset in reading.assets
        )
        if facts.server_id in own
        else reading.assets,
    )


def _name_of(peer: Peer, names: Mapping[str, str], silent: Mapping[str, str]) -> str:
    if peer.has_name:
        return peer.name
    return names.get(peer.id) or unnamed(silent.get(peer.address, peer.address or peer.id))


def _with_clusters(readings: Sequence[Reading]) -> list[Reading]:
    parts = clusters(readings)
    said = [{said_cluster(reading) for reading in part} for part in parts]
    parts_of = Counter(name for names in said for name in names)
    of_host: dict[str, str] = {}
    for part, names in zip(parts, said):
        name = min(names)
        if len(names) > 1:
            name = f"the cluster of {part[0].name}"
        elif parts_of[name] > 1:
            name = f"{name} (of {part[0].name})"
        of_host.update((reading.name, name) for reading in part)
    return [_in_cluster(reading, of_host.get(reading.name)) for reading in readings]


def _in_cluster(reading: Reading, name: str | None) -> Reading:
    if reading.facts is None or name is None or name == reading.facts.cluster:
        return reading
    return replace(reading, facts=replace(reading.facts, cluster=name))


def clusters(readings: Sequence[Reading]) -> list[Part]:
    """The servers that are of one cluster, by their routes; without routes between them, by its name.

    A server that is cut off has no routes, and its cluster's name, or one that it made up: it is not a cluster of its own.
    """
    servers = [reading for reading in readings if reading.facts and said_cluster(reading)]
    parts = _joined(servers, _with_same_mark(map(_marks, servers)))
    cut_off = ((one, other) for one, other in _candidates(parts) if _one_cluster(parts[one], parts[other]))
    return [[reading for part in those for reading in part] for those in _joined(parts, cut_off)]


def _joined(items: Sequence[_Item], pairs: Iterable[tuple[int, int]]) -> list[list[_Item]]:
    """The items in groups: two that a pair names are in one."""
    leader = list(range(len(items)))

    def find(number: int) -> int:
        while leader[number] != number:
            leader[number] = number = leader[leader[number]]
        return number

    for one, other in pairs:
        first, second = sorted((find(one), find(other)))
        leader[second] = first
    groups: dict[int, list[_Item]] = defaultdict(list)
    for number, item in enumerate(items):
        groups[find(number)].append(item)
    return list(groups.values())


def _with_same_mark(marks: Iterable[Iterable[str]]) -> Iterator[tuple[int, int]]:
    first: dict[str, int] = {}
    for number, of_it in enumerate(marks):
        for mark in of_it:
            yield number, first.setdefault(mark, number)


def _candidates(parts: Sequence[Part]) -> Iterator[tuple[int, int]]:
    """Parts that may be of one cluster: few of the pairs that there are in a large fleet."""
    by_mark: dict[str, set[int]] = defaultdict(set)
    for number, part in enumerate(parts):
        names = {said_cluster(reading) for reading in part}
        if all(map(_MADE_UP.match, names)):
            names |= _configured(part) | _addresses(part) | ({"lacking"} if _lacks(part) else set())
        for mark in names:
            by_mark[mark].add(number)
    yield from {two for numbers in by_mark.values() for two in combinations(sorted(numbers), 2)}


def _marks(reading: Reading) -> Iterator[str]:
    if reading.facts is None:
        return
    if reading.said.route_address or reading.routes:
        yield reading.facts.server_id
        yield from (peer.id or peer.name for peer in reading.routes)
    else:  # of facts that were told, no ids of others are known
        yield f"name {reading.facts.server_name}"
        yield from (f"name {peer}" for peer in reading.peers)


def _one_cluster(one: Part, other: Part) -> bool:
    """Whether two parts that no route joins are of one cluster all the same, and cut off from each other."""
    mine, theirs = ({said_cluster(reading) for reading in part} for part in (one, other))
    if mine & theirs:
        return not _stand_alone(one, other)
    made_up = all(map(_MADE_UP.match, mine | theirs))
    leads = any(_leads_to(here, there) for here, there in ((one, other), (other, one)))
    return made_up and (leads or (_lacks(one) and _lacks(other)))


def _stand_alone(one: Part, other: Part) -> bool:
    """Whether these are two clusters of one name: nothing of one is missing in it, nor does anything of it name the other.

    A single server with the name of a cluster is taken for one that is cut off from it.
    """
    if any(reading.facts and reading.facts.has_gateways for reading in (*one, *other)):
        return False
    ties = _members(one) & _meta_names(other) or _members(other) & _meta_names(one)
    return not ties and all(len(part) > 1 and _is_whole(part) for part in (one, other))


def _members(part: Part) -> set[str]:
    return {reading.facts.server_name for reading in part if reading.facts}


def _meta_names(part: Part) -> set[str]:
    return {name for reading in part for name in reading.meta_peers}


def _is_whole(part: Part) -> bool:
    """Whether all configured routes lead to servers of the part, and its meta group counts no others."""
    counted = max((reading.facts.meta_cluster_size for reading in part if reading.facts), default=0)
    routes = _configured(part)
    return counted <= len(part) and bool(routes) and routes <= _addresses(part)


def _leads_to(one: Part, other: Part) -> bool:
    return bool(_configured(one) & _addresses(other))


def _lacks(part: Part) -> bool:
    """Whether more routes are configured than there are servers in it; of routes by DNS names no more can be told."""
    return len(_configured(part)) > len(part)


def _configured(part: Part) -> set[str]:
    return {route for reading in part if reading.facts for route in reading.facts.configured_routes}


def _addresses(part: Part) -> set[str]:
    """Where servers take routes, as far as it can be known: HOST:PORT by every name that a host is known to have."""
    seen: dict[str, set[str]] = defaultdict(set)
    for reading in part:
        for peer in reading.routes:
            seen[peer.id].add(peer.address)
    return {
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        for reading in part
        if reading.facts
        for listens, _unused, port in [reading.said.route_address.rpartition(":")]
        for host in _hosts(reading, reading.facts, listens) | seen[reading.facts.server_id]
        # Not what stands for every address, nor none.
        if port and host.strip("0.:")
    }


def _hosts(reading: Reading, facts: ServerFacts, listens: str) -> set[str]:
    told = {url.rpartition(":")[0].strip("[]") for url in facts.connect_urls[:1]}
    return {reading.name, _host_of(reading.monitor_url), listens.strip("[]"), *told}


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
