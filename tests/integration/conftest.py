"""The release mirror that all tests install from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.mirror import release_mirror


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Archives of the versions that tests upgrade to, laid out as on the official release site."""
    return release_mirror(["2.11.11", "2.14.6", "2.15.1"])
