"""What a client load saw: the figures that it reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.natsops.cluster.plugins.plugin_utils._probe.figures import Numbers, Tally


@dataclass(frozen=True)
class LoadReport:
    """All figures of one load. Times of day are ISO texts in UTC; a gap that never was has none."""

    duration_seconds: float
    acknowledged: int
    lost: int
    duplicates_in_stream: int
    deduplicated: int
    publish_failed_attempts: int
    longest_publish_stall_seconds: float
    longest_publish_stall_at: str | None
    consumer_received: int
    never_delivered: int
    consumer_failed_fetches: int
    longest_consumer_gap_seconds: float
    longest_consumer_gap_at: str | None
    requests_ok: int
    requests_failed: int
    longest_request_gap_seconds: float
    longest_request_gap_at: str | None
    disconnects: int
    lost_ids: list[str]
    events: list[dict[str, Any]]

    @classmethod
    def read(cls, path: Path) -> LoadReport:
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def report(tally: Tally, duration_seconds: float, in_stream: Sequence[int]) -> LoadReport:
    """What was counted, compared with the numbers of the messages that are in the stream at the end."""
    stored = Numbers()
    duplicates = sum(not stored.add(number) for number in in_stream)
    lost = sorted(tally.stream.sent.without(stored))
    return LoadReport(
        duration_seconds=round(duration_seconds, 3),
        acknowledged=len(tally.stream.sent),
        lost=len(lost),
        duplicates_in_stream=duplicates,
        deduplicated=tally.deduplicated,
        publish_failed_attempts=tally.publish_failed,
        longest_publish_stall_seconds=tally.publish.longest.seconds,
        longest_publish_stall_at=tally.publish.longest.at,
        consumer_received=len(tally.stream.received),
        never_delivered=len(tally.stream.missing),
        consumer_failed_fetches=tally.fetch_failed,
        longest_consumer_gap_seconds=tally.consume.longest.seconds,
        longest_consumer_gap_at=tally.consume.longest.at,
        requests_ok=tally.requests_ok,
        requests_failed=tally.requests_failed,
        longest_request_gap_seconds=tally.request.longest.seconds,
        longest_request_gap_at=tally.request.longest.at,
        disconnects=sum(tally.left.values()),
        lost_ids=[str(number) for number in lost[:20]],
        events=tally.events,
    )
