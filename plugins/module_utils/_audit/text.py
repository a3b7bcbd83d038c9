# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The judgement of drift for people, for programs, and for Prometheus. Pure. docs/audit.md says what is in each."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from typing import Any, Iterable, Iterator, Mapping, Sequence, Tuple

from ansible_collections.natsops.cluster.plugins.module_utils._audit.drift import Cluster, Drift
from ansible_collections.natsops.cluster.plugins.module_utils._audit.fleet import FAIL, NAMES, severity_of, span, time_of
from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._core.text import named
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding

FORMATS = ("table", "json", "prometheus")
# Fits 80 columns behind what Ansible writes before each line.
WIDTH = 74
# Rows and findings in full; who wants all of a large fleet takes JSON.
_ROWS = 15
_FAULTS = 3
_ALIKE = 5


def lines(drift: Drift) -> list[str]:
    """For people: what to look at first, then every cluster, then every finding with what to do next."""
    brief = drift.brief()
    summary = brief["summary"]
    head = f"{summary['answered']} of {summary['hosts']} hosts answer, {_count(summary['clusters'], 'cluster')}, "
    head += (
        f"{_count(len(summary['versions']), 'version')} | {summary['fail']} fail, {summary['warn']} warn, {summary['note']} note"
    )
    told = [head, *_outliers(drift), *_clusters(drift.clusters), *_findings(drift)]
    return [_text.line(line).rstrip() for line in told]


def failure(drift: Drift) -> str:
    """What an audit fails with; empty where nothing is severe enough."""
    failing = [finding for finding in drift.findings if drift.severity(finding) == FAIL]
    if not failing:
        return ""
    by_name: dict[str, list[str]] = {}
    for finding in failing:
        by_name.setdefault(finding.name, []).extend([finding.cluster] if finding.name == "mismatch_overdue" else finding.seen)
    which = "; ".join(f"{name}: {named(dict.fromkeys(seen))}" for name, seen in by_name.items())
    fail = "fails" if len(failing) == 1 else "fail"
    return _text.line(
        f"{_count(len(failing), 'finding')} of this audit {fail} it: {which}. The task before says what was seen and what to do "
        "next. Nothing was changed. Which findings fail an audit is said by nats_audit_fail_on."
    )


def as_json(drift: Drift) -> str:
    return json.dumps(drift.as_dict(), indent=2) + "\n"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _table(rows: Sequence[Sequence[str]], spare: Sequence[int] = ()) -> Iterator[str]:
    """The rows with their columns aligned, and without the spare ones, in this order, where they are too wide."""
    widths = {column: max(len(row[column]) for row in rows) for column in range(len(rows[0]))}
    for column in spare:
        if sum(widths.values()) + 2 * len(widths) > WIDTH + 2:
            del widths[column]
    for row in rows:
        yield "  ".join(row[column].ljust(width) for column, width in widths.items())


def _outliers(drift: Drift) -> Iterator[str]:
    rows = [
        (
            cluster.name,
            one.server.host,
            one.server.facts.version,
            f"not {cluster.majority}",
            str(one.gap),
            f"up {span(one.server.uptime_seconds)}" if one.server.uptime_seconds is not None else "",
        )
        for cluster in drift.clusters
        for one in cluster.outliers
    ]
    rows += [
        ("(unknown)", reading.name, "?", "", "does not answer" if not reading.lasting else "unreadable", "")
        for reading in drift.fleet.silent
    ]
    if rows:
        yield from ("", "OUTLIERS")
        yield from _table(rows[:_ROWS], spare=(5, 3))
        yield from [f"and {len(rows) - _ROWS} more"] if len(rows) > _ROWS else []


def _clusters(clusters: Sequence[Cluster]) -> Iterator[str]:
    if not clusters:
        return
    mixed_first = sorted(clusters, key=lambda cluster: cluster.mismatch is None)
    rows = [
        (
            cluster.name or "(no cluster)",
            _count(len(cluster.servers), "server"),
            ", ".join(f"{version} x{count}" for version, count in cluster.versions.items()),
            cluster.mismatch.state if cluster.mismatch else "",
        )
        for cluster in mixed_first
    ]
    yield from ("", "CLUSTERS")
    yield from _table(rows[:_ROWS])
    left = mixed_first[_ROWS:]
    if left:
        mixed = sum(1 for cluster in left if cluster.mismatch)
        majorities = Counter(cluster.majority for cluster in left)
        which = ", ".join(f"{version} x{count}" for version, count in majorities.most_common(5))
        yield f"and {_count(len(left), 'cluster')} more ({mixed} with several versions), mostly of {which}"


def _findings(drift: Drift) -> Iterator[str]:
    if not drift.findings:
        yield from ("", "Nothing to tell: each cluster runs one version, and nothing is known against it.")
        return
    yield from ("", "FINDINGS")
    for name, texts, todo in _folded(drift.findings):
        yield f"{severity_of(name, drift.failing)}  {name}"
        yield from _wrapped(texts[0])
        for text in texts[1:]:
            yield from _wrapped(f"* {text}")
        yield from _next(todo)


def _next(todo: str) -> Iterator[str]:
    text, _colon, command = todo.partition(": ansible-playbook ")
    if text:
        yield from _wrapped(f"next: {text}{':' if command else ''}")
    if command:
        # In one piece, to be copied.
        yield f"    ansible-playbook {command}"


def _folded(findings: Sequence[Finding]) -> Iterator[tuple[str, list[str], str]]:
    """The findings as they are shown: the known faults of one version as one, and so is what many servers have alike."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        version = finding.details["version"] if finding.name == "known_fault" else ""
        alike.setdefault((finding.name, version), []).append(finding)
    for (name, _unused), same in alike.items():
        if name == "known_fault" and len(same) > 1:
            yield name, _faults(same), same[0].next
        elif len(same) > _ALIKE:
            rest = [server for one in same[_ALIKE:] for server in one.seen or (one.cluster,)]
            some = [*(one.message for one in same[:_ALIKE]), f"and {len(same) - _ALIKE} more: {named(rest, 10)}"]
            yield name, some, same[0].next
        else:
            yield from ((name, [one.message], one.next) for one in same)


def _faults(same: Sequence[Finding]) -> list[str]:
    # What concerns everybody comes before what concerns those who use something.
    ordered = sorted(same, key=lambda one: (not one.details["advisories"], bool(one.details["when"])))
    more = [f"and {len(same) - _FAULTS} more, see nats_audit_format=json"] if len(same) > _FAULTS else []
    hosts = dict.fromkeys(host for one in same for host in one.seen)
    runs = f"{named(hosts)} {'run' if len(hosts) > 1 else 'runs'} {same[0].details['version']}"
    return [f"{runs}: {len(same)} known faults", *(_why(one) for one in ordered[:_FAULTS]), *more]


def _why(finding: Finding) -> str:
    where = f" (where you use {' and '.join(finding.details['when'])})" if finding.details["when"] else ""
    return f"{finding.details['why']}{where}"


def _wrapped(text: str) -> list[str]:
    indent = "    "
    # Names and addresses stay in one piece.
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def prometheus(drift: Drift, at: float) -> str:
    """Text in the exposition format of Prometheus, for the textfile collector of node_exporter."""
    return "".join(f"{line}\n" for name, (kind, samples) in _metrics(drift, at).items() for line in _metric(name, kind, samples))


_Samples = Iterable[Tuple[Mapping[str, str], float]]


def _metrics(drift: Drift, at: float) -> dict[str, tuple[str, _Samples]]:
    return {
        "nats_audit_last_run_timestamp_seconds": ("When this audit was made.", [({}, at)]),
        "nats_audit_findings": ("Findings by name and severity, 0 where there is none.", _by_name(drift)),
        "nats_audit_host_up": (
            "Whether the server of a host of the inventory answered as one.",
            [({"host": reading.name}, float(reading.facts is not None)) for reading in drift.fleet.readings],
        ),
        "nats_audit_server_info": (
            "A server that answered, always 1.",
            [(_labels(server), 1.0) for server in drift.fleet.servers],
        ),
        "nats_audit_server_start_time_seconds": (
            "When a server was started.",
            [
                ({"host": server.host, "cluster": server.facts.cluster}, started.timestamp())
                for server in drift.fleet.servers
                for started in [time_of(server.facts.start)]
                if started
            ],
        ),
        "nats_audit_cluster_servers": (
            "Servers of a cluster by the version that they run.",
            [
                ({"cluster": cluster.name, "version": version}, float(count))
                for cluster in drift.clusters
                for version, count in cluster.versions.items()
            ],
        ),
        "nats_audit_mismatch_age_seconds": (
            "Time since the first start of a newer server in a cluster that runs several versions; 0 where it runs one.",
            [
                ({"cluster": cluster.name}, (cluster.mismatch.age_seconds or 0.0) if cluster.mismatch else 0.0)
                for cluster in drift.clusters
                if cluster.name
            ],
        ),
        "nats_audit_max_mismatch_seconds": ("From when on that is overdue.", [({}, drift.limits.max_mismatch_seconds)]),
    }


def _by_name(drift: Drift) -> _Samples:
    counted = Counter(finding.name for finding in drift.findings)
    for name in NAMES:
        severity = severity_of(name, drift.failing) if name in counted else NAMES[name][0]
        yield {"name": name, "severity": severity}, float(counted[name])


def _labels(server: Any) -> dict[str, str]:
    facts = server.facts
    return {
        "host": server.host,
        "server_name": facts.server_name,
        "cluster": facts.cluster,
        "version": facts.version,
        "git_commit": facts.git_commit,
        "config_digest": facts.config_digest,
    }


def _metric(name: str, told: str, samples: _Samples) -> Iterator[str]:
    yield f"# HELP {name} {told}"
    yield f"# TYPE {name} gauge"
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{inside}}} {value:.15g}" if inside else f"{name} {value:.15g}"


def _escaped(text: str) -> str:
    # A carriage return ends a line for some readers, and has no escape of its own.
    return _encodable(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", " ")


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
