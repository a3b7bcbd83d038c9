"""What an operator sees of a roll with the stdout callback of the collection, on the oldest and the newest ansible-core."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.helpers import upgrade, write_hosts
from tests.integration.releases import pack, publish, script
from tests.integration.test_ansible_versions import CORES, programs_of
from tests.lab.cluster import LoopbackCluster

ROLL = {"ANSIBLE_STDOUT_CALLBACK": "natsops.cluster.roll", "ANSIBLE_FORCE_COLOR": "0"}
OLDEST, NEWEST = next(iter(CORES)), list(CORES)[-1]
HOOK = """\
- name: A task of the user
  ansible.builtin.debug:
    msg: alarms of {{ inventory_hostname }} are muted
"""


@pytest.mark.parametrize("core", [OLDEST, NEWEST])
def test_a_roll_is_some_thirty_lines_and_tasks_of_users_are_shown_besides(core: str, mirror: Path, tmp_path: Path) -> None:
    programs = programs_of(CORES[core])
    hook = tmp_path / "hook.yml"
    hook.write_text(HOOK, encoding="utf-8")
    with LoopbackCluster("2.14.6") as cluster:
        hosts = write_hosts(cluster, mirror)
        refused = upgrade(hosts, "2.15.1", env=ROLL, programs=programs, nats_upgrade_waive=[])
        rolled = upgrade(
            hosts, "2.15.1", env=ROLL, programs=programs, nats_upgrade_max_nodes=2, nats_upgrade_hooks={"before_node": str(hook)}
        )
        rest = upgrade(hosts, "2.15.1", env=ROLL, programs=programs)
        again = upgrade(hosts, "2.15.1", env=ROLL, programs=programs)
    assert (refused.returncode, rolled.returncode, rest.returncode, again.returncode) == (2, 0, 0, 0)
    for run in (refused, rolled, rest, again):
        assert "\x1b" not in run.stdout
        assert "\r" not in run.stdout

    assert refused.stdout.count("refused: stepping_stone: ") == 1
    assert refused.stdout.count("Next: ") == 1
    assert len(refused.stdout.splitlines()) <= 30

    assert rolled.stdout.count("are muted") == 2
    assert "TASK [" in rolled.stdout
    moments = [line.split()[3] for line in rest.stdout.splitlines() if " 1/1 n" in line]
    assert moments == ["gate", "DONE"]
    for text in (
        "drain   ",
        "start   2.15.1, pid ",
        "back    healthy after ",
        "VERIFY  3 of 3 run 2.15.1, ",
        "DONE    Upgraded 1 of 3",
    ):
        assert text in rest.stdout
    assert "TASK [" not in rest.stdout
    assert len(rest.stdout.splitlines()) <= 28

    lines = again.stdout.splitlines()
    assert len(lines) <= 6
    assert lines[1].startswith("PLAN    nothing to do: ")
    assert lines[-2] == "DONE    Nothing to do: 3 of 3 done"


@pytest.mark.parametrize("core", [OLDEST, NEWEST])
def test_a_failed_turn_ends_with_its_cause_the_state_and_what_to_do_once_each(core: str, tmp_path: Path) -> None:
    source = publish(tmp_path, "2.15.1", pack("2.15.1", script("2.15.1", "echo 'cannot serve' >&2; exit 1")))
    with LoopbackCluster("2.14.6") as cluster:
        hosts = write_hosts(cluster, source)
        failed = upgrade(hosts, "2.15.1", env=ROLL, programs=programs_of(CORES[core]), nats_upgrade_start_timeout_seconds=2)
    text = failed.stdout
    assert failed.returncode == 2
    for once in (
        "FAILED after ",
        "PUT BACK: runs 2.14.6 again",
        "STOPPED ",
        "not back after",
        "The cluster now:",
        "Next: ",
        "Report: ",
    ):
        assert text.count(once) == 1, once
    assert "cannot serve" in text
    assert text.index("PUT BACK") < text.index("STOPPED") < text.index("not back after") < text.index("The cluster now:")
    assert "fatal:" not in text
