# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# This module util is PRIVATE to the collection: it may change in any release.
"""The plan as a person reads it, in ten seconds. Pure."""

from __future__ import annotations

from typing import Iterator, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan import Plan, Step
from ansible_collections.natsops.cluster.plugins.module_utils._situation import named

# What only the new version can tell, so that a plan does not know it.
_NOT_CHECKED = (
    "not checked until staged: the archive and its hash, room on the nodes, and whether {target} accepts each configuration"
)


def lines(plan: Plan) -> list[str]:
    """Order, cost, what stops it (by name: the error says why), what is waived, what to know."""
    names = ", ".join(dict.fromkeys(finding.name for finding in plan.settled.refusals))
    return [
        *_order(plan),
        *([f"refused: {names}"] if names else []),
        *_findings("waived", plan.settled.waived),
        *_findings("warning", plan.settled.warnings),
        *plan.ways_back,
        *([_NOT_CHECKED.format(target=plan.target)] if plan.steps else []),
    ]


def notes(plan: Plan) -> list[str]:
    """What the target brings: read it before the first node, not after."""
    return [f"{note.minor}: {note.text}" for note in plan.notes]


def refused(plan: Plan) -> NatsError:
    """The error of a plan with refusals."""
    names = [finding.name for finding in plan.settled.refusals]
    waivable = sorted({finding.name for finding in plan.settled.refusals if finding.waivable})
    text = "\n".join(f"refused: {finding.name}: {finding.message}" for finding in plan.settled.refusals)
    text += "\nNothing was touched."
    if all(finding.waivable for finding in plan.settled.refusals):
        text += f" To go on in spite of it: -e '{{\"nats_upgrade_waive\": [{', '.join(_quoted(waivable))}]}}'"
    elif waivable:
        text += f" Of these, only {', '.join(waivable)} can be waived."
    return NatsError(text, refusals=names)


def _quoted(names: Sequence[str]) -> Iterator[str]:
    return (f'"{name}"' for name in names)


def _order(plan: Plan) -> Iterator[str]:
    numbers = {step.host: number for number, step in enumerate(plan.steps, 1)}
    steps = {step.host: step for step in plan.steps}
    for cluster, hosts in plan.clusters.items():
        todo = [steps[host] for host in hosts if host in steps]
        title = cluster or "no cluster"
        if not todo:
            yield f"{title}: {named(hosts)} {'run' if len(hosts) > 1 else 'runs'} {plan.target} already"
            continue
        yield f"{title}: to {plan.target}, one node at a time, about {duration(sum(step.seconds for step in todo))}"
        for step in sorted(todo, key=lambda one: numbers[one.host]):
            yield f"  {numbers[step.host]}. {_step(step, plan.target)}"
        done = [host for host in hosts if host not in steps]
        if done:
            yield f"  {named(done)} {'run' if len(done) > 1 else 'runs'} it already"


def _step(step: Step, target: str) -> str:
    cost = [
        f"{step.clients} client{'s' if step.clients != 1 else ''} move{'s' if step.clients == 1 else ''}" if step.clients else "",
        f"leads {step.leads} Raft group{'s' if step.leads != 1 else ''}" if step.leads else "",
        f"{len(step.fragile)} down meanwhile ({named(step.fragile, 3)})" if step.fragile else "",
        f"resumed: it broke off at '{step.resumes}'" if step.resumes else "",
    ]
    last = "  (meta leader, last)" if step.leader else ""
    told = "  ".join(part for part in cost if part)
    return f"{step.host}  {step.version} -> {target}{last}{'  ' + told if told else ''}"


def _findings(kind: str, findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        first, *rest = finding.message.split("\n")
        yield f"{kind}: {finding.name}: {first}"
        yield from (f"    {line.strip()}" for line in rest)


def duration(seconds: float) -> str:
    """A duration as people say it: 40 s, 3 min, 2 h 10 min."""
    if round(seconds) < 100:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
