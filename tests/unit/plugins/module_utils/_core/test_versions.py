from __future__ import annotations

import itertools
import random

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.versions import (
    ServerVersion,
    parse,
    parse_or_none,
    require_exact,
)

# All published by NATS, oldest first.
IN_ORDER = (
    "2.9.10",
    "2.10.0",
    "2.10.27-RC.1",
    "2.10.27",
    "2.10.27-binary",
    "2.11.0-preview.1",
    "2.11.9",
    "2.11.17",
    "2.11.17-hotfix.1",
    "2.12.0-preview.2",
    "2.12.0-RC.1",
    "2.12.0-RC.2",
    "2.12.0",
    "2.12.0-binary",
    "2.15.1",
)


@pytest.mark.parametrize(("older", "newer"), list(itertools.combinations(IN_ORDER, 2)), ids=lambda text: text)
def test_an_older_version_sorts_before_a_newer_one(older: str, newer: str) -> None:
    assert parse(older) < parse(newer)
    assert parse(newer) > parse(older)
    assert parse(older) != parse(newer)


def test_versions_in_any_order_sort_as_nats_published_them() -> None:
    shuffled = random.Random(7).sample(IN_ORDER, len(IN_ORDER))
    assert [str(version) for version in sorted(map(parse, shuffled))] == list(IN_ORDER)


def test_numbers_in_a_suffix_compare_as_numbers() -> None:
    assert parse("2.12.0-RC.9") < parse("2.12.0-RC.10")


def test_a_version_does_not_compare_with_a_text() -> None:
    with pytest.raises(TypeError):
        assert parse("2.15.1") < "2.15.2"  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2.15.1", ServerVersion(2, 15, 1), id="release"),
        pytest.param("2.10.0", ServerVersion(2, 10, 0), id="zero"),
        pytest.param("2.12.0-RC.1", ServerVersion(2, 12, 0, "RC.1"), id="candidate"),
        pytest.param("2.10.27-binary", ServerVersion(2, 10, 27, "binary"), id="binary"),
        pytest.param("2.15.1+build.5", ServerVersion(2, 15, 1), id="build-metadata"),
    ],
)
def test_a_version_is_taken_apart(text: str, expected: ServerVersion) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize("text", IN_ORDER)
def test_a_version_is_written_as_it_was_read(text: str) -> None:
    assert str(parse(text)) == text


@pytest.mark.parametrize("text", ["", "2", "2.15", "2.15.1.1", "2.015.1", "2.15.1-", "v2.15.1", "latest", " 2.15.1", "2.15.1\nx"])
def test_what_is_no_version_is_refused_and_named(text: str) -> None:
    with pytest.raises(NatsError) as refused:
        parse(text)
    assert f"'{text}'" in str(refused.value)
    assert parse_or_none(text) is None


@pytest.mark.parametrize(
    ("text", "prerelease"),
    [
        pytest.param("2.15.1", False, id="release"),
        pytest.param("2.12.0-RC.1", True, id="candidate"),
        pytest.param("2.12.0-preview.2", True, id="preview"),
        pytest.param("2.10.27-binary", False, id="binary"),
        pytest.param("2.11.17-hotfix.1", False, id="hotfix"),
    ],
)
def test_only_what_comes_before_the_release_is_a_prerelease(text: str, prerelease: bool) -> None:
    assert parse(text).is_prerelease is prerelease
    assert parse(text).as_dict()["prerelease"] is prerelease


def test_the_parts_of_a_version_are_data() -> None:
    assert parse("2.12.0-RC.1").as_dict() == {"major": 2, "minor": 12, "patch": 0, "suffix": "RC.1", "prerelease": True}


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        pytest.param("latest", "-e nats_upgrade_version=2.15.1", id="latest"),
        pytest.param("2", "-e nats_upgrade_version=2.15.1", id="major"),
        pytest.param("2.15", "-e nats_upgrade_version=2.15.1", id="minor"),
        pytest.param("v2.15.1", "leave the v out: -e nats_upgrade_version=2.15.1", id="leading-v"),
        pytest.param("V2.14.6", "leave the v out: -e nats_upgrade_version=2.14.6", id="leading-capital-v"),
        pytest.param("v2.12.0-RC.1", "-e nats_upgrade_version=2.12.0-RC.1", id="leading-v-of-a-candidate"),
        pytest.param(">=2.15.1", "-e nats_upgrade_version=2.15.1", id="range"),
    ],
)
def test_a_target_that_is_not_exact_is_refused_with_the_command_to_give_instead(text: str, way_out: str) -> None:
    with pytest.raises(NatsError) as refused:
        require_exact(text)
    assert f"nats_upgrade_version is '{text}', which is not an exact version" in str(refused.value)
    assert str(refused.value).endswith(way_out)
    assert refused.value.details == {"refusal": "not_exact"}


def test_a_target_that_is_not_set_is_refused_with_the_command_to_give() -> None:
    with pytest.raises(NatsError, match=r"^refused: nats_upgrade_version is not set, .* -e nats_upgrade_version=2\.15\.1$"):
        require_exact("")


@pytest.mark.parametrize("text", ["2.15.1", "2.12.0-RC.1", "2.10.27-binary", "2.11.17-hotfix.1"])
def test_a_target_that_names_one_release_is_accepted(text: str) -> None:
    assert str(require_exact(text)) == text


def test_a_target_with_a_line_end_is_not_exact() -> None:
    with pytest.raises(NatsError):
        require_exact("2.15.1\n")


@pytest.mark.parametrize("text", ["2.999999999.0", "9" * 5000 + ".0.0", "2.15.1-" + "9" * 5000])
def test_numbers_that_nobody_can_count_through_are_no_version(text: str) -> None:
    assert parse_or_none(text) is None
