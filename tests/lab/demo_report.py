"""What the demo found: what counts as a failure, and a short table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.lab.sampler import Phases

HEADINGS = ("node", "before", "after", "drain", "replace+start", "catch up", "total")


@dataclass(frozen=True)
class Result:
    """All figures of one demo. The second run is missing where the first one failed."""

    target: str
    versions_before: dict[str, str]
    versions_after: dict[str, str]
    phases: dict[str, list[Phases]]
    clients: dict[str, Any] | None
    playbook_status: int
    playbook_seconds: float
    second_status: int | None = None
    second_changed: int | None = None
    second_seconds: float | None = None

    def problems(self) -> list[str]:
        """Return what must not happen in an upgrade, and did."""
        wrong = [name for name, version in self.versions_after.items() if version != self.target]
        lost = (self.clients or {}).get("lost", 0)
        checks = (
            (self.playbook_status != 0, f"the playbook ended with status {self.playbook_status}"),
            (bool(wrong), f"not at {self.target}: {', '.join(wrong)}"),
            (not (self.clients or {}).get("published"), "no client has published anything"),
            (lost > 0, f"{lost} acknowledged messages were lost"),
            (self.second_status not in (None, 0), f"the second run ended with status {self.second_status}"),
            (bool(self.second_changed), f"the second run changed {self.second_changed} things"),
        )
        return [text for failed, text in checks if failed]

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "problems": self.problems()}

    def table(self) -> str:
        rows = [HEADINGS, *(self._node_row(name) for name in self.versions_before)]
        return f"{_aligned(rows)}\n\n{_pairs(self._figures())}"

    def _node_row(self, name: str) -> tuple[str, ...]:
        versions = (name, self.versions_before[name], self.versions_after[name])
        if not self.phases.get(name):
            return (*versions, "-", "-", "-", "not replaced")
        phases = self.phases[name][-1]
        times = (phases.drain_seconds, phases.away_seconds, phases.catch_up_seconds, phases.total_seconds)
        return (*versions, *map(_seconds, times))

    def _figures(self) -> list[tuple[str, str]]:
        second = "not done" if self.second_changed is None else f"changed={self.second_changed}"
        return [
            *self._client_figures(),
            ("playbook", _seconds(self.playbook_seconds)),
            ("second run", f"{second}, {_seconds(self.second_seconds)}"),
        ]

    def _client_figures(self) -> list[tuple[str, str]]:
        if self.clients is None:
            return [("clients", "saw nothing")]
        saw, gaps = self.clients, self.clients["longest_gap_seconds"]
        return [
            ("messages acknowledged", str(saw["published"])),
            ("messages lost", str(saw["lost"])),
            ("messages duplicated", str(saw["duplicated"])),
            ("longest wait to publish", _seconds(gaps["publish"])),
            ("longest wait to consume", _seconds(gaps["consume"])),
            ("longest wait for an answer", _seconds(gaps["request"])),
            ("requests failed", f"{saw['failed_requests']} of {saw['requests']}"),
        ]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Names to the left, figures to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = []
    for row in rows:
        cells = [text.ljust(width) if i < 3 else text.rjust(width) for i, (text, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _pairs(figures: Sequence[tuple[str, str]]) -> str:
    width = max(len(label) for label, _unused in figures)
    return "\n".join(f"{label.ljust(width)}  {text}" for label, text in figures)
