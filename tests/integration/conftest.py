"""The release mirror that all tests install from, and what every failed run of a fault test has to say at its end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration import explained
from tests.lab.mirror import release_mirror


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Archives of the versions that tests upgrade to, laid out as on the official release site."""
    return release_mirror(["2.11.11", "2.14.6", "2.15.1"])


@pytest.fixture(autouse=True)
def _failures_explain_themselves(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In tests of faults the last lines of each run that failed have to say why, how the cluster is, and what to do next."""
    monkeypatch.setattr(explained, "wanted", bool(re.search("fault|fail|lost", request.module.__name__)))
