"""The lab of machines itself: it comes up, loses what a real machine loses, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.helpers import ADHOC_SECONDS, BIN, parse_adhoc, run
from tests.lab import bytecode
from tests.lab.binaries import ROOT
from tests.lab.containers import ContainerCluster
from tests.lab.docker import CLUSTER_LABEL, LAB, docker, folder_of, remove_leftovers
from tests.lab.load_process import Load
from tests.lab.processes import wait_until

JSON = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
ROUTE_SECONDS = 60.0
CHILD_SECONDS = 300.0
DROP_IN = "/run/systemd/system/nats-server.service.d/hold.conf"
PUT_DROP_IN = f"install -D /dev/stdin {DROP_IN} <<EOF\n[Service]\nRestart=no\nEOF\nsystemctl daemon-reload"

CHILD = """
import signal
from tests.lab.containers import ContainerCluster
# Whoever runs the tests in the background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
with ContainerCluster("2.14.6") as cluster:
    print(cluster.name, flush=True)
    signal.pause()
"""


@pytest.fixture(scope="module")
def shared() -> Iterator[ContainerCluster]:
    with ContainerCluster("2.14.6") as running:
        yield running


@pytest.fixture
def cluster(shared: ContainerCluster) -> Iterator[ContainerCluster]:
    """Every test finds the same cluster whole."""
    yield shared
    for name in shared.nodes:
        shared.heal(name)
    shared.wait_ready()


@pytest.fixture
def hosts(cluster: ContainerCluster, mirror: Path) -> Path:
    # Silence is met in the tests: they need not wait for it as long as a user does.
    return cluster.write_inventory(mirror, ansible_ssh_timeout=10)


def ping(hosts: Path, pattern: str = "nats") -> dict[str, str]:
    done = run([str(BIN / "ansible"), "-i", str(hosts), pattern, "-m", "ansible.builtin.ping"], env=JSON, seconds=ADHOC_SECONDS)
    return {host: result["state"].rstrip("!") for host, result in parse_adhoc(done.stdout).items()}


def test_the_cluster_is_up_with_one_leader_and_all_routes(cluster: ContainerCluster) -> None:
    assert cluster.versions() == {"n1": "2.14.6", "n2": "2.14.6", "n3": "2.14.6"}
    assert cluster.known_leader() in cluster.nodes
    for name in cluster.nodes:
        assert cluster.routes(name) == set(cluster.nodes) - {name}
        assert (cluster.unit(name)["ActiveState"], cluster.unit(name)["UnitFileState"]) == ("active", "enabled")
        assert cluster.monitor_url(name) == f"http://{cluster.nodes[name].host}:8222"
    assert "Server is ready" in cluster.journal("n1", 200)


def test_a_machine_has_its_modules_compiled_once_for_all_and_by_its_own_python(cluster: ContainerCluster, hosts: Path) -> None:
    assert ping(hosts)["n1"] == "SUCCESS"
    asked = "import sys, zipimport; print(sys.implementation.cache_tag, zipimport._compile_source.__name__)"
    tag, compiles = cluster.shell("n1", f"python3 -c '{asked}'").split()
    assert compiles == "_kept"
    # What others are about to write has another name until it is all there.
    here = {path.name for path in bytecode.FOLDER.glob(f"{tag}-*") if not path.suffix}
    assert here
    assert here <= set(cluster.shell("n1", f"ls {bytecode.FOLDER_THERE}").split())


def test_ansible_reaches_every_machine(hosts: Path) -> None:
    assert ping(hosts) == dict.fromkeys(("n1", "n2", "n3"), "SUCCESS")


def test_clients_on_this_machine_reach_every_server(cluster: ContainerCluster, tmp_path: Path) -> None:
    with Load(cluster.urls, tmp_path / "load.json") as load:
        assert wait_until(lambda: cluster.jsz("n1")["messages"] > 20, 60)
        report = load.stop()
    assert report.acknowledged > 0
    assert report.lost == 0


def test_a_reboot_loses_what_is_in_run_and_the_node_comes_back_at_its_address(cluster: ContainerCluster, hosts: Path) -> None:
    cluster.shell("n2", PUT_DROP_IN)
    assert cluster.unit("n2")["Restart"] == "no"
    starts, address = cluster.starts(), cluster.shell("n2", "hostname -I")
    keys = cluster.shell("n2", "cat /etc/ssh/ssh_host_*.pub")
    cluster.reboot("n2")
    cluster.wait_ready()
    assert (cluster.unit("n2")["Restart"], cluster.unit("n2")["DropInPaths"]) == ("on-failure", "")
    assert cluster.exec("n2", "test", "-e", DROP_IN).returncode == 1
    assert (cluster.shell("n2", "hostname -I"), cluster.shell("n2", "cat /etc/ssh/ssh_host_*.pub")) == (address, keys)
    assert {name for name in cluster.nodes if cluster.starts()[name] != starts[name]} == {"n2"}
    assert ping(hosts, "n2") == {"n2": "SUCCESS"}


@pytest.mark.parametrize("silent", [False, True], ids=["refused", "silent"])
def test_a_machine_that_ssh_does_not_reach_still_serves(cluster: ContainerCluster, hosts: Path, silent: bool) -> None:
    # With a connection that is open already, as in the middle of a run.
    assert ping(hosts, "n1") == {"n1": "SUCCESS"}
    starts = cluster.starts()
    cluster.cut_ssh("n1", silent=silent)
    if silent:
        cluster.close_connections()
    assert ping(hosts, "n1:n2") == {"n1": "UNREACHABLE", "n2": "SUCCESS"}
    assert cluster.healthz("n1").ok
    assert cluster.what_is_missing() == ""
    cluster.heal("n1")
    assert ping(hosts, "n1") == {"n1": "SUCCESS"}
    assert cluster.starts() == starts


def test_a_program_goes_on_when_its_ssh_connection_is_cut(cluster: ContainerCluster, hosts: Path, tmp_path: Path) -> None:
    begun, end = "/root/begun", "/root/end"
    script = f"touch {begun}; while [ ! -e {end} ]; do sleep 0.1; done; rm {begun} {end}"
    argv = [str(BIN / "ansible"), "-i", str(hosts), "n3", "-m", "ansible.builtin.shell", "-a", script]
    with (tmp_path / "said").open("wb") as said:
        child = subprocess.Popen(argv, cwd=ROOT, env={**os.environ, **JSON}, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        assert wait_until(cluster.path("n3", begun).exists, 60)
        cluster.cut_ssh("n3")
        assert child.wait(60) == 4
    finally:
        child.kill()
        child.wait(10)
    assert cluster.exec("n3", "test", "-e", begun).returncode == 0
    cluster.shell("n3", f"touch {end}")
    assert wait_until(lambda: not cluster.path("n3", begun).exists(), 60)


def test_a_machine_off_the_network_answers_nobody_and_its_server_goes_on(cluster: ContainerCluster, hosts: Path) -> None:
    started, pid = cluster.starts()["n3"], cluster.unit("n3")["MainPID"]
    cluster.cut("n3")
    cluster.close_connections()
    assert cluster.versions()["n3"] == "down"
    assert ping(hosts, "n3") == {"n3": "UNREACHABLE"}
    assert cluster.unit("n3")["MainPID"] == pid
    cluster.heal("n3")
    cluster.wait_ready()
    assert cluster.starts()["n3"] == started


def test_a_blocked_route_vanishes_and_comes_back(cluster: ContainerCluster) -> None:
    starts = cluster.starts()
    cluster.block_route("n1", "n2")
    assert wait_until(lambda: cluster.routes("n1") == {"n3"} and cluster.routes("n2") == {"n3"}, ROUTE_SECONDS)
    assert cluster.routes("n3") == {"n1", "n2"}
    assert "no route to" in cluster.what_is_missing()
    cluster.unblock_route("n1", "n2")
    cluster.wait_ready()
    assert cluster.starts() == starts


def test_two_clusters_run_beside_each_other(cluster: ContainerCluster) -> None:
    with ContainerCluster("2.15.1") as other:
        assert set(other.versions().values()) == {"2.15.1"}
        assert set(cluster.versions().values()) == {"2.14.6"}
    assert cluster.what_is_missing() == ""


def left_of(name: str) -> list[str]:
    wanted = f"--filter=label={CLUSTER_LABEL}={name}"
    found = docker("ps", "--all", "--quiet", wanted).split() + docker("network", "ls", "--quiet", wanted).split()
    return [*found, *([str(folder_of(name))] if folder_of(name).exists() else [])]


@contextmanager
def other_run(tree: Path = ROOT) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another program that has a cluster, of this working tree or another, and the name of the cluster, which is ready."""
    child = subprocess.Popen([sys.executable, "-c", CHILD], cwd=tree, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert child.stdout is not None
        # It ends by itself when the cluster does not come up, and so does this wait.
        yield child, child.stdout.readline().strip()
    finally:
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=CHILD_SECONDS)


def test_nothing_is_left_of_a_run_that_is_interrupted() -> None:
    with other_run() as (child, name):
        assert len(left_of(name)) == 5
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=CHILD_SECONDS)
        assert left_of(name) == []


def test_what_is_left_of_a_killed_run_is_removed_by_the_next_and_what_still_runs_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Other tests remove what is left on this machine too, at any moment.
    monkeypatch.setenv(LAB, uuid.uuid4().hex)
    for part in ("tests/lab", "molecule/resources"):
        shutil.copytree(ROOT / part, tmp_path / part)
    (tmp_path / ".cache").symlink_to(ROOT / ".cache")
    with other_run(tmp_path) as (child, name):
        assert name not in remove_leftovers()
        child.kill()
        child.communicate(timeout=CHILD_SECONDS)
        assert len(left_of(name)) == 5
        assert name in remove_leftovers()
        assert left_of(name) == []


def test_an_engine_that_cannot_run_is_an_error_with_its_reason() -> None:
    # Not a skip: whoever sees green has seen the machines.
    nowhere = {**os.environ, "DOCKER_HOST": "unix:///nonexistent/docker.sock", "PATH": "/nonexistent"}
    argv = [sys.executable, "-c", CHILD]
    done = subprocess.run(argv, cwd=ROOT, env=nowhere, capture_output=True, text=True, timeout=CHILD_SECONDS, check=False)
    assert done.returncode == 1
    assert "EngineError: missing: " in done.stderr
    assert done.stdout == ""
