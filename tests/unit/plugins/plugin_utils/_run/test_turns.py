from __future__ import annotations

import pytest

from ansible_collections.natsops.cluster.plugins.plugin_utils._run import turns as _turns
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Event
from tests.unit.plugins.plugin_utils._report.test_outcome import ALL, CANARY, began, done, event, phase, planned


def test_how_far_a_cluster_is_goes_by_what_turns_take_here() -> None:
    begun = [began(), planned()]
    assert _turns.so_far(begun) == ""
    assert _turns.so_far([*begun, done("n1")]) == "cluster c1  1/3 done, about 30 s left"
    # Three times as slow as was expected.
    assert _turns.so_far([*begun, done("n1", 30), done("n2", 30)]) == "cluster c1  2/3 done, about 60 s left"
    assert _turns.so_far([*begun, *ALL]) == "cluster c1  3/3 done"
    # What a later run is to do is not waited for in this one.
    assert _turns.so_far([began(), CANARY, done("n1")]) == "cluster c1  1/3 done"


def test_of_several_clusters_each_counts_its_own() -> None:
    two = planned("n1 n2 n3", clusters={"a": ["n1"], "b": ["n2", "n3"]})
    assert _turns.so_far([began(), two, done("n1")]) == ""
    assert _turns.so_far([began(), two, done("n1"), done("n2")]) == "cluster b  1/2 done, about 20 s left"


def test_a_turn_is_measured_by_the_events() -> None:
    events = [
        phase("n1", "gate", "began", 0),
        phase("n2", "stage", "began", 0),
        phase("n2", "gate", "began", 10),
        phase("n2", "drain", "began", 12),
        phase("n2", "drain", "ended", 15),
        phase("n2", "catch_up", "began", 16),
        phase("n2", "catch_up", "ended", 18.5),
    ]
    assert _turns.turn_seconds(events, "n2", 1_700_000_020) == 10
    assert _turns.turn_seconds(events, "n3", 1_700_000_020) == 0


AWAY = [planned(assets_down={"n2": ["A > B"]}), phase("n2", "gate", "ended", 9), phase("n2", "drain", "began", 10)]


@pytest.mark.parametrize(
    ("more", "host", "seconds", "over"),
    [
        pytest.param([phase("n2", "catch_up", "ended", 18.5)], "n2", 8.5, True, id="current_again"),
        pytest.param([], "n2", 90, False, id="still_away"),
        pytest.param([], "n1", None, None, id="another_host"),
        pytest.param([event("put_back", 20, host="n2")], "n2", None, None, id="told_already"),
        pytest.param([event("failed", 20, host="n2", stopped=False)], "n2", None, None, id="nothing_was_stopped"),
        # The next run waits for the same drain.
        pytest.param([began(), planned(), phase("n2", "drain", "began", 60)], "n2", 90, False, id="resumed"),
        # The next run finds it running, and nobody knows since when.
        pytest.param([began(), planned(), phase("n2", "gate", "ended", 60)], "n2", 50, True, id="found_running"),
        pytest.param(
            [event("put_back", 20, host="n2"), planned(assets_down={"n2": ["C"]}), phase("n2", "drain", "began", 60)],
            "n2",
            40,
            False,
            id="taken_again",
        ),
    ],
)
def test_assets_are_down_from_the_begin_of_the_drain_until_their_server_is_back(
    more: list[Event], host: str, seconds: float | None, over: bool | None
) -> None:
    outage = _turns.outage([*AWAY, *more], host, 1_700_000_100)
    assert (outage and (outage.seconds, outage.over)) == ((seconds, over) if seconds is not None else None)
