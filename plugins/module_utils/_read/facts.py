# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Version facts of one or many servers, for the controller and for a node."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core import fields as _fields
from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _versions
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options
from ansible_collections.natsops.cluster.plugins.module_utils._values import known as _known
from ansible_collections.natsops.cluster.plugins.module_utils._values import server as _server
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading

SPEC: _options.Spec = {**_options.MONITORING, "as_facts": {"type": "bool", "default": True}}
_WHOLE = _fields.whole(-(2**63), 2**63)
_OF_TYPE = {
    "str": _fields.TEXT,
    "str | None": _fields.optional(_fields.TEXT),
    "int": _WHOLE,
    "int | None": _fields.optional(_WHOLE),
    "bool": _fields.FLAG,
    **dict.fromkeys(("tuple[str, ...]", "frozenset[str]"), _fields.TEXTS),
}
# What the facts of a server have to be that come back from a playbook, or from the node that read them.
_KEYS = {
    "reachable": _fields.FLAG.needed,
    **dict.fromkeys(("name", "monitor_url"), _fields.TEXT.needed),
    "error": _fields.TEXT,
    "peers": _fields.TEXTS,
    **{one.name: _OF_TYPE[str(one.type)] for one in fields(_server.ServerFacts)},
}
_UPTIME = re.compile(r"([0-9]{1,9})([ydhms])")
_SECONDS = {"y": 365 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}


def version_facts(
    params: Mapping[str, Any], name: str | None = None, *, open_source: _options.OpenSource = _options.open_http
) -> dict[str, Any]:
    """Return the value of C(nats_version): the facts of one server, or C(servers) of many.

    One server that cannot be read is a NatsError; among many it is an entry with C(error).
    """
    targets = _options.targets(params, name)
    with open_source(params) as source:
        readings = _monitor.read_facts(source, targets)
    if params["servers"] is not None:
        return {"servers": [facts_of(reading) for reading in readings]}
    if readings[0].error:
        raise NatsError(unreadable(readings[0]), monitor_url=readings[0].monitor_url)
    return facts_of(readings[0])


def result(params: Mapping[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    """The keys of the module's result that hold such facts."""
    found = {"nats_version": facts}
    return {"ansible_facts": found} if params["as_facts"] else found


def unreadable(reading: Reading) -> str:
    """What to say of a server that cannot be read."""
    return (
        f"{reading.name} {reading.monitor_url}: cannot be read: {reading.error}. "
        "Check that the server runs and has its monitoring port open (http: or https_port), that nats_upgrade_monitor_url "
        "is its address, and that it can be reached from here; for a port bound to loopback, set nats_upgrade_probe_from: node"
    )


def facts_of(reading: Reading) -> dict[str, Any]:
    """The facts of one reading."""
    common = {"name": reading.name, "monitor_url": reading.monitor_url, "reachable": not reading.error}
    if reading.facts is None:
        return {**common, "error": reading.error}
    parsed = _versions.parse_or_none(reading.facts.version)
    return {
        **common,
        **_server.as_dict(reading.facts),
        "cluster_said": _known.said_cluster(reading),
        "parsed_version": parsed.as_dict() if parsed else None,
        "uptime_seconds": uptime_seconds(reading.facts.uptime),
        "peers": sorted(reading.peers),
    }


def reading_of(facts: Mapping[str, Any]) -> Reading:
    """The reading that such facts were made of, as far as they go. Raises NatsError where they are something else."""
    wrong = _fields.wrong(facts, _KEYS) if isinstance(facts, dict) else "it is no dictionary"
    needed = ("server_name", "version") if not wrong and facts["reachable"] else ()
    wrong = wrong or next((f"{key} is missing" for key in needed if key not in facts), "")
    if wrong:
        raise NatsError(f"servers: {_fields.shown(facts)} is not an entry of nats_version.servers: {wrong}")
    said = {key: _text.said(value) for key, value in facts.items()}
    if not facts["reachable"]:
        return Reading(said["name"], said["monitor_url"], error=said.get("error") or "not read")
    return Reading(said["name"], said["monitor_url"], facts=_server.from_dict(said), peers=frozenset(said.get("peers") or ()))


def uptime_seconds(text: str) -> int:
    """Seconds in an uptime as /varz writes it: 1y2d3h4m5s, the largest unit that is not zero first."""
    return sum(int(count) * _SECONDS[unit] for count, unit in _UPTIME.findall(text))
