"""Events of runs, as a run that was killed, a full disk or another run leaves them, and the report that is made of them."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ansible_collections.natsops.cluster.plugins.plugin_utils._page import page as _page
from ansible_collections.natsops.cluster.plugins.plugin_utils._report import build as _build
from ansible_collections.natsops.cluster.plugins.plugin_utils._report import outcome as _outcome
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import resume as _resume
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import turns as _turns
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import EVENTS, Log
from tests.fuzz.harness import SCRATCH, assert_nothing_is_obeyed, fuzz
from tests.fuzz.inputs import changed, changed_bytes
from tests.unit.modules import ROOT
from tests.unit.reports import VALIDATOR, began, event, phase, planned, sample

RUN = [
    began(),
    planned(
        refusals=[],
        waived=[],
        warnings=[{"name": "r1_assets", "message": "x"}],
        later=[],
        done=[],
        estimate=60,
        seconds={"n1": 9},
    ),
    sample(2, n1=5, n2=None),
    phase(3, "n1", "gate"),
    phase(4, "n1", "gate", "ended", seconds=1.0),
    phase(5, "n1", "drain"),
    phase(9, "n1", "drain", "ended", seconds=4.0),
    phase(9, "n1", "swap"),
    event(9.5, "r1_outage", host="n1", assets=["APP > S"], seconds=4.5, back=True),
    event(
        10,
        "node_done",
        host="n1",
        seconds=7.5,
        old_version="2.14.6",
        new_version="2.15.1",
        connections_before=5,
        connections_after=5,
    ),
    event(11, "client_probe", step="n1", published=10, lost=0, longest_gap_seconds=0.2),
    event(12, "note", host="n2", text="a note"),
    event(13, "failed", host="n2", step="Drain", msg="n2: no\nroom", refusal="x", server_log=["[ERR] x"]),
    event(14, "run_ended", outcome="failed", upgraded=["n1"], left=["n2"], next="run again"),
]
LINES = b"".join(json.dumps(one).encode() + b"\n" for one in RUN)
RECORDED = sorted((ROOT / "tests" / "fixtures" / "2.15.1" / "runs").glob("*.jsonl"))
whole = st.one_of(
    changed(RUN, most=5).map(
        lambda events: b"".join(json.dumps(one).encode() + b"\n" for one in events) if isinstance(events, list) else b"x"
    ),
    changed_bytes(LINES),
    *(changed_bytes(path.read_bytes()) for path in RECORDED[:2]),
)


@fuzz(whole, examples=400)
def test_whatever_events_there_are_a_report_is_made_of_them(data: bytes) -> None:
    path = SCRATCH / EVENTS
    path.write_bytes(data)
    report = _build.build(_build.read_events(path))
    VALIDATOR.validate(report)
    assert_nothing_is_obeyed(report)
    json.dumps(report, allow_nan=False)
    _page.render(report)


@fuzz(whole, examples=300)
def test_whatever_events_there_are_a_run_can_say_how_it_ended(data: bytes) -> None:
    folder = SCRATCH / "r1"
    folder.mkdir(exist_ok=True)
    (folder / EVENTS).write_bytes(data)
    log = Log(folder, "r1")
    events = log.own()
    story = _outcome.story(events)
    said: list[Any] = [story.outcome, story.next(), story.lines, _turns.so_far(events), story.summary("failed", "x")]
    said.append(story.last_words("n2: no room"))
    json.dumps(said)
    for host in ("n1", "n2"):
        _turns.outage(events, host, 1.7e9)
        _turns.turn_seconds(events, host, 1.7e9)


@fuzz(whole, examples=150)
def test_whatever_an_earlier_run_has_left_it_is_taken_up_or_not(data: bytes) -> None:
    with tempfile.TemporaryDirectory(dir=SCRATCH) as runs:
        for run, lines in (("r1", data), ("r2", LINES.replace(b'"r1"', b'"r2"'))):
            (Path(runs) / run).mkdir()
            (Path(runs) / run / EVENTS).write_bytes(lines)
        _resume.take_up(Log(Path(runs) / "r2", "r2"))
