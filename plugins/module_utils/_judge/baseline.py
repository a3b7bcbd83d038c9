# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a cluster had before a node was stopped, and what it has lost since. Pure but for the file it is kept in.

It is kept in a file on the controller and not in a variable: a large cluster has tens of thousands of streams and consumers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, Iterable, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._judge import removed as _removed
from ansible_collections.natsops.cluster.plugins.module_utils._values.assets import Asset
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading

# Clients come and go by themselves: what is more than this is said, and it is a warning.
CLIENTS_LOST = 0.2
FEWEST_CLIENTS = 5
MOST_NAMED = 5


def take(readings: Sequence[Reading], stopping: str | None = None) -> dict[str, Any]:
    """Every stream and durable consumer by label, and the clients, as they are before the server of a host is stopped."""
    node = next((r.facts.server_name for r in readings if r.facts and r.name == stopping), "")
    consumers: dict[str, list[Asset]] = defaultdict(list)
    for asset in (asset for reading in readings for asset in reading.assets if asset.kind == "consumer"):
        consumers[asset.label.rpartition(" > ")[0]].append(asset)
    assets = {
        asset.label: _record(asset, consumers[asset.label], reading.facts.now if reading.facts else "")
        for reading in readings
        for asset in reading.assets
        if asset.durable
    }
    return {
        "node": node,
        "assets": assets,
        "clients": sum(reading.facts.connections for reading in readings if reading.facts),
        # Wherever in the cluster they are connected: a leaf node goes to another server while this one drains.
        "leafs": sorted(str(leaf) for reading in readings for leaf in reading.leafs if not leaf.outgoing),
    }


def _record(asset: Asset, consumers: Sequence[Asset], now: str) -> dict[str, Any]:
    own = (
        {"delivered": asset.delivered, "acknowledged": asset.acknowledged}
        if asset.kind == "consumer"
        else {"content": _removed.record(asset, consumers, now)}
        if asset.replicas == 1
        else {}
    )
    return {
        "created": asset.created,
        "replicas": asset.replicas,
        "last_sequence": asset.last_sequence,
        "memory": asset.memory and asset.replicas == 1,
        "host": asset.host,
        "kind": asset.kind,
        **own,
    }


def damage(before: Mapping[str, Any], after: Mapping[str, Any], first: Mapping[str, Any] | None = None) -> list[str]:
    """What was there before and is lost, or less, now that the server is back. A stream that was made anew is another one.

    C(first) is how it was some seconds earlier, when the server had just come back: from where messages still go, users delete.

    A stream with several replicas that nobody has any more was deleted by a user: a roll takes one replica at a time. One that
    lived on this node alone is damage, and so is one whose last sequence fell. A stream in memory on this node alone is emptied
    by every restart: the plan warns of it.
    """
    found, node = [], before["node"]
    for label, was in sorted(before["assets"].items()):
        now = after["assets"].get(label)
        if now is None:
            if was["replicas"] == 1 and was["host"] == node and was["kind"] == "stream":
                found.append(f"{label} was on {node} alone, and is not there any more: lost, or deleted meanwhile")
        elif now["created"] == was["created"]:
            found += _less(label, was, now, node)
            found += _went_back(label, was, now, node)
            found += _lost(label, was, now, (first or after)["assets"].get(label), node)
    return found


def _less(label: str, was: Mapping[str, Any], now: Mapping[str, Any], node: str) -> Iterable[str]:
    if now["replicas"] < was["replicas"]:
        yield f"{label} had {was['replicas']} replicas and has {now['replicas']}"
    if now["last_sequence"] < was["last_sequence"] and not (was["memory"] and was["host"] == node):
        yield f"the last sequence of {label} fell from {was['last_sequence']} to {now['last_sequence']}"


def _went_back(label: str, was: Mapping[str, Any], now: Mapping[str, Any], node: str) -> Iterable[str]:
    """How far a consumer has come only ever grows. What began anew gives its messages a second time."""
    if was["memory"] and was["host"] == node:
        return
    for key, what in (("acknowledged", "ack floor"), ("delivered", "last delivered sequence")):
        if now.get(key, 0) < was.get(key, 0):
            yield f"the {what} of {label} fell from {was[key]} to {now[key]}: it gives messages a second time"


def _lost(
    label: str, was: Mapping[str, Any], now: Mapping[str, Any], first: Mapping[str, Any] | None, node: str
) -> Iterable[str]:
    before, after, earlier = was.get("content"), now.get("content"), (first or now).get("content")
    if was["memory"] or was["host"] != node or not (before and after and earlier):
        return
    if _removed.number(before, after) == _removed.number(before, earlier):
        words = _removed.unexplained(before, after)
        if words:
            yield f"{label} {words}"


def clients_lost(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What to say of clients that have not come back; empty where they have, as far as can be told from their number."""
    was, now = before["clients"], after["clients"]
    if was < FEWEST_CLIENTS or now >= was * (1 - CLIENTS_LOST):
        return ""
    return f"{now} clients are connected, and {was} were before: some may know one server only, or not try again"


def leafs_lost(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What to say of leaf nodes that have not come back; empty where they have. Nothing to stop for: most are other people's
    machines, at the far end of a line, and go away by themselves too."""
    lost = sorted((Counter(before.get("leafs") or ()) - Counter(after["leafs"])).elements())
    if not lost:
        return ""
    some = ", ".join(lost[:MOST_NAMED]) + (f" and {len(lost) - MOST_NAMED} more" if len(lost) > MOST_NAMED else "")
    return (
        f"leaf nodes that were connected before are not connected to any server of the cluster: {some}. Look at whether their "
        "remotes name more than one server of it, and whether leafnodes.min_version here is not above their version"
    )
