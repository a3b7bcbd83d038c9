# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether the next start of a server would make another server of it: what runs, and what the deployed file would start. Pure.

What is not known on either side is no difference. Measured on 2.12.8 to 2.15.1: under another name a server deletes its streams
of one replica within 8 s; with another store, without JetStream, or without its key it serves none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Collection, Iterator, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.text import listed
from ansible_collections.natsops.cluster.plugins.module_utils._judge import health as _health
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Server, Situation, Trouble
from ansible_collections.natsops.cluster.plugins.module_utils._values import known as _known
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading, ServerFacts

# Why each of these matters, and what to do: told once, below the servers.
_WHY = {
    "server_name": "A server under another name is a new one: the meta group keeps the old one as a ghost, and the streams of "
    "one replica are deleted from its disk within seconds. Put the old name back",
    "cluster": "A server of another cluster gets no routes to this one. A cluster cannot be renamed one server at a time: put "
    "the old name back",
    "jetstream": "Its streams would not be served. Turn JetStream on again, or move them to other servers first",
    "store_dir": "The other folder does not hold its streams: those of one replica would be gone, and the others copied anew. "
    "Put the old folder back; or move the store by hand before this run, one server after the other: drain and stop it, move "
    "the folder, start it, and wait until it is current",
    "key": "What is stored can be read with the key that it was written with only. Put that key back; to change it, give the "
    "old one as prev_key beside the new one for one start",
    "system_account": "Servers decide about JetStream in the system account, and do not hear one that has another. Put the old "
    "one back",
    "port": "Clients, other servers and monitoring, this run's own included, look for it at the old port",
    "domain": "Clients that name the old domain would not find its JetStream",
    "encrypted": "Nothing is lost, but what has been encrypted cannot be read without the key any more",
    "cipher": "Nothing is lost: the server writes its streams anew with the other cipher when it starts",
    "account": "What uses the old system account would not find this server",
    "starts_jetstream": "It would join the meta group of its cluster as one more member",
}
_PORTS = {"client_port": "port", "cluster_port": "cluster.port", "monitor_port": "http"}


@dataclass(frozen=True)
class _Difference:
    said: str
    why: str
    waivable: bool = False


def judge(situation: Situation, hosts: Collection[str]) -> Iterator[Trouble]:
    """Of the servers on these hosts, which are to be stopped: those that would not start as they run."""
    found = {
        server.host: list(_differences(situation, server))
        for server in situation.servers
        if server.host in hosts and (situation.nodes.get(server.host) or {}).get("next_start")
    }
    for waivable in (False, True):
        some = {host: [one for one in every if one.waivable == waivable] for host, every in found.items()}
        some = {host: every for host, every in sorted(some.items()) if every}
        if some:
            yield Trouble(_finding(situation, some, waivable=waivable))


def _finding(situation: Situation, found: Mapping[str, list[_Difference]], *, waivable: bool) -> Finding:
    lines = [f"  {host}: {one.said}{_file(situation, host)}" for host, every in found.items() for one in every]
    why = dict.fromkeys(one.why for every in found.values() for one in every)
    then = "" if not waivable else " Put back what was there before, or go on knowingly."
    return Finding(
        "pending_identity",
        f"the next start would make another server of what runs, by the deployed file, the arguments and the environment:\n"
        f"{listed(lines)}\n{'. '.join(_WHY[one] for one in why)}.{then}",
        waivable=waivable,
        seen=tuple(found),
    )


def _file(situation: Situation, host: str) -> str:
    path = situation.nodes[host]["next_start"].get("config_path")
    return f" ({path})" if path else ""


def _differences(situation: Situation, server: Server) -> Iterator[_Difference]:
    node, facts = situation.nodes[server.host], server.facts
    following = node["next_start"]
    if situation.unfinished(server.host):
        # It may run as something that was put right since: what counts is what it was before its turn.
        yield from _after_a_turn(situation.journal(server.host), following)
        return
    yield from _names(server.reading, following)
    has_assets = bool(server.reading.streams or node.get("stored_streams"))
    yield from _jetstream(facts, following, node, has_assets)
    account, then = facts.system_account, following.get("system_account")
    if account and then is not None and then != account:
        why = "system_account" if facts.jetstream else "account"
        yield _Difference(_changes("system_account", account, then), why, waivable=not facts.jetstream)
    for key, label in _PORTS.items():
        now, then = getattr(facts, key), following.get(key)
        if now is not None and then is not None and now != then:
            yield _Difference(_changes(label, str(now or ""), str(then or "")), "port", waivable=True)


def _changes(label: str, now: str, then: str) -> str:
    return f"{label} is {now or 'not set'}, and would be {then or 'not set'}"


def _runs_as(now: str, then: str) -> str:
    return f"it runs as {now}, and would start as {then}" if then else f"it runs as {now}, and would start without a name"


def _after_a_turn(journal: Mapping[str, Any], following: Mapping[str, Any]) -> Iterator[_Difference]:
    name = (journal.get("expectation") or {}).get("server_name")
    if name and following.get("server_name") not in (None, "", name):
        yield _Difference(_runs_as(name, following["server_name"]), "server_name")
    cluster = (journal.get("data") or {}).get("cluster")
    if cluster and following.get("cluster") not in (None, cluster):
        yield _Difference(_changes("cluster.name", cluster, following["cluster"]), "cluster")


def _names(reading: Reading, following: Mapping[str, Any]) -> Iterator[_Difference]:
    """A server without a name of its own has its id for one, which is another one after each start."""
    now, name = _known.said_name(reading), following.get("server_name")
    if _known.has_name(reading) and name not in (None, now):
        yield _Difference(_runs_as(now, name), "server_name")
    cluster, then = _known.said_cluster(reading), following.get("cluster")
    if then not in (None, cluster):
        yield _Difference(_changes("cluster.name", cluster, then), "cluster")


def _jetstream(
    facts: ServerFacts, following: Mapping[str, Any], node: Mapping[str, Any], has_assets: bool
) -> Iterator[_Difference]:
    then = following.get("jetstream")
    if not facts.jetstream:
        # JetStream that has turned itself off, as of a full disk, comes back with the same file: no change of anybody's.
        modified = node.get("config_modified")
        if then and modified and _health.is_later(modified, facts.start):
            yield _Difference("JetStream is off, and would be on", "starts_jetstream", waivable=True)
        return
    if then is False:
        yield _Difference("JetStream is on, and would be off", "jetstream", waivable=not has_assets)
    if not then:
        return
    if following.get("same_store") is False:
        said = _changes("store_dir", facts.store_dir, str(following.get("store_dir") or ""))
        yield _Difference(said, "store_dir", waivable=not has_assets)
    domain, now = following.get("jetstream_domain"), facts.jetstream_domain
    if domain is not None and now is not None and domain != now:
        yield _Difference(_changes("jetstream.domain", now, domain), "domain", waivable=True)
    yield from _encryption(following.get("encryption") or {})


def _encryption(seen: Mapping[str, Any]) -> Iterator[_Difference]:
    """Of what is stored. There is nothing to lose where nothing is."""
    stored, has_key = seen.get("stored"), seen.get("has_key")
    if stored == "none":
        if has_key:
            yield _Difference("what it stores is not encrypted, and would be (jetstream.key)", "encrypted", waivable=True)
    elif has_key is False:
        yield _Difference("what it stores is encrypted, and it would start without a key (jetstream.key)", "key")
    elif seen.get("opens") is False:
        yield _Difference("what it stores is encrypted with another key than jetstream.key, and than prev_key", "key")
    elif stored and has_key and seen.get("cipher") not in (None, "", stored):
        yield _Difference(_changes("jetstream.cipher", stored, seen["cipher"]), "cipher", waivable=True)
