# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""rpm and dnf: what is installed, what repositories have, fetch a package with all that it needs, install it.

dnf only finds and fetches, and proves signatures where the repository asks for it. rpm installs: it is told to by files alone,
up and down, and hands the environment on to the scripts of the packages.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tarfile
from typing import IO, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import package_versions as _package_versions
from ansible_collections.natsops.cluster.plugins.module_utils._artifact import tarball as _tarball
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.poll import poll_until
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process

# The scripts of a package mark its units, and a script of systemd's restarts what is marked: of that, unlike of a restart by
# name, a unit that refuses restarts is not asked. With this systemctl does none of it. systemd reads its units afterwards.
_OFFLINE = {"SYSTEMD_OFFLINE": "1"}
_VERSION = "%{VERSION}-%{RELEASE}"
_UP_OR_DOWN = ("--upgrade", "--oldpackage", "--replacepkgs")


class Rpm:
    """The package manager of Fedora, RHEL and of what comes from them."""

    program, name, suffix, log, asks_policy = "rpm", "rpm", ".rpm", "the journal of the host", False

    def __init__(self, lock_timeout_seconds: float) -> None:
        self._lock_timeout_seconds = lock_timeout_seconds

    def installed(self, name: str) -> str:
        """The version that is installed; empty where there is none. After an installation that was cut off, the newer of two."""
        return (self._installed(name) or [""])[-1]

    def is_whole(self, name: str) -> bool:
        """Whether there is one such package. An installation that was cut off has left the old one beside the new."""
        return len(self._installed(name)) == 1

    def _installed(self, name: str) -> list[str]:
        output = self._ask(["rpm", "--query", "--queryformat", f"{_VERSION}\n", name])
        return output.stdout.split() if output.returncode == 0 else []

    def owner(self, path: str) -> str:
        """The package that a file comes from; empty where it comes from none."""
        for known in dict.fromkeys((path, os.path.realpath(path))):
            output = self._ask(["rpm", "--query", "--file", "--queryformat", "%{NAME}\n", known])
            if output.returncode == 0:
                return output.stdout.split()[0]
        return ""

    def files(self, name: str) -> list[str]:
        """The paths of the installed package."""
        return self._ask(["rpm", "--query", "--list", name]).stdout.splitlines()

    def is_held(self, name: str) -> bool:
        """What dnf's versionlock holds, dnf does not offer; there is nothing to be held again."""
        return False

    def hold(self, name: str) -> None:
        """See is_held."""

    def require_lists(self) -> None:
        """Raise NatsError where no repository can be asked, however often."""
        if not shutil.which("dnf"):
            raise NatsError(
                "refused: there is no dnf here to fetch a package: set nats_upgrade_package_file to one. Nothing was touched",
                refusal="no_package",
            )

    def refresh(self) -> None:
        """Ask the repositories what they have."""
        self._dnf(["makecache", "--refresh"])

    def versions(self, name: str) -> list[str]:
        """The versions in the repositories, the newest first; none where nothing can be asked."""
        if not shutil.which("dnf"):
            return []
        # Some versions of dnf end each answer with a line end of their own, others do not.
        query = ["repoquery", "--quiet", "--showduplicates", "--queryformat", "%{version}-%{release}\n"]
        return self._ask(["dnf", *query, name]).stdout.split()[::-1]

    def read(self, file: str) -> tuple[str, str]:
        """Name and version of a package file."""
        output = self._done(["rpm", "--query", "--package", "--queryformat", f"%{{NAME}}|{_VERSION}", file])
        name, _bar, version = output.stdout.strip().partition("|")
        return name, version

    def fetch(self, wanted: str, folder: str) -> None:
        """Put a package (NAME=VERSION, or a file) with all that it needs into the folder, and prove that it could be installed.

        A file alone is enough where there is no dnf, as long as what it needs is installed.
        """
        if shutil.which("dnf") or not wanted.endswith(self.suffix):
            self._fetch("install", wanted, folder)
        files = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(self.suffix)]
        if files:
            self._done(["rpm", *_UP_OR_DOWN, "--test", *files])

    def fetch_one(self, wanted: str, folder: str) -> None:
        """Put one package of a repository into the folder, also the one that is installed."""
        name, _equals, version = wanted.partition("=")
        self._fetch("reinstall" if version in self._installed(name) else "install", wanted, folder)

    def _fetch(self, verb: str, wanted: str, folder: str) -> None:
        # Not dnf download: it proves no signature, and is a plugin.
        what = wanted if wanted.endswith(self.suffix) else wanted.replace("=", "-")
        self._dnf([verb, "--assumeyes", "--downloadonly", f"--setopt=destdir={folder}", what])

    def cached(self, name: str, version: str) -> list[str]:
        """dnf keeps nothing of what it has installed."""
        return []

    def unpack(self, file: str, folder: str) -> None:
        """Put the programs named nats-server into the folder, at their paths."""
        self._done(["rpm2archive", file])
        archive = f"{file}.tgz"
        try:
            with open(archive, "rb") as packed:
                for member, content in _tarball.files(packed):
                    if os.path.basename(member.name) == _process.PROGRAM:
                        _extract(member, content, folder)
        except tarfile.TarError as exc:
            raise NatsError(f"{file} cannot be unpacked ({exc}): it is damaged, or no package of nats-server") from exc
        finally:
            os.unlink(archive)

    def contents(self, file: str) -> list[str]:
        """The paths in a package file."""
        return self._done(["rpm", "--query", "--package", "--list", file]).stdout.splitlines()

    def install(self, files: Sequence[str]) -> None:
        """Install the files and nothing else, keeping the configuration that is deployed where the package says so."""
        self._wait_for_lock()
        self._done(["rpm", *_UP_OR_DOWN, *files], **_OFFLINE)

    def was_cut_off(self) -> bool:
        """rpm refuses no work after that. See is_whole."""
        return False

    def mend(self) -> None:
        """What was cut off is installed again, which also removes what was left of the old package."""

    def _wait_for_lock(self) -> None:
        """Wait while another program installs packages: rpm itself would wait for ever."""
        path = self._ask(["rpm", "--eval", "%{_rpmlock_path}"]).stdout.strip()
        polled = poll_until(
            lambda: _is_free(path),
            bool,
            timeout_seconds=self._lock_timeout_seconds,
            shortest_interval_seconds=1.0,
            longest_interval_seconds=5.0,
        )
        if not polled.satisfied:
            raise NatsError(
                f"rpm could not begin for {polled.elapsed_seconds:.0f} s, for {path} is locked. Another program installs "
                "packages, such as dnf-automatic: wait until it has ended, and run again",
                refusal="package_lock",
            )

    def _dnf(self, argv: Sequence[str]) -> _process.Output:
        self.require_lists()
        return self._done(["dnf", *argv])

    def _ask(self, argv: Sequence[str], **environment: str) -> _process.Output:
        return _process.run(argv, timeout_seconds=1800.0, env={**os.environ, "LC_ALL": "C", **environment})

    def _done(self, argv: Sequence[str], **environment: str) -> _process.Output:
        output = self._ask(argv, **environment)
        if output.returncode != 0:
            said = _package_versions.last_lines(output.stderr) or _package_versions.last_lines(output.stdout)
            raise NatsError(f"{' '.join(argv[:2])} ended with code {output.returncode}: {said}")
        return output


def _extract(member: tarfile.TarInfo, content: IO[bytes], folder: str) -> None:
    # Below the folder whatever the name says, as no other than the package's own place is meant.
    path = os.path.join(folder, os.path.normpath(f"/{member.name}").lstrip("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        shutil.copyfileobj(content, file)
    os.chmod(path, member.mode & 0o777)


def _is_free(lock: str) -> bool:
    """Whether no transaction has the lock of rpm, which is one of POSIX that ends with its process."""
    try:
        with open(lock, "r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except (BlockingIOError, PermissionError):
        return False
    return True
