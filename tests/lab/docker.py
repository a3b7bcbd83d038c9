"""Containers and networks of the lab by way of the docker client, with labels by which those of a killed run are found."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.lab import bytecode
from tests.lab.binaries import LabError
from tests.lab.marks import RUN, RUN_LABEL
from tests.lab.processes import look

# Says whose they are: this machine's, where it can be seen who lives. Others who use the same engine are left alone.
LAB_LABEL = "natsops.lab"
OWNER_LABEL = "natsops.owner"
CLUSTER_LABEL = "natsops.cluster"

# In the environment of a lab that no other one of this machine shall take for its own.
LAB = "NATSOPS_LAB"
PREFIX = "natsops-lab-"
COMMAND_SECONDS = 180.0
SUBNET_TRIES = 20
# Where Ansible keeps the sockets of its open ssh connections, which would outlive it.
CONTROL_FOLDER = "cp"


class DockerError(LabError):
    """The engine has refused something, or has not done it in time."""


def docker(*argv: str, stdin: bytes | None = None, seconds: float = COMMAND_SECONDS) -> str:
    """Run the docker client and return what it says; fails where it fails."""
    done = run(["docker", *argv], stdin=stdin, seconds=seconds)
    if done.returncode != 0:
        raise DockerError(f"docker {argv[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def run(argv: Sequence[str], *, stdin: bytes | None = None, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, also while Ctrl-C on the terminal ends whoever called: it may be the one that cleans up."""
    try:
        done = subprocess.run(argv, input=stdin or b"", capture_output=True, check=False, timeout=seconds, start_new_session=True)
    except subprocess.TimeoutExpired:
        raise DockerError(f"{' '.join(argv[:2])} did not end within {seconds:g} s") from None
    texts = (done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
    return subprocess.CompletedProcess(done.args, done.returncode, *texts)


def machine_options() -> list[str]:
    """Return the options of docker create with which systemd runs a container as a machine.

    Not privileged: systemd needs its tmpfs folders and a view of the cgroups. With version 1 (and the hybrid layout) it
    makes its own hierarchy visible read-only; with version 2 it has to write into the one tree of the host. What root of
    a real machine may do and a test may need is to look at the processes of other users.
    """
    options = ["--stop-signal=SIGRTMIN+3", "--cap-add=SYS_PTRACE", "--tmpfs=/run", "--tmpfs=/run/lock", "--tmpfs=/tmp"]
    options += [f"--volume={here}:{there}" for here, there in bytecode.mounts()]
    if docker("info", "--format", "{{.CgroupVersion}}") == "2":
        return [*options, "--cgroupns=host", "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw"]
    return [*options, "--volume=/sys/fs/cgroup:/sys/fs/cgroup:ro"]


def lab() -> str:
    """Identify the lab of this machine, whichever working tree uses it, or one of several labs on it."""
    return hashlib.sha256(f"{socket.gethostname()} {os.environ.get(LAB, '')}".encode()).hexdigest()[:16]


def labels(cluster: str) -> list[str]:
    """Return the options that label what belongs to a cluster of this process."""
    owner = look(os.getpid())
    assert owner is not None
    values = {
        LAB_LABEL: lab(),
        OWNER_LABEL: f"{owner.pid}.{owner.start_ticks}",
        CLUSTER_LABEL: cluster,
        RUN_LABEL: os.environ.get(RUN, ""),
    }
    return [f"--label={name}={value}" for name, value in values.items()]


def make_network(cluster: str) -> str:
    """Make a network of its own for a cluster, and return how its addresses begin: only in a chosen subnet they are fixed."""
    for _ in range(SUBNET_TRIES):
        # 198.18.0.0/15 is for laboratories by RFC 2544; docker itself takes its networks from elsewhere.
        prefix = f"198.{random.choice((18, 19))}.{random.randrange(256)}"
        try:
            docker("network", "create", "--driver=bridge", f"--subnet={prefix}.0/24", *labels(cluster), cluster)
        except DockerError as error:
            if "overlap" not in str(error):
                raise
        else:
            return prefix
    raise DockerError(f"no free subnet found in 198.18.0.0/15 in {SUBNET_TRIES} tries: see docker network ls")


def remove(cluster: str) -> None:
    """Remove connections, containers, network and folder of a cluster, whatever of them there is."""
    close_connections(cluster)
    wanted = f"--filter=label={CLUSTER_LABEL}={cluster}"
    if containers := docker("ps", "--all", "--quiet", wanted).split():
        docker("rm", "--force", "--volumes", *containers)
    if networks := docker("network", "ls", "--quiet", wanted).split():
        docker("network", "rm", *networks)
    shutil.rmtree(folder_of(cluster), ignore_errors=True)


def close_connections(cluster: str) -> None:
    """End the ssh connections that Ansible keeps open for the next run."""
    for master in (folder_of(cluster) / CONTROL_FOLDER).glob("*"):
        run(["ssh", "-S", str(master), "-O", "exit", "machine"], seconds=COMMAND_SECONDS)


def folder_of(cluster: str) -> Path:
    """Return the folder of a cluster on this machine. It is named by the cluster, so that a later run finds it too."""
    assert cluster.startswith(PREFIX)
    return Path(tempfile.gettempdir()) / cluster


def remove_leftovers() -> list[str]:
    """Remove the clusters of this machine whose process is gone, and name them.

    Those of other working trees too: one that is not tested in again would keep them for ever, and the engine starts again
    what is to run always.
    """
    wanted = f"--filter=label={LAB_LABEL}={lab()}"
    shape = f'{{{{.Label "{CLUSTER_LABEL}"}}}} {{{{.Label "{OWNER_LABEL}"}}}}'
    lines = docker("ps", "--all", wanted, "--format", shape) + "\n" + docker("network", "ls", wanted, "--format", shape)
    found = dict(line.split() for line in lines.splitlines() if line)
    left = [cluster for cluster, owner in found.items() if not _is_alive(owner)]
    for cluster in left:
        try:
            remove(cluster)
        except DockerError as error:
            # Somebody else may be about the same. What really stays is found the next time.
            print(f"containers: {cluster} of an earlier run is still there: {error}", file=sys.stderr)
    return left


def _is_alive(owner: str) -> bool:
    pid, _, start_ticks = owner.partition(".")
    process = look(int(pid))
    return process is not None and process.start_ticks == int(start_ticks)
