"""The pinned releases of ansible-core: in order, and true for the one that is installed here."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from ansible.module_utils import basic

from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import tested as _tested

OLDEST_OF_OURS = (3, 8)


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def test_releases_stand_oldest_first_under_their_minor() -> None:
    releases = [core.release for core in _tested.CORES.values()]
    assert releases == sorted(releases, key=numbers)
    assert [_tested.minor_of(release) for release in releases] == list(_tested.CORES)
    assert _tested.newest().release == releases[-1]


@pytest.mark.parametrize("text", ["2.21.5", "2.21.0rc1", "2.21.0.dev0"])
def test_the_minor_of_a_version(text: str) -> None:
    assert _tested.minor_of(text) == "2.21"


def test_the_oldest_python_of_a_node_is_what_the_installed_release_says() -> None:
    core = _tested.CORES[_tested.minor_of(version("ansible-core"))]
    assert numbers(core.node_python) == max(basic._PY_MIN, OLDEST_OF_OURS)
