"""Temporary servers: clients have a place while nodes leave, and nothing is left of them afterwards, however the run ends."""

from __future__ import annotations

from pathlib import Path

from tests.integration.faults import NEW, finishes_alone, locked, nothing_lost, playbook, says
from tests.integration.helpers import said, touched_by, upgrade
from tests.integration.surge import DOCUMENTED, surging, write_lab
from tests.lab.load_process import Load
from tests.lab.ports import HOST


def test_one_that_could_not_stand_in_is_refused_and_one_that_nobody_sees_is_taken_away_again(mirror: Path) -> None:
    """With the inventory of the docs, to which the lab adds where its processes are."""
    with surging(2, jetstream=False) as (cluster, temporary):
        lab = ["-i", str(write_lab(temporary, mirror))]
        before = touched_by(cluster)
        with temporary.configured(("{user: app, password: app}", "{user: app, password: hunter2}")):
            refused = playbook("plan", DOCUMENTED, *lab, "-vvv", nats_upgrade_version=NEW)
        assert refused.returncode != 0
        says(refused, "refused: surge_config: s1: ", "account APP: user app has another password", "(compared with n1, n2)")
        assert "hunter2" not in said(refused)
        with temporary.configured(("server_name: s1", "server_name: s1\njetstream {}"), ("name: lab", "name: prod")):
            refused = playbook("plan", DOCUMENTED, *lab, nats_upgrade_version=NEW)
        says(refused, "refused: surge_jetstream: s1: ", "refused: surge_server: s1: its cluster is called 'prod'")
        checked = upgrade(DOCUMENTED, NEW, *lab, "--check")
        assert checked.returncode == 0, checked.stdout[-3000:] + checked.stderr
        assert (touched_by(cluster), temporary.runs) == (before, False)

        with temporary.configured((f'"nats://{HOST}:', '"nats://127.9.9.9:')):
            alone = upgrade(DOCUMENTED, NEW, *lab, nats_upgrade_surge_timeout_seconds=1)
        assert alone.returncode != 0
        says(alone, "STOPPED before the first node: no server of the cluster was touched.", "no route to s1 on n1, n2")
        says(alone, "s1: drained and stopped (temporary server).")
        assert {name: now[:2] for name, now in touched_by(cluster).items()} == {name: was[:2] for name, was in before.items()}
        assert (temporary.gone(), locked(cluster)) == (True, [])


def test_a_run_that_fails_takes_it_away_or_leaves_it_to_the_next_where_a_server_is_down(mirror: Path, tmp_path: Path) -> None:
    with surging(3) as (cluster, temporary):
        lab, hook = write_lab(temporary, mirror), tmp_path / "hook.yml"
        leader = cluster.known_leader()
        first, other = [name for name in cluster.nodes if name != leader]
        # Left behind by a run that died: it is used, and taken away when this one fails with every server up.
        temporary.start()
        hook.write_text("- name: Look\n  ansible.builtin.fail:\n    msg: no\n", encoding="utf-8")
        failed = upgrade(lab, NEW, "--limit", first, nats_upgrade_hooks={"before_node": str(hook)})
        assert failed.returncode != 0
        says(
            failed,
            "s1 runs already (2.14.6), and is used",
            f"STOPPED in the turn of {first}.",
            "s1: drained and stopped (temporary server).",
        )
        assert temporary.gone()
        assert not locked(cluster)

        process = cluster.process(other)
        assert process
        hook.write_text(
            f"- name: Look\n  ansible.builtin.shell: kill -9 {process.pid}; exit 1\n  changed_when: true\n", encoding="utf-8"
        )
        failed = upgrade(lab, NEW, "--limit", first, nats_upgrade_hooks={"before_node": str(hook)})
        assert failed.returncode != 0
        says(failed, f"s1: left running (temporary server), for clients may need it: {other} does not answer")
        says(failed, f"-m natsops.cluster.nats_lameduck -a pid_file={temporary.node.pid_file}")
        assert temporary.runs
        told = playbook("status", lab)
        says(told, "s1 a temporary server, up ")

        cluster.start_node(other)
        cluster.wait_ready()
        with Load(cluster.urls, cluster.base / "load.json", rate=20) as load:
            finishes_alone(cluster, lab, first)
            nothing_lost(load)
        assert temporary.gone()
