"""A new version that does not come up, a drain that takes too long, a cluster that is not well: what the run leaves behind."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.faults import clients, finishes_alone, first_and_others, in_turn, says
from tests.integration.helpers import START_SECONDS, events, reported, runs, said, starts, touched_by, upgrade, write_hosts
from tests.integration.releases import pack, publish, script
from tests.integration.test_ansible_versions import CORES, programs_of
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_assets import make_single
from tests.lab.load_process import Load
from tests.lab.node import Settings
from tests.lab.playbook import PlaybookRun
from tests.lab.processes import Process, all_processes, end, has_environment

BROKEN = "2.15.9"
OLDEST, NEWEST = next(iter(CORES)), list(CORES)[-1]
# Long enough for a run to fail, and for the next one to look, while the server still drains, however busy the machine is.
LONG_LAME_DUCK = Settings(lame_duck_duration="300s", lame_duck_grace_period="200s")
EXIT_SECONDS = 60.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[LoopbackCluster]:
    with LoopbackCluster("2.14.6") as running:
        yield running


@pytest.fixture
def healthy(cluster: LoopbackCluster) -> LoopbackCluster:
    """The cluster of this module with every node on the old version, whatever the test before left."""
    for name in cluster.nodes:
        if cluster.process(name) is None:
            cluster.start_node(name)
    cluster.wait_ready()
    assert set(cluster.versions().values()) == {"2.14.6"}
    return cluster


def broken_mirror(folder: Path, instead_of_serving: str) -> Path:
    return publish(folder, BROKEN, pack(BROKEN, script(BROKEN, instead_of_serving)))


def test_a_new_version_that_exits_at_once_is_put_back_and_a_good_one_finishes_its_turn(mirror: Path, tmp_path: Path) -> None:
    source = broken_mirror(tmp_path, "echo 'cannot serve' >&2; exit 1")
    hold = tmp_path / "hold"
    commands = {"nats_upgrade_hold_command": ["touch", str(hold)], "nats_upgrade_release_command": ["rm", str(hold)]}
    with LoopbackCluster("2.14.6") as cluster, Load(cluster.urls, cluster.base / "load.json", rate=20) as load:
        first, others = first_and_others(cluster)
        before = starts(cluster)
        single = asyncio.run(make_single(cluster.urls, first))
        broken = upgrade(write_hosts(cluster, source, **commands), BROKEN, nats_upgrade_start_timeout_seconds=START_SECONDS)
        after = starts(cluster)
        assert broken.returncode != 0
        assert cluster.versions() == {"n1": "2.14.6", "n2": "2.14.6", "n3": "2.14.6"}
        assert [name for name in cluster.nodes if after[name] != before[name]] == [first]
        cluster.wait_ready()
        assert not hold.exists()
        for node in cluster.nodes.values():
            assert not [left for left in node.binary.parent.iterdir() if left.suffix in (".part", ".natsops")]
        _says_what_happened(said(broken), first, others)
        assert "cannot serve" in broken.stdout
        _is_written_down(runs(cluster)[-1], said(broken), first)
        (outage,) = reported(runs(cluster)[-1], "failed", broken)["r1_outages"]
        assert (outage["host"], outage["over"], outage["at_most"]) == (first, True, False)
        assert f"APP > {single}" in outage["assets"]
        assert outage["seconds"] > START_SECONDS

        finishes_alone(cluster, write_hosts(cluster, mirror), first)
        report = load.stop()
    assert (report.lost, report.duplicates_in_stream, report.never_delivered) == (0, 0, 0)


@pytest.mark.parametrize("core", [OLDEST, NEWEST])
def test_a_failed_turn_is_put_back_and_told_the_same_on_every_ansible(core: str, tmp_path: Path) -> None:
    source = publish(tmp_path, "2.15.1", pack("2.15.1", script("2.15.1", "exit 1")))
    with LoopbackCluster("2.14.6") as cluster:
        first, others = first_and_others(cluster)
        hosts = write_hosts(cluster, source)
        broken = upgrade(hosts, "2.15.1", programs=programs_of(CORES[core]), nats_upgrade_start_timeout_seconds=2)
        assert broken.returncode != 0
        assert set(cluster.versions().values()) == {"2.14.6"}
        _says_what_happened(said(broken), first, others)
        (put_back,) = events(runs(cluster)[-1], "put_back")
        assert put_back["detail"] == "it was put back to 2.14.6, and is up and current."


def _says_what_happened(output: str, first: str, others: list[str]) -> None:
    assert f"STOPPED in the turn of {first}. No other node was touched after it." in output
    assert f"What failed: Wait until it is really back and current, {first}: " in output
    assert f"{first}: it was put back to 2.14.6, and is up and current." in output
    for name in (first, *others):
        assert f"{name} 2.14.6 up " in output
    assert "Next: mend what failed, and run the same playbook again" in output
    assert "WARNING" not in output
    assert "Traceback" not in output


def _is_written_down(run: Path, output: str, host: str) -> None:
    (failed,), (put_back,), (ended,) = (events(run, kind) for kind in ("failed", "put_back", "run_ended"))
    assert (put_back["host"], put_back["version"]) == (host, "2.14.6")
    assert failed["host"] == host
    assert failed["msg"].startswith(f"STOPPED in the turn of {host}.")
    assert "cannot serve" in " ".join(failed["server_log"])
    assert (ended["outcome"], ended["upgraded"], len(ended["left"])) == ("failed", [], 3)
    assert ended["next"] == "mend what failed, and run the same playbook again."
    assert f"Report: {run}/report.html" in output


def test_a_new_version_that_hangs_before_it_listens_is_ended_and_the_old_one_put_back(
    healthy: LoopbackCluster, tmp_path: Path
) -> None:
    # A server writes its pid file before it serves; this one goes on as the old program, but on no port of the node.
    old = '"$(dirname "$0")/nats-server-2.14.6"'
    source = broken_mirror(tmp_path, f'exec {old} -a 127.0.0.1 -p -1 -P "$(dirname "$0")/../nats.pid"')
    with _marked() as mark:
        first, done = _fails_alone(healthy, source, mark)
        assert f"{first}: it was put back to 2.14.6, and is up and current." in said(done)
        healthy.wait_ready()
        server = healthy.process(first)
        assert [process.pid for process in _of(mark)] == [server.pid if server else None]


def test_a_new_version_that_hangs_before_it_writes_its_pid_file_is_not_left_running(
    healthy: LoopbackCluster, tmp_path: Path
) -> None:
    source = broken_mirror(tmp_path, "exec sleep 600")
    with _marked() as mark:
        _first, done = _fails_alone(healthy, source, mark)
        assert done.returncode != 0
        assert [process.argv for process in _of(mark) if process.argv[0] == "sleep"] == []


def _fails_alone(cluster: LoopbackCluster, source: Path, mark: str) -> tuple[str, PlaybookRun]:
    """Run the playbook for one node only: no other is made ready for what does not come up."""
    first, _others = first_and_others(cluster)
    hosts, marked = write_hosts(cluster, source), dict([mark.split("=", 1)])
    done = upgrade(hosts, BROKEN, "--limit", first, env=marked, nats_upgrade_start_timeout_seconds=START_SECONDS)
    return first, done


@contextmanager
def _marked() -> Iterator[str]:
    """Give a mark for the environment, and end what carries it afterwards, but for the servers."""
    mark = f"NATSOPS_HANGING={uuid.uuid4().hex}"
    try:
        yield mark
    finally:
        end([process for process in _of(mark) if "nats.conf" not in " ".join(process.argv)])


def _of(mark: str) -> list[Process]:
    return [process for process in all_processes() if has_environment(process, mark)]


def test_without_rollback_the_node_is_left_down_and_a_good_release_of_that_version_finishes_its_turn(
    mirror: Path, tmp_path: Path
) -> None:
    source = publish(tmp_path, "2.15.1", pack("2.15.1", script("2.15.1", "exit 1")))
    with LoopbackCluster("2.14.6") as cluster:
        first, others = first_and_others(cluster)
        before = touched_by(cluster)
        single = asyncio.run(make_single(cluster.urls, first))
        hosts = write_hosts(cluster, source, nats_upgrade_rollback=False)
        done = upgrade(hosts, "2.15.1", nats_upgrade_start_timeout_seconds=2)
        assert done.returncode != 0
        assert f"{first}: its server is down, and nats_upgrade_rollback is false." in said(done)
        assert f"Next: mend what failed, and run the same playbook again; it goes on with {first}." in said(done)
        assert cluster.versions()[first] == "down"
        assert {name: touched_by(cluster)[name][1] for name in others} == {name: before[name][1] for name in others}
        (outage,) = reported(runs(cluster)[-1], "failed", done)["r1_outages"]
        assert (outage["host"], outage["assets"], outage["over"]) == (first, [f"APP > {single}"], False)
        # The archive was published anew under the same name: what was staged from the bad one is not taken for it.
        again = finishes_alone(cluster, write_hosts(cluster, mirror), first)
        report = reported(runs(cluster)[-1], "part_done", again)
        assert report["previous_run"] == {"run": runs(cluster)[0].name, "found": True}
        (both,) = report["r1_outages"]
        assert (both["begin"], both["over"], both["at_most"]) == (outage["begin"], True, True)
        assert both["seconds"] > outage["seconds"]


def test_a_cluster_with_a_dead_server_is_refused_before_anything_is_touched(healthy: LoopbackCluster, mirror: Path) -> None:
    healthy.kill_node("n3")
    before = touched_by(healthy)
    done = upgrade(write_hosts(healthy, mirror), "2.15.1")
    assert done.returncode != 0
    assert "monitoring cannot be read of 1 of 3 servers: n3 " in said(done)
    assert touched_by(healthy) == before


def test_a_server_that_stops_being_healthy_is_seen_by_the_gate_and_by_the_next_run_before_anything_is_touched(
    mirror: Path, tmp_path: Path
) -> None:
    with LoopbackCluster("2.14.6", settings=LONG_LAME_DUCK) as slow, clients(slow, *slow.nodes):
        before, held = touched_by(slow), tmp_path / "held"
        leader = slow.known_leader()
        # Holding is the last thing that is done before the gate is asked again.
        hold = f"touch {held}; kill -USR2 $(cat {slow.nodes[leader].pid_file})"
        commands = {"nats_upgrade_hold_command": ["sh", "-c", hold], "nats_upgrade_release_command": ["rm", str(held)]}
        done = upgrade(write_hosts(slow, mirror, **commands), "2.15.1", nats_upgrade_health_timeout_seconds=4)
        assert done.returncode != 0
        says(
            done,
            "What failed: Wait until the cluster can lose ",
            f"{leader} {slow.monitor_url(leader)}: not back after ",
            "healthz: 500",
            "its server was not stopped and goes on running 2.14.6.",
        )
        assert not held.exists()
        assert not in_turn(slow), done.stdout
        again = upgrade(write_hosts(slow, mirror), "2.15.1")
        assert again.returncode != 0
        says(again, "refused: unhealthy_server: not every server is healthy", f"{leader}: ")
        assert {name: now[:2] for name, now in touched_by(slow).items()} == {name: then[:2] for name, then in before.items()}
