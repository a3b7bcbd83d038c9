"""What a failure in a turn means, and whether the old version goes back: a case for each branch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.plugin_utils._turn import recover as _recover
from ansible_collections.natsops.cluster.plugins.plugin_utils._turn.recover import PutBack, Recovery
from ansible_collections.natsops.cluster.plugins.plugin_utils._turn.values import Failed, Seen, Server, Wanted

OLD, NEW = "2.14.6", "2.15.1"
UPGRADE = Wanted("n1", NEW, OLD)
RESTART = Wanted("n1", OLD, OLD, restarts=True)
DRAINING = {"pid": 7, "exit_seen": False}
EXITED = {"pid": 7, "exit_seen": True}
OLD_ANSWERS = Server("n1", reachable=True, version=OLD)
NEW_ANSWERS = Server("n1", reachable=True, version=NEW)
DOWN = Server("n1", error="connection refused")


@pytest.mark.parametrize(
    ("failed", "stage"),
    [
        pytest.param(Failed(), "untouched", id="nothing was sent"),
        pytest.param(Failed(away=True), "away", id="an earlier run had stopped it"),
        pytest.param(Failed(swapped={"exit_seen": False}), "untouched", id="refused on the node before the signal"),
        pytest.param(Failed(away=True, swapped={"exit_seen": False}), "away", id="the same of one that is away"),
        pytest.param(Failed(swapped={"msg": "killed"}), "unknown", id="no answer of the step"),
        pytest.param(Failed(swapped={"pid": 7}), "unknown", id="half an answer of the step"),
        pytest.param(Failed(swapped=DRAINING), "draining", id="has not exited in time"),
        pytest.param(Failed(swapped=EXITED), "stopped", id="has exited"),
        pytest.param(Failed(has_target=True), "back", id="ran the target when its turn was taken up"),
        pytest.param(Failed(has_target=True, unwell=True, swapped=EXITED), "stopped", id="was started again by this run"),
        pytest.param(Failed(swapped=EXITED, returned=True), "returned", id="is back, what comes after has failed"),
        pytest.param(Failed(swapped=EXITED, returned=True, upgraded=True), "upgraded", id="its turn was over"),
        pytest.param(Failed(swapped=EXITED, returned=True, upgraded=True, lost=True), "lost", id="its host is lost"),
    ],
)
def test_how_far_a_turn_had_come(failed: Failed, stage: str) -> None:
    assert _recover.stage(failed) == stage


LEFT = "was left running."


@pytest.mark.parametrize(
    ("seen", "wanted", "expected"),
    [
        pytest.param(Seen(DOWN), UPGRADE, PutBack("now", "its server is down, and nats_upgrade_rollback is false."), id="dead"),
        pytest.param(Seen(DOWN, process_runs=True), UPGRADE, ("now", None), id="runs and does not listen"),
        pytest.param(Seen(Server("n1", reachable=True, version="2.9.9")), UPGRADE, ("now", None), id="is something else"),
        pytest.param(Seen(OLD_ANSWERS), UPGRADE, ("no", f"it answers with {OLD} and {LEFT}"), id="the old one answers"),
        pytest.param(Seen(NEW_ANSWERS), UPGRADE, ("no", f"it answers with {NEW} and {LEFT}"), id="waits for others"),
        pytest.param(Seen(NEW_ANSWERS, can_be_lost=True), UPGRADE, ("drained", None), id="its own trouble, can be lost"),
        pytest.param(
            Seen(None, process_runs=True),
            UPGRADE,
            ("no", "its server runs and was left running: whether it is well cannot be read."),
            id="runs, and nobody lets us in",
        ),
        pytest.param(Seen(None), UPGRADE, ("now", None), id="nobody lets us in, and no process runs"),
        pytest.param(
            Seen(DOWN),
            replace(UPGRADE, rollback=False),
            ("no", "its server is down, and nats_upgrade_rollback is false."),
            id="rollback is off",
        ),
        pytest.param(
            Seen(DOWN),
            RESTART,
            (
                "no",
                _recover._NOTHING_KEPT,
            ),
            id="a restart has nothing to put back",
        ),
        pytest.param(
            Seen(DOWN),
            replace(RESTART, reboots=True),
            ("no", "its server is down since it was drained for the reboot of its host."),
            id="a reboot",
        ),
    ],
)
def test_whether_the_old_version_goes_back_and_what_is_said_where_it_does_not(seen: Seen, wanted: Wanted, expected: Any) -> None:
    decision = _recover.put_back(seen, wanted)
    how, words = (expected.how, expected.words) if isinstance(expected, PutBack) else expected
    assert decision.how == how
    if words is not None:
        assert decision.words == words


@pytest.mark.parametrize(
    ("seen", "wanted", "refusal", "asks"),
    [
        (Seen(NEW_ANSWERS), UPGRADE, "", True),
        # What others wait for too has a name.
        (Seen(NEW_ANSWERS), UPGRADE, "feature_wedge", False),
        (Seen(OLD_ANSWERS), UPGRADE, "", False),
        (Seen(DOWN), UPGRADE, "", False),
        (Seen(None), UPGRADE, "", False),
        (Seen(OLD_ANSWERS), RESTART, "", False),
    ],
)
def test_the_cluster_is_asked_whether_it_can_lose_the_server_only_where_it_answers_with_the_new_version(
    seen: Seen, wanted: Wanted, refusal: str, asks: bool
) -> None:
    assert _recover.asks_whether_it_can_be_lost(seen, wanted, refusal) is asks


def test_what_failed_is_said_with_its_step_and_of_a_lost_host_as_it_was_said() -> None:
    assert _recover.begun("stopped", "Start it", "exit 1", "config").failure == "Start it: exit 1"
    assert (
        _recover.begun("lost", "Start it", "n1 was lost in the step 'Start it'").failure == "n1 was lost in the step 'Start it'"
    )


BEGUN = _recover.begun("stopped", "Wait", "not back")


@pytest.mark.parametrize(
    ("named", "lost", "besides", "stage"),
    [
        (False, False, "Put it back: disk full", "stopped"),
        (True, True, "disk full", "lost"),
        # By a command of the user's, whose result says no more than that the host cannot be reached.
        (False, True, "Put it back: disk full", "lost"),
    ],
)
def test_what_fails_while_it_is_put_right_is_said_besides(named: bool, lost: bool, besides: str, stage: str) -> None:
    recovery = _recover.failed_too(BEGUN, "Put it back", "disk full", named=named, lost=lost)
    assert (recovery.besides, recovery.stage, recovery.failure) == (besides, stage, BEGUN.failure)


def test_what_became_of_a_server_that_ended_by_itself() -> None:
    ended = _recover.ended(replace(BEGUN, stage="untouched"))
    assert (ended.stage, ended.put_back) == (
        "ended",
        "its server has ended by itself, without a signal of this run, and was not started again.",
    )
    assert _recover.revived(ended).put_back.endswith("It was started again, and is up and current.")
    assert _recover.not_revived(ended, "Start it", "exit 1").put_back.endswith("could NOT be started again: Start it: exit 1")


@pytest.mark.parametrize(
    ("can_go_back", "runs", "left"),
    [(True, True, ""), (False, True, ". Its server runs and was left running."), (False, False, ". Its server is down.")],
)
def test_a_version_that_could_not_be_put_back_is_said_with_what_runs_instead(can_go_back: bool, runs: bool, left: str) -> None:
    recovery = replace(BEGUN, can_go_back=can_go_back)
    said = _recover.is_not_back(recovery, UPGRADE, Seen(DOWN, process_runs=runs), "Start it", "exit 1").put_back
    assert said == f"it could NOT be put back to {OLD}: Start it: exit 1{left}"
    assert _recover.is_back(recovery, UPGRADE).put_back == f"it was put back to {OLD}, and is up and current."


def test_a_recovery_is_taken_from_the_result_of_the_task_that_told_it() -> None:
    decided = _recover.decided(_recover.looked(BEGUN, Seen(NEW_ANSWERS), UPGRADE), Seen(NEW_ANSWERS, can_be_lost=True), UPGRADE)
    assert (decided.asks, decided.goes_back) == (True, "drained")
    assert Recovery.of({**vars(decided), "changed": False, "failed": False}) == decided
