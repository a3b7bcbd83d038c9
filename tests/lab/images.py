"""Build the local image of a machine that runs systemd, from the packages of the Debian suite.

``python -m tests.lab.images`` builds the image once, and again only when the recipe below changes: a hash of the recipe
is part of its name, which the command prints. No image registry is asked, the root file system comes from the Debian
mirror.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.lab.locks import locked

REPOSITORY = "natsops-systemd"
SUITE = "bookworm"
BUILD_SECONDS = 600

PACKAGES = (
    "ca-certificates",
    "dbus",
    "iproute2",
    "iptables",
    "openssh-server",
    "procps",
    "python3",
    "sudo",
    "systemd",
    "systemd-sysv",
)
# What just a few tests need: other package managers and another init.
MORE_PACKAGES = ("createrepo-c", "dnf", "openrc", "rpm")
# crun, which podman prefers, refuses the hybrid layout of cgroups.
PODMAN_PACKAGES = ("podman", "runc")
INSTALL = "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends"
# How often apt asks a mirror again that does not answer. It is kept in the image, for what is installed there later.
RETRIES = 'Acquire::Retries "3"'

# Noise in a container: consoles and devices it does not have, and timers that would use apt during a test.
MASKED_UNITS = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "getty.target",
    "systemd-firstboot.service",
    "systemd-logind.service",
    "systemd-modules-load.service",
    "systemd-remount-fs.service",
    "systemd-udev-trigger.service",
    "systemd-udevd.service",
)

# Run by mmdebstrap after the packages; "$1" is the root file system.
CUSTOMIZE = (
    f'chroot "$1" systemctl --quiet mask {" ".join(MASKED_UNITS)}',
    'chroot "$1" ssh-keygen -A',
    'chroot "$1" install -d -m 0700 /root/.ssh',
    'chroot "$1" useradd --system --user-group --home-dir /var/lib/nats --shell /usr/sbin/nologin nats',
    'chroot "$1" install -d -m 0755 -o root -g root /etc/nats',
    'chroot "$1" install -d -m 0750 -o nats -g nats /var/lib/nats',
    # An empty machine id is filled at boot: every container is a machine of its own.
    'truncate --size 0 "$1/etc/machine-id"',
    'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin',
)

# What docker run needs to know. The stop signal of systemd belongs here too, but older engines refuse to import it:
# whoever wants an orderly stop runs the container with --stop-signal=SIGRTMIN+3.
CHANGES = ("ENV container=docker", 'CMD ["/sbin/init"]')


def bootstrap_command(suite: str, target: Path, mirror: str | None) -> list[str]:
    """Build the call that makes the root file system. Without a mirror mmdebstrap takes Debian's own."""
    return [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        f"--aptopt={RETRIES}",
        f"--include={','.join(PACKAGES)}",
        *(f"--customize-hook={hook}" for hook in CUSTOMIZE),
        suite,
        str(target),
        *([mirror] if mirror else []),
    ]


def recipe_hash(suite: str) -> str:
    """Identify what goes into the image of a suite."""
    recipe = json.dumps([suite, PACKAGES, CUSTOMIZE, CHANGES])
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]


def is_stored(image: str) -> bool:
    answer = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False, timeout=60)
    return answer.returncode == 0


def build(suite: str, image: str, mirror: str | None) -> None:
    """Build the image of a suite."""
    # By way of a file: of a pipe the engine would import the first half when the second half fails.
    with tempfile.TemporaryDirectory(prefix="natsops-image-") as folder:
        root_fs = Path(folder) / "root.tar"
        subprocess.run(bootstrap_command(suite, root_fs, mirror), check=True, timeout=BUILD_SECONDS)
        changes = [f"--change={change}" for change in CHANGES]
        subprocess.run(
            ["docker", "import", *changes, str(root_fs), image],
            check=True,
            timeout=BUILD_SECONDS,
            stdout=subprocess.DEVNULL,
        )


def provide(suite: str = SUITE, mirror: str | None = None) -> str:
    """Name the image of a suite, built when it is missing. Its recipe is part of its name: other trees have others."""
    image = f"{REPOSITORY}:{suite}-{recipe_hash(suite)}"
    with locked(image):
        if not is_stored(image):
            print(f"images: building {image}", file=sys.stderr)
            build(suite, image, mirror)
    return image


def with_more(packages: Sequence[str] = MORE_PACKAGES) -> str:
    """Name the image of the usual suite with these packages too, built when it is missing."""
    base = provide()
    recipe = f"FROM {base}\nRUN {INSTALL} {' '.join(packages)}\n"
    image = f"{REPOSITORY}:more-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    with locked(image):
        if not is_stored(image):
            print(f"images: building {image}", file=sys.stderr)
            command = ["docker", "build", "--quiet", f"--tag={image}", "-"]
            subprocess.run(command, input=recipe, text=True, check=True, timeout=BUILD_SECONDS, stdout=subprocess.DEVNULL)
    return image


def main(arguments: list[str] | None = None) -> int:
    """Build what is missing; the exit status is that of the command."""
    parser = argparse.ArgumentParser(description="Build the local image of a machine that runs systemd.")
    parser.add_argument("--suite", default=SUITE, help="the Debian suite (default: %(default)s)")
    parser.add_argument("--mirror", help="a Debian mirror, where the usual one cannot be reached")
    options = parser.parse_args(arguments)
    try:
        print(provide(options.suite, options.mirror))
    except (subprocess.SubprocessError, OSError) as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
