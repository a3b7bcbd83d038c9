# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""apt and dpkg: what is installed, what repositories have, fetch a package with all that it needs, install it."""

from __future__ import annotations

import glob
import os
from typing import Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import package_versions as _package_versions
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.poll import poll_until
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process

CACHE = "/var/cache/apt/archives"
UPDATES = "/var/lib/dpkg/updates"
# Nobody is there to be asked, and what apt says is read. needrestart would restart services after the package's scripts.
ENVIRONMENT = {
    "LC_ALL": "C",
    "DEBIAN_FRONTEND": "noninteractive",
    "NEEDRESTART_SUSPEND": "1",
    "NEEDRESTART_MODE": "l",
    "APT_LISTCHANGES_FRONTEND": "none",
    "APT_LISTBUGS_FRONTEND": "none",
    "UCF_FORCE_CONFFOLD": "1",
}
_TO_ANY_VERSION = ("--allow-downgrades", "--allow-change-held-packages", "--no-install-recommends", "--no-remove")
_KEEP_CONFIGURATION = ("-o", "Dpkg::Options::=--force-confold")
_LOCKED = ("Could not get lock", "Unable to acquire the dpkg frontend lock", "Unable to lock")
_INSTALLED = "ii"


class Apt:
    """The package manager of Debian and of what comes from it."""

    program, name, suffix, log, asks_policy = "dpkg-query", "dpkg", ".deb", "/var/log/apt/term.log", True

    def __init__(self, lock_timeout_seconds: float) -> None:
        self._lock_timeout_seconds = lock_timeout_seconds

    def installed(self, name: str) -> str:
        """The version that is installed; empty where there is none. One that is only half there counts, to be mended."""
        output = self._ask(["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}|${Version}", name])
        status, _bar, version = output.stdout.partition("|")
        return version.strip() if output.returncode == 0 and status[1:2] not in ("n", "c", "") else ""

    def is_whole(self, name: str) -> bool:
        """Whether the package is unpacked and configured, and not somewhere in between."""
        output = self._ask(["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}", name])
        # The first letter is what is wanted (i, or h for held), the second what is.
        return f"i{output.stdout[1:3].strip()}" == _INSTALLED

    def owner(self, path: str) -> str:
        """The package that a file comes from; empty where it comes from none."""
        real = os.path.realpath(path)
        # Packages may know /usr/sbin as /sbin, from before the two became one.
        for known in dict.fromkeys((path, real, real[len("/usr") :] if real.startswith("/usr/") else real)):
            output = self._ask(["dpkg-query", "--search", known])
            if output.returncode == 0 and output.stdout.strip():
                return output.stdout.splitlines()[0].partition(": ")[0].partition(":")[0]
        return ""

    def files(self, name: str) -> list[str]:
        """The paths of the installed package."""
        return self._ask(["dpkg-query", "--listfiles", name]).stdout.splitlines()

    def is_held(self, name: str) -> bool:
        return name in self._ask(["apt-mark", "showhold", name]).stdout.split()

    def hold(self, name: str) -> None:
        self._done(["apt-mark", "hold", name])

    def require_lists(self) -> None:
        """There is apt wherever there is dpkg."""

    def refresh(self) -> None:
        """Ask the repositories what they have."""
        self._done(["apt-get", "update", "--quiet"])

    def versions(self, name: str) -> list[str]:
        """The versions in the repositories, as far as this machine knows."""
        return _package_versions.madison(self._ask(["apt-cache", "madison", name]).stdout)

    def read(self, file: str) -> tuple[str, str]:
        """Name and version of a package file."""
        output = self._done(["dpkg-deb", "--show", "--showformat=${Package}|${Version}", file])
        name, _bar, version = output.stdout.strip().partition("|")
        return name, version

    def fetch(self, wanted: str, folder: str) -> None:
        """Put a package (NAME=VERSION, or a file) with all that it needs into the folder.

        Each by its name: of a repository that is a folder of this machine apt-get --download-only copies nothing. What would
        be removed, or does not fit, is a NatsError now and not once the server is to be replaced.
        """
        would = self._done(["apt-get", "install", "--simulate", "--quiet", *_TO_ANY_VERSION, wanted])
        for name, version in _package_versions.simulated(would.stdout).install:
            if not (wanted.endswith(self.suffix) and name == self.read(wanted)[0]):
                self.fetch_one(f"{name}={version}", folder)

    def fetch_one(self, wanted: str, folder: str) -> None:
        """Put one package of a repository into the folder."""
        self._done(["apt-get", "download", "--quiet", "-o", "APT::Sandbox::User=root", wanted], cwd=folder)

    def cached(self, name: str, version: str) -> list[str]:
        """The file of a package that apt has kept from an earlier installation."""
        return sorted(glob.glob(os.path.join(glob.escape(CACHE), f"{name}_{version.replace(':', '%3a')}_*.deb")))

    def unpack(self, file: str, folder: str) -> None:
        self._done(["dpkg-deb", "--extract", file, folder])

    def contents(self, file: str) -> list[str]:
        """The paths in a package file."""
        listed = self._done(["dpkg-deb", "--contents", file]).stdout.splitlines()
        return [line.split(None, 5)[5].partition(" -> ")[0].lstrip(".") for line in listed]

    def install_argv(self, files: Sequence[str]) -> list[str]:
        # Of a file whose version a repository has too, apt takes the repository's, unless it lies in its cache: then no network
        # is needed. (--no-download would do that too, but it does not go with files.)
        cache = ["-o", f"Dir::Cache::archives={os.path.dirname(files[0])}/"]
        return ["apt-get", "install", "--yes", "--quiet", *cache, *_TO_ANY_VERSION, *_KEEP_CONFIGURATION, *files]

    def install(self, files: Sequence[str]) -> None:
        """Install the files and nothing else, keeping the configuration that is deployed; never asks."""
        self.mend()
        os.makedirs(os.path.join(os.path.dirname(files[0]), "partial"), exist_ok=True)
        self._done(self.install_argv(files))

    def was_cut_off(self) -> bool:
        """Whether an installation, of whatever, was cut off in the middle, as by a loss of power: apt refuses all work then."""
        return os.path.isdir(UPDATES) and bool(os.listdir(UPDATES))

    def mend(self) -> None:
        """End what was cut off. That runs the scripts of packages, and so is for a time when these may do nothing."""
        if self.was_cut_off():
            self._done(["dpkg", "--configure", "--pending", "--force-confold"])

    def _ask(self, argv: Sequence[str], cwd: str | None = None) -> _process.Output:
        return _process.run(argv, timeout_seconds=1800.0, env={**os.environ, **ENVIRONMENT}, cwd=cwd)

    def _done(self, argv: Sequence[str], cwd: str | None = None) -> _process.Output:
        """Run a command that has to succeed; waits while another one holds the lock of dpkg."""
        polled = poll_until(
            lambda: self._ask(argv, cwd),
            lambda output: output.returncode == 0 or not any(sign in output.stderr for sign in _LOCKED),
            timeout_seconds=self._lock_timeout_seconds,
            shortest_interval_seconds=1.0,
            longest_interval_seconds=5.0,
        )
        output, command = polled.value, " ".join(word for word in argv[:2] if not word.startswith("-"))
        if not polled.satisfied:
            raise NatsError(
                f"{command} could not begin for {polled.elapsed_seconds:.0f} s: "
                f"{_package_versions.last_lines(output.stderr, 2)}. "
                "Another program installs packages, such as unattended-upgrades: wait until it has ended, and run again",
                refusal="package_lock",
            )
        if output.returncode != 0:
            said = _package_versions.last_lines(output.stderr) or _package_versions.last_lines(output.stdout)
            raise NatsError(f"{command} ended with code {output.returncode}: {said}")
        return output
