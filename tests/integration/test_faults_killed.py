"""The controller dies in the middle of a roll, wherever that is: the next run takes its lock over at once and finishes the job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.faults import (
    NEW,
    OLD,
    Background,
    clients,
    finished,
    first_and_others,
    is_module,
    kept,
    locked,
    nothing_lost,
    state,
    steps,
    stop_at,
)
from tests.integration.helpers import said, starts, upgrade, write_hosts
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_process import Load
from tests.lab.node import Settings
from tests.lab.processes import wait_until


class Dying:
    """Runs on one cluster that are killed one after the other, each in the turn of the same node."""

    def __init__(self, cluster: LoopbackCluster, mirror: Path, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.first, self.others = first_and_others(cluster)
        self.blocked, self.held = folder / "blocked", folder / "held"
        hold = f"touch {self.held}; while test -e {self.blocked}; do sleep 0.05; done"
        self.hosts = write_hosts(
            cluster,
            mirror,
            nats_upgrade_hold_command=["sh", "-c", hold],
            nats_upgrade_release_command=["rm", "-f", str(self.held)],
        )

    def at(self, moment: str) -> None:
        """Run until then, kill the run, and make sure that it died there and left its lock."""
        getattr(self, moment)()
        assert locked(self.cluster) == list(self.cluster.nodes)
        assert set(steps(self.cluster, name)[-1:] == [] for name in self.others) == {True}

    def staging(self) -> None:
        self._stopped(self.cluster.nodes[self.first].binary.with_name(f"nats-server-{NEW}"))
        assert not kept(self.cluster, self.first, "journal")

    def began(self) -> None:
        self._stopped(state(self.cluster, self.first) / "journal.json", "began")

    def held_restarts(self) -> None:
        self.blocked.touch()
        with Background(self.hosts, NEW) as roll:
            roll.until(self.held.exists, "the hold")
            roll.kill()
        self.blocked.unlink()
        assert steps(self.cluster, self.first) == ["began"]

    def draining(self) -> None:
        self._stopped(state(self.cluster, self.first) / "journal.json", "draining")
        assert self.cluster.process(self.first) is not None

    def switching(self) -> None:
        self._stopped(state(self.cluster, self.first) / "journal.json", "switching")
        assert self.cluster.process(self.first) is None

    def starting(self) -> None:
        self._stopped(state(self.cluster, self.first) / "journal.json", "starting")
        assert self.cluster.process(self.first) is None

    def returning(self) -> None:
        with Background(self.hosts, NEW) as roll:
            roll.until_task("Wait until it is really back and current")
            roll.kill()
        assert steps(self.cluster, self.first)[-1] == "starting"

    def drained_halfway(self, spare: Callable[..., bool] = lambda _process: False) -> None:
        with Background(self.hosts, NEW) as roll:
            roll.until(lambda: self.cluster.healthz(self.first).status == 500, "the drain")
            roll.kill(spare)
        assert steps(self.cluster, self.first)[-1] == "draining"

    def drained_halfway_with_the_module_alive(self) -> None:
        self.drained_halfway(is_module)

    def _stopped(self, path: Path, step: str = "") -> None:
        env, stopped = stop_at(self.folder, path, step)
        with Background(self.hosts, NEW, env=env) as roll:
            roll.until(stopped.exists, f"{path} {step}")
            roll.kill()
        if step:
            assert steps(self.cluster, self.first)[-1] == step


@pytest.mark.parametrize(
    "moments",
    [
        pytest.param(["staging", "began", "held_restarts"], id="before_anything_was_stopped"),
        pytest.param(["draining", "switching", "starting"], id="between_the_signal_and_the_start"),
        pytest.param(["returning"], id="while_it_comes_back"),
    ],
)
def test_a_run_after_killed_ones_finishes_the_job_and_loses_nothing(mirror: Path, tmp_path: Path, moments: list[str]) -> None:
    with LoopbackCluster(OLD) as cluster, Load(cluster.urls, cluster.base / "load.json", rate=50) as load:
        dying, before = Dying(cluster, mirror, tmp_path), starts(cluster)
        for moment in moments:
            dying.at(moment)
            assert {name: starts(cluster)[name] for name in dying.others} == {name: before[name] for name in dying.others}
        again = upgrade(dying.hosts, NEW)
        assert again.returncode == 0, again.stdout[-5000:]
        finished(cluster, NEW)
        assert not dying.held.exists()
        idle = upgrade(dying.hosts, NEW)
        assert (idle.returncode, idle.changed) == (0, 0), idle.stdout[-3000:]
        nothing_lost(load)


@pytest.fixture
def slow() -> Iterator[LoopbackCluster]:
    """A cluster whose servers keep a client for a while when they drain."""
    settings = Settings(lame_duck_grace_period="6s")
    with LoopbackCluster(OLD, settings=settings) as running, ExitStack() as stack:
        stack.enter_context(clients(running, first_and_others(running)[0]))
        yield running


@pytest.mark.parametrize("moment", ["drained_halfway", "drained_halfway_with_the_module_alive"])
def test_a_drain_whose_run_was_killed_is_waited_for_by_the_next_run(
    slow: LoopbackCluster, mirror: Path, tmp_path: Path, moment: str
) -> None:
    dying = Dying(slow, mirror, tmp_path)
    process = slow.process(dying.first)
    dying.at(moment)
    again = upgrade(dying.hosts, NEW, "--limit", dying.first)
    assert again.returncode == 0, again.stdout[-5000:]
    assert "resumed: it broke off at " in said(again)
    assert slow.versions()[dying.first] == NEW
    assert slow.process(dying.first) != process
    assert not locked(slow)
    assert not dying.held.exists()
    # Of the two that could have started it, one has.
    assert wait_until(lambda: steps(slow, dying.first)[-1] == "done", 5)
    assert steps(slow, dying.first).count("starting") == 1
