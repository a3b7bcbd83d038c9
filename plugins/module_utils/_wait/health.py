# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Wait until servers are really back: the door, the judge and the clock put together, for the controller and for a node."""

from __future__ import annotations

import time
from dataclasses import fields, replace
from typing import Any, Callable, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.poll import TIMEOUTS_AT_MOST, Polled, Progress, poll_until
from ansible_collections.natsops.cluster.plugins.module_utils._judge import baseline as _baseline
from ansible_collections.natsops.cluster.plugins.module_utils._judge import diverged as _diverged
from ansible_collections.natsops.cluster.plugins.module_utils._judge import feature_wedge as _feature_wedge
from ansible_collections.natsops.cluster.plugins.module_utils._judge import health as _health
from ansible_collections.natsops.cluster.plugins.module_utils._judge import quorum as _quorum
from ansible_collections.natsops.cluster.plugins.module_utils._judge.agreement import Agreement, Difference
from ansible_collections.natsops.cluster.plugins.module_utils._judge.busy_replicas import Steady
from ansible_collections.natsops.cluster.plugins.module_utils._judge.health import Expectation, Verdict
from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options
from ansible_collections.natsops.cluster.plugins.module_utils._values import server as _values_server
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading
from ansible_collections.natsops.cluster.plugins.module_utils._wait import baseline_file as _baseline_file

# What waits this long may be wedged: that is looked for once in a while, because it takes a larger reading.
_WEDGE_SECONDS = 5.0
_DAMAGE_SECONDS = 10.0
# Replicas that stay different are asked about so often, which takes a larger reading too.
_DIFFERENCE_SECONDS = 2.0
Watch = Callable[[Sequence[Verdict]], None]
_EXPECTATION: _options.Spec = {
    "version": {"type": "str"},
    "server_name": {"type": "str"},
    "started_after": {"type": "str"},
    "peers": {"type": "list", "elements": "str"},
    "gateways": {"type": "list", "elements": "str"},
    "leaf_accounts": {"type": "list", "elements": "str"},
    "raft_groups": {"type": "list", "elements": "str"},
}
SPEC: _options.Spec = {
    **_options.MONITORING,
    **_EXPECTATION,
    "expect": {"type": "dict"},
    "stopping": {"type": "str"},
    "only_quorum_of_stopping": {"type": "bool", "default": False},
    "renew_lock": {
        "type": "dict",
        "options": {"run_id": {"type": "str", "required": True}, "lease_seconds": {"type": "float", "required": True}},
    },
    "tolerate": {"type": "list", "elements": "str", "default": []},
    "soak_seconds": {"type": "float", "default": 0.0},
    "keep_baseline": {"type": "path"},
    "compare_baseline": {"type": "path"},
    "waive": {"type": "list", "elements": "str", "default": []},
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
    open_source: _options.OpenSource = _options.open_http,
    look_once: bool = False,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """Poll until every server is back; return the result of the module. Raises NatsError that says what is missing.

    C(look_once), for check mode, reads once and reports without failing. C(watch) is shown what each poll has found.
    """
    if params["timeout_seconds"] < 0 or params["consecutive_polls"] < 1 or params["max_lag"] < 0:
        raise NatsError("timeout_seconds and max_lag cannot be negative, and consecutive_polls has to be 1 or more")
    targets = _options.targets(params, name)
    expectations = _expectations(params, [target.name for target in targets])
    silence = _Silence(params["unreachable_timeout_seconds"], now)
    timeout, soak = params["timeout_seconds"], params["soak_seconds"]

    with open_source(params) as source:
        wait = _Wait(source, targets, expectations, params, now)

        def look() -> list[Verdict]:
            verdicts = wait.look()
            if watch:
                watch(verdicts)
            return verdicts

        polled = poll_until(
            look,
            lambda verdicts: _all_back(verdicts) and (look_once or wait.seconds >= soak),
            timeout_seconds=0 if look_once else timeout,
            longest_seconds=soak + TIMEOUTS_AT_MOST * timeout,
            consecutive=1 if look_once else params["consecutive_polls"],
            give_up=lambda verdicts: silence.too_long(verdicts) or bool(wait.hopeless(verdicts)),
            moved=wait.moved,
            now=now,
            sleep=sleep,
        )
        if not polled.satisfied and not look_once:
            raise _not_back(polled, timeout, wait)
        compared = {} if look_once else wait.compare(sleep)
    return {**_result(polled), **compared}


class _Wait:
    """What is looked at in each poll, and what is compared at the end."""

    def __init__(
        self,
        source: _monitor.Source,
        targets: Sequence[_monitor.Target],
        expectations: Mapping[str, Expectation],
        params: Mapping[str, Any],
        now: Callable[[], float],
    ) -> None:
        self._source, self._targets, self._expectations, self._params, self._now = source, targets, expectations, params, now
        self._begin = self._asked = now()
        self._wedged: tuple[str, ...] = ()
        self._steady = Steady(params["max_lag"])
        self._progress = Progress()
        self._agreement, self._compared = Agreement(), now() - _DIFFERENCE_SECONDS

    @property
    def seconds(self) -> float:
        return self._now() - self._begin

    def hopeless(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """Those that no waiting brings back."""
        return [v for v in verdicts if (v.reading.lasting and not v.back) or self.is_another(v)]

    def is_another(self, verdict: Verdict) -> bool:
        return _health.is_another(verdict, self._expectations.get(verdict.reading.name, Expectation()))

    def moved(self, verdicts: Sequence[Verdict]) -> bool:
        """Whether the timeout counts anew: something came nearer, or a soak has nothing to wait for but its end."""
        if self.seconds < self._params["soak_seconds"] and _all_back(verdicts):
            self._progress = Progress()
            return True
        return self._progress.moved(_health.distances(verdicts, self._params["max_lag"]))

    def look(self) -> list[Verdict]:
        readings = self._steady.steadied(_monitor.read_state(self._source, self._targets))
        verdicts = self._agreeing(self._judge(readings), readings)
        if self._now() - self._asked >= _WEDGE_SECONDS and any(not verdict.back for verdict in verdicts):
            self._asked = self._now()
            self._look_for_a_wedge(verdicts)
        return verdicts

    def _judge(self, readings: Sequence[Reading]) -> list[Verdict]:
        params = self._params
        verdicts = _health.judge(
            readings,
            self._expectations,
            max_lag=params["max_lag"],
            skip=frozenset(params["skip_conditions"]),
            tolerated=frozenset(params["tolerate"]),
        )
        if self._wedged:
            verdicts = [
                v.only(lambda m: not any(_feature_wedge.is_about(m.subject, label) for label in self._wedged)) for v in verdicts
            ]
        if not params["stopping"]:
            return verdicts
        if params["only_quorum_of_stopping"]:
            verdicts = _health.without(verdicts, params["stopping"])
        losing = tuple(_quorum.without(readings, params["stopping"], max_lag=params["max_lag"]))
        return [self._may_stop(v, losing) if v.reading.name == params["stopping"] else v for v in verdicts]

    def _agreeing(self, verdicts: Sequence[Verdict], readings: Sequence[Reading]) -> list[Verdict]:
        """The verdicts, where no server is back whose replica differs from its leader's and may do so for good."""
        differences = self._agreement.look(readings, self._now())
        if any(map(_diverged.is_noticed, differences)) and self._now() - self._compared >= _DIFFERENCE_SECONDS:
            self._compared = self._now()
            readings = self._assets()
            lost, explained = _diverged.sort(differences, readings)
            if lost:
                raise NatsError(f"refused: {_diverged.NAME}: {_diverged.told(lost)}. It cannot be waived.", **_loss(lost))
            for difference in explained:
                self._agreement.accept(difference, readings)
                differences.remove(difference)
        missing = _diverged.missing(differences)
        return [v.but(missing.get(v.reading.facts.server_name, ()) if v.reading.facts else ()) for v in verdicts]

    def _may_stop(self, verdict: Verdict, losing: tuple[_health.Missing, ...]) -> Verdict:
        own = () if self._params["only_quorum_of_stopping"] else verdict.missing
        return replace(verdict, missing=own + losing)

    def _look_for_a_wedge(self, verdicts: Sequence[Verdict]) -> None:
        """What is missing because of a wedge does not come by waiting: say so at once, or leave it out where it is waived."""
        readings = _monitor.read_state(self._source, self._targets, assets=True)
        subjects = [missing.subject for verdict in verdicts for missing in verdict.missing]
        assets = [one for one in _feature_wedge.wedged(readings) if self._matters(one[0].label, subjects)]
        if assets and "feature_wedge" not in self._params["waive"]:
            labels = [asset.label for asset, _unused in assets]
            raise NatsError(
                f"refused: feature_wedge: {_feature_wedge.told(readings, assets)}", refusal="feature_wedge", seen=labels
            )
        self._wedged = tuple(asset.label for asset, _unused in assets)

    def _matters(self, label: str, subjects: Sequence[str]) -> bool:
        """Whether a wedged asset explains something that is missing, or did so before: then that is left out already."""
        return label in self._wedged or any(_feature_wedge.is_about(subject, label) for subject in subjects)

    def compare(self, sleep: Callable[[float], None]) -> dict[str, Any]:
        """Keep what the cluster has, or compare it with what was kept."""
        keep, compare = self._params["keep_baseline"], self._params["compare_baseline"]
        if keep:
            _baseline_file.write(keep, _baseline.take(self._assets(), self._params["stopping"]))
        before = _baseline_file.read(compare) if compare else None
        if before is None:
            return {}
        # A leader that has just been elected, or a stream that is just being recovered, is told a moment later.
        taken: list[Mapping[str, Any]] = []

        def take() -> Mapping[str, Any]:
            taken.append(_baseline.take(self._assets()))
            del taken[1:-1]
            return taken[-1]

        polled = poll_until(
            take,
            lambda after: not _baseline.damage(before, after, taken[0]) and not _baseline.leafs_lost(before, after),
            timeout_seconds=_DAMAGE_SECONDS,
            now=self._now,
            sleep=sleep,
        )
        damage = _baseline.damage(before, polled.value, taken[0])
        if damage and "missing_assets" not in self._params["waive"]:
            raise NatsError(_damaged(damage), refusal="missing_assets", damage=damage)
        clients = {"before": before["clients"], "after": polled.value["clients"]}
        return {
            "damage": damage,
            "clients": clients,
            "clients_lost": _baseline.clients_lost(before, polled.value),
            "leafs_lost": _baseline.leafs_lost(before, polled.value),
        }

    def _assets(self) -> list[Reading]:
        return _monitor.read_state(self._source, self._targets, assets=True)


def _loss(lost: Sequence[Difference]) -> dict[str, Any]:
    return {"refusal": _diverged.NAME, "seen": list(_diverged.seen(lost))}


def _damaged(damage: Sequence[str]) -> str:
    return (
        f"refused: missing_assets: the server is back, and something is less than it was before: {_some(damage)}. If a user did "
        "that meanwhile, run again; else look at the server log, and at its store, before any other node is touched"
    )


class _Silence:
    """How long some server has not answered at all."""

    def __init__(self, limit_seconds: float | None, now: Callable[[], float]) -> None:
        self._limit, self._now = limit_seconds, now
        self._since: dict[str, float] = {}

    def too_long(self, verdicts: Sequence[Verdict]) -> bool:
        moment = self._now()
        self._since = {
            verdict.reading.name: self._since.get(verdict.reading.name, moment)
            for verdict in verdicts
            # A silence that is tolerated is not waited for.
            if verdict.reading.error and not verdict.back
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
        gateways=None if values.get("gateways") is None else frozenset(values["gateways"]),
        leaf_accounts=frozenset(values.get("leaf_accounts") or ()),
        raft_groups=frozenset(values.get("raft_groups") or ()),
    )


def _all_back(verdicts: Sequence[Verdict]) -> bool:
    return all(verdict.back for verdict in verdicts)


def _not_back(polled: Polled[list[Verdict]], timeout_seconds: float, wait: _Wait) -> NatsError:
    late = [verdict for verdict in polled.value if not verdict.back]
    lines = [
        f"{v.reading.name} {v.reading.monitor_url}: not back after {polled.elapsed_seconds:.0f} s: {_some(v.missing)}"
        for v in late
    ]
    for verdict in filter(wait.is_another, late):
        version = verdict.reading.facts.version if verdict.reading.facts else ""
        lines.append(
            f"{verdict.reading.name} was started again, with {version}: what starts it does not take the program that was put in "
            "its place. Compare nats_upgrade_binary_path with the program that the unit, or nats_upgrade_start_command, runs"
        )
    if polled.elapsed_seconds > timeout_seconds > polled.since_moved_seconds and not wait.hopeless(late):
        lines.append(
            f"It still came nearer, but no wait is longer than {TIMEOUTS_AT_MOST} times nats_upgrade_health_timeout_seconds "
            f"({timeout_seconds:g}): raise that where disks or the network are slow, and run again"
        )
    return NatsError(
        "\n".join(lines),
        elapsed_seconds=round(polled.elapsed_seconds, 3),
        polls=polled.polls,
        missing={v.reading.name: [str(missing) for missing in v.missing] for v in late},
    )


def _some(missing: Sequence[object], most: int = 6) -> str:
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
        **_values_server.as_dict(reading.facts),
        "after_restart": {
            "server_name": again.server_name,
            "started_after": again.started_after,
            "peers": sorted(reading.peers),
            **({"gateways": sorted(again.gateways)} if again.gateways is not None else {}),
            **({"leaf_accounts": sorted(again.leaf_accounts)} if again.leaf_accounts else {}),
            "raft_groups": sorted(again.raft_groups),
        },
    }
