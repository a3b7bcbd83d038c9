"""A cluster is upgraded while clients use it, and nobody is the worse for it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.helpers import events, runs, said, starts, upgrade, write_hosts
from tests.integration.users import UPGRADE, User
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_process import Load
from tests.lab.load_report import LoadReport
from tests.lab.playbook import PlaybookRun

# To where the README and the quick start go.
OLD, NEW = "2.12.8", "2.14.6"
LONGEST_LINE = 250
JSON_WALL = re.compile(r"[{\[].{200,}[}\]]")


@dataclass(frozen=True)
class Rolled:
    """A cluster that was upgraded under load, and then once more."""

    cluster: LoopbackCluster
    leader_before: str
    first: PlaybookRun
    versions: dict[str, str]
    starts: dict[str, str]
    load: LoadReport
    second: PlaybookRun


@pytest.fixture(scope="module")
def rolled(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rolled]:
    with LoopbackCluster(OLD) as cluster:
        user = User.of(cluster, mirror, tmp_path_factory.mktemp("user"))
        with Load(cluster.urls, cluster.base / "load.json", rate=20) as load:
            leader = cluster.known_leader()
            first = user.run(UPGRADE)
            report = load.stop()
        versions, begun = cluster.versions(), starts(cluster)
        yield Rolled(cluster, leader, first, versions, begun, report, user.run(UPGRADE))


def test_an_upgrade_under_load_succeeds_and_every_node_runs_the_target(rolled: Rolled) -> None:
    assert rolled.first.returncode == 0, rolled.first.stdout[-3000:] + rolled.first.stderr
    assert rolled.versions == {"n1": NEW, "n2": NEW, "n3": NEW}


def test_no_acknowledged_message_is_lost_or_stored_twice_or_left_undelivered(rolled: Rolled) -> None:
    load = rolled.load
    # A long gap is a matter of the machine as well: it is said and not judged.
    print(f"longest gap of the consumer {load.longest_consumer_gap_seconds:.2f} s of {load.duration_seconds:.0f} s")
    assert load.acknowledged > 100
    assert (load.lost, load.duplicates_in_stream, load.never_delivered) == (0, 0, 0)


def test_the_old_binary_is_kept_beside_and_says_the_old_version(rolled: Rolled) -> None:
    for node in rolled.cluster.nodes.values():
        kept = node.binary.with_name(f"nats-server-{OLD}")
        said = subprocess.run([str(kept), "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
        assert said.strip() == f"nats-server: v{OLD}", node.name


def test_the_meta_leader_is_taken_last(rolled: Rolled) -> None:
    assert max(rolled.starts, key=lambda name: rolled.starts[name]) == rolled.leader_before
    assert f"{rolled.leader_before}  {OLD} -> {NEW}  (meta leader, last)" in rolled.first.stdout


def test_a_second_run_changes_nothing_and_restarts_nothing(rolled: Rolled) -> None:
    assert (rolled.second.returncode, rolled.second.changed) == (0, 0), rolled.second.stdout[-3000:]
    assert starts(rolled.cluster) == rolled.starts


def test_what_happened_is_written_down_as_it_happened_and_the_last_message_says_where(rolled: Rolled) -> None:
    first, second = runs(rolled.cluster)
    for host in rolled.versions:
        ended = [e["phase"] for e in events(first, "phase") if e.get("host") == host and e["state"] == "ended"]
        assert set(ended) == {"stage", "gate", "drain", "swap", "start", "catch_up"}, host
    assert [e["host"] for e in events(first, "node_done")] == events(first, "planned")[0]["order"]
    assert all(e["new_version"] == NEW and e["seconds"] > 0 for e in events(first, "node_done"))
    assert events(first, "sample")[-1]["servers"]["n1"]["version"] == NEW
    # The leader goes last, and takes its leadership along.
    assert rolled.leader_before in {e["from"] for e in events(first, "leader_moved")}
    assert [e["outcome"] for folder in (first, second) for e in events(folder, "run_ended")] == ["done", "nothing_to_do"]
    for done, folder, line in (
        (rolled.first, first, f"Upgraded 3 of 3 to {NEW}"),
        (rolled.second, second, "Nothing to do: 3 of 3"),
    ):
        last = done.stdout.partition("TASK [natsops.cluster.nats_upgrade : The end of this run]")[2].partition("PLAY RECAP")[0]
        assert line in last
        assert f"Report: {folder}/report.html" in last
        assert (folder / "report.html").stat().st_size > 0


@pytest.mark.parametrize("which", ["first", "second"])
def test_the_output_has_no_warning_no_endless_line_and_no_wall_of_json(rolled: Rolled, which: str) -> None:
    done: PlaybookRun = getattr(rolled, which)
    output = done.stdout + done.stderr
    assert "WARNING" not in output
    assert "invocation:" not in output
    assert [line for line in output.splitlines() if len(line) > LONGEST_LINE or JSON_WALL.search(line)] == []


def test_a_canary_is_the_first_of_an_older_pair_of_versions(mirror: Path) -> None:
    """The run that takes the others is in test_client_probe.py."""
    with LoopbackCluster("2.10.26") as cluster:
        hosts, leader = write_hosts(cluster, mirror), cluster.known_leader()
        canary = upgrade(hosts, "2.11.11", nats_upgrade_max_nodes="1", nats_upgrade_progress="off")
        assert canary.returncode == 0, canary.stdout[-3000:] + canary.stderr
        (first,) = [name for name, version in cluster.versions().items() if version == "2.11.11"]
        assert first != leader
        assert "1 of 3 done, run again to go on." in said(canary)
        assert events(runs(cluster)[-1], "run_ended")[0]["outcome"] == "part_done"


def test_where_a_directory_link_holds_the_version_the_link_is_flipped_and_the_old_directory_kept(
    mirror: Path, tmp_path: Path
) -> None:
    cluster = LoopbackCluster("2.14.6", 1, base=tmp_path)
    current = cluster.nodes["n1"].binary.parent
    old = current.with_name("2.14.6")
    old.mkdir(parents=True)
    current.symlink_to("2.14.6")
    with cluster:
        before = (old / "nats-server").stat().st_ino
        done = upgrade(write_hosts(cluster, mirror, nats_upgrade_waive=["stepping_stone", "single_server"]), "2.15.1")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        assert current.readlink() == Path("2.15.1")
        assert (old / "nats-server").stat().st_ino == before
        assert cluster.versions() == {"n1": "2.15.1"}
