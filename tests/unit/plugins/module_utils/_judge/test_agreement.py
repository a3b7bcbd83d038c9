"""Replicas that hold something else than their leader, in one poll after another: recorded from real servers, and made up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Sequence

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._judge import diverged as _diverged
from ansible_collections.natsops.cluster.plugins.module_utils._judge.agreement import Agreement, Difference
from ansible_collections.natsops.cluster.plugins.module_utils._values.held import Held
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading
from tests.unit.recorded import VERSIONS, read

DAMAGED = ("2.12.8", "2.15.1")
ORDERS = "APP > ORDERS"


def with_copies(led: Held, own: Held, *, config: dict[str, Any] | None = None, waiting: int = 0) -> list[Reading]:
    """A recorded cluster in which the leader and the other two replicas of ORDERS hold these."""
    found = []
    for reading in read("2.15.1", assets=True):
        placements = tuple(
            replace(p, held=led if p.leader == reading.name else own) if p.label == ORDERS else p for p in reading.placements
        )
        assets = tuple(
            replace(a, config={**a.config, **(config or {})})
            if a.label == ORDERS
            else replace(a, pending=waiting, unacknowledged=0)
            if a.label.startswith(ORDERS)
            else a
            for a in reading.assets
        )
        found.append(replace(reading, placements=placements, assets=assets))
    return found


def looks(*polls: tuple[float, Sequence[Reading]]) -> list[Difference]:
    """What the last of these polls tells."""
    agreement, found = Agreement(), []
    for now, readings in polls:
        found = agreement.look(readings, now)
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_the_replicas_of_a_recorded_healthy_cluster_agree(version: str) -> None:
    assert looks((0.0, read(version)), (9.0, read(version))) == []


@pytest.mark.parametrize("version", DAMAGED)
def test_a_replica_that_lost_a_block_is_seen_with_both_numbers_and_the_server_that_holds_more(version: str) -> None:
    readings = read(version, "diverged", assets=True)

    (difference,) = looks((0.0, readings), (7.0, readings))

    assert (difference.led, difference.own) == (Held(40, 1, 40), Held(29, 12, 40))
    assert (difference.seconds, difference.fullest) == (7.0, difference.leader)
    assert _diverged.sort([difference], readings) == ([difference], [])
    words = _diverged.told([difference])
    assert f"replica {difference.replica} of APP > BLOCKS holds 29 messages (12 to 40)" in words
    assert f"its leader {difference.leader} 40 messages (1 to 40)" in words
    assert f"Do not stop or remove {difference.leader}, which holds what the other lacks" in words
    assert "nats stream edit BLOCKS --replicas 1" in words


@pytest.mark.parametrize("version", DAMAGED)
def test_where_the_damaged_copy_leads_the_other_one_is_kept(version: str) -> None:
    damaged = Difference("APP > S", "G", "n2", "n1", Held(29, 12, 40), Held(40, 1, 40), 6.0)

    assert damaged.fullest == "n1"
    assert "let n1 lead" in _diverged.told([damaged])


FULL, LOST = Held(40, 1, 40), Held(29, 12, 40)


def test_a_difference_is_one_from_its_first_poll_and_no_loss_before_it_has_stayed() -> None:
    readings = with_copies(FULL, LOST)

    first = looks((0.0, readings))
    later = looks((0.0, readings), (_diverged.STAYS_SECONDS - 0.1, readings))

    assert [one.seconds for one in first] == [0.0, 0.0]
    assert _diverged.sort(later, readings) == ([], [])


def test_a_loss_is_seen_in_a_stream_that_is_written_all_the_time_and_never_read_at_one_sequence() -> None:
    polls = [(float(t), with_copies(Held(40 + 9 * t, 1, 40 + 9 * t), Held(29 + 9 * t - 5, 12, 40 + 9 * t - 5))) for t in range(9)]

    assert {one.seconds for one in looks((-1.0, with_copies(FULL, LOST)), *polls)} == {9.0}


def test_a_loss_in_the_middle_is_seen_though_the_oldest_messages_go() -> None:
    polls = [(float(t), with_copies(Held(40, 1 + t, 40 + t), Held(29, 1 + t, 40 + t))) for t in range(9)]

    assert {one.seconds for one in looks(*polls)} == {8.0}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param((FULL, FULL), (FULL, LOST), id="it-agreed-once"),
        pytest.param(
            (Held(17, 120, 136), Held(14, 123, 136)), (Held(14, 124, 137), Held(13, 125, 137)), id="expires-at-other-times"
        ),
        pytest.param((Held(0, 154, 153), Held(36, 109, 153)), (Held(0, 154, 153), Held(0, 154, 153)), id="acknowledged-later"),
        pytest.param((Held(133, 2, 174), Held(132, 2, 174)), (Held(131, 2, 174), Held(130, 2, 174)), id="deletes-go-on"),
        pytest.param((Held(50, 377, 426), Held(0, 427, 426)), (Held(0, 427, 426), Held(0, 427, 426)), id="purged"),
        pytest.param((FULL, Held(20, 1, 20)), (FULL, FULL), id="catches-up"),
    ],
)
def test_what_goes_by_itself_is_no_difference_and_the_replica_is_trusted_from_then_on(
    before: tuple[Held, Held], after: tuple[Held, Held]
) -> None:
    readings = with_copies(*before)

    assert looks((0.0, readings), (0.3, with_copies(*after))) == []
    assert looks((0.0, readings), (0.3, with_copies(*after)), (9.0, readings)) == []


def test_a_replica_that_is_behind_is_asked_once_it_has_caught_up() -> None:
    behind, there = with_copies(FULL, Held(3, 12, 14)), with_copies(FULL, LOST)

    assert looks((0.0, behind), (9.0, behind)) == []
    assert {one.seconds for one in looks((0.0, behind), (9.0, there), (15.0, there))} == {6.0}


def test_after_a_restart_a_replica_has_to_agree_anew() -> None:
    def started(readings: list[Reading]) -> list[Reading]:
        return [replace(r, facts=r.facts and replace(r.facts, start="2027-01-01T00:00:00Z")) for r in readings]

    assert len(looks((0.0, with_copies(FULL, FULL)), (1.0, started(with_copies(FULL, LOST))))) == 2


def test_of_a_server_that_drains_or_does_not_answer_nothing_is_said() -> None:
    readings = with_copies(FULL, LOST)
    silent = [replace(r, facts=None, error="refused") if r.name == "n1" else r for r in readings]
    draining = [replace(r, health=r.health and replace(r.health, status=500)) if r.name == "n1" else r for r in readings]

    for polls in (silent, draining):
        assert {one.replica for one in looks((0.0, polls))}.isdisjoint({"n1"})


@pytest.mark.parametrize(
    ("config", "waiting", "seconds", "verdict"),
    [
        pytest.param({}, 0, 6.0, "lost", id="limits"),
        pytest.param({"max_age": 9}, 0, 6.0, "open", id="max-age-not-yet"),
        pytest.param({"max_age": 9}, 0, 16.0, "lost", id="max-age-stays"),
        pytest.param({"allow_msg_ttl": True}, 0, 6.0, "open", id="ttl-not-yet"),
        pytest.param({"retention": "workqueue"}, 29, 16.0, "explained", id="work-that-is-done"),
        pytest.param({"retention": "workqueue"}, 40, 16.0, "lost", id="work-that-is-not-done"),
        pytest.param({"retention": "workqueue"}, 40, 6.0, "open", id="work-not-yet"),
        pytest.param({"retention": "interest"}, 0, 1.0, "explained", id="nobody-is-interested"),
        pytest.param({"retention": "interest"}, 0, 0.5, "open", id="not-asked-yet"),
        pytest.param({"retention": "interest"}, 30, 16.0, "lost", id="somebody-still-waits"),
    ],
)
def test_what_a_stream_is_for_explains_a_difference_or_not(
    config: dict[str, Any], waiting: int, seconds: float, verdict: str
) -> None:
    readings = with_copies(FULL, LOST, config=config, waiting=waiting)
    differences = looks((0.0, readings), (seconds, readings))

    lost, explained = _diverged.sort(differences, readings)

    assert (len(lost), len(explained)) == {"lost": (2, 0), "open": (0, 0), "explained": (0, 2)}[verdict]


@pytest.mark.parametrize("retention", ["workqueue", "interest"])
def test_while_a_work_queue_is_at_work_nothing_can_be_told_of_it(retention: str) -> None:
    """A replica of 2.15 keeps what was acknowledged while a server of 2.10 leads: seen on real servers."""
    config = {"retention": retention}
    first = with_copies(Held(3, 91, 1418), Held(1418, 1, 1418), config=config, waiting=9)
    later = with_copies(Held(5, 97, 1502), Held(1502, 1, 1502), config=config, waiting=9)

    lost, explained = _diverged.sort(looks((0.0, first), (16.0, later)), later)

    assert (lost, len(explained)) == ([], 2)


def test_clocks_that_are_apart_explain_what_expires() -> None:
    readings = with_copies(FULL, LOST, config={"max_age": 9})
    apart = [replace(r, facts=r.facts and replace(r.facts, now=f"2026-12-01T00:00:0{i}.5Z")) for i, r in enumerate(readings, 1)]
    apart = [r if r.name != "n3" else replace(r, facts=r.facts and replace(r.facts, now="2026-12-01T00:00:09Z")) for r in apart]

    lost, explained = _diverged.sort(looks((0.0, apart), (99.0, apart)), apart)

    assert (lost, len(explained)) == ([], 2)
