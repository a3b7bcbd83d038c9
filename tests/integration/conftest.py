"""What tests share: the release mirror, what a failed run of a fault test says at its end, and what waits for a changed lab."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration import explained
from tests.lab import proved
from tests.lab.binaries import ROOT
from tests.lab.mirror import release_mirror


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not proved.unchanged():
        return
    reason = f"the lab is as it was when these passed, says {proved.PROVED.relative_to(ROOT)}; make prove-lab runs them"
    for item in items:
        if item.nodeid.startswith(proved.TESTS):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Archives of the versions that tests upgrade to, laid out as on the official release site."""
    return release_mirror(["2.11.11", "2.14.6", "2.15.1"])


@pytest.fixture(autouse=True)
def _failures_explain_themselves(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In tests of faults the last lines of each run that failed have to say why, how the cluster is, and what to do next."""
    monkeypatch.setattr(explained, "wanted", bool(re.search("fault|fail|lost", request.module.__name__)))
