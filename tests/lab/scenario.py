"""The machines of a Molecule scenario: ``python -m tests.lab.scenario up`` and ``down``, told on stdin what to make or remove.

In one go, and not task by task: Ansible would take most of the time that a scenario costs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.lab import engine, images
from tests.lab.binaries import LabError
from tests.lab.containers import BOOT_SECONDS, ssh_answers
from tests.lab.docker import docker, machine_options, run
from tests.lab.marks import RUN, RUN_LABEL
from tests.lab.processes import wait_until

SCENARIO_LABEL = "natsops.scenario"
ADDRESS = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
LET_IN = "install -D --mode=0600 /dev/stdin /root/.ssh/authorized_keys"
# Somebody who may become root, in place of root.
MAKE_USER = """
useradd --create-home --shell /bin/bash {user}
install -d -m 0700 -o {user} -g {user} /home/{user}/.ssh
mv /root/.ssh/authorized_keys /home/{user}/.ssh/
chown {user} /home/{user}/.ssh/authorized_keys
echo '{user} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/{user}
"""


@dataclass(frozen=True)
class Scenario:
    """C(name) is that of the network, and the first part of every machine's. In C(folder) is the key that lets C(user) in."""

    name: str
    folder: Path
    user: str = "root"
    machines: tuple[str, ...] = ()
    run_options: tuple[str, ...] = ()

    def up(self) -> dict[str, str]:
        """Make the machines, wait until they have booted, and return the address of each."""
        engine.provide()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = self.folder / "id_ed25519"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", str(key)], check=True, input=b"y\n")
        docker("network", "create", "--driver", "bridge", *self._labels(), self.name)
        options = [*self._labels(), f"--network={self.name}", *machine_options(), *self.run_options]
        image = images.provide()
        for machine in self.machines:
            own = [f"--name={self.name}-{machine}", f"--hostname={machine}", f"--network-alias={machine}"]
            docker("run", "--detach", *own, *options, image, "/sbin/init")
        with ThreadPoolExecutor(len(self.machines)) as pool:
            return dict(zip(self.machines, pool.map(self._let_in, self.machines)))

    def _labels(self) -> Iterator[str]:
        """By the scenario they are found when it is destroyed, by the run of the tests when that was ended before."""
        yield f"--label={SCENARIO_LABEL}={self.name}"
        yield f"--label={RUN_LABEL}={os.environ.get(RUN, '')}"

    def _let_in(self, machine: str) -> str:
        container = f"{self.name}-{machine}"
        ask = ["docker", "exec", container, "systemctl", "is-system-running", "--wait"]
        # The command is refused while systemd is not yet on its bus.
        booted = wait_until(lambda: run(ask, seconds=BOOT_SECONDS).stdout.strip() in ("running", "degraded"), BOOT_SECONDS)
        script = LET_IN + (MAKE_USER.format(user=self.user) if self.user != "root" else "")
        public = (self.folder / "id_ed25519.pub").read_bytes()
        docker("exec", "--interactive", container, "sh", "-e", "-c", script, stdin=public)
        address = docker("inspect", "--format", ADDRESS, container)
        if not booted or not wait_until(lambda: ssh_answers(address), BOOT_SECONDS):
            raise LabError(f"{machine} has not booted: {docker('logs', '--tail=30', container)}")
        return address

    def down(self) -> None:
        """Remove what there is of it."""
        wanted = f"--filter=label={SCENARIO_LABEL}={self.name}"
        # What a run of the product made beside a container of ours, and left because it was killed, has its name and no label.
        made_beside = f"--filter=name=^/?{self.name}-"
        if containers := {one for by in (wanted, made_beside) for one in docker("ps", "--all", "--quiet", by).split()}:
            docker("rm", "--force", "--volumes", *containers)
        for kind in ("network", "volume"):
            if left := docker(kind, "ls", "--quiet", wanted).split():
                docker(kind, "rm", *left)
        shutil.rmtree(self.folder, ignore_errors=True)


def read(given: Mapping[str, object]) -> Scenario:
    lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    return Scenario(**{**given, **lists, "folder": Path(str(given["folder"]))})  # type: ignore[arg-type]


if __name__ == "__main__":
    scenario = read(json.load(sys.stdin))
    print(json.dumps(scenario.up() if sys.argv[1] == "up" else scenario.down()))
