# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reasons not to begin that lie in streams and consumers: what cannot do without a node, what the target cannot serve. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import Iterator

from ansible_collections.natsops.cluster.plugins.module_utils._core.text import listed, named
from ansible_collections.natsops.cluster.plugins.module_utils._core.times import moment
from ansible_collections.natsops.cluster.plugins.module_utils._core.versions import ServerVersion, parse_or_none
from ansible_collections.natsops.cluster.plugins.module_utils._judge import feature_wedge as _feature_wedge
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Server, Situation, Trouble
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._policy.judge import Policy
from ansible_collections.natsops.cluster.plugins.module_utils._values.assets import Asset
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import META_GROUP

# From 2.15 a stream takes 1000 consumers unless default_max_consumers says otherwise (its upgrade guide).
MANY_CONSUMERS = 900
LIMITED_FROM = ServerVersion(2, 15, 0)
_ON_ITS_WAY_SECONDS = 60.0


def judge(situation: Situation, policy: Policy, target: ServerVersion, *, refuse_r1: bool) -> Iterator[Trouble]:
    """Every reason that lies in streams and consumers."""
    yield from _fragile(situation, refuse_r1)
    yield from _many_consumers(situation, target)
    yield from _needs_more(situation, policy, target)
    yield from _wedged(situation)
    yield from _not_served(situation)
    yield from _not_stored(situation)


def fragile(asset: Asset) -> str:
    """Why an asset cannot do without the node that leads it, or nothing."""
    if not asset.durable or (asset.kind == "consumer" and asset.replicas < 2):
        return ""  # told with its stream, or gone when its client is
    if asset.replicas == 1:
        return "R1 in memory: emptied" if asset.memory else "R1"
    return "R2" if asset.replicas == 2 else ""


def used(situation: Situation) -> frozenset[str]:
    """What is in use in this cluster, in the words that rules about bad releases are written in."""
    words: set[str] = set()
    words.update(*(server.facts.used for server in situation.servers))
    words.update(*(node.get("used") or () for node in situation.nodes.values()))
    for asset in situation.assets:
        if asset.kind != "stream":
            continue
        config = asset.config
        seen = {
            "compression": config.get("compression", "none") != "none",
            "r1_streams": asset.replicas == 1,
            "per_subject_limits": config.get("max_msgs_per_subject", -1) > 1,
            "interest_or_workqueue_streams": config.get("retention", "limits") != "limits",
            "sources": bool(config.get("sources") or config.get("mirror")),
        }
        words |= {word for word, is_used in seen.items() if is_used}
    return frozenset(words)


def _fragile(situation: Situation, refuse_r1: bool) -> Iterator[Trouble]:
    found: dict[str, list[Asset]] = defaultdict(list)
    for asset in situation.assets:
        if fragile(asset) and asset.leader:
            found[asset.host].append(asset)
    if not found:
        return
    lines = "\n".join(
        f"  {host}: {len(assets)}: {named(f'{a.label} ({fragile(a)})' for a in assets)}" for host, assets in sorted(found.items())
    )
    yield Trouble(
        Finding(
            "r1_assets",
            f"streams and consumers that are down while their node is away, from the first second of its drain:\n{lines}\n"
            "Give them three replicas (nats stream edit --replicas 3) if that must not be",
            refuses=refuse_r1,
            seen=tuple(asset.label for assets in found.values() for asset in assets),
        )
    )


def _many_consumers(situation: Situation, target: ServerVersion) -> Iterator[Trouble]:
    full = [asset for asset in situation.assets if asset.consumers > MANY_CONSUMERS]
    old = [s for s in situation.servers if (parse_or_none(s.facts.version) or target) < LIMITED_FROM]
    if full and old and not target < LIMITED_FROM:
        which = named(f"{asset.label} ({asset.consumers})" for asset in full)
        yield Trouble(
            Finding(
                "many_consumers",
                f"{which}: from 2.15 a stream takes no more than 1000 consumers. After the last node is done, and not before, "
                "set jetstream { limits { default_max_consumers: -1 } } or a number that is enough",
                refuses=False,
                seen=tuple(asset.label for asset in full),
            )
        )


def _needs_more(situation: Situation, policy: Policy, target: ServerVersion) -> Iterator[Trouble]:
    """Assets that the target cannot serve: they would go offline, or lose what they rely on without a word."""
    level = _judge.api_level(policy, target)
    lines = []
    for asset in situation.assets:
        needed, fields = _judge.required_level(policy, asset.kind, asset.config)
        lost = _judge.unsupported_fields(policy, asset.kind, asset.config, target) or (fields if needed > level else ())
        if needed > level or lost:
            lines.append((asset.label, f"  {asset.label}: {', '.join(lost) or 'what it uses'} (API level {needed})"))
    if lines:
        shown = listed([line for _unused, line in lines])
        yield Trouble(
            Finding(
                "downgrade_assets",
                f"nats-server {target} (API level {level}) cannot serve {len(lines)} streams and consumers that exist:\n{shown}\n"
                "They would go offline, or be broken for good. Delete or recreate them without these features first",
                seen=tuple(label for label, _unused in lines),
            )
        )


def _wedged(situation: Situation) -> Iterator[Trouble]:
    assets = _feature_wedge.wedged(situation.readings)
    if assets:
        labels = [asset.label for asset, _unused in assets]
        keys = tuple(m.key for m in situation.missing if any(_feature_wedge.is_about(m.subject, label) for label in labels))
        yield Trouble(Finding("feature_wedge", _feature_wedge.told(situation.readings, assets), seen=tuple(labels)), keys)


def _not_served(situation: Situation) -> Iterator[Trouble]:
    """Streams that are stored on a node and that its server does not serve. /healthz and /jsz do not tell of them."""
    lost: dict[str, list[str]] = {}
    for server in situation.servers:
        stored = (situation.nodes.get(server.host) or {}).get("stored_streams") or []
        hidden = sorted(set(stored) - server.reading.streams)
        if hidden and server.reading.health and not server.reading.health.draining_or_starting:
            lost[server.host] = hidden
    if lost:
        lines = "\n".join(f"  {host}: {named(labels)}" for host, labels in sorted(lost.items()))
        yield Trouble(
            Finding(
                "offline_assets",
                f"streams are stored and not served:\n{lines}\nA server that does not know a feature of a stream leaves it out "
                "and says healthy all the same (its log: Detected unsupported stream). Upgrade to a version that serves it, or "
                "delete it",
                seen=tuple(sorted({label for labels in lost.values() for label in labels})),
            )
        )


def _not_stored(situation: Situation) -> Iterator[Trouble]:
    """Servers that serve what is not on their disk any more: it is gone with their next stop."""
    lost = [(server, gone) for server in situation.servers for gone in [_gone(situation, server)] if gone]
    if not lost:
        return
    lines = "\n".join(f"  {server.host}: {_store(situation, server)}: {named(gone)}" for server, gone in lost)
    single = sorted(label for server, gone in lost for label in gone if _is_single(server, label))
    advice = f"Of {named(single)} there is no other copy: back it up now (nats stream backup). " if single else ""
    yield Trouble(
        Finding(
            "missing_store",
            f"streams are served and not stored:\n{lines}\nTheir files were removed while the server runs, and it says healthy "
            "all the same: what it has open is gone once it stops. Stop neither it nor its machine before you know what removed "
            f"them. {advice}What has other replicas comes back from these when the server starts with an empty store: see first "
            "that all of them are current, and restart one such server at a time, by hand",
            # With one such server, and every stream on others too, a restart is what repairs it.
            waivable=len(lost) == 1 and not single,
            seen=tuple(sorted(server.host for server, _unused in lost)),
        )
    )


def _store(situation: Situation, server: Server) -> str:
    missing = situation.nodes[server.host].get("store") == "missing"
    return f"{server.facts.store_dir} is not there" if missing else f"not in {server.facts.store_dir}"


def _is_single(server: Server, label: str) -> bool:
    return label in server.reading.in_files and server.reading.in_files[label].replicas == 1


def _gone(situation: Situation, server: Server) -> list[str]:
    node, reading = situation.nodes.get(server.host) or {}, server.reading
    read_at = moment(node.get("store_read_at") or "")
    if read_at is None or not reading.health or reading.health.draining_or_starting:
        return []
    made = {label: moment(stream.created) for label, stream in reading.in_files.items()}
    # What was made since may have been on its way to the disk; another server's clock says when it was made.
    older = {label for label, created in made.items() if created is not None and created < read_at - _ON_ITS_WAY_SECONDS}
    if node.get("store") == "missing":
        return sorted(older) or [META_GROUP]
    return sorted(older - set(node.get("stored_streams") or ())) if node.get("store") == "read" else []
