"""Another server fails, or the node's own does, in the middle of a turn: the run stops there, and finishes after the repair."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.faults import (
    LONG_LAME_DUCK,
    NEW,
    OLD,
    Background,
    clients,
    finished_alone,
    finishes_alone,
    first_and_others,
    in_turn,
    locked,
    nothing_lost,
    says,
    state,
    steps,
    stop_at,
)
from tests.integration.helpers import START_SECONDS, adhoc, said, starts, upgrade, write_hosts
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_process import Load
from tests.lab.node import Node, Settings
from tests.lab.playbook import PlaybookRun

NOT_A_SERVER = "sleep, not nats-server: nothing was signalled."


@pytest.fixture
def slow() -> Iterator[LoopbackCluster]:
    with LoopbackCluster(OLD, settings=Settings(lame_duck_grace_period="3s")) as running:
        yield running


@pytest.fixture
def cluster() -> Iterator[LoopbackCluster]:
    with LoopbackCluster(OLD) as running:
        yield running


def test_a_peer_that_dies_while_a_node_drains_stops_the_run_at_that_node_and_a_rerun_finishes_after_the_repair(
    slow: LoopbackCluster, mirror: Path
) -> None:
    hosts = write_hosts(slow, mirror)
    first, others = first_and_others(slow)
    before = starts(slow)
    with Load(slow.urls, slow.base / "load.json", rate=20) as load:
        with clients(slow, first), Background(hosts, NEW, nats_upgrade_start_timeout_seconds=START_SECONDS) as roll:
            roll.until(lambda: slow.healthz(first).status == 500, "the drain")
            slow.kill_node(others[0])
            done = roll.wait()
        assert done.returncode != 0
        says(
            done,
            f"STOPPED in the turn of {first}. No other node was touched after it.",
            f"What failed: Wait until it is really back and current, {first}: ",
            f"{first}: it answers with {NEW} and was left running.",
            f"{others[0]} does not answer: ",
        )
        assert slow.versions() == {first: NEW, others[0]: "down", others[1]: OLD}
        assert starts(slow)[others[1]] == before[others[1]]
        assert not locked(slow)

        slow.start_node(others[0])
        slow.wait_ready()
        finishes_alone(slow, hosts, first)
        nothing_lost(load)


def test_a_client_that_ignores_the_lame_duck_is_named_and_the_next_run_waits_on_for_it(mirror: Path) -> None:
    with LoopbackCluster(OLD, settings=LONG_LAME_DUCK) as slow:
        hosts = write_hosts(slow, mirror)
        first, _others = first_and_others(slow)
        process, before = slow.process(first), starts(slow)
        with clients(slow, first):
            done = upgrade(hosts, NEW, nats_upgrade_drain_timeout_seconds=1)
            assert done.returncode != 0
            assert slow.process(first) == process
            assert starts(slow) == before
            assert steps(slow, first)[-1] == "draining"
            with Background(hosts, NEW, "--limit", first) as roll:
                roll.until(lambda: steps(slow, first).count("draining") == 2, "the drain that is waited for")
                assert slow.process(first) == process
                # In lame duck mode it exits at once, as it does at the end of the drain.
                slow.signal_node(first, signal.SIGINT)
                again = roll.wait()
        says(
            done,
            f"STOPPED in the turn of {first}",
            "is in lame duck mode and has not exited after ",
            f"Still connected to {first}: ",
            "stubborn",
            "Next: run the same playbook again; it waits on for the drain and then goes on.",
        )
        assert again.returncode == 0, again.stdout[-5000:]
        assert "resumed: it broke off at 'draining'" in said(again).replace("''", "'")
        finished_alone(slow, first)


def test_a_stale_pid_file_that_names_another_process_by_now_is_refused_and_that_process_is_not_signalled(
    cluster: LoopbackCluster, mirror: Path, tmp_path: Path
) -> None:
    hosts, before = write_hosts(cluster, mirror), starts(cluster)
    with another_program() as sleeping:
        with other_pid(cluster.nodes["n1"], sleeping.pid):
            _refused_for(upgrade(hosts, NEW), f"{cluster.nodes['n1'].pid_file} is ", NOT_A_SERVER)
        assert starts(cluster) == before
        assert not state(cluster, "n1").exists()

        # The same where the server is down, in the middle of its turn; and where it is another server that has the pid by now.
        env, stopped = stop_at(tmp_path, "/journal.json", "starting")
        with Background(hosts, NEW, env=env) as roll:
            roll.until(stopped.exists, "the start")
            roll.kill()
        down = in_turn(cluster)
        others = {name: cluster.process(name) for name in cluster.nodes if name != down}
        with other_pid(cluster.nodes[down], sleeping.pid):
            found = adhoc(hosts, down, "nats_node_facts", pid_file=str(cluster.nodes[down].pid_file))[down]
            assert f"{cluster.nodes[down].pid_file} is " in found["msg"]
            assert NOT_A_SERVER in found["msg"]
        server = next(process for process in others.values() if process)
        with other_pid(cluster.nodes[down], server.pid):
            _refused_for(upgrade(hosts, NEW), f"refused: other_process: {down}: ", f"pid {server.pid}) runs with ")
        assert {name: cluster.process(name) for name in others} == others
        assert sleeping.poll() is None
    finishes_alone(cluster, hosts, down)


@contextmanager
def another_program() -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs on, however long the runs of a busy machine take: one that has exited is a stale pid, and no other."""
    with subprocess.Popen(["sleep", "3600"]) as program:
        try:
            yield program
        finally:
            program.kill()


@contextmanager
def other_pid(node: Node, pid: int) -> Iterator[None]:
    kept = node.pid_file.read_text(encoding="ascii")
    node.pid_file.write_text(str(pid), encoding="ascii")
    yield
    node.pid_file.write_text(kept, encoding="ascii")


def _refused_for(done: PlaybookRun, *texts: str) -> None:
    assert done.returncode != 0
    says(done, *texts)
