# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The plan as a person reads it, in ten seconds. Pure."""

from __future__ import annotations

import json
from typing import Iterator, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.text import duration, named
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan.plan import Plan, Step
from ansible_collections.natsops.cluster.plugins.module_utils._plan.surge import Place

_BLIND = "no plan: a server of the group cannot be read, or not be told from another, so neither order nor cost is known"
# What only the new version can tell, so that a plan does not know it.
_NOT_CHECKED = (
    "not checked until staged: what is in the file of {target}, the room that it takes, and whether {target} accepts each "
    "configuration"
)


def lines(plan: Plan) -> list[str]:
    """Order, cost, what stops it (by name: the error says why), what is waived, what to know."""
    names = ", ".join(dict.fromkeys(finding.name for finding in plan.settled.refusals))
    return [
        *([_BLIND] if plan.blind else _order(plan)),
        *([f"refused: {names}"] if names else []),
        *_findings("waived", plan.settled.waived),
        *_findings("warning", plan.settled.warnings),
        *plan.ways_back,
        *([_NOT_CHECKED.format(target=plan.target)] if plan.steps and plan.target else []),
    ]


def notes(plan: Plan) -> list[str]:
    """What the target brings: read it before the first node, not after."""
    return [f"{note.minor}: {note.text}" for note in plan.notes]


def refused(plan: Plan) -> NatsError:
    """The error of a plan with refusals."""
    names = [finding.name for finding in plan.settled.refusals]
    text = "\n".join(f"refused: {finding.name}: {finding.message}" for finding in plan.settled.refusals)
    return NatsError(f"{text}\nNothing was touched.{_proceed(plan)}", refusals=names)


def _proceed(plan: Plan) -> str:
    """How to go on with what is refused; empty where that is not offered."""
    refusals = plan.settled.refusals
    risks = {finding.name: finding.risk for finding in refusals if finding.risk}
    if all(finding.risk for finding in refusals):
        if len(risks) > 1:
            each = "\n".join(f"  {name}: {risk}" for name, risk in risks.items())
            return f" To proceed anyway, add each of these to nats_upgrade_waive, with its risk:\n{each}"
        # Extra variables replace the list that there is.
        waive = sorted({*risks, *(finding.name for finding in plan.settled.waived)})
        return f" To proceed anyway: -e '{json.dumps({'nats_upgrade_waive': waive})}'. The risk: {', '.join(risks.values())}"
    if risks and all(finding.risk or not finding.waivable for finding in refusals):
        return f" Of these, only {', '.join(risks)} can be waived."
    return ""


def _order(plan: Plan) -> Iterator[str]:
    numbers = {step.host: number for number, step in enumerate(plan.steps, 1)}
    steps = {step.host: step for step in plan.steps}
    yield from _joined(plan)
    for cluster, hosts in plan.clusters.items():
        todo = [steps[host] for host in hosts if host in steps]
        title = cluster or "no cluster"
        surge = [place for place in plan.surge if place.cluster == cluster]
        if not todo:
            yield f"{title}: {_left_alone(plan, hosts, plan.target)}"
            left = [place for place in surge if place.running]
            yield from (f"  {place.host}, a temporary server, was left behind: it is drained and stopped" for place in left)
            continue
        what = f"to {plan.target}" if plan.target else "restart and reboot" if plan.reboot else "restart"
        yield f"{title}: {what}, one node at a time, about {duration(_seconds(plan, todo))}"
        yield from (f"  before: {_joining(place)}" for place in surge)
        for step in sorted(todo, key=lambda one: numbers[one.host]):
            yield f"  {numbers[step.host]}. {_step(step, leader_last=plan.leader_last)}"
        yield from _later(plan, [step.host for step in todo])
        done = [host for host in hosts if host not in steps]
        if done:
            yield f"  {_left_alone(plan, done, 'it')}"
        yield from (f"  after: {place.host} is drained and stopped" for place in surge)
    yield from _left_out(plan.left_out)


def _seconds(plan: Plan, steps: Sequence[Step]) -> float:
    return sum(step.seconds for step in steps if step.host not in plan.later)


def _later(plan: Plan, hosts: Sequence[str]) -> Iterator[str]:
    """Where the run ends before all of a cluster is done."""
    later = [host for host in hosts if host in plan.later]
    if later:
        taken = f"{len(hosts) - len(later)} of these {len(hosts)}"
        yield f"  nats_upgrade_max_nodes: this run takes {taken}, and leaves {named(later)}"


def _left_alone(plan: Plan, hosts: Sequence[str], target: str) -> str:
    if plan.target:
        return f"{named(hosts)} {'run' if len(hosts) > 1 else 'runs'} {target} already"
    unseen = [host for host in hosts if host not in plan.done]
    known = [host for host in hosts if host in plan.done]
    said = [f"{named(known)} {'need' if len(known) > 1 else 'needs'} no restart"] if known else []
    return "; ".join([*said, *([f"{named(unseen)} not looked at"] if unseen else [])])


def _left_out(hosts: Sequence[str]) -> Iterator[str]:
    if hosts:
        answers = "do not answer, and stay as they are" if len(hosts) > 1 else "does not answer, and stays as it is"
        yield f"left out: {named(hosts)} {answers}"


def _joined(plan: Plan) -> Iterator[str]:
    """Clusters that cannot be looked at one by one."""
    for domain in plan.domains:
        clusters = [name for name, hosts in plan.clusters.items() if name and set(hosts) & set(domain)]
        if len(clusters) > 1:
            yield f"{', '.join(clusters)}: joined, so that one node of them all is away at a time and all of them are watched"


def _step(step: Step, *, leader_last: bool) -> str:
    cost = [
        ", ".join(step.why),
        f"{step.clients} client{'s' if step.clients != 1 else ''} move{'s' if step.clients == 1 else ''}" if step.clients else "",
        f"leads {step.leads} Raft group{'s' if step.leads != 1 else ''}" if step.leads else "",
        f"{len(step.fragile)} down meanwhile ({named(step.fragile, 3)})" if step.fragile else "",
        f"resumed: it broke off at '{step.resumes}'" if step.resumes else "",
    ]
    last = f"  (meta leader, {'last' if leader_last else 'early'})" if step.leader else ""
    versions = step.version if step.version == step.to else f"{step.version} -> {step.to}"
    told = "  ".join(part for part in cost if part)
    return f"{step.host}  {versions}{last}{'  ' + told if told else ''}"


def besides(step: Step, *, leader_last: bool) -> list[str]:
    """What is to be known of one node besides its versions and its clients."""
    told = [
        ", ".join(step.why),
        f"meta leader, {'last' if leader_last else 'early'}" if step.leader else "",
        f"{len(step.fragile)} down meanwhile ({named(step.fragile, 3)})" if step.fragile else "",
        f"resumed: it broke off at '{step.resumes}'" if step.resumes else "",
    ]
    return [one for one in told if one]


def _joining(place: Place) -> str:
    if place.running:
        return f"{place.host} runs already ({place.version}), and is used as a temporary place for clients"
    return f"{place.host} is started and joins, a temporary place for clients (it may run any version)"


def _findings(kind: str, findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        first, *rest = finding.message.split("\n")
        yield f"{kind}: {finding.name}: {first}"
        yield from (f"    {line.strip()}" for line in rest)
