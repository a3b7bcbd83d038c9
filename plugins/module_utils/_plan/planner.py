# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Plan a roll: which nodes it takes, in which order, what each step costs, and what stops it before it begins. Pure.

One way for every roll. What an upgrade and a restart differ in is a Roll: Upgrade in upgrade.py, Restart in restart.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Iterator, Mapping, Protocol, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _versions
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._judge import findings as _findings
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan import order as _order
from ansible_collections.natsops.cluster.plugins.module_utils._plan import steps as _steps
from ansible_collections.natsops.cluster.plugins.module_utils._plan import surge as _surge
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import identity as _identity
from ansible_collections.natsops.cluster.plugins.module_utils._plan.plan import Plan, Step
from ansible_collections.natsops.cluster.plugins.module_utils._plan.restart import Restart
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Server, Situation, Trouble
from ansible_collections.natsops.cluster.plugins.module_utils._plan.upgrade import Upgrade
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._policy.judge import Policy

# A guess: virtual machines take less, and large hosts several minutes.
REBOOT_SECONDS = 60.0


class Roll(Protocol):
    """What is done to every server. C(target) is empty where each goes to what is installed on its node."""

    @property
    def target(self) -> str:
        """The version that every server goes to, or empty."""

    @property
    def reboot(self) -> bool:
        """Whether hosts are rebooted."""

    def is_downgrade(self, situation: Situation) -> bool:
        """Whether a server would go to an older version."""

    def reasons(self, situation: Situation, server: Server) -> tuple[str, ...] | None:
        """Why a server is taken, as it is told; None where it is left alone."""

    def goes_to(self, situation: Situation, server: Server) -> str:
        """The version that a server runs after its turn."""

    def is_known(self, situation: Situation, host: str) -> bool:
        """Whether a host that is not taken may be called done."""

    def troubles(self, situation: Situation, policy: Policy, steps: Sequence[Step], *, refuse_r1: bool) -> Iterator[Trouble]:
        """Reasons not to begin that lie in the cluster, its nodes and the version rules."""

    def of_source(self, situation: Situation, steps: Sequence[Step]) -> Iterator[Trouble]:
        """Reasons not to begin that lie in where the new version comes from."""

    def of_steps(self, situation: Situation, steps: Sequence[Step]) -> Iterator[Trouble]:
        """Reasons that lie in the hosts that are taken."""

    def notes(self, situation: Situation, policy: Policy, steps: Sequence[Step]) -> tuple[_judge.Note, ...]:
        """What the version brings."""

    def ways_back(self, left: Sequence[Server], policy: Policy) -> tuple[str, ...]:
        """What is to be said of the way back."""


def plan_upgrade(
    situation: Situation,
    version: str,
    policy: Policy,
    *,
    waive: Sequence[str] = (),
    refuse_r1: bool = False,
    order: _order.Order = (),
    source: Mapping[str, Any] | None = None,
) -> Plan:
    """Plan the way of these servers to a version. Raises NatsError for a waiver that does not exist.

    C(order) are groups of hosts to be taken one after the other; inside of one, and behind them all, the computed order holds.
    C(source) is what variables say of where the new version comes from.
    """
    try:
        target = _versions.require_exact(version)
    except NatsError as exc:
        waived = _findings.require_known(waive)
        message = str(exc).replace("refused: ", "", 1)
        settled = _findings.settle([Finding("not_exact", message)], waived)
        return Plan(version, (), (), {}, (), settled, (), (), (), {})
    return make_plan(situation, policy, Upgrade(target, source or {}), waive=waive, refuse_r1=refuse_r1, order=order)


def plan_restart(
    situation: Situation,
    policy: Policy,
    *,
    every: bool = False,
    reboot: bool = False,
    waive: Sequence[str] = (),
    refuse_r1: bool = False,
    order: _order.Order = (),
) -> Plan:
    """Plan a rolling restart of what would not start as it runs, or of every server; each goes to what is installed there."""
    return make_plan(situation, policy, Restart(every=every, reboot=reboot), waive=waive, refuse_r1=refuse_r1, order=order)


def make_plan(
    situation: Situation, policy: Policy, roll: Roll, *, waive: Sequence[str], refuse_r1: bool, order: _order.Order
) -> Plan:
    waived = _findings.require_known(waive)
    down = roll.is_downgrade(situation)
    ordered = _order.in_order(situation, order)
    if down and not order:
        ordered = _order.newest_first(situation, ordered)
    left = [s for s in ordered if roll.reasons(situation, s) is not None or situation.unfinished(s.host)]
    steps = _turns(situation, roll, left, order)
    taken = {step.host for step in steps}
    return Plan(
        target=roll.target,
        steps=tuple(steps),
        done=tuple(s.host for s in ordered if s.host not in taken and roll.is_known(situation, s.host)),
        left_out=_steps.left_out_of(situation),
        clusters=_steps.clusters_of(ordered, steps),
        domains=_steps.domains_of(situation),
        **_settled(list(_troubles(situation, policy, roll, ordered, left, steps, order, refuse_r1)), waived),
        notes=roll.notes(situation, policy, steps),
        ways_back=roll.ways_back(left, policy),
        versions={**{s.host: s.facts.version for s in ordered}, **{step.host: step.to for step in steps}},
        leader_last=not down,
        reboot=roll.reboot,
        surge=_surge.places(situation, {step.cluster for step in steps}),
    ).seen()


def _turns(situation: Situation, roll: Roll, left: Sequence[Server], order: _order.Order) -> list[Step]:
    steps = _steps.steps_of_the_down(situation, roll.target)
    for number, server in enumerate(left):
        yields_to = _order.after(situation, left, number, order)
        step = _steps.step_of(situation, server, roll.goes_to(situation, server), yields_to)
        steps.append(replace(step, why=roll.reasons(situation, server) or ()))
    return [replace(step, seconds=step.seconds + REBOOT_SECONDS) for step in steps] if roll.reboot else steps


def _troubles(
    situation: Situation,
    policy: Policy,
    roll: Roll,
    ordered: Sequence[Server],
    left: Sequence[Server],
    steps: Sequence[Step],
    order: _order.Order,
    refuse_r1: bool,
) -> Iterator[Trouble]:
    """All reasons not to begin, in the order in which they are told."""
    yield from roll.troubles(situation, policy, steps, refuse_r1=refuse_r1)
    yield from _order.judge(situation, ordered, order)
    yield from roll.of_source(situation, steps)
    yield from _identity.judge(situation, [server.host for server in left])
    yield from roll.of_steps(situation, steps)


def _settled(troubles: Sequence[Trouble], waived: frozenset[str]) -> dict[str, Any]:
    settled = _findings.settle([trouble.finding for trouble in troubles], waived)
    keys = {key for trouble in troubles if trouble.finding in settled.waived for key in trouble.keys}
    return {"settled": settled, "tolerated": tuple(sorted(keys))}
