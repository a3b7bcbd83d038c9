from __future__ import annotations

from typing import Any

import pytest

from tests.lab import report_events
from tests.unit.reports import at, began, build, event, phase, sample, spans


def test_phases_of_hosts_that_are_interleaved_are_told_apart() -> None:
    report = build(
        began(),
        phase(1, "n1", "stage"),
        phase(2, "n2", "stage"),
        phase(3, "n1", "stage", "ended"),
        phase(4, None, "verify"),
        phase(5, "n2", "stage", "failed", detail="no room"),
        phase(6, None, "verify", "ended"),
        event(7, "run_ended", outcome="failed"),
    )
    assert spans(report, "n1") == [("stage", 1, 3, "ended")]
    assert spans(report, "n2") == [("stage", 2, 5, "failed")]
    assert spans(report, None) == [("verify", 4, 6, "ended")]
    assert report["timeline"]["lanes"][1]["spans"][0]["detail"] == "no room"


def test_a_phase_whose_begin_is_missing_began_as_long_before_as_it_took() -> None:
    report = build(began(), phase(8, "n1", "drain", "ended", seconds=5), phase(9, "n1", "swap", "ended"))
    assert spans(report, "n1") == [("drain", 3, 8, "ended"), ("swap", 9, 9, "ended")]


@pytest.mark.parametrize(
    ("after", "end", "state"),
    [
        pytest.param(event(7, "failed", host="n1", msg="x"), 7, "failed", id="failure-on-it"),
        pytest.param(event(7, "failed", host="n2", msg="x"), 9, "interrupted", id="failure-elsewhere"),
        pytest.param(phase(7, "n1", "drain"), 7, "interrupted", id="began-anew"),
    ],
)
def test_a_phase_without_an_end_ends_with_what_ended_it(after: dict[str, Any], end: float, state: str) -> None:
    report = build(began(), phase(5, "n1", "drain"), after, event(9, "run_ended", outcome="failed"))
    assert spans(report, "n1")[0] == ("drain", 5, end, state)


def test_a_run_that_was_resumed_has_no_phase_over_the_pause() -> None:
    report = build(*report_events.resumed())
    (again,) = report["resumed"]
    drains = [span for span in spans(report, "n2") if span[0] == "drain"]
    assert [span[3] for span in drains] == ["interrupted", "ended"]
    assert drains[0][2] < 50 < again["second"] == 90 < drains[1][1]
    assert report["outcome"]["upgraded"] == ["n1", "n2", "n3"]
    assert report["outcome"]["left"] == []
    assert [server["version_before"] for server in report["servers"]] == ["2.14.6"] * 3


def test_events_that_were_told_afterwards_are_where_they_happened() -> None:
    """The parts of a step on a node are known only when it is over."""
    report = build(
        began(),
        phase(2, "n1", "drain"),
        phase(9, "n1", "start", "ended"),
        phase(6, "n1", "drain", "ended"),
        phase(6, "n1", "swap"),
        phase(7, "n1", "swap", "ended"),
        phase(7, "n1", "start"),
    )
    assert spans(report, "n1") == [("drain", 2, 6, "ended"), ("swap", 6, 7, "ended"), ("start", 7, 9, "ended")]


def test_odd_clocks_make_no_negative_time() -> None:
    report = build(
        event(120, "note", text="before the begin"),
        {"kind": "note", "text": "no time"},
        began(300),
        {**phase(0, "n1", "drain"), "at": "2026-11-21T11:05:10+01:00"},
        {**phase(0, "n1", "drain", "ended"), "at": "2026-11-21T10:05:20"},
        {**phase(0, "n2", "drain", "ended", seconds=1e300), "at": "1969-01-01T00:00:00Z"},
        {**event(0, "note", text="x"), "at": "9999-99-99"},
    )
    assert report["began"] == at(300)
    assert spans(report, "n1") == [("drain", 10, 20, "ended")]
    assert spans(report, "n2") == [("drain", 20, 20, "ended")]
    assert [note["second"] for note in report["notes"]] == [0, 0, 20]


def test_an_outage_of_single_replicas_began_with_the_drain() -> None:
    report = build(
        began(),
        phase(10, "n1", "drain"),
        phase(20, "n1", "drain", "ended"),
        event(40, "r1_outage", host="n1", assets=["A > B"], seconds=12),
        event(41, "r1_outage", host="n2", assets=["A > C"], seconds=12),
    )
    assert [outage["begin"] for outage in report["r1_outages"]] == [10, 29]


def test_an_outage_over_two_runs_is_one_and_nobody_looked_in_between() -> None:
    report = build(
        began(),
        phase(10, "n1", "drain"),
        event(20, "r1_outage", host="n1", assets=["A > B"], seconds=10, began=at(10), over=False),
        began(50),
        phase(60, "n1", "drain"),
        event(80, "r1_outage", host="n1", assets=["A > B"], seconds=70, began=at(10)),
    )
    (outage,) = report["r1_outages"]
    assert (outage["begin"], outage["seconds"], outage["over"], outage["at_most"]) == (10, 70, True, True)


def test_a_phase_took_what_was_measured_on_the_node() -> None:
    report = build(began(), phase(2, "n1", "drain"), phase(9, "n1", "drain", "ended", seconds=6.5), phase(9, "n1", "swap"))
    report_of_odd = build(began(), phase(2, "n1", "drain"), phase(9, "n1", "drain", "ended", seconds=99))
    assert [span["seconds"] for span in report["timeline"]["lanes"][0]["spans"]] == [6.5, 0]
    assert [span["seconds"] for span in report_of_odd["timeline"]["lanes"][0]["spans"]] == [7]


def test_connections_of_a_server_that_drains_are_those_seen_on_its_node() -> None:
    draining = [event(second, "draining", host="n1", connections=count) for second, count in ((2, 6), (3, 1))]
    report = build(began(), sample(1, n1=9, n2=1), *draining, sample(5, n1=None, n2=10))["series"]
    assert report["connections"]["n1"] == [[1, 9], [2, 6], [3, 1], [5, None]]
    assert report["all_connections"] == [[1, 10], [5, 10]]


def test_series_keep_gaps_sums_and_the_peak() -> None:
    report = build(
        began(),
        sample(1, n1=5, n2=7),
        sample(2, n1=None, n2=12),
        {**sample(3, n1=None, n2=None), "largest_lag": {"group": "A > B", "host": "n2", "lag": 70}},
        {**sample(4, n1=1, n2=11), "largest_lag": {"group": "A > C", "host": "n1", "lag": 60}, "not_current": 3},
    )["series"]
    assert report["connections"] == {"n1": [[1, 5], [2, None], [4, 1]], "n2": [[1, 7], [2, 12], [3, None], [4, 11]]}
    assert report["all_connections"] == [[1, 12], [3, None], [4, 12]]
    assert report["largest_lag"] == [[1, 0], [3, 70], [4, 60]]
    assert (report["peak_lag"]["lag"], report["peak_lag"]["group"], report["peak_lag"]["host"]) == (70, "A > B", "n2")
    assert report["not_current"] == [[1, 0], [4, 3]]


def test_long_series_are_thinned_and_keep_lows_highs_and_gaps() -> None:
    counts: list[int | None] = [100 + number % 7 for number in range(3000)]
    counts[1234], counts[2000], counts[2500] = 9999, 0, None
    report = build(began(), *(sample(1 + number, n1=count) for number, count in enumerate(counts)))
    points = report["series"]["connections"]["n1"]
    values = [value for _second, value in points]
    assert len(points) <= 240
    assert {9999, 0, None} <= set(values)
    assert (points[0][0], points[-1][0]) == (1, 3000)
    assert [second for second, _value in points] == sorted(second for second, _value in points)
