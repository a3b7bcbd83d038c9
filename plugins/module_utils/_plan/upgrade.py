# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""A roll that takes every server to one version, newer or older. Pure."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _versions
from ansible_collections.natsops.cluster.plugins.module_utils._core.text import named
from ansible_collections.natsops.cluster.plugins.module_utils._plan import order as _order
from ansible_collections.natsops.cluster.plugins.module_utils._plan import surge as _surge
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import assets as _assets
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import cluster as _cluster
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import gateways as _gateways
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import nodes as _nodes
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import source as _source
from ansible_collections.natsops.cluster.plugins.module_utils._plan.plan import Step
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Server, Situation, Trouble
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._policy.judge import Policy


class Upgrade:
    """What an upgrade or a downgrade is in a plan. C(source) is what variables say of where the new version comes from."""

    reboot = False

    def __init__(self, target: _versions.ServerVersion, source: Mapping[str, Any]) -> None:
        self.target = str(target)
        self._version, self._source = target, source

    def is_downgrade(self, situation: Situation) -> bool:
        return _order.is_downgrade(situation, self._version)

    def reasons(self, situation: Situation, server: Server) -> tuple[str, ...] | None:
        """None where the server is left alone. No reason has to be told but the version itself."""
        return None if server.facts.version == self.target else ()

    def goes_to(self, situation: Situation, server: Server) -> str:
        return self.target

    def is_known(self, situation: Situation, host: str) -> bool:
        """Whether the host may be called done: what its server runs says all there is to say."""
        return True

    def troubles(self, situation: Situation, policy: Policy, steps: Sequence[Step], *, refuse_r1: bool) -> Iterator[Trouble]:
        running = {server.host: server.facts.version for server in situation.servers}
        findings = _judge.judge_target(policy, self._version)
        findings += _judge.judge_bad_release(policy, self._version, _assets.used(situation))
        findings += _judge.judge_way(policy, running, self._version)
        changes = any(version != self.target for version in running.values())
        # Where every server runs the target there is nothing to refuse it for.
        if changes:
            yield from map(Trouble, findings)
        yield from _assets.judge(situation, policy, self._version, refuse_r1=refuse_r1)
        yield from _cluster.judge(situation)
        yield from _gateways.judge(situation, self._version)
        yield from _nodes.judge(situation, self._version)
        if changes or situation.resumed:
            yield from _surge.judge(situation)

    def of_source(self, situation: Situation, steps: Sequence[Step]) -> Iterator[Trouble]:
        if steps:
            yield from _source.judge(situation, self._source)

    def of_steps(self, situation: Situation, steps: Sequence[Step]) -> Iterator[Trouble]:
        yield from ()

    def notes(self, situation: Situation, policy: Policy, steps: Sequence[Step]) -> tuple[_judge.Note, ...]:
        """What the version brings, where somebody gets it."""
        oldest = _oldest(situation)
        return _judge.notes(policy, oldest, self._version) if steps and oldest and oldest < self._version else ()

    def ways_back(self, left: Sequence[Server], policy: Policy) -> tuple[str, ...]:
        return _ways_back(left, policy, self._version)


def _oldest(situation: Situation) -> _versions.ServerVersion | None:
    parsed = [_versions.parse_or_none(server.facts.version) for server in situation.servers]
    return min((version for version in parsed if version), default=None)


def _ways_back(left: Sequence[Server], policy: Policy, target: _versions.ServerVersion) -> tuple[str, ...]:
    """Whether a node that has started with the target can be put back, where there is anything to say of it."""
    said = []
    for text in sorted({server.facts.version for server in left}):
        old = _versions.parse_or_none(text)
        if old is None or old == target:
            continue
        way = _judge.way_back(policy, old, target)
        hosts = named(server.host for server in left if server.facts.version == text)
        if not way.open:
            said.append(f"the way back to {text} is closed once a node has started with {target} ({hosts}): {way.note}")
        elif way.note:
            said.append(f"the way back to {text} is open ({hosts}): {way.note}")
    return tuple(said)
