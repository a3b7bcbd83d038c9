from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import parallel

LONG, SHORT, UNIT = "tests/integration/test_long.py", "tests/integration/test_short.py", "tests/unit/test_many.py"


def test_what_takes_longest_comes_first_and_what_is_new_before_it() -> None:
    durations = parallel.Durations({SHORT: 20, f"{LONG}::alone": 50, LONG: 30, UNIT: 70})
    asked = [
        f"{UNIT}::a",
        "tests/unit/test_new.py::a",
        f"{SHORT}::a",
        f"{LONG}::a",
        f"{LONG}::alone",
        "tests/integration/new.py::a",
    ]
    assert sorted(asked, key=durations.rank) == [
        "tests/integration/new.py::a",
        f"{LONG}::alone",
        f"{LONG}::a",
        f"{SHORT}::a",
        f"{UNIT}::a",
        "tests/unit/test_new.py::a",
    ]


def test_a_test_of_a_long_file_that_shares_nothing_is_a_piece_of_work_by_itself() -> None:
    took = {f"{LONG}::a": 50.4, f"{LONG}::b": 1, f"{LONG}::c[x]": 40, f"{SHORT}::a": 30, f"{SHORT}::b": 29, f"{UNIT}::a": 99}
    found = parallel.pieces(took, [f"{LONG}::a", f"{LONG}::b"], {LONG: 7})
    assert list(found.items()) == [(UNIT, 99), (SHORT, 59), (LONG, 51), (f"{LONG}::c[x]", 40)]
    durations = parallel.Durations(dict(found))
    assert [durations.piece(nodeid) for nodeid in took] == [LONG, LONG, f"{LONG}::c[x]", SHORT, SHORT, UNIT]


def test_a_file_whose_tests_were_skipped_takes_as_long_as_before() -> None:
    before = {LONG: 80, f"{LONG}::alone": 70, SHORT: 30, "tests/integration/gone.py": 20}
    took = {f"{LONG}::a": 0.01, f"{LONG}::alone": 0.01, f"{SHORT}::a": 25}
    assert parallel.pieces(took, [], before) == {LONG: 80, f"{LONG}::alone": 70, SHORT: 25}


def test_what_is_recorded_is_the_longest_first() -> None:
    recorded = json.loads(parallel.RECORDED.read_text(encoding="utf-8"))
    assert recorded
    assert list(recorded.values()) == sorted(recorded.values(), reverse=True)


@pytest.fixture(scope="module")
def made_once() -> None:
    pass


@pytest.fixture
def by_way_of(made_once: None) -> None:
    pass


def test_one_whose_fixture_has_one_of_the_module_shares_it(request: pytest.FixtureRequest, by_way_of: None) -> None:
    assert parallel.shares(request.node)


def test_one_with_fixtures_of_its_own_shares_nothing(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    assert not parallel.shares(request.node)


def test_what_a_file_has_for_one_ansible_core_is_a_piece_of_work_that_does_not_wait_for_the_end() -> None:
    for file in parallel.BY_CORE:
        tests = [f"{file}::{name}" for name in ("a[2.20]", "b[2.20-looked]", "a[2.21]")]
        assert [parallel.whole(test) == parallel.whole(tests[0]) for test in tests] == [True, True, False]
        assert [parallel.fills(test) for test in tests] == [False, False, False]
        found = parallel.pieces(dict.fromkeys(tests, 100.0), [], {})
        assert found == {f"{file}[2.20]": 200, f"{file}[2.21]": 100}
