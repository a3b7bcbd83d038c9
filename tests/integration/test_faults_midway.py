"""A roll that stands in the middle: another target, finishing and taking back by what status says, a stream that wedges it."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
from pathlib import Path

import yaml
from nats.errors import Error

from tests.integration import wedge
from tests.integration.faults import NEW, OLD, Background, finished, first_and_others, in_turn, playbook, says, steps, stop_at
from tests.integration.helpers import BIN, ENVIRONMENT, PLAYBOOK_SECONDS, run, starts, touched_by, upgrade, write_hosts
from tests.lab.binaries import ROOT
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_assets import connect
from tests.lab.node import Settings
from tests.lab.playbook import PlaybookRun
from tests.lab.processes import wait_until


def stop_before_the_start(cluster: LoopbackCluster, hosts: Path, folder: Path) -> str:
    """Kill a roll where the old server has exited and the new one is not started; return the node."""
    env, stopped = stop_at(folder, "/journal.json", "starting")
    with Background(hosts, NEW, env=env) as roll:
        roll.until(stopped.exists, "the start")
        roll.kill()
    return in_turn(cluster)


def told(hosts: Path, word: str) -> str:
    """The command that status prints."""
    done = playbook("status", hosts, env={"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    found = re.search(rf'"{word}: (ansible-playbook .*)",?$', done.stdout, re.MULTILINE)
    assert found, done.stdout
    return str(yaml.safe_load(f'"{found.group(1)}"'))


def shell(command: str) -> PlaybookRun:
    """Run it as a person does who copies it, in the folder of the clone."""
    env = {**ENVIRONMENT, "PATH": f"{BIN}:{os.environ['PATH']}"}
    return run(["/bin/sh", "-c", f"cd {shlex.quote(str(ROOT))} && {command}"], env=env, seconds=PLAYBOOK_SECONDS)


def test_a_roll_that_stands_in_the_middle_refuses_another_target_and_is_taken_back_or_finished_as_told(
    mirror: Path, tmp_path: Path
) -> None:
    # Whatever stands there: two nodes do, of which the one is done, and the other in the middle of its turn.
    with LoopbackCluster(OLD, 2, settings=Settings(jetstream=False)) as cluster:
        hosts = write_hosts(cluster, mirror)
        canary = upgrade(hosts, NEW, "--limit", "n1")
        assert canary.returncode == 0, canary.stdout[-5000:]
        assert stop_before_the_start(cluster, hosts, tmp_path) == "n2"
        before = touched_by(cluster)
        other = upgrade(hosts, "2.14.7")
        assert other.returncode != 0
        says(
            other,
            f"target_changed: n2: a roll from {OLD} to {NEW} is under way (last step there: starting)",
            f"Finish it first with -e nats_upgrade_version={NEW}, or take it back with -e nats_upgrade_version={OLD}",
        )
        assert touched_by(cluster) == before
        back = shell(told(hosts, "take it back"))
        assert back.returncode == 0, back.stdout[-5000:] + back.stderr
        finished(cluster, OLD)

        stop_before_the_start(cluster, hosts, tmp_path)
        assert set(cluster.versions().values()) == {OLD, "down"}
        done = shell(told(hosts, "finish it"))
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr
        finished(cluster, NEW)
        assert {name: steps(cluster, name)[-1] for name in cluster.nodes} == dict.fromkeys(cluster.nodes, "done")
        assert "no roll is under way" in playbook("status", hosts).stdout


def test_a_stream_that_wedges_the_roll_is_named_and_nothing_put_back_and_waived_it_finishes(mirror: Path, tmp_path: Path) -> None:
    with LoopbackCluster("2.12.8") as cluster:
        first, others = first_and_others(cluster)
        hook = tmp_path / "after.yml"
        argv = ["{{ ansible_playbook_python }}", "-m", "tests.integration.wedge", first, cluster.nodes[first].client_url]
        task = {"name": "Make a stream", "ansible.builtin.command": {"argv": argv, "chdir": str(ROOT)}, "changed_when": True}
        hook.write_text(yaml.safe_dump([{**task, "when": f"inventory_hostname == '{first}'"}]), encoding="utf-8")
        before = starts(cluster)
        done = upgrade(write_hosts(cluster, mirror, nats_upgrade_hooks={"after_node": str(hook)}), "2.14.6")
        assert done.returncode != 0, done.stdout[-3000:]
        says(
            done,
            f"refused: feature_wedge: APP > {wedge.STREAM} (API level 4) was made while several versions run",
            "(API level 3) cannot serve it",
            "STOPPED in the turn of ",
            "its server was not stopped and goes on running 2.12.8.",
        )
        assert cluster.versions() == {first: "2.14.6", **dict.fromkeys(others, "2.12.8")}
        assert {name: starts(cluster)[name] for name in others} == {name: before[name] for name in others}
        refused = playbook("plan", write_hosts(cluster, mirror), nats_upgrade_version="2.14.6")
        assert refused.returncode != 0
        says(refused, f"refused: feature_wedge: APP > {wedge.STREAM} ")

        waived = upgrade(write_hosts(cluster, mirror), "2.14.6", nats_upgrade_waive=["feature_wedge"])
        assert waived.returncode == 0, waived.stdout[-6000:]
        finished(cluster, "2.14.6")
        cluster.wait_ready()
        # A server that has come back last may be about to catch up.
        assert wait_until(lambda: asyncio.run(_replicas(cluster.urls)) == 3, 60)


async def _replicas(urls: list[str]) -> int:
    """How many servers have all of the stream, as its leader sees it; 0 while it has none."""
    client = await connect(urls, "app", "app")
    try:
        cluster = (await client.jetstream(timeout=5).stream_info(wedge.STREAM)).cluster
        if cluster is None or not cluster.leader:
            return 0
        return 1 + len([replica for replica in cluster.replicas or [] if replica.current])
    except Error:
        return 0
    finally:
        await client.close()
