"""The rulebook under ansible-rulebook: servers drift apart and the audit starts; they run one version again, and it is told."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.integration.helpers import BIN, ENVIRONMENT, MARK, write_hosts
from tests.lab.binaries import ROOT, server_binary
from tests.lab.cluster import LoopbackCluster
from tests.lab.engine import provide_java
from tests.lab.processes import end_marked, wait_until

# A bound for a busy machine: the rules run on Java, which takes 3 s to start on a quiet one, and then a playbook runs.
SECONDS = 300.0


def install(cluster: LoopbackCluster, name: str, version: str) -> None:
    """What somebody does by hand."""
    cluster.terminate(name)
    binary = cluster.nodes[name].binary
    # Renamed into place: one that a server or an audit just runs cannot be written to.
    new = binary.with_name(f"{binary.name}.new")
    shutil.copy(server_binary(version), new)
    new.replace(binary)
    cluster.start_node(name)
    cluster.wait_ready()


@dataclass(frozen=True)
class Rulebook:
    child: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, words: str) -> None:
        wait_until(lambda: words in " ".join(self.said.split()) or self.child.poll() is not None, SECONDS)
        assert words in " ".join(self.said.split()), self.said[-4000:]


@pytest.fixture
def cluster() -> Iterator[LoopbackCluster]:
    with LoopbackCluster("2.14.6") as running:
        install(running, "n3", "2.15.1")
        yield running


@pytest.fixture
def rulebook(cluster: LoopbackCluster, mirror: Path) -> Iterator[Rulebook]:
    provide_java()
    variables, log, mark = cluster.base / "vars.yml", cluster.base / "rulebook.log", uuid.uuid4().hex
    servers = [{"name": name, "monitor_url": node.monitor_url} for name, node in cluster.nodes.items()]
    variables.write_text(yaml.safe_dump({"nats_drift_servers": servers, "nats_drift_interval_seconds": 1}), encoding="utf-8")
    argv = ["ansible-rulebook", "--rulebook", "natsops.cluster.nats_drift", "--vars", str(variables), "--print-events"]
    with log.open("wb") as output:
        child = subprocess.Popen(
            [str(BIN / argv[0]), *argv[1:], "-i", str(write_hosts(cluster, mirror))],
            cwd=ROOT,
            env={**os.environ, **ENVIRONMENT, "PATH": f"{BIN}:{os.environ['PATH']}", MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Rulebook(child, log)
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            end_marked(f"{MARK}={mark}")
            child.wait(20)


def test_a_cluster_that_drifts_apart_starts_the_audit_and_its_end_is_told(cluster: LoopbackCluster, rulebook: Rulebook) -> None:
    rulebook.wait_for("'change': 'diverged'")
    # The audit has run, and says what it found.
    rulebook.wait_for("mismatch_active")
    rulebook.wait_for("PLAY RECAP")
    install(cluster, "n3", "2.14.6")
    rulebook.wait_for("runs one version again: 2.14.6")
    # Each was told once, though the servers were looked at every second.
    assert [rulebook.said.count(f"'change': '{change}'") for change in ("diverged", "overdue", "converged")] == [1, 0, 1]
