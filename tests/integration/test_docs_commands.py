"""Every command that the README and the quick start give is run as it stands there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.users import INSTALL, UPGRADE, User, commands
from tests.lab.binaries import ROOT
from tests.lab.cluster import LoopbackCluster

# Whoever reads this in a report of a failure has run it.
THIS_RUN = "make test"
# What does them is in users.py, and in test_upgrade.py.
ELSEWHERE = (THIS_RUN, INSTALL, UPGRADE)


@pytest.fixture(scope="module")
def user(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    with LoopbackCluster("2.14.5") as cluster:
        yield User.of(cluster, mirror, tmp_path_factory.mktemp("user"))


def test_what_is_run_elsewhere_is_what_the_pages_say_and_make_test_is_what_ci_runs() -> None:
    assert set(ELSEWHERE) <= set(commands())
    assert f"exec {THIS_RUN}\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [command for command in commands() if command not in ELSEWHERE])
def test_a_command_does_what_it_is_given_for(user: User, command: str) -> None:
    done = user.run(command)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert "[WARNING]" not in done.stdout + done.stderr
