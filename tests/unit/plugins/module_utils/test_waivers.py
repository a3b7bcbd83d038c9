"""From the plan to the gates: what is waived once is tolerated in every wait of the roll, and nothing else is."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Iterator

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._judge import health as _health
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import FINAL, NAMES
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Health, HealthError, Reading
from tests.unit import syntax
from tests.unit.modules import ROOT
from tests.unit.recorded import OLDEST_AND_NEWEST
from tests.unit.situations import changed, cluster, plan_of, refusals, with_meta_peer

NEXT = {"2.10.26": "2.11.17", "2.15.1": "2.15.2"}
GHOST = HealthError("APP > ORDERS > GHOST", "consumer not found")
WAIVED = [
    pytest.param("peer_down_12s", ["missing_server"], id="missing_server"),
    pytest.param("lame_duck", ["unhealthy_server", "degraded_group"], id="draining"),
    pytest.param("recovering", ["missing_server", "unhealthy_server", "degraded_group"], id="recovering"),
    pytest.param("leaderless", ["missing_server", "degraded_group"], id="leaderless"),
]


def back(readings: list[Reading], tolerated: tuple[str, ...]) -> bool:
    verdicts = _health.judge(readings, {}, max_lag=100, tolerated=frozenset(tolerated))
    return all(verdict.back for verdict in verdicts)


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
@pytest.mark.parametrize(("situation", "names"), WAIVED)
def test_what_was_waived_is_tolerated_by_the_gates_and_they_open(version: str, situation: str, names: list[str]) -> None:
    readings = cluster(situation, version)
    assert not back(readings, plan_of(readings, target=NEXT[version]).tolerated)
    plan = plan_of(readings, *names, target=NEXT[version])
    assert refusals(plan) == []
    assert {finding.name for finding in plan.settled.waived} == set(names)
    assert back(readings, plan.tolerated)


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
def test_what_is_waived_is_told_as_waived_and_neither_as_refused_nor_as_a_warning(version: str) -> None:
    plan = plan_of(cluster("peer_down_1s", version), "missing_server", "r1_assets", target=NEXT[version])
    assert [finding.name for finding in plan.settled.waived] == ["r1_assets", "missing_server"]
    assert not {"r1_assets", "missing_server"} & {finding.name for finding in (*plan.settled.refusals, *plan.settled.warnings)}
    assert [finding["name"] for finding in plan.as_dict()["waived"]] == ["r1_assets", "missing_server"]


def test_without_a_waiver_nothing_is_tolerated() -> None:
    assert plan_of(cluster("lame_duck")).tolerated == ()
    assert plan_of(cluster("lame_duck"), "downgrade").tolerated == ()


def test_of_two_troubles_only_the_one_that_was_waived_is_tolerated() -> None:
    plan = plan_of(cluster("lame_duck"), "unhealthy_server")
    assert refusals(plan) == ["degraded_group"]
    assert plan.tolerated == tuple(key for key in plan.tolerated if key.startswith("healthz n1: "))
    assert len(plan.tolerated) == 1


def sick(*errors: HealthError) -> list[Reading]:
    return changed(cluster(), "n3", health=Health(503, errors))


def test_something_new_on_the_same_server_still_counts() -> None:
    tolerated = plan_of(sick(GHOST), "unhealthy_server").tolerated
    assert tolerated == ("healthz n3: APP > ORDERS > GHOST",)
    assert back(sick(GHOST), tolerated)
    assert back(cluster(), tolerated)
    assert not back(sick(GHOST, HealthError("APP > ORDERS", "stream not found")), tolerated)


def test_the_same_trouble_on_another_server_still_counts() -> None:
    tolerated = plan_of(sick(GHOST), "unhealthy_server").tolerated
    assert not back(changed(sick(GHOST), "n1", health=Health(503, (GHOST,))), tolerated)


def test_the_same_trouble_in_other_words_or_numbers_is_the_same() -> None:
    tolerated = plan_of(sick(GHOST), "unhealthy_server").tolerated
    assert back(sick(replace(GHOST, text="consumer not found, tried 17 times")), tolerated)


def test_a_second_server_that_falls_silent_still_counts() -> None:
    readings = cluster("peer_down_12s")
    tolerated = plan_of(readings, "missing_server").tolerated
    assert back(readings, tolerated)
    also = [Reading(r.name, r.monitor_url, error="connection refused") if r.name == "n3" else r for r in readings]
    assert not back(also, tolerated)


def test_the_replicas_of_a_ghost_are_tolerated_with_it_and_those_of_others_are_not() -> None:
    readings = with_meta_peer(cluster(), "n4", offline=True)
    plan = plan_of(readings, "ghost_peer")
    by_id = "jsz replica Server name unknown at this time (peerID: C7B8kAbl) of _meta_"
    assert (refusals(plan), plan.tolerated) == ([], (by_id, "jsz replica n4 of _meta_"))
    assert not back(readings, ())
    assert back(readings, plan.tolerated)
    assert not back(with_meta_peer(readings, "n5", offline=True), plan.tolerated)


def test_a_server_that_is_missing_does_not_take_the_ghosts_with_it() -> None:
    readings = with_meta_peer(cluster("peer_down_12s"), "n4", offline=True)
    plan = plan_of(readings, "missing_server")
    assert refusals(plan) == ["ghost_peer"]
    assert not any(" n4 " in key for key in plan.tolerated)
    assert any(key == "jsz replica n2 of _meta_" for key in plan.tolerated)


def test_what_a_step_expects_of_its_node_is_no_old_trouble_and_is_never_tolerated() -> None:
    readings = cluster()
    expected = {"n1": _health.Expectation(version="2.15.2", server_name="other", started_after="2099-01-01T00:00:00Z")}
    keys = {missing.key for verdict in _health.judge(readings, expected, max_lag=100) for missing in verdict.missing}
    plans = [plan_of(cluster(situation), *NAMES) for situation in ("lame_duck", "peer_down_12s", "recovering", "leaderless")]
    assert len(keys) == 3
    verdicts = _health.judge(readings, expected, max_lag=100, tolerated=frozenset(keys))
    assert len(verdicts[0].missing) == 3
    assert not keys & {key for plan in plans for key in plan.tolerated}


# Names in the code.


def findings_in_the_code() -> Iterator[str]:
    """The name of every Finding that is made: written there, or looked up in a table of names. An audit has names of its own."""
    for path in sorted(path for path in (ROOT / "plugins").rglob("*.py") if path.parent.name != "_audit"):
        for node in syntax.nodes(path):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                yield from _names_of(node, syntax.tree(path), path.name)


def _names_of(call: ast.Call, tree: ast.Module, where: str) -> Iterator[str]:
    first = call.args[0]
    if isinstance(first, ast.Constant):
        yield str(first.value)
        return
    # A loop over what _NAMES gives.
    tables = [n.value for n in tree.body if isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") == "_NAMES"]
    assert isinstance(first, ast.Name), f"{where}:{call.lineno}: the name of a finding cannot be told"
    assert len(tables) == 1, f"{where}:{call.lineno}: the name of a finding is in no table"
    assert isinstance(tables[0], ast.Dict)
    yield from (str(value.value) for value in tables[0].values if isinstance(value, ast.Constant))


def refused_in_the_code() -> set[str]:
    """The names that a failure gives as its refusal."""
    return {
        str(keyword.value.value)
        for path in sorted((ROOT / "plugins").rglob("*.py"))
        for node in syntax.nodes(path)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "refusal" and isinstance(keyword.value, ast.Constant)
    }


def test_every_name_that_is_used_exists() -> None:
    assert set(findings_in_the_code()) | refused_in_the_code() <= {*NAMES, *FINAL}


def test_every_name_that_can_be_waived_is_that_of_some_finding_or_failure() -> None:
    assert set(NAMES) - set(findings_in_the_code()) - refused_in_the_code() == set()


def test_every_final_name_is_that_of_some_finding_failure_or_condition() -> None:
    told = set(findings_in_the_code()) | refused_in_the_code() | {"quorum"}
    assert set(FINAL) - told == set()
