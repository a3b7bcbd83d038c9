from __future__ import annotations

import itertools

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.versions import parse
from ansible_collections.natsops.cluster.plugins.module_utils._policy.rules import Range, as_package_version

# Versions as NATS published them, oldest first.
IN_ORDER = (
    "1.4.1",
    "2.2.0-beta.7",
    "2.9.9",
    "2.9.22",
    "2.10.0",
    "2.10.27-RC.1",
    "2.10.27-RC.2",
    "2.10.27-RC.10",
    "2.10.27",
    "2.10.27-binary",
    "2.10.28",
    "2.11.0-dev",
    "2.11.0-preview.1",
    "2.11.0-preview.2",
    "2.11.0-RC.1",
    "2.11.0",
    "2.11.1",
    "2.11.1-binary",
    "2.11.9",
    "2.11.10",
    "2.11.17",
    "2.11.17-hotfix.1",
    "2.11.17-hotfix.2",
    "2.11.17-hotfix.10",
    "2.12.0-preview.2",
    "2.12.0-RC.1",
    "2.12.0",
    "2.12.15",
    "2.14.0",
    "2.15.1",
)
PAIRS = list(itertools.combinations(IN_ORDER, 2))


@pytest.mark.parametrize(("older", "newer"), PAIRS, ids=lambda text: text)
def test_versions_sort_as_packages_as_nats_means_them(older: str, newer: str) -> None:
    assert parse(older) < parse(newer)
    assert as_package_version(parse(older)) < as_package_version(parse(newer))


@pytest.mark.parametrize("bound", IN_ORDER)
@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        pytest.param("<", lambda one, bound: one < bound, id="before"),
        pytest.param("<=", lambda one, bound: one <= bound, id="up-to"),
        pytest.param(">", lambda one, bound: one > bound, id="after"),
        pytest.param(">=", lambda one, bound: one >= bound, id="from"),
        pytest.param("==", lambda one, bound: one == bound, id="is"),
        pytest.param("!=", lambda one, bound: one != bound, id="is-not"),
    ],
)
def test_a_range_holds_what_comes_before_and_after_its_bound(bound: str, operator: str, holds) -> None:  # type: ignore[no-untyped-def]
    wanted = [text for text in IN_ORDER if holds(parse(text), parse(bound))]
    assert [text for text in IN_ORDER if parse(text) in Range.of(f"{operator}{bound}")] == wanted


@pytest.mark.parametrize(
    ("texts", "inside", "outside"),
    [
        pytest.param([">=2.12.0,<2.12.9"], ["2.12.0", "2.12.8", "2.12.9-RC.1"], ["2.11.17", "2.12.9", "2.12.0-RC.1"], id="both"),
        pytest.param(["==2.14.*"], ["2.14.0-RC.1", "2.14.0", "2.14.7"], ["2.12.15", "2.15.0-preview.1"], id="minor"),
        pytest.param(["==2.14.*, <2.14.3"], ["2.14.2", "2.14.0-dev"], ["2.14.3", "2.15.0"], id="part-of-a-minor"),
        pytest.param(["<2.15"], ["2.14.7", "2.15.0-RC.1"], ["2.15.0"], id="short-bound"),
        pytest.param([">=2.15.0-dev"], ["2.15.0-preview.1", "2.15.0", "2.16.0"], ["2.14.99"], id="candidates-too"),
        pytest.param(["==2.10.28", "==2.11.2"], ["2.10.28", "2.11.2"], ["2.10.29", "2.11.1"], id="either"),
        pytest.param(["~=2.12.5"], ["2.12.5", "2.12.15"], ["2.12.4", "2.14.0"], id="compatible"),
    ],
)
def test_a_range_is_read_as_it_is_written(texts: list[str], inside: list[str], outside: list[str]) -> None:
    found = Range.of(*texts)
    assert [text for text in inside if parse(text) not in found] == []
    assert [text for text in outside if parse(text) in found] == []


@pytest.mark.parametrize("text", ["", " ", "2.12.0", ">2.12 <2.13", ">=", ">=x", "===2.12.0", "latest", "=>2.1"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?s)^."):
        Range.of(text)


def test_two_ranges_of_the_same_text_are_the_same_range() -> None:
    assert Range.of(">=2.12.0", "==2.9.1") == Range.of(">=2.12.0", "==2.9.1")
    assert Range.of(">=2.12.0") != Range.of(">=2.12.1")
