"""Somebody who may do on a node what the server's user may, and no more: a user id of its own, without an account."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Iterator

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._host.process import Process
from tests.unit.processes import SECONDS, Processes
from tests.unit.releases import script

UID = 12345
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be made to do what others want")


class Attacker:
    """Has a folder where only it can write, in one that all can see."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.folder = self.own(base / "nats", 0o755)
        self.ran = self.base / "ran"
        self.ran.touch()
        self.ran.chmod(0o666)

    def own(self, folder: Path, mode: int = 0o755) -> Path:
        folder.mkdir(parents=True)
        folder.chmod(mode)
        os.chown(folder, UID, UID)
        return folder

    def file(self, path: Path, content: bytes, mode: int = 0o755) -> Path:
        path.write_bytes(content)
        path.chmod(mode)
        os.chown(path, UID, UID)
        return path

    def link(self, path: Path, target: Path | str) -> Path:
        path.symlink_to(target)
        os.lchown(path, UID, UID)
        return path

    def program(self, path: Path, version: str = "2.14.6") -> Path:
        """A program that says it is a server, and writes down who runs it."""
        return self.file(path, script(version) + f"id -u >> {self.ran}\n".encode())

    @property
    def ran_as(self) -> list[str]:
        """The user ids that have run a program of the attacker."""
        return self.ran.read_text(encoding="ascii").split()

    def server(self, processes: Processes, *argv: str, **options: object) -> Process:
        """A process of the attacker that is a server by the name of its file, with arguments of its choice."""
        program = self.base / "bin" / "nats-server"
        if not program.exists():
            program.parent.mkdir()
            shutil.copy(os.path.realpath("/bin/sleep"), program)
        given = {"user": UID, "group": UID, "extra_groups": [], "cwd": self.folder, "executable": str(program)}
        return processes.start(*(argv or (str(program),)), SECONDS, **{**given, **options})


@pytest.fixture
def attacker() -> Iterator[Attacker]:
    base = Path(tempfile.mkdtemp(prefix="natsops-attack-"))
    base.chmod(0o755)
    try:
        yield Attacker(base)
    finally:
        shutil.rmtree(base)
