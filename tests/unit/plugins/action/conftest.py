"""A cluster of three on real ports."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Iterator

import pytest

from tests.unit.nats import SimulatedServer
from tests.unit.recorded import NAMES
from tests.unit.situations import RUNNING


@pytest.fixture
def servers() -> Iterator[dict[str, SimulatedServer]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(SimulatedServer(RUNNING, name)) for name in NAMES}
