"""The controller dies in the middle of a roll, wherever that is: the next run takes its lock over at once and finishes."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integration.faults import (
    LONG_LAME_DUCK,
    NEW,
    OLD,
    Background,
    clients,
    finished_alone,
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
from tests.lab.node import server_processes
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

    def roll(self, env: dict[str, str] | None = None) -> Background:
        """The next run: of this one node, once it is known."""
        options = ["--limit", self.node] if self.node else []
        return Background(self.hosts, NEW, *options, env=env)

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
        with self.roll() as roll:
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
        with self.roll() as roll:
            roll.until_task("Wait until it is really back and current")
            roll.kill()
        assert steps(self.cluster, self.node)[-1] == "starting"

    def drained_halfway(self, spare: Callable[[Process], bool] = lambda _process: False) -> None:
        """Until the server drains, with the module on the node ended as well, or not."""
        drains = self.drains
        with self.roll() as roll:
            roll.until(lambda: self.drains == drains + 1 and 500 in self._health(), "the drain")
            roll.kill(spare)
        assert steps(self.cluster, self.node)[-1] == "draining"

    def drained_halfway_with_the_module_alive(self) -> None:
        self.drained_halfway(is_module)

    @property
    def drains(self) -> int:
        return steps(self.cluster, self.node).count("draining") if self.node else 0

    def _health(self) -> list[int]:
        return [self.cluster.healthz(name).status for name in self.cluster.nodes]

    def _stopped(self, end: str, step: str = "") -> None:
        env, stopped = stop_at(self.folder, end, step)
        with self.roll(env) as roll:
            roll.until(stopped.exists, f"{end} {step}")
            roll.kill()
        if step:
            assert steps(self.cluster, self.node)[-1] == step


def test_a_run_after_killed_ones_finishes_the_job_and_loses_nothing(mirror: Path, tmp_path: Path) -> None:
    moments = ["staging", "began", "held_restarts", "draining", "switching", "starting", "returning"]
    with LoopbackCluster(OLD) as cluster, Load(cluster.urls, cluster.base / "load.json", rate=20) as load:
        dying = Dying(cluster, mirror, tmp_path)
        for moment in moments:
            dying.at(moment)
        cluster.wait_ready()
        node, back = dying.node, starts(cluster)
        again = finishes_alone(cluster, dying.hosts, node)
        # What came back while nobody looked is not started once more.
        assert starts(cluster) == back
        taken_up(dying, reported(runs(cluster)[-1], "part_done", again), node)
        assert not dying.held.exists()
        idle = upgrade(dying.hosts, NEW, "--limit", node)
        assert (idle.returncode, idle.changed) == (0, 0), idle.stdout[-3000:]
        nothing_lost(load)


def taken_up(dying: Dying, report: dict[str, Any], node: str) -> None:
    """Make sure that the report of the run that finishes the job has what the killed ones did, and that theirs lead there."""
    assert [server["state"] for server in report["servers"] if server["host"] == node] == ["done"]
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


def test_a_drain_whose_runs_were_killed_is_waited_for_by_the_next_one(mirror: Path, tmp_path: Path) -> None:
    with LoopbackCluster(OLD, settings=LONG_LAME_DUCK) as slow, clients(slow, *slow.nodes):
        dying = Dying(slow, mirror, tmp_path)
        before = {name: slow.process(name) for name in slow.nodes}
        dying.at("drained_halfway")
        node = dying.node
        dying.at("drained_halfway_with_the_module_alive")
        assert (dying.node, slow.process(node)) == (node, before[node])
        with Background(dying.hosts, NEW, "--limit", node) as roll:
            roll.until(lambda: dying.drains == 3, "the drain that is waited for")
            assert slow.process(node) == before[node]
            # In lame duck mode it exits at once, as it does at the end of the drain.
            slow.signal_node(node, signal.SIGINT)
            again = roll.wait()
        assert again.returncode == 0, again.stdout[-5000:]
        finished_alone(slow, node)
        says(again, "resumed: it broke off at ")
        report = reported(runs(slow)[-1], "part_done", again)
        assert [state for phase, state in phases(report, node) if phase == "drain"] == ["interrupted", "interrupted", "ended"]
        assert "broke off" in (runs(slow)[-1] / "report.html").read_text(encoding="utf-8")
        assert reported(dying.killed[-1], "not_ended")["next_run"] == report["run"]
        assert not dying.held.exists()
        # Of the two that could have started it, one has.
        assert steps(slow, node).count("starting") == 1
        assert [process.argv for process in server_processes([slow.nodes[node]])] == [tuple(slow.nodes[node].argv)]
