"""What is told of a cluster's versions from one look to the next."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._audit import drift as _drift
from ansible_collections.natsops.cluster.plugins.module_utils._audit.changes import Seen, changes
from ansible_collections.natsops.cluster.plugins.module_utils._audit.fleet import Fleet, Limits
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from tests.unit.situations import cluster, silent, with_facts

POLICY = _judge.load()
NOW = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
NAME = "lab"
# Of the server that has another version: a minute, two hours and two days old.
ACTIVE, STALE, OVERDUE = "2026-11-21T11:59:00Z", "2026-11-21T10:00:00Z", "2026-11-19T12:00:00Z"
LONG_AGO = "2026-10-01T00:00:00Z"


def drift(*, newer_since: str = "", away: tuple[str, ...] = (), name: str = NAME) -> _drift.Drift:
    """Three servers of which n3 runs a newer version since then, or all the same."""
    readings = with_facts(cluster(), cluster=name, start=LONG_AGO, now=NOW.isoformat().replace("+00:00", "Z"), version="2.15.1")
    if newer_since:
        readings = with_facts(readings, "n3", start=newer_since, version="2.15.2")
    return _drift.judge(Fleet(tuple(silent(readings, *away)), NOW), POLICY, Limits())


def looks(*drifts: _drift.Drift) -> list[list[tuple[str, str, str]]]:
    """What each look tells: the change, and the states before and after it."""
    known: dict[str, Seen] = {}
    told = []
    for one in drifts:
        known, found = changes(known, one)
        assert all(change["cluster"] == NAME for change in found)
        told.append([(change["change"], change["was"], change["state"]) for change in found])
    return told


def test_each_change_is_told_once() -> None:
    assert looks(
        drift(),
        drift(newer_since=ACTIVE),
        drift(newer_since=ACTIVE),
        drift(newer_since=STALE),
        drift(newer_since=OVERDUE),
        drift(newer_since=OVERDUE),
        drift(),
        drift(),
    ) == [[], [("diverged", "", "active")], [], [], [("overdue", "stale", "overdue")], [], [("converged", "overdue", "")], []]


@pytest.mark.parametrize(("since", "told"), [(STALE, ("diverged", "", "stale")), (OVERDUE, ("overdue", "", "overdue"))])
def test_what_is_so_at_the_start_is_told_as_what_it_is(since: str, told: tuple[str, str, str]) -> None:
    assert looks(drift(newer_since=since)) == [[told]]


def test_a_mismatch_is_not_over_while_the_server_that_differs_does_not_answer() -> None:
    mixed, without, same = drift(newer_since=STALE), drift(newer_since=STALE, away=("n3",)), drift()
    assert looks(mixed, without, without, mixed, without, same)[1:] == [[], [], [], [], [("converged", "stale", "")]]


def test_a_mismatch_that_was_overdue_is_told_so_once_however_old_it_looks_meanwhile() -> None:
    late, young, same = drift(newer_since=OVERDUE), drift(newer_since=ACTIVE), drift()
    assert looks(late, drift(newer_since=STALE), late, young, late, same)[1:] == [[], [], [], [], [("converged", "overdue", "")]]
    # What comes after its end is another one.
    assert looks(late, same, young, late)[2:] == [[("diverged", "", "active")], [("overdue", "active", "overdue")]]


def test_servers_that_do_not_answer_are_no_change() -> None:
    nobody = drift(newer_since=STALE, away=("n1", "n2", "n3"))
    assert looks(drift(), drift(away=("n2",)), nobody, drift()) == [[], [], [], []]
    assert looks(nobody, drift(newer_since=STALE), nobody, drift(newer_since=STALE))[2:] == [[], []]


def test_a_cluster_that_has_another_name_now_is_forgotten() -> None:
    known, _told = changes({}, drift(newer_since=STALE))
    known, found = changes(known, drift(name="renamed"))
    assert set(known) == {"renamed"}
    assert [(change["change"], change["cluster"], change["versions"]) for change in found] == [("converged", NAME, [])]


def test_a_change_says_who_differs_and_who_does_not_answer() -> None:
    known, _told = changes({}, drift())
    (told,) = changes(known, drift(newer_since=STALE, away=("n2",)))[1]
    expected: dict[str, Any] = {
        "versions": [{"version": "2.15.2", "servers": 1}, {"version": "2.15.1", "servers": 1}],
        "majority": "2.15.2",
        "age_seconds": 7200,
        "outliers": [{"host": "n1", "version": "2.15.1", "gap": {"level": "patch", "count": 1, "direction": "older"}}],
        "silent": ["n2"],
    }
    assert {name: told[name] for name in expected} == expected
