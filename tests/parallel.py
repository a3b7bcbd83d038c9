"""A pytest plugin: the order in which workers take the tests, and that nothing of a run is left however it ends.

``make test`` runs the tests in several workers (pytest-xdist). Each takes one piece of work at a time: a file, whose module
fixtures are made once then, or a single test of a long file where it shares none with others. What takes longest comes first, so
that no worker is left alone with it at the end. How long each piece took, and with that what the pieces are, stands in
durations.json, which ``make durations`` writes; what is not in it yet comes before all that is.
"""

from __future__ import annotations

import json
import signal
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.lab import marks

RECORDED = Path(__file__).with_name("durations.json")
# The linters and the many short tests fill the gaps at the end.
FILLING = ("tests/lint/", "tests/unit/", "tests/fuzz/")
# The tests of a file that takes longer are pieces of work by themselves, where they share nothing.
LONG_SECONDS = 60.0
# Of a file whose tests were all skipped: to find that out takes time too.
SKIPPED_SECONDS = 0.5
SHARED = ("module", "package", "class")
# In these the tests of one ansible-core, the first parameter, are a piece of work.
BY_CORE = ("tests/integration/test_ansible_versions.py", "tests/lint/test_sanity.py")
RUN: pytest.StashKey[str] = pytest.StashKey()


def whole(nodeid: str) -> str:
    """The piece of work that a test belongs to where it is none by itself: its file, or what a file has for its ansible-core."""
    file, _unused, test = nodeid.partition("::")
    return f"{file}[{test.partition('[')[2].strip(']').partition('-')[0]}]" if file in BY_CORE else file


def fills(nodeid: str) -> bool:
    """Whether a test, or a piece, is one of those that fill the gaps at the end."""
    return nodeid.startswith(FILLING) and not nodeid.startswith(BY_CORE)


class Durations:
    """How long each piece of work took, by the name of its file or its test."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self._seconds = seconds

    @classmethod
    def read(cls) -> Durations:
        return cls(recorded())

    def piece(self, nodeid: str) -> str:
        """The piece of work that a test belongs to."""
        return nodeid if nodeid in self._seconds else whole(nodeid)

    def rank(self, nodeid: str) -> tuple[bool, float]:
        """What comes first has the least."""
        unknown = 0.0 if fills(nodeid) else float("inf")
        return fills(nodeid), -self._seconds.get(self.piece(nodeid), unknown)


class Recorder:
    """Adds up how long the tests of a run take, and writes it down at its end. Of several workers the controller does it."""

    def __init__(self) -> None:
        self._took: defaultdict[str, float] = defaultdict(float)
        self._shares: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._took[report.nodeid] += report.duration
        if ("shares", True) in report.user_properties:
            self._shares.add(report.nodeid)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        # What has failed may have ended early, or waited for long.
        if exitstatus == pytest.ExitCode.OK:
            found = pieces(self._took, self._shares, recorded())
            RECORDED.write_text(json.dumps(found, indent=0) + "\n", encoding="utf-8")


def recorded() -> dict[str, int]:
    return dict(json.loads(RECORDED.read_text(encoding="utf-8"))) if RECORDED.exists() else {}


def pieces(took: Mapping[str, float], shares: Iterable[str], before: Mapping[str, int]) -> dict[str, int]:
    """The pieces of work and their seconds, the longest first: what took how long, and which tests share what is made once.

    Of a file that took next to no time the tests were skipped: for it, what was recorded before stays.
    """
    shares, files = set(shares), defaultdict(float)
    for nodeid, seconds in took.items():
        files[whole(nodeid)] += seconds
    found = defaultdict(
        float, {name: seconds for name, seconds in before.items() if 0 < files.get(whole(name), 0) < SKIPPED_SECONDS}
    )
    for nodeid, seconds in took.items():
        piece = whole(nodeid)
        alone = not nodeid.startswith(BY_CORE) and files[piece] > LONG_SECONDS and nodeid not in shares and not fills(nodeid)
        found[nodeid if alone else piece] += seconds
    rounded = {name: round(seconds) for name, seconds in found.items() if round(seconds)}
    return dict(sorted(rounded.items(), key=lambda one: (-one[1], one[0])))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-durations", action="store_true", help=f"write how long the tests take to {RECORDED.name}")


def pytest_configure(config: pytest.Config) -> None:
    run = marks.mark_run()
    if run is not None:
        config.stash[RUN] = run
        # Whoever cancels a job in CI sends SIGTERM: end as on Ctrl-C, with everything put away.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        if config.getoption("--record-durations"):
            config.pluginmanager.register(Recorder())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    durations = Durations.read()
    items.sort(key=lambda item: durations.rank(item.nodeid))
    for item in items:
        if shares(item):
            item.user_properties.append(("shares", True))


def shares(item: pytest.Item) -> bool:
    """Whether a test has a fixture that is made once for several."""
    fixtures = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
    return any(one.scope in SHARED for name in fixtures for one in fixtures[name])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    durations = Durations.read()

    class ByPiece(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return durations.piece(nodeid)

    # The order of the pieces is ours, and not by the number of tests in them.
    config.option.loadscopereorder = False
    return ByPiece(config, log)


# After the workers have ended, and before the summary: that is what stands last.
@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if RUN in session.config.stash:
        marks.end_run(session.config.stash[RUN])
