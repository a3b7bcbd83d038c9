"""The controller dies in the middle of a roll, wherever that is: the next run takes its lock over at once and finishes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.faults import (
    NEW,
    OLD,
    Background,
    clients,
    finished,
    finishes_alone,
    in_turn,
    is_module,
    locked,
    nothing_lost,
    says,
    steps,
    stop_at,
)
from tests.integration.helpers import phases, reported, runs, starts, upgrade, write_hosts
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_process import Load
from tests.lab.node import Settings, server_processes
from tests.lab.processes import Process


class Dying:
    """Runs on one cluster that are killed one after the other, each in the turn of the same node."""

    def __init__(self, cluster: LoopbackCluster, mirror: Path, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.blocked, self.held = folder / "blocked", folder / "held"
        hold = f"touch {self.held}; while test -e {self.blocked}; do sleep 0.05; done"
        release = ["rm", "-f", str(self.held)]
        commands: dict[str, Any] = {"nats_upgrade_hold_command": ["sh", "-c", hold], "nats_upgrade_release_command": release}
        self.hosts = write_hosts(cluster, mirror, **commands)
        self.begun = starts(cluster)
        # The folders of the killed runs.
        self.killed: list[Path] = []

    @property
    def node(self) -> str:
        return in_turn(self.cluster)

    def at(self, moment: str) -> None:
        """Run until then, kill the run, and make sure that it died there, left its lock, and took no other node."""
        getattr(self, moment)()
        assert locked(self.cluster) == list(self.cluster.nodes)
        assert not [name for name in self.cluster.nodes if name != self.node and steps(self.cluster, name)]
        now = starts(self.cluster)
        assert not [name for name in self.cluster.nodes if name != self.node and now[name] != self.begun[name]]
        self.killed.append(runs(self.cluster)[-1])
        reported(self.killed[-1], "not_ended")

    def staging(self) -> None:
        self._stopped(f"/nats-server-{NEW}")
        assert not self.node

    def began(self) -> None:
        self._stopped("/journal.json", "began")

    def held_restarts(self) -> None:
        self.blocked.touch()
        with Background(self.hosts, NEW) as roll:
            roll.until(self.held.exists, "the hold")
            roll.kill()
        self.blocked.unlink()
        assert steps(self.cluster, self.node) == ["began"]

    def draining(self) -> None:
        self._stopped("/journal.json", "draining")
        assert self.cluster.process(self.node) is not None

    def switching(self) -> None:
        self._stopped("/journal.json", "switching")
        assert self.cluster.process(self.node) is None

    def starting(self) -> None:
        self._stopped("/journal.json", "starting")
        assert self.cluster.process(self.node) is None

    def returning(self) -> None:
        with Background(self.hosts, NEW) as roll:
            roll.until_task("Wait until it is really back and current")
            roll.kill()
        assert steps(self.cluster, self.node)[-1] == "starting"

    def drained_halfway(self, spare: Callable[[Process], bool] = lambda _process: False) -> None:
        with Background(self.hosts, NEW) as roll:
            roll.until(lambda: 500 in [self.cluster.healthz(name).status for name in self.cluster.nodes], "the drain")
            roll.kill(spare)
        assert steps(self.cluster, self.node)[-1] == "draining"

    def drained_halfway_with_the_module_alive(self) -> None:
        self.drained_halfway(is_module)

    def _stopped(self, end: str, step: str = "") -> None:
        env, stopped = stop_at(self.folder, end, step)
        with Background(self.hosts, NEW, env=env) as roll:
            roll.until(stopped.exists, f"{end} {step}")
            roll.kill()
        if step:
            assert steps(self.cluster, self.node)[-1] == step


@pytest.mark.parametrize(
    "moments",
    [
        pytest.param(["staging", "began", "held_restarts", "returning"], id="before_anything_was_stopped_and_after_the_start"),
        pytest.param(["draining", "switching", "starting"], id="between_the_signal_and_the_start"),
    ],
)
def test_a_run_after_killed_ones_finishes_the_job_and_loses_nothing(mirror: Path, tmp_path: Path, moments: list[str]) -> None:
    with LoopbackCluster(OLD) as cluster, Load(cluster.urls, cluster.base / "load.json", rate=20) as load:
        dying = Dying(cluster, mirror, tmp_path)
        for moment in moments:
            dying.at(moment)
        node = dying.node
        again = upgrade(dying.hosts, NEW)
        assert again.returncode == 0, again.stdout[-5000:]
        finished(cluster, NEW)
        taken_up(dying, reported(runs(cluster)[-1], "done", again), node)
        assert not dying.held.exists()
        idle = upgrade(dying.hosts, NEW)
        assert (idle.returncode, idle.changed) == (0, 0), idle.stdout[-3000:]
        nothing_lost(load)


def taken_up(dying: Dying, report: dict[str, Any], node: str) -> None:
    """Make sure that the report of the run that finishes the job has what the killed ones did, and that theirs lead there."""
    assert [server["state"] for server in report["servers"]] == ["done"] * 3
    assert [one["run"] for one in report["resumed"]] == [folder.name for folder in dying.killed[1:]] + [report["run"]]
    assert report["previous_run"] == {"run": dying.killed[-1].name, "found": True}
    told = phases(report, node)
    # What was killed first, and is sure to have begun: a run that dies while the server comes back may not have begun to wait.
    assert {phase for phase, state in told if state == "interrupted"} & {"stage", "drain"}
    assert "drain" in [phase for phase, _state in told]
    assert told[-1] == ("catch_up", "ended")
    for folder, following in zip(dying.killed, [*dying.killed[1:], None]):
        by = following.name if following else report["run"]
        killed = reported(folder, "not_ended")
        assert (killed["next_run"], killed["outcome"]["headline"]) == (by, "The run broke off")
        assert f'href="../{by}/report.html"' in (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def slow() -> Iterator[LoopbackCluster]:
    """A cluster whose servers keep a client for a while when they drain."""
    settings = Settings(lame_duck_grace_period="12s")
    with LoopbackCluster(OLD, settings=settings) as running, clients(running, *running.nodes):
        yield running


@pytest.mark.parametrize("moment", ["drained_halfway", "drained_halfway_with_the_module_alive"])
def test_a_drain_whose_run_was_killed_is_waited_for_by_the_next_run(
    slow: LoopbackCluster, mirror: Path, tmp_path: Path, moment: str
) -> None:
    dying = Dying(slow, mirror, tmp_path)
    before = {name: slow.process(name) for name in slow.nodes}
    dying.at(moment)
    node = dying.node
    assert slow.process(node) == before[node]
    again = finishes_alone(slow, dying.hosts, node)
    says(again, "resumed: it broke off at ")
    report = reported(runs(slow)[-1], "part_done", again)
    assert [state for phase, state in phases(report, node) if phase == "drain"] == ["interrupted", "ended"]
    assert "broke off" in (runs(slow)[-1] / "report.html").read_text(encoding="utf-8")
    assert reported(dying.killed[-1], "not_ended")["next_run"] == report["run"]
    assert not dying.held.exists()
    # Of the two that could have started it, one has.
    assert steps(slow, node).count("starting") == 1
    assert [process.argv for process in server_processes([slow.nodes[node]])] == [tuple(slow.nodes[node].argv)]
