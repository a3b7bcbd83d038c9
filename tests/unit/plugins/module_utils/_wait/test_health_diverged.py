"""A wait, a plan and a restart where a replica has lost messages and counts as current: recorded from real servers."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._judge import diverged as _diverged
from ansible_collections.natsops.cluster.plugins.module_utils._judge import findings as _findings
from ansible_collections.natsops.cluster.plugins.module_utils._plan.checks import cluster as _checks_cluster
from ansible_collections.natsops.cluster.plugins.module_utils._read.monitor import Target
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import cluster as _read_cluster
from tests.unit.clock import Clock
from tests.unit.recorded import FIXTURES, NAMES, RecordedDoor
from tests.unit.waits import THREE, Wait

HEALTHY, DIVERGED = "2.15.1", "2.15.1/diverged"
SAID = r"(?s)refused: diverged_replica: .*29 messages .12 to 40.*40 messages .1 to 40"
TARGETS = [Target(name, f"http://{name}:8222") for name in NAMES]


@pytest.mark.parametrize("given", [{}, {"stopping": "n2"}, {"stopping": "n1", "only_quorum_of_stopping": True}])
@pytest.mark.parametrize("folder", ["2.12.8/diverged", DIVERGED])
def test_nothing_is_stopped_and_nothing_is_back_where_a_replica_lacks_messages(
    wait: Wait, folder: str, given: dict[str, Any]
) -> None:
    clock = Clock()
    began = clock.now()

    with pytest.raises(NatsError, match=SAID) as failed:
        wait((0.0, folder), servers=THREE, clock=clock, waive=["missing_assets"], **given)

    assert failed.value.details["refusal"] == "diverged_replica"
    assert failed.value.details["seen"] == ["APP > BLOCKS"]
    assert str(failed.value).endswith("It cannot be waived.")
    assert clock.now() - began <= _diverged.STAYS_SECONDS + 5


def test_a_difference_that_goes_by_itself_is_waited_for(wait: Wait) -> None:
    assert wait((0.0, DIVERGED), (1.5, HEALTHY))["back"]


def test_a_healthy_cluster_is_asked_nothing_more(wait: Wait) -> None:
    assert wait((0.0, HEALTHY))["polls"] == 2


def test_a_look_that_is_not_a_wait_tells_the_difference_and_refuses_nothing(wait: Wait) -> None:
    seen = wait((0.0, DIVERGED), look_once=True)

    assert any("replicas: replica n2 of APP > BLOCKS holds 29 messages" in text for text in seen["missing"]["n2"])


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    clock = Clock()

    def run(folder: str) -> Any:
        monkeypatch.setattr(_read_cluster.time, "monotonic", clock.now)
        monkeypatch.setattr(
            _read_cluster, "poll_until", lambda *args, **given: original(*args, **given, now=clock.now, sleep=clock.sleep)
        )
        return _read_cluster.look(RecordedDoor(FIXTURES / folder), TARGETS, {}, max_lag=100, settle_seconds=1.0)

    original = _read_cluster.poll_until
    return run


def test_a_plan_refuses_it_for_good_and_says_what_to_do(look: Callable[[str], Any]) -> None:
    troubles = [
        trouble.finding for trouble in _checks_cluster.judge(look(DIVERGED)) if trouble.finding.name == "diverged_replica"
    ]

    (refused,) = _findings.settle(troubles, frozenset()).refusals
    assert not refused.waivable
    assert "replica n2 of APP > BLOCKS holds 29 messages (12 to 40), its leader n1 40 messages (1 to 40)" in refused.message
    assert refused.seen == ("APP > BLOCKS",)
    with pytest.raises(NatsError, match="diverged_replica, which cannot be waived"):
        _findings.require_known(["diverged_replica"])


def test_a_plan_of_a_healthy_cluster_has_nothing_of_it(look: Callable[[str], Any]) -> None:
    situation = look(HEALTHY)

    assert situation.diverged == ()
    assert not [trouble for trouble in _checks_cluster.judge(situation) if trouble.finding.name == "diverged_replica"]
