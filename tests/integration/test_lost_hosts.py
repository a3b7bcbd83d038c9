"""A host that cannot be reached any more stops the run: no other node is touched, and the message says where to look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.helpers import phases, reported, runs, said, touched_by, upgrade, write_hosts
from tests.integration.releases import pack, publish, script
from tests.lab.cluster import LoopbackCluster
from tests.lab.playbook import PlaybookRun

BROKEN = "2.15.9"
PLUGINS = Path(__file__).with_name("connection_plugins")
# With this set, Ansible itself goes on to the next host after an unreachable one.
FATAL = [pytest.param({}, id="as_it_is"), pytest.param({"ANSIBLE_ANY_ERRORS_FATAL": "True"}, id="any_errors_fatal")]


@pytest.fixture
def cluster() -> Iterator[LoopbackCluster]:
    with LoopbackCluster("2.14.6") as running:
        yield running


def lose(
    cluster: LoopbackCluster,
    mirror: Path,
    folder: Path,
    name: str,
    when: str,
    env: dict[str, str],
    *,
    version: str = "2.15.1",
    **variables: object,
) -> PlaybookRun:
    """Run the playbook with a host that is lost at a moment: see connection_plugins/flaky_local.py."""
    (folder / name).write_text(when, encoding="utf-8")
    hosts = write_hosts(cluster, mirror, ansible_connection="flaky_local", **variables)
    plugins = {"ANSIBLE_CONNECTION_PLUGINS": str(PLUGINS), "NATSOPS_FLAKY_DIR": str(folder)}
    return upgrade(hosts, version, env={**plugins, **env})


def order_of(cluster: LoopbackCluster) -> list[str]:
    """The nodes in the order in which they are taken: the meta leader last."""
    leader = cluster.known_leader()
    return sorted(cluster.nodes, key=lambda name: (name == leader, name))


@pytest.mark.parametrize("env", FATAL)
def test_a_host_that_is_lost_while_it_drains_stops_the_run_and_the_message_names_host_and_step(
    cluster: LoopbackCluster, mirror: Path, tmp_path: Path, env: dict[str, str]
) -> None:
    first, *others = order_of(cluster)
    process, before = cluster.process(first), touched_by(cluster)
    assert process is not None
    done = lose(cluster, mirror, tmp_path, first, f"gone {process.pid}", env)
    assert done.returncode != 0
    after = touched_by(cluster)
    assert {name: after[name][:2] for name in others} == {name: before[name][:2] for name in others}
    message = said(done)
    assert f"{first} was lost in the step 'Lame duck until the server has exited" in message
    assert "it cannot be reached (no route to host)" in message
    assert f"STOPPED in the turn of {first}. No other node was touched after it." in message
    assert f"{first}: it cannot be reached. Automatic restarts may still be held there." in message
    for name in others:
        assert f"{name} 2.14.6 up " in message
    report = reported(runs(cluster)[-1], "failed", done)
    assert phases(report, first)[-1] == ("drain", "failed")
    assert report["servers"][0]["state"] == "failed"


@pytest.mark.parametrize("env", FATAL[1:])
def test_a_host_that_is_lost_while_its_restarts_are_held_stops_the_run_before_its_server_is_touched(
    cluster: LoopbackCluster, mirror: Path, tmp_path: Path, env: dict[str, str]
) -> None:
    first, before = order_of(cluster)[0], touched_by(cluster)
    hold = tmp_path / "held"
    command = ["touch", str(hold)]
    done = lose(cluster, mirror, tmp_path, first, f"made {hold}", env, nats_upgrade_hold_command=command)
    assert done.returncode != 0
    assert hold.exists()
    assert {name: now[:2] for name, now in touched_by(cluster).items()} == {name: then[:2] for name, then in before.items()}
    assert f"{first} was lost in the step 'Hold automatic restarts': it cannot be reached" in said(done)
    assert f"STOPPED in the turn of {first}" in said(done)
    assert reported(runs(cluster)[-1], "failed", done)["r1_outages"] == []


@pytest.mark.parametrize("env", FATAL)
def test_a_host_that_is_lost_while_the_new_version_is_staged_stops_the_run_before_any_node_is_taken(
    cluster: LoopbackCluster, mirror: Path, tmp_path: Path, env: dict[str, str]
) -> None:
    last = order_of(cluster)[-1]
    before = touched_by(cluster)
    staged = cluster.nodes[last].binary.with_name("nats-server-2.15.1")
    done = lose(cluster, mirror, tmp_path, last, f"made {staged}", env)
    assert done.returncode != 0
    assert {name: now[:2] for name, now in touched_by(cluster).items()} == {name: then[:2] for name, then in before.items()}
    assert f"{last} was lost in the step 'Unpack it beside the running version" in said(done)
    assert f"No server was stopped. Next: bring {last} back, and run the same playbook again" in said(done)
    assert ("stage", "failed") in phases(reported(runs(cluster)[-1], "failed", done), last)


def test_a_host_that_is_lost_while_its_supervisor_stops_what_does_not_come_up_is_told_as_any_other(
    mirror: Path, tmp_path: Path
) -> None:
    broken = publish(tmp_path / "mirror", BROKEN, pack(BROKEN, script(BROKEN, "exit 1")))
    stopped = tmp_path / "stopped"
    with LoopbackCluster("2.14.6", size=1) as alone:
        done = lose(
            alone,
            broken,
            tmp_path,
            "n1",
            f"made {stopped}",
            {},
            version=BROKEN,
            nats_upgrade_stop_command=["touch", str(stopped)],
            nats_upgrade_start_timeout_seconds=2,
            nats_upgrade_waive=["stepping_stone", "single_server"],
        )
    message = said(done)
    assert (done.returncode != 0, stopped.exists()) == (True, True), done.stdout[-4000:]
    assert "STOPPED in the turn of n1." in message, done.stdout[-4000:]
    assert "n1: it could NOT be put back to 2.14.6: " in message
    assert "n1 was lost in the step 'Have the supervisor stop the server that does not come up': it cannot be reached" in message
