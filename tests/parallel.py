"""A pytest plugin: the order in which workers take the tests, and that nothing of a run is left however it ends.

``make test`` runs the files in several workers (pytest-xdist). Each file goes to one worker, which makes the fixtures of its
module once. The files that take longest come first, so that no worker is left alone with one at the end.
"""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.lab import marks

SCENARIOS = "tests/scenarios/"
# The many short ones fill the gaps at the end.
FOLDERS = (SCENARIOS, "tests/integration/", "tests/lint/", "tests/unit/")
RUN: pytest.StashKey[str] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    run = marks.mark_run()
    if run is not None:
        config.stash[RUN] = run
        # Whoever cancels a job in CI sends SIGTERM: end as on Ctrl-C, with everything put away.
        signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> tuple[int, bool]:
    folder = next((number for number, name in enumerate(FOLDERS) if item.nodeid.startswith(name)), len(FOLDERS))
    # Machines take longer than processes of this one.
    return folder, not hasattr(getattr(item, "module", None), "ContainerCluster")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Each file is one piece of work, but for the scenarios: there each test is one."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid if nodeid.startswith(SCENARIOS) else nodeid.partition("::")[0]

    # The order of the files is ours, and not by the number of tests in them.
    config.option.loadscopereorder = False
    return ByFile(config, log)


# After the workers have ended, and before the summary: that is what stands last.
@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if RUN in session.config.stash:
        marks.end_run(session.config.stash[RUN])
