"""What is said of the ansible-core that runs, and what it needs on a node."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
from ansible.module_utils import basic

from ansible_collections.natsops.cluster.plugins.module_utils._core import errors as _errors
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import core as _core
from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import tested as _tested

OLDEST, NEWEST = next(iter(_tested.CORES.values())), _tested.newest()


@pytest.mark.parametrize(
    "version", [*(core.release for core in _tested.CORES.values()), f"{NEWEST.minor}.99", f"{OLDEST.minor}.0rc1"]
)
def test_of_a_minor_that_is_tested_nothing_is_said(version: str) -> None:
    assert _core.check(version) == ""


@pytest.mark.parametrize("version", ["2.99.0", "2.100.1", "3.0.0.dev0"])
def test_a_newer_one_is_a_warning_that_says_which_were_tested(version: str) -> None:
    warning = _core.check(version)
    assert warning.startswith(f"ansible-core {version} is newer than any that this version of natsops.cluster was tested with (")
    assert all(core.release in warning for core in _tested.CORES.values())


@pytest.mark.parametrize("version", ["2.16.14", "2.9.27", "1.9.6"])
def test_an_older_one_is_refused_with_what_is_needed(version: str) -> None:
    with pytest.raises(NatsError) as refused:
        _core.check(version)
    assert str(refused.value).startswith(
        f"refused: this is ansible-core {version}, and natsops.cluster needs {OLDEST.minor} or newer"
    )
    assert "Nothing was touched." in str(refused.value)


def test_the_oldest_python_of_a_node_is_that_of_the_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basic, "_PY_MIN", (3, 7))
    found = {minor: ".".join(map(str, _core.oldest_python(core.release))) for minor, core in _tested.CORES.items()}
    assert found == {minor: core.node_python for minor, core in _tested.CORES.items()}


def test_of_a_newer_release_it_is_what_that_says_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basic, "_PY_MIN", (3, 12))
    assert _core.oldest_python("2.99.0") == (3, 12)
    monkeypatch.delattr(basic, "_PY_MIN")
    assert _core.oldest_python("2.99.0") == tuple(map(int, NEWEST.node_python.split(".")))


def test_no_module_runs_with_a_python_that_ansible_would_still_take(monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(Path(_errors.__file__))
    runpy.run_path(path)
    monkeypatch.setattr(sys, "version_info", (3, 7, 16, "final", 0))
    with pytest.raises(ImportError, match=r"need Python 3\.8 or newer"):
        runpy.run_path(path)
