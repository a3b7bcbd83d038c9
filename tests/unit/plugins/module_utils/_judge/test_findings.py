from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import FINAL, NAMES, Finding, require_known, settle
from ansible_collections.natsops.cluster.plugins.module_utils._judge.risks import RISKS

REFUSAL = Finding("downgrade", "n1 runs 2.15.1: 2.14.6 is older", seen=("n1",), source="a guide")
WARNING = Finding("end_of_life", "2.12 gets no patches", refuses=False)
FINAL_REFUSAL = Finding("stepping_stone", "2.12.8 cannot be followed by 2.15.2", waivable=False)


def test_a_finding_as_data_has_everything() -> None:
    assert REFUSAL.as_dict() == {
        "name": "downgrade",
        "message": "n1 runs 2.15.1: 2.14.6 is older",
        "refuses": True,
        "waivable": True,
        "risk": "a slow first start, and features that the older version leaves out",
        "seen": ["n1"],
        "source": "a guide",
    }


@pytest.mark.parametrize("less", [{"offered": False}, {"waivable": False}])
def test_a_finding_that_is_not_to_be_waived_has_no_risk_of_it(less: dict[str, bool]) -> None:
    assert replace(REFUSAL, **less).risk == ""  # type: ignore[arg-type]


def test_every_name_that_can_be_waived_has_its_risk() -> None:
    assert list(RISKS) == sorted(NAMES)


def test_nothing_waived_leaves_refusals_and_warnings_in_their_order() -> None:
    other = Finding("skipped_minor", "two minors")
    settled = settle([REFUSAL, WARNING, other], frozenset())
    assert (settled.refusals, settled.warnings, settled.waived) == ((REFUSAL, other), (WARNING,), ())


@pytest.mark.parametrize("finding", [REFUSAL, WARNING], ids=["refusal", "warning"])
def test_a_finding_whose_name_is_waived_is_waived_as_it_was(finding: Finding) -> None:
    settled = settle([finding], frozenset({finding.name}))
    assert (settled.refusals, settled.warnings, settled.waived) == ((), (), (finding,))


def test_a_name_waives_every_finding_of_that_name_and_no_other() -> None:
    twice = Finding("downgrade", "n2 runs 2.15.2: 2.14.6 is older")
    settled = settle([REFUSAL, WARNING, twice], frozenset({"downgrade"}))
    assert (settled.waived, settled.warnings) == ((REFUSAL, twice), (WARNING,))


@pytest.mark.parametrize("waived", [frozenset[str](), frozenset({"stepping_stone"})], ids=["not-named", "named"])
def test_what_cannot_be_waived_still_refuses_and_says_so(waived: frozenset[str]) -> None:
    settled = settle([FINAL_REFUSAL], waived)
    assert settled.waived == ()
    assert [f.message for f in settled.refusals] == ["2.12.8 cannot be followed by 2.15.2. It cannot be waived."]


@pytest.mark.parametrize(
    "message", ["no way", "no way.", "no way. It cannot be waived.", "no way \n"], ids=["plain", "stop", "said", "space"]
)
def test_that_it_cannot_be_waived_is_said_once(message: str) -> None:
    once = settle([Finding("locked", message)], frozenset()).refusals
    again = settle(once, frozenset()).refusals
    assert once == again
    assert once[0].message == "no way. It cannot be waived."


@pytest.mark.parametrize("name", FINAL)
def test_a_final_name_is_never_waived_whatever_the_finding_says(name: str) -> None:
    settled = settle([Finding(name, "seen")], frozenset({name}))
    assert [(f.name, f.waivable) for f in settled.refusals] == [(name, False)]


def test_a_finding_of_a_final_name_is_not_waivable_though_nothing_says_so() -> None:
    assert not Finding("quorum", "n1: the last majority").waivable
    assert Finding("downgrade", "n1: older").waivable


def test_a_warning_that_cannot_be_waived_stays_a_warning_as_it_was() -> None:
    warning = Finding("stepping_stone", "no stepping stone", refuses=False, waivable=False)
    assert settle([warning], frozenset({"stepping_stone"})).warnings == (warning,)


def test_known_names_are_taken() -> None:
    assert require_known(["downgrade", "bad_release", "downgrade"]) == {"downgrade", "bad_release"}
    assert require_known([]) == require_known(()) == frozenset()


@pytest.mark.parametrize(
    ("waive", "said"),
    [
        pytest.param(["downgrad"], "names 'downgrad', which does not exist (did you mean downgrade?). Known are ", id="near"),
        pytest.param(["TWO_NODE_CLUSTER"], "(did you mean two_node_cluster?)", id="case"),
        pytest.param(["everything"], "names 'everything', which does not exist. Known are bad_release, ", id="far"),
        pytest.param(["downgrade", ""], "names '', which does not exist", id="empty"),
        pytest.param([True], "names True, which is not text", id="no-text"),
        pytest.param([["downgrade"]], "names ['downgrade'], which is not text", id="list-in-list"),
        pytest.param("downgrade", "is 'downgrade', and has to be a list of names", id="a-text"),
        pytest.param({"downgrade": True}, "and has to be a list of names", id="a-mapping"),
        pytest.param(None, "is None, and has to be a list of names", id="nothing"),
    ],
)
def test_a_waiver_that_means_nothing_is_refused(waive: Any, said: str) -> None:
    with pytest.raises(NatsError) as refused:
        require_known(waive)
    assert said in str(refused.value)


def test_an_unknown_waiver_is_answered_with_all_that_there_are() -> None:
    with pytest.raises(NatsError) as refused:
        require_known(["nothing_like_it"])
    assert str(refused.value).endswith(f"Known are {', '.join(NAMES)}")


@pytest.mark.parametrize("name", FINAL)
def test_a_waiver_of_what_nobody_may_waive_is_refused(name: str) -> None:
    with pytest.raises(NatsError) as refused:
        require_known(["downgrade", name])
    assert str(refused.value) == (
        f"nats_upgrade_waive names {name}, which cannot be waived: {FINAL[name]}. Take it out of the list"
    )


def test_names_are_in_order_and_each_says_what_it_is() -> None:
    assert list(NAMES) == sorted(NAMES)
    assert list(FINAL) == sorted(FINAL)
    assert not set(NAMES) & set(FINAL)
    assert all(said and not said.endswith(".") and "\n" not in said for said in (*NAMES.values(), *FINAL.values()))
