"""Mark everything that one test run starts, so that it is found and ended when the run, or a worker of it, cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid

from tests.lab.processes import end_marked

# In the environment of every process, and a label of every container and network.
RUN = "NATSOPS_TEST_RUN"
RUN_LABEL = "natsops.run"
SECONDS = 60.0


def mark_run() -> str | None:
    """Mark this process and all that it starts. None where it is itself part of a marked run."""
    if RUN in os.environ:
        return None
    os.environ[RUN] = uuid.uuid4().hex
    return os.environ[RUN]


def without_mark() -> dict[str, str]:
    """Return the environment of what has to outlive the run."""
    return {name: value for name, value in os.environ.items() if name != RUN}


def end_run(run: str) -> None:
    """End every process, container and network of the run that is still there."""
    end_marked(f"{RUN}={run}")
    if shutil.which("docker") is None:
        return
    wanted = f"--filter=label={RUN_LABEL}={run}"
    for listing, removal in ((("ps", "--all"), ("rm", "--force", "--volumes")), (("network", "ls"), ("network", "rm"))):
        if left := _docker(*listing, "--quiet", wanted).split():
            _docker(*removal, *left)


def _docker(*argv: str) -> str:
    """Run the docker client. An engine that does not answer has no containers of ours."""
    try:
        done = subprocess.run(["docker", *argv], capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        print(f"docker {argv[0]} did not end within {SECONDS:g} s", file=sys.stderr)
        return ""
    return done.stdout if done.returncode == 0 else ""
