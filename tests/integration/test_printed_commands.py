"""The commands that are printed do what they say, run as they stand there: through a shell, in the folder of the user."""

from __future__ import annotations

import os
import re
from pathlib import Path

import yaml

from tests.integration.faults import NEW, OLD, first_and_others, locked, says
from tests.integration.helpers import BIN, PLAYBOOK_SECONDS, run
from tests.integration.users import User
from tests.lab.cluster import LoopbackCluster
from tests.lab.playbook import PlaybookRun

HOOK = """
- name: Ask whether the node may be taken
  ansible.builtin.fail:
    msg: not now
  when: blocked is exists
"""


def shell(user: User, command: str) -> PlaybookRun:
    env = {
        "ANSIBLE_CONFIG": str(user.folder / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(user.folder / "collections"),
        "PATH": f"{BIN}:{os.environ['PATH']}",
    }
    return run(["/bin/sh", "-c", command], env=env, seconds=PLAYBOOK_SECONDS, folder=user.folder)


def printed(done: PlaybookRun, before: str, after: str = "") -> str:
    """What a line of the output has behind a text, up to another one."""
    found = re.search(rf"{re.escape(before)}(.*?){re.escape(after) or '$'}", done.stdout, re.MULTILINE)
    assert found, f"it did not print: {before}\n{done.stdout[-6000:]}"
    return found[1]


def test_what_a_refusal_a_stopped_run_and_the_status_print_is_run_as_it_stands_there(mirror: Path, tmp_path: Path) -> None:
    folder = tmp_path / "the user's"
    folder.mkdir()
    with LoopbackCluster(OLD) as cluster:
        first, others = first_and_others(cluster)
        user = User.of(cluster, mirror, folder)
        _with_a_hook(user, others)
        begin = f"ansible-playbook natsops.cluster.upgrade -i {_moved(user)} -e nats_upgrade_version={NEW}"
        refused = shell(user, begin)
        says(refused, "refused: stepping_stone: ")
        accepting = f"{begin} {printed(refused, 'To proceed anyway: ', '. The risk: ')}"

        stopped = shell(user, accepting)
        says(stopped, "STOPPED in the turn of ")
        assert cluster.versions() == {name: NEW if name == first else OLD for name in cluster.nodes}, stopped.stdout[-5000:]
        status = shell(
            user, "ansible-playbook natsops.cluster.status" + printed(stopped, "ansible-playbook natsops.cluster.status")
        )
        assert status.returncode == 0, status.stdout[-3000:]

        (folder / "blocked").unlink()
        back = shell(user, printed(status, "take it back: "))
        assert back.returncode == 0, back.stdout[-5000:] + back.stderr
        assert set(cluster.versions().values()) == {OLD}
        assert not locked(cluster)


def _moved(user: User) -> str:
    """The inventory by a path that a shell takes apart."""
    (user.folder / "my hosts").mkdir()
    (user.folder / "inventory").rename(user.folder / "my hosts" / "nats.yml")
    return "'my hosts/nats.yml'"


def _with_a_hook(user: User, others: list[str]) -> None:
    """Nothing is waived, and no other node than the first may be taken as long as there is a file."""
    hook = user.folder / "hook.yml"
    (user.folder / "blocked").touch()
    hook.write_text(HOOK, encoding="utf-8")
    inventory = user.folder / "inventory"
    content = yaml.safe_load(inventory.read_text(encoding="utf-8"))
    group = content["nats"]
    group.setdefault("vars", {}).update(nats_upgrade_hooks={"before_node": str(hook)}, blocked=str(user.folder / "none"))
    group["vars"].pop("nats_upgrade_waive", None)
    for name in others:
        group["hosts"][name]["blocked"] = str(user.folder / "blocked")
    inventory.write_text(yaml.safe_dump(content), encoding="utf-8")
