# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Look at a whole cluster from the controller, for a plan or a status."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core.poll import poll_until
from ansible_collections.natsops.cluster.plugins.module_utils._judge import diverged as _diverged
from ansible_collections.natsops.cluster.plugins.module_utils._judge import health as _health
from ansible_collections.natsops.cluster.plugins.module_utils._judge.agreement import Agreement, Difference
from ansible_collections.natsops.cluster.plugins.module_utils._judge.health import Verdict
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation, Surge, apart
from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._values import known as _known
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading

# So many looks are needed to see each of some hundred busy replicas current once: each is in about every other look.
_LOOKS_AT_BUSY_REPLICAS = 20
_LONGEST_SECONDS = 2 * _diverged.REMOVING_SECONDS


def look(
    source: _monitor.Source, targets: Sequence[_monitor.Target], nodes: Mapping[str, Any], *, max_lag: int, settle_seconds: float
) -> Situation:
    """Read until nothing is missing, or for a while, and keep what was missing in every look.

    Under load a replica lags for a moment in one look of many: that is no reason to refuse. Where nothing else is missing, the
    while begins anew with each look of a certain number: over a slow way to the servers it may be as short as one look.
    """
    looks = 0
    lasting: dict[str, bool] = {}  # by key, whether it is fleeting
    compared = _Compared()

    def once() -> tuple[list[Reading], list[Verdict]]:
        nonlocal looks, lasting
        looks += 1
        readings = _monitor.read_state(source, targets, assets=True)
        verdicts = _health.judge(readings, {}, max_lag=max_lag)
        compared.look(readings)
        seen = {missing.key: missing.fleeting for verdict in verdicts for missing in verdict.missing}
        lasting = seen if looks == 1 else {key: fleeting for key, fleeting in seen.items() if key in lasting}
        return readings, verdicts

    readings, verdicts = poll_until(
        once,
        lambda _unused: not lasting and not compared.open,
        timeout_seconds=settle_seconds,
        # The number of looks is the bound, however slow each is.
        longest_seconds=math.inf,
        moved=lambda _unused: bool(compared.open) or (looks < _LOOKS_AT_BUSY_REPLICAS and all(lasting.values())),
        shortest_interval_seconds=0.3,
    ).value
    own, foreign = apart(nodes)
    return Situation(
        tuple(readings),
        tuple(v.only(lambda missing: missing.key in lasting) for v in verdicts),
        own,
        foreign=foreign,
        diverged=tuple(compared.lost),
    )


def with_surge(situation: Situation, surge: Sequence[Surge]) -> Situation:
    """The situation with its temporary servers, each named by the routes of the others."""
    readings = _known.settled([*situation.readings, *(one.reading for one in surge)])
    own, temporary = readings[: len(situation.readings)], readings[len(situation.readings) :]
    joined = tuple(replace(one, reading=reading) for one, reading in zip(surge, temporary))
    return replace(situation, readings=tuple(own), surge=joined)


class _Compared:
    """What the looks have told of replicas that differ: those that lack something for good, and those still to be told."""

    def __init__(self) -> None:
        self._agreement = Agreement()
        self.lost: list[Difference] = []
        self.open: list[Difference] = []

    def look(self, readings: Sequence[Reading]) -> None:
        differences = self._agreement.look(readings, time.monotonic())
        self.lost, explained = _diverged.sort(differences, readings)
        for difference in explained:
            self._agreement.accept(difference, readings)
        # What cannot be told for so long stays untold.
        self.open = [one for one in differences if one not in self.lost + explained and one.seconds < _LONGEST_SECONDS]
