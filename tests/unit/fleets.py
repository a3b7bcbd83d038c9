"""Fleets of servers as an audit reads them, and what is found in them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._audit import drift as _drift
from ansible_collections.natsops.cluster.plugins.module_utils._audit import fleet as _fleet
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._values import server as _server
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading

POLICY = _judge.load()
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=timezone.utc)
HOUR, DAY = 3600, 86400
# A release that nothing is known against.
CLEAN = "2.15.2"


def ago(seconds: float) -> str:
    """A time in the past as servers write it, with nine digits of a second."""
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S") + ".000000001Z"


def server(host: str, version: str = CLEAN, up: float = 30 * DAY, **given: Any) -> Reading:
    """A server of the cluster lab that sees n1, n2 and n3, but for what is given: keys of /varz, or of the reading."""
    of_reading = {name: given.pop(name) for name in ("peers", "gateways", "gateway_ids", "monitor_url") if name in given}
    varz = {"server_id": f"ID-{host}", "server_name": host, "version": version, "git_commit": "abc", "now": ago(0)}
    facts = _server.parse_varz({**varz, "start": ago(up), "cluster": {"name": "lab"}, "config_digest": "sha256:1", **given})
    return Reading(
        host, **{"monitor_url": f"http://{host}:8222", "peers": frozenset({"n1", "n2", "n3"} - {host}), **of_reading}, facts=facts
    )


def silent(host: str, error: str = "no complete answer within 5 s", *, lasting: bool = False) -> Reading:
    return Reading(host, f"http://{host}:8222", error=error, lasting=lasting)


def three(**versions: str) -> list[Reading]:
    """n1, n2 and n3, of which some run another version."""
    return [server(host, versions.get(host, CLEAN)) for host in ("n1", "n2", "n3")]


def judged(readings: Sequence[Reading], limits: _fleet.Limits | None = None, **of_fleet: Any) -> _drift.Drift:
    return _drift.judge(_fleet.Fleet(tuple(readings), NOW, **of_fleet), POLICY, limits)


def names(drift: _drift.Drift) -> list[str]:
    return sorted({finding.name for finding in drift.findings})


def found(drift: _drift.Drift, name: str) -> Finding:
    """The one finding of this name."""
    (finding,) = [finding for finding in drift.findings if finding.name == name]
    return finding
