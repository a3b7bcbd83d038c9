"""Commands as the README and the quick start give them, run by somebody who has installed the collection and has an inventory."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.integration.helpers import BIN, PLAYBOOK_SECONDS, run, write_hosts
from tests.lab.binaries import ROOT
from tests.lab.cluster import LoopbackCluster
from tests.lab.playbook import PlaybookRun

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALL = "ansible-galaxy collection install ."
UPGRADE = "ansible-playbook natsops.cluster.upgrade -i inventory -e nats_upgrade_version=2.14.6"
IN_THE_CLONE = ("pip", "ansible-galaxy")


def commands() -> list[str]:
    """The commands of both pages, in the order of the quick start, each once; what stands behind # is a remark."""
    pages = [(ROOT / name).read_text(encoding="utf-8") for name in ("docs/quick-start.md", "README.md")]
    lines = [line.partition(" #")[0].strip() for page in pages for block in BLOCK.findall(page) for line in block.splitlines()]
    return list(dict.fromkeys(filter(None, lines)))


@dataclass(frozen=True)
class User:
    """Somebody who stands in a folder with an inventory of this cluster, and has the collection installed there."""

    folder: Path
    cluster: LoopbackCluster

    @classmethod
    def of(cls, cluster: LoopbackCluster, mirror: Path, folder: Path) -> User:
        write_hosts(cluster, mirror).rename(folder / "inventory")
        # What the repository says to Ansible does not count here.
        (folder / "ansible.cfg").write_text("[defaults]\ncallback_result_format = yaml\n", encoding="utf-8")
        user = cls(folder, cluster)
        done = user.run(INSTALL)
        assert done.returncode == 0, done.stdout + done.stderr
        return user

    def run(self, command: str) -> PlaybookRun:
        program, *arguments = shlex.split(command)
        if program == "make":
            return run([program, *arguments], seconds=PLAYBOOK_SECONDS)
        env = {
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.folder / "collections"),
            "PATH": f"{BIN}:{os.environ['PATH']}",
        }
        folder = ROOT if program in IN_THE_CLONE else self.folder
        return run([str(BIN / program), *arguments], env=env, seconds=PLAYBOOK_SECONDS, folder=folder)
