# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reasons not to begin that lie in what servers on one machine share, and in what a switch would change besides. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Callable, Iterator, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core import refusals as _refusals
from ansible_collections.natsops.cluster.plugins.module_utils._core.text import named
from ansible_collections.natsops.cluster.plugins.module_utils._core.versions import ServerVersion
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Server, Situation, Trouble


def judge(situation: Situation, target: ServerVersion | None) -> Iterator[Trouble]:
    """Every reason that lies in what is shared. Without another version to go to, no binary is switched."""
    yield from _state_folders(situation)
    yield from _journals_of_others(situation)
    if not target or not any(_changes(situation, server, target) for server in situation.servers):
        return
    for host, node in sorted(situation.nodes.items()):
        if node.get("binary_switch"):
            yield from _switch(host, node, node["binary_switch"])
    for hosts in _sharing(situation, lambda node: (node.get("binary_switch") or {}).get("place")):
        yield from _binary(situation, hosts)


def _changes(situation: Situation, server: Server, target: ServerVersion) -> bool:
    return server.facts.version != str(target) or situation.unfinished(server.host)


def _sharing(situation: Situation, place_of: Callable[[Mapping[str, Any]], Any]) -> list[list[str]]:
    """The hosts by a place that they have, in their order."""
    found: dict[str, list[str]] = defaultdict(list)
    for host, node in sorted(situation.nodes.items()):
        place = place_of(node)
        if place:
            found[place].append(host)
    return list(found.values())


def _state_folders(situation: Situation) -> Iterator[Trouble]:
    for hosts in _sharing(situation, lambda node: node.get("state_place")):
        if len(hosts) > 1:
            yield Trouble(
                Finding(
                    "shared_state_dir",
                    f"{named(hosts)} have one nats_upgrade_state_dir, on one machine: the journal of each turn would be written "
                    "over by the next, so that a turn which breaks off is finished, or put back, as another server's. Set "
                    "nats_upgrade_state_dir to a folder of its own for each of them, such as "
                    "/var/lib/natsops/{{ inventory_hostname }}",
                    seen=tuple(hosts),
                )
            )


def _journals_of_others(situation: Situation) -> Iterator[Trouble]:
    """A turn that broke off, of a server that is in another inventory: to finish it here would be to expect the wrong server."""
    for server in situation.servers:
        journal, own = situation.journal(server.host), (situation.nodes.get(server.host) or {}).get("config_path")
        name, config = (journal.get("expectation") or {}).get("server_name"), journal.get("config_path")
        known = situation.unfinished(server.host) and name and config and own
        if known and name != server.facts.server_name and config != own:
            yield Trouble(
                Finding(
                    "shared_state_dir",
                    f"{server.host}: in its nats_upgrade_state_dir is a turn that has not ended, and it is that of another "
                    f"server ({name}, with {config}): this host answers as {server.facts.server_name}, with {own}. That one "
                    "would be finished, or put back, in the place of this one. Set nats_upgrade_state_dir to a folder of its "
                    "own for each of them, and have the other cluster's roll finished by its own inventory",
                    seen=(server.host,),
                )
            )


def _switch(host: str, node: Mapping[str, Any], switch: Mapping[str, Any]) -> Iterator[Trouble]:
    path, version = node.get("binary_path") or switch["path"], switch["names_version"]
    if switch["managed"]:
        said = _refusals.managed_link(path, switch["managed"], node.get("binary_version") or "")
        yield Trouble(Finding("managed_link", f"{host}: {said}", seen=(host,)))
    elif version:
        yield Trouble(
            Finding(
                "versioned_path",
                f"{host}: the server is started by {path}, which names {version}: the new version takes its place there, under "
                "the name of the old one. Have the server started through a link that can be switched, such as "
                "/opt/nats/current to the folder of the version",
                refuses=False,
                seen=(host,),
            )
        )


def _binary(situation: Situation, hosts: list[str]) -> Iterator[Trouble]:
    """The servers that are started by one link, or one plain file."""
    switch = situation.nodes[hosts[0]]["binary_switch"]
    others = _strangers(situation, hosts)
    if others:
        which = named(f"pid {pid} ({config or 'no configuration file'})" for pid, config in sorted(others.items()))
        yield _shared(
            hosts,
            f"{named(hosts)}: {switch['path']} starts other servers as well, which are no hosts of this run: {which}. They would "
            "start with the new version, undrained and unwatched, whenever they end. Put their hosts into the inventory, leave "
            "out none (--limit), or give these servers a binary of their own (nats_upgrade_binary_path)",
        )
    if len(hosts) < 2:
        return
    clusters = sorted({server.facts.cluster for server in situation.servers if server.host in hosts})
    if len(clusters) > 1:
        yield _shared(
            hosts,
            f"{named(hosts)} are started by one file, {switch['path']}, and are of several clusters, {named(clusters)}: the "
            "first turn switches it for all of them, long before the turns of the other cluster. Give the servers of "
            "each cluster a binary of their own (nats_upgrade_binary_path)",
        )
    elif not others:
        yield _shared(
            hosts,
            f"{named(hosts)} are started by one file, {switch['path']}: the new version is staged there once, and the first of "
            "their turns switches it for all. One of them that crashes before its own turn starts with the new version, "
            "undrained; and where one is put back, the others would start with the old version, until the next run",
            refuses=False,
        )


def _strangers(situation: Situation, hosts: list[str]) -> dict[int, str]:
    """Servers that the same file starts and that are of no host here, temporary servers included, by pid.

    None where a server answers whose process was not found, as by a wrong pid file: it may be any of them.
    """
    answering = {server.host for server in situation.servers}
    if any(situation.nodes[host].get("pid") is None for host in hosts if host in answering):
        return {}
    known = {node.get("pid") for node in situation.nodes.values()} | {surge.node.get("pid") for surge in situation.surge}
    found = [one for host in hosts for one in situation.nodes[host]["binary_switch"]["others"]]
    return {one["pid"]: one["config_path"] for one in found if one["pid"] not in known}


def _shared(hosts: list[str], said: str, *, refuses: bool = True) -> Trouble:
    return Trouble(Finding("shared_binary", said, refuses=refuses, seen=tuple(hosts)))
