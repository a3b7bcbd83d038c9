"""What a client load saw: the figures that it reports, and the clocks that find the longest interruptions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

MAX_EVENTS = 500


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


def now_text() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


@dataclass
class Longest:
    """The longest interruption so far, and when it ended."""

    seconds: float = 0.0
    at: str | None = None

    def offer(self, seconds: float) -> None:
        if seconds > self.seconds:
            self.seconds, self.at = round(seconds, 3), now_text()


@dataclass
class DeliveryClock:
    """How long acknowledged messages lay in the stream while nothing was delivered.

    The time between two deliveries alone would blame the consumer for a pause of the publisher.
    """

    longest: Longest = field(default_factory=Longest)
    now: Callable[[], float] = time.monotonic
    _acknowledged: int = 0
    _delivered: int = 0
    _waiting_since: float | None = None

    @property
    def is_waiting(self) -> bool:
        return self._waiting_since is not None

    def acknowledged(self, sequence: int) -> None:
        self._acknowledged = max(self._acknowledged, sequence)
        if self._waiting_since is None:
            self._restart()

    def delivered(self, sequence: int) -> None:
        self._delivered = max(self._delivered, sequence)
        self.close()
        self._restart()

    def close(self) -> None:
        """Count what is being waited for now: a delivery came, or the load ends."""
        if self._waiting_since is not None:
            self.longest.offer(self.now() - self._waiting_since)

    def _restart(self) -> None:
        self._waiting_since = self.now() if self._acknowledged > self._delivered else None


@dataclass
class Tally:
    """The counters of a running load."""

    begin: float = field(default_factory=time.monotonic)
    acknowledged: dict[str, int] = field(default_factory=dict)
    received: set[str] = field(default_factory=set)
    deduplicated: int = 0
    publish_failed: int = 0
    fetch_failed: int = 0
    requests_ok: int = 0
    requests_failed: int = 0
    disconnects: int = 0
    stall: Longest = field(default_factory=Longest)
    request_gap: Longest = field(default_factory=Longest)
    delivery: DeliveryClock = field(default_factory=DeliveryClock)
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def flows(self) -> bool:
        return bool(self.acknowledged and self.received and self.requests_ok)

    def note(self, kind: str, detail: object) -> None:
        """Remember that something went wrong. A long outage repeats itself, the first entries tell the story."""
        if len(self.events) < MAX_EVENTS:
            text = f"{type(detail).__name__}: {detail}" if isinstance(detail, Exception) else str(detail)
            self.events.append({"at": now_text(), "kind": kind, "detail": text})

    def report(self, duration_seconds: float, in_stream: list[str]) -> LoadReport:
        """Compare with the ids that are in the stream at the end."""
        lost = sorted(set(self.acknowledged) - set(in_stream))
        return LoadReport(
            duration_seconds=round(duration_seconds, 3),
            acknowledged=len(self.acknowledged),
            lost=len(lost),
            duplicates_in_stream=len(in_stream) - len(set(in_stream)),
            deduplicated=self.deduplicated,
            publish_failed_attempts=self.publish_failed,
            longest_publish_stall_seconds=self.stall.seconds,
            longest_publish_stall_at=self.stall.at,
            consumer_received=len(self.received),
            never_delivered=len(set(self.acknowledged) - self.received),
            consumer_failed_fetches=self.fetch_failed,
            longest_consumer_gap_seconds=self.delivery.longest.seconds,
            longest_consumer_gap_at=self.delivery.longest.at,
            requests_ok=self.requests_ok,
            requests_failed=self.requests_failed,
            longest_request_gap_seconds=self.request_gap.seconds,
            longest_request_gap_at=self.request_gap.at,
            disconnects=self.disconnects,
            lost_ids=lost[:20],
            events=self.events,
        )
