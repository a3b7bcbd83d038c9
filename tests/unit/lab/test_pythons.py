from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.lab import pythons
from tests.lab.binaries import LabError

HERE = "{}.{}".format(*sys.version_info)


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has a folder for programs and one of pyenv, and nothing in them."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setattr(pythons, "FOLDER", tmp_path / "venvs")
    return tmp_path


def put(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_python_of_the_tests_is_found_first() -> None:
    assert pythons.find(HERE) == Path(sys.executable)


def test_a_name_that_only_says_what_is_missing_is_passed_over(machine: Path) -> None:
    put(machine / "bin" / "python3.98", "echo 'pyenv: command not found' >&2; exit 127")
    assert pythons.find("3.98") is None
    kept = put(machine / "pyenv" / "versions" / "3.98.2" / "bin" / "python3.98", "echo 3.98")
    assert pythons.find("3.98") == kept


def test_the_oldest_is_not_older_than_asked_for(machine: Path) -> None:
    for version in ("3.7", "3.9"):
        put(machine / "pyenv" / "versions" / f"{version}.1" / "bin" / f"python{version}", f"echo {version}")
    assert pythons.version_of(pythons.oldest("3.8")) == "3.9"


def test_where_no_suite_has_it_the_next_is_taken_and_said(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pythons, "SUITES", {"3.99": "later"})
    made = put(machine / "venvs" / "debian-python-3.99" / "usr" / "bin" / "python3.99", "echo 3.99")
    with pytest.warns(UserWarning, match=r"no Python 3\.98 here, .*: 3\.99 instead"):
        assert pythons.provide("3.98") == made


def test_where_no_suite_has_a_later_one_it_has_to_be_given() -> None:
    with pytest.raises(LabError, match=r"put python3\.98 on the PATH"):
        pythons.provide("3.98")
