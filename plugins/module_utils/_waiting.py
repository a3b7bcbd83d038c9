# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# This module util is PRIVATE to the collection: it may change in any release.
"""Wait until servers are really back: the door, the judge and the clock put together, for the controller and for a node."""

from __future__ import annotations

import time
from dataclasses import fields
from typing import Any, Callable, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils import _arguments, _health, _http, _monitor, _servers
from ansible_collections.natsops.cluster.plugins.module_utils._errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._health import Expectation, Verdict
from ansible_collections.natsops.cluster.plugins.module_utils._polling import Polled, Progress, poll_until

_EXPECTATION: _arguments.Spec = {
    "version": {"type": "str"},
    "server_name": {"type": "str"},
    "started_after": {"type": "str"},
    "peers": {"type": "list", "elements": "str"},
    "raft_groups": {"type": "list", "elements": "str"},
}
SPEC: _arguments.Spec = {
    **_arguments.MONITORING,
    **_EXPECTATION,
    "expect": {"type": "dict"},
    "skip_conditions": {"type": "list", "elements": "str", "choices": list(_health.CONDITIONS), "default": []},
    "max_lag": {"type": "int", "default": 100},
    "consecutive_polls": {"type": "int", "default": 2},
    "timeout_seconds": {"type": "float", "default": 300.0},
    "unreachable_timeout_seconds": {"type": "float"},
}


def wait_until_back(
    params: Mapping[str, Any],
    name: str | None = None,
    *,
    look_once: bool = False,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Poll until every server is back; return the result of the module. Raises NatsError that says what is missing.

    C(look_once), for check mode, reads once and reports without failing.
    """
    if params["timeout_seconds"] < 0 or params["consecutive_polls"] < 1 or params["max_lag"] < 0:
        raise NatsError("timeout_seconds and max_lag cannot be negative, and consecutive_polls has to be 1 or more")
    targets = _arguments.targets(params, name)
    expectations = _expectations(params, [target.name for target in targets])
    silence = _Silence(params["unreachable_timeout_seconds"], now)

    with _http.open_door(_arguments.settings(params)) as door:

        def read() -> list[Verdict]:
            return _health.judge(
                _monitor.read_state(door, targets),
                expectations,
                max_lag=params["max_lag"],
                skip=frozenset(params["skip_conditions"]),
            )

        progress = Progress()
        polled = poll_until(
            read,
            lambda verdicts: all(verdict.back for verdict in verdicts),
            timeout_seconds=0 if look_once else params["timeout_seconds"],
            consecutive=1 if look_once else params["consecutive_polls"],
            give_up=lambda verdicts: silence.too_long(verdicts) or any(v.reading.lasting for v in verdicts),
            moved=lambda verdicts: progress.moved(_health.distances(verdicts)),
            now=now,
            sleep=sleep,
        )
    if not polled.satisfied and not look_once:
        raise _not_back(polled)
    return _result(polled)


class _Silence:
    """How long some server has not answered at all."""

    def __init__(self, limit_seconds: float | None, now: Callable[[], float]) -> None:
        self._limit, self._now = limit_seconds, now
        self._since: dict[str, float] = {}

    def too_long(self, verdicts: Sequence[Verdict]) -> bool:
        moment = self._now()
        self._since = {
            verdict.reading.name: self._since.get(verdict.reading.name, moment) for verdict in verdicts if verdict.reading.error
        }
        return self._limit is not None and any(moment - since >= self._limit for since in self._since.values())


def _expectations(params: Mapping[str, Any], names: Sequence[str]) -> dict[str, Expectation]:
    common = {key: params[key] for key in _EXPECTATION if params[key] is not None}
    own = params["expect"] or {}
    unknown = sorted(set(own) - set(names))
    if unknown:
        raise NatsError(f"expect names {', '.join(unknown)}, which is not among the servers: {', '.join(names)}")
    if len(names) > 1 and common.get("server_name"):
        raise NatsError("server_name is of one server: for several, give it by server in expect")
    return {name: _expectation(name, {**common, **(own.get(name) or {})}) for name in names}


def _expectation(name: str, values: Mapping[str, Any]) -> Expectation:
    known = {field.name for field in fields(Expectation)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise NatsError(f"expect of {name} has {', '.join(unknown)}; it may have {', '.join(sorted(known))}")
    return Expectation(
        version=values.get("version"),
        server_name=values.get("server_name"),
        started_after=values.get("started_after"),
        peers=None if values.get("peers") is None else frozenset(values["peers"]),
        raft_groups=frozenset(values.get("raft_groups") or ()),
    )


def _not_back(polled: Polled[list[Verdict]]) -> NatsError:
    late = [verdict for verdict in polled.value if not verdict.back]
    lines = [
        f"{v.reading.name} {v.reading.monitor_url}: not back after {polled.elapsed_seconds:.0f} s: {_some(v.missing)}"
        for v in late
    ]
    return NatsError(
        "\n".join(lines),
        elapsed_seconds=round(polled.elapsed_seconds, 3),
        polls=polled.polls,
        missing={v.reading.name: [str(missing) for missing in v.missing] for v in late},
    )


def _some(missing: Sequence[_health.Missing], most: int = 6) -> str:
    text = "; ".join(map(str, missing[:most]))
    return f"{text}; and {len(missing) - most} more" if len(missing) > most else text


def _result(polled: Polled[list[Verdict]]) -> dict[str, Any]:
    return {
        "changed": False,
        "back": polled.satisfied,
        "elapsed_seconds": round(polled.elapsed_seconds, 3),
        "polls": polled.polls,
        "missing": {v.reading.name: [str(missing) for missing in v.missing] for v in polled.value if not v.back},
        "servers": {verdict.reading.name: _server(verdict) for verdict in polled.value},
    }


def _server(verdict: Verdict) -> dict[str, Any]:
    reading = verdict.reading
    if reading.facts is None:
        return {"monitor_url": reading.monitor_url, "error": reading.error}
    again = _health.restart_expectation(reading)
    return {
        "monitor_url": reading.monitor_url,
        **_servers.as_dict(reading.facts),
        "after_restart": {
            "server_name": again.server_name,
            "started_after": again.started_after,
            "peers": sorted(reading.peers),
            "raft_groups": sorted(again.raft_groups),
        },
    }
