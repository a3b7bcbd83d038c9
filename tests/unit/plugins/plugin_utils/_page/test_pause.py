from __future__ import annotations

from typing import Any

from ansible_collections.natsops.cluster.plugins.plugin_utils._page.pause import cut_short
from ansible_collections.natsops.cluster.plugins.plugin_utils._page.svg import ticks
from tests.lab import report_events
from tests.unit.reports import at, began, build, event, phase, planned, sample


def paused() -> dict[str, Any]:
    """Twenty seconds of work, an hour less eighty of none, and forty seconds of work."""
    return build(
        began(),
        planned(),
        phase(10, "n1", "drain"),
        sample(20, n1=7),
        began(3540),
        phase(3550, "n1", "drain"),
        phase(3560, "n1", "drain", "ended"),
        event(3570, "r1_outage", host="n1", assets=["A"], seconds=3560, began=at(10)),
        sample(3580, n1=9),
    )


def test_a_pause_of_an_hour_takes_no_more_room_than_shows_it() -> None:
    report = paused()
    drawn, clock = cut_short(report)
    assert drawn["seconds"] == 20 + 3 + 40
    lane = drawn["timeline"]["lanes"][0]
    assert [(span["begin"], span["end"]) for span in lane["spans"]] == [(10, 20), (33, 43)]
    assert drawn["resumed"][0]["second"] == 23
    assert drawn["series"]["connections"]["n1"] == [[20, 7], [63, 9]]
    assert drawn["r1_outages"][0]["drawn_seconds"] == 43
    assert [clock.at(second) for second in (10, 20, 23, 43)] == ["10:00:10", "10:00:20", "10:59:00", "10:59:20"]
    labels = [label for _second, label in ticks(drawn["seconds"], clock)]
    assert labels == ["10:00:00", "10:00:10", "10:00:20", "10:59:00", "10:59:10", "10:59:20", "10:59:30", "10:59:40"]
    # What is said and not drawn is as it was.
    assert report["r1_outages"][0]["seconds"] == 3560


def test_where_nobody_paused_nothing_is_moved() -> None:
    report = build(*report_events.good())
    assert cut_short(report)[0] is report
