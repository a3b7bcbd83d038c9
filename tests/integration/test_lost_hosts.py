"""A host that cannot be reached any more stops the run: no other node is touched, and the message says where to look."""

from __future__ import annotations

from pathlib import Path

from tests.integration.faults import NEW, OLD, finishes_alone, says, steps
from tests.integration.helpers import phases, reported, runs, said, touched_by, upgrade, write_hosts
from tests.integration.releases import pack, publish, script
from tests.lab.cluster import LoopbackCluster
from tests.lab.playbook import PlaybookRun

BROKEN = "2.15.9"
PLUGINS = Path(__file__).with_name("connection_plugins")
# With this set, Ansible itself would go on to the next host after an unreachable one; our plays say that it is not.
FATAL = {"ANSIBLE_ANY_ERRORS_FATAL": "True"}


def lose(
    cluster: LoopbackCluster,
    mirror: Path,
    folder: Path,
    name: str,
    when: str,
    env: dict[str, str],
    *,
    version: str = NEW,
    **variables: object,
) -> PlaybookRun:
    """Run the playbook with a host that is lost at a moment: see connection_plugins/flaky_local.py."""
    lost = folder / name
    lost.write_text(when, encoding="utf-8")
    hosts = write_hosts(cluster, mirror, ansible_connection="flaky_local", **variables)
    plugins = {"ANSIBLE_CONNECTION_PLUGINS": str(PLUGINS), "NATSOPS_FLAKY_DIR": str(folder)}
    try:
        return upgrade(hosts, version, env={**plugins, **env})
    finally:
        lost.unlink()


def order_of(cluster: LoopbackCluster) -> list[str]:
    """The nodes in the order in which they are taken: the meta leader last."""
    leader = cluster.known_leader()
    return sorted(cluster.nodes, key=lambda name: (name == leader, name))


def test_a_host_that_is_lost_stops_the_run_at_each_step_and_the_next_one_finishes_once_it_is_back(
    mirror: Path, tmp_path: Path
) -> None:
    with LoopbackCluster(OLD) as cluster:
        first, *others = order_of(cluster)
        _while_the_new_version_is_staged(cluster, mirror, tmp_path, others[-1])
        _while_its_restarts_are_held(cluster, mirror, tmp_path, first)
        _while_it_drains(cluster, mirror, tmp_path, first, others)
        assert steps(cluster, first)[-1] != "done"
        again = finishes_alone(cluster, write_hosts(cluster, mirror), first)
        says(again, "resumed: it broke off at ")


def _while_the_new_version_is_staged(cluster: LoopbackCluster, mirror: Path, folder: Path, last: str) -> None:
    """Before any node is taken."""
    before = touched_by(cluster)
    staged = cluster.nodes[last].binary.with_name(f"nats-server-{NEW}")
    done = lose(cluster, mirror, folder, last, f"made {staged}", FATAL)
    assert done.returncode != 0
    assert {name: now[:2] for name, now in touched_by(cluster).items()} == {name: then[:2] for name, then in before.items()}
    assert f"{last} was lost in the step 'Stage the new version beside the running one" in said(done)
    assert f"No server was stopped. Next: bring {last} back, and run the same playbook again" in said(done)
    assert ("stage", "failed") in phases(reported(runs(cluster)[-1], "failed", done), last)


def _while_its_restarts_are_held(cluster: LoopbackCluster, mirror: Path, folder: Path, first: str) -> None:
    """Before its server is touched."""
    before, hold = touched_by(cluster), folder / "held"
    done = lose(cluster, mirror, folder, first, f"made {hold}", FATAL, nats_upgrade_hold_command=["touch", str(hold)])
    assert done.returncode != 0
    assert hold.exists()
    assert {name: now[:2] for name, now in touched_by(cluster).items()} == {name: then[:2] for name, then in before.items()}
    assert f"{first} was lost in the step 'Hold automatic restarts': it cannot be reached" in said(done)
    assert f"STOPPED in the turn of {first}" in said(done)
    assert reported(runs(cluster)[-1], "failed", done)["r1_outages"] == []


def _while_it_drains(cluster: LoopbackCluster, mirror: Path, folder: Path, first: str, others: list[str]) -> None:
    """The message names host and step, and no other node is touched."""
    process, before = cluster.process(first), touched_by(cluster)
    assert process is not None
    done = lose(cluster, mirror, folder, first, f"gone {process.pid}", FATAL)
    assert done.returncode != 0
    after = touched_by(cluster)
    assert {name: after[name][:2] for name in others} == {name: before[name][:2] for name in others}
    message = said(done)
    assert f"{first} was lost in the step 'Lame duck until the server has exited" in message
    assert "it cannot be reached (no route to host)" in message
    assert f"STOPPED in the turn of {first}. No other node was touched after it." in message
    assert f"{first}: it cannot be reached. Automatic restarts may still be held there." in message
    assert f"Next: bring {first} back, and run the same playbook again; it goes on with {first}." in message
    for name in others:
        assert f"{name} {OLD} up " in message
    report = reported(runs(cluster)[-1], "failed", done)
    assert phases(report, first)[-1] == ("drain", "failed")
    assert [server["state"] for server in report["servers"] if server["host"] == first] == ["failed"]


def test_a_host_that_is_lost_while_its_supervisor_stops_what_does_not_come_up_is_told_as_any_other(
    mirror: Path, tmp_path: Path
) -> None:
    broken = publish(tmp_path / "mirror", BROKEN, pack(BROKEN, script(BROKEN, "exit 1")))
    stopped = tmp_path / "stopped"
    with LoopbackCluster(OLD, size=1) as alone:
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
    assert f"n1: it could NOT be put back to {OLD}: " in message
    assert "n1 was lost in the step 'Have the supervisor stop the server that does not come up': it cannot be reached" in message
