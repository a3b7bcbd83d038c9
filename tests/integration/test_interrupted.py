"""Ctrl-C and SIGTERM in the middle of a turn: the last word is where the run stands, and the next run finishes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import tested as _tested
from tests.integration.faults import (
    LONG_LAME_DUCK,
    NEW,
    OLD,
    Background,
    clients,
    finished_alone,
    in_turn,
    locked,
    steps,
)
from tests.integration.helpers import events, reported, runs, write_hosts
from tests.integration.test_ansible_versions import CORES, programs_of
from tests.lab.cluster import LoopbackCluster
from tests.lab.warm import BIN

# The oldest has no handlers of its own for these signals, others have.
OLDEST = next(iter(_tested.CORES))
END_SECONDS = 60.0


@pytest.mark.parametrize("core", [OLDEST, ""], ids=["without-handlers", "with-handlers"])
def test_whoever_ends_a_run_is_told_where_it_stands(mirror: Path, core: str) -> None:
    folder = programs_of(CORES[core]) if core else BIN
    with LoopbackCluster(OLD, settings=LONG_LAME_DUCK) as slow, clients(slow, *slow.nodes):
        hosts = write_hosts(slow, mirror)
        first = next(name for name in slow.nodes if name != slow.known_leader())

        with Background(hosts, NEW, "--limit", first, programs=folder) as roll:
            # The step is written before the signal is sent, and it is the drain that is to be interrupted.
            roll.until(lambda: drains(slow, first) == 1 and in_lame_duck(slow, first), "the drain")
            # As a terminal does it: to all of the group.
            os.killpg(roll.child.pid, signal.SIGINT)
            assert roll.child.wait(END_SECONDS) == 99
            roll.kill()
            told(slow, hosts, first, roll.output, "Ctrl-C (SIGINT)")
            assert "User interrupted execution" in roll.output.partition("INTERRUPTED")[0]

        with Background(hosts, NEW, "--limit", first, programs=folder) as roll:
            roll.until(lambda: drains(slow, first) == 2, "the drain that is waited for")
            roll.child.terminate()
            assert roll.child.wait(END_SECONDS) == -signal.SIGTERM
            roll.kill()
            told(slow, hosts, first, roll.output, "SIGTERM")

        with Background(hosts, NEW, "--limit", first, programs=folder) as roll:
            roll.until(lambda: drains(slow, first) == 3, "the drain that is waited for")
            slow.signal_node(first, signal.SIGINT)
            again = roll.wait()
        assert again.returncode == 0, again.stdout[-5000:]
        assert "INTERRUPTED" not in again.stdout
        finished_alone(slow, first)


def drains(cluster: LoopbackCluster, node: str) -> int:
    return steps(cluster, node).count("draining")


def in_lame_duck(cluster: LoopbackCluster, node: str) -> bool:
    return "Entering lame duck mode" in cluster.nodes[node].log.read_text(encoding="utf-8")


def told(cluster: LoopbackCluster, hosts: Path, node: str, output: str, by: str) -> None:
    """Make sure that the message is the end of the output, that it is true, and that events and report have it."""
    run = runs(cluster)[-1]
    message = output[output.index("INTERRUPTED by ") :]
    assert message.startswith(f"INTERRUPTED by {by} in the turn of {node}, in the step ")
    assert f"{node}: it was being drained and replaced: its server may run, drain or be down." in message
    assert "Automatic restarts may be held there until then." in message
    assert in_turn(cluster) == node
    assert "The lock of this run was not given back. It ends by itself with its lease" in message
    assert locked(cluster) == list(cluster.nodes)
    assert f"Next: run the same playbook again; it goes on with {node}." in message
    assert f"  ansible-playbook natsops.cluster.status -i {hosts}\n" in message
    assert message.rstrip().splitlines()[-1] == f"Report: {run}/report.html"
    (event,) = [event for event in events(run, "interrupted") if event["run"] == run.name]
    assert (event["by"], event["msg"]) == (by, message.rstrip("\n"))
    assert reported(run, "not_ended")["outcome"]["headline"] == "The run was interrupted"
