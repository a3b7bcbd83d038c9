# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# This module util is PRIVATE to the collection: it may change in any release.
"""Versions of the server binary side by side on a node: where they lie, put one there, make one the active one.

The running version is never written to: what is staged lies beside it, and activating is one rename. A crash at any moment
leaves the old or the new version active, never half of one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tarfile
from dataclasses import dataclass
from typing import IO, Callable, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils import _process, _tarball, _versions
from ansible_collections.natsops.cluster.plugins.module_utils._errors import NatsError

# Room that has to be left on the file system after staging, for the server's own log and pid file.
SPARE_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Layout:
    """Where versions lie. C(switch) is the path that activating replaces; C(link) says that it is a symbolic link."""

    switch: str
    link: bool
    binary: Callable[[str], str]
    target: Callable[[str], str]


def layout(path: str, running_version: str, version: str) -> Layout:
    """How versions lie beside each other on this node, from the path that the server is started by.

    A link with one of the two versions in its target (/opt/nats/current -> 2.14.6, or the binary itself) goes on being
    switched so; a link without is pointed at a versioned file; a plain file gets versioned files beside it: nats-server-2.15.1.
    """
    either = re.compile("|".join(rf"(?<![\d.]){re.escape(one)}(?![\d])" for one in (running_version, version)))
    if os.path.islink(path):
        return _linked(path, "", either)
    parent, rest = os.path.split(path)
    while parent not in ("/", ""):
        if os.path.islink(parent) and either.search(os.readlink(parent)):
            return _linked(parent, rest, either)
        parent, name = os.path.split(parent)
        rest = os.path.join(name, rest)
    return Layout(path, False, lambda wanted: f"{path}-{wanted}", lambda wanted: f"{path}-{wanted}")


def _linked(link: str, rest: str, either: re.Pattern[str]) -> Layout:
    held = os.readlink(link)
    found = list(either.finditer(held))

    def target(wanted: str) -> str:
        if found:
            return held[: found[-1].start()] + wanted + held[found[-1].end() :]
        return os.path.join(os.path.dirname(held), f"{_process.PROGRAM}-{wanted}")

    def binary(wanted: str) -> str:
        return os.path.normpath(os.path.join(os.path.dirname(link), target(wanted), rest))

    return Layout(link, True, binary, target)


def version_of(binary: str) -> str:
    """The version that a binary says it is; raises NatsError where it does not run or is some other program."""
    output = _process.run([binary, "--version"])
    # nats-server: v2.15.1
    words = output.stdout.split()
    if output.returncode != 0 or len(words) < 2 or not words[0].startswith("nats-server"):
        raise NatsError(
            f"{binary} --version says {(output.stdout or output.stderr).strip()[:80]!r}: it is not a nats-server that runs here"
        )
    return words[-1][1:] if words[-1].startswith("v") else words[-1]


def is_staged(binary: str, version: str) -> bool:
    """Whether this version lies there complete: staging renames it into place last."""
    try:
        return os.path.isfile(binary) and version_of(binary) == version
    except NatsError:  # it does not run: what lies there is no good
        return False


def is_staged_from(binary: str, version: str, sha256: str) -> bool:
    """Whether this version lies there and was unpacked from the archive with this hash, and not from an earlier, bad one."""
    try:
        with open(_origin(binary), encoding="ascii", errors="replace") as origin:
            return origin.read().strip() == sha256.lower() and is_staged(binary, version)
    except OSError:
        return False


def _origin(binary: str) -> str:
    """The file beside a staged version that holds the hash of the archive that it was unpacked from."""
    folder, name = os.path.split(binary)
    return os.path.join(folder, f".{name}.sha256")


def is_active(where: Layout, version: str) -> bool:
    """Whether starting the server would start this version."""
    if where.link:
        return os.readlink(where.switch) == where.target(version)
    places = (where.switch, where.binary(version))
    return all(map(os.path.exists, places)) and os.path.samefile(*places)


def stage(archive: str, sha256: str, binary: str, version: str) -> None:
    """Unpack the server from a release archive to its versioned path. Raises NatsError; nothing is left half done."""
    folder = os.path.dirname(binary)
    part = f"{binary}.part"
    name = os.path.basename(archive)
    try:
        _check_hash(archive, sha256)
        os.makedirs(folder, mode=0o755, exist_ok=True)
        _unpack(archive, part, version)
        reported = _reported(part)
        if reported != version:
            raise NatsError(f"{name} holds nats-server {reported}, not {version}: nothing was installed")
        os.replace(part, binary)
        with open(_origin(binary), "w", encoding="ascii") as origin:
            origin.write(f"{sha256.lower()}\n")
    except tarfile.TarError as exc:
        raise NatsError(f"{name} cannot be unpacked ({exc}): it is damaged or not a tar.gz of a NATS release") from exc
    except OSError as exc:
        raise NatsError(
            f"cannot stage nats-server {version} as {binary}: {exc.strerror or exc} ({exc.filename}). Nothing was changed; "
            "run with become (-b) where it is a matter of permission"
        ) from exc
    finally:
        if os.path.exists(part):
            os.unlink(part)


def _reported(part: str) -> str:
    try:
        return version_of(part)
    except NatsError as exc:
        raise NatsError(
            f"{exc}. Nothing was changed. The archive has to be for this machine ({os.uname().machine}, see "
            "nats_upgrade_archive_url), and the folder on a file system that may run programs (not noexec)"
        ) from exc


def sha256_of(path: str) -> str:
    """The SHA-256 of a file, in lower case; raises OSError."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _check_hash(archive: str, sha256: str) -> None:
    got = sha256_of(archive)
    name = os.path.basename(archive)
    if got != sha256.lower():
        raise NatsError(
            f"{name} has the SHA-256 {got}, and should have {sha256.lower()}: nothing was installed. "
            "It is damaged, or not the file that the hash was made for"
        )


def _unpack(archive: str, part: str, version: str) -> None:
    """Write the one server that is in it. Once through the archive: unpacking it is what takes longest here."""
    name = os.path.basename(archive)
    found = 0
    with open(archive, "rb") as packed:
        for member, content in _tarball.files(packed):
            if os.path.basename(member.name) != _process.PROGRAM:
                continue
            found += 1
            if found == 1:
                _check_space(os.path.dirname(part), member.size, version)
                _write(content, part)
    if found != 1:
        raise NatsError(f"{name} holds {found} files named nats-server, not one: is it a NATS release archive?")


def _check_space(folder: str, size: int, version: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < size + SPARE_BYTES:
        raise NatsError(
            f"{folder} has {free >> 20} MiB free; nats-server {version} needs {(size + SPARE_BYTES) >> 20} MiB there "
            "(the old version stays beside it): make room and run again. Nothing was changed"
        )


def _write(source: IO[bytes], path: str) -> None:
    with open(path, "wb") as part:
        shutil.copyfileobj(source, part, 1 << 20)
        part.flush()
        os.fsync(part.fileno())
        os.fchmod(part.fileno(), 0o755)


def activate(where: Layout, version: str, running_version: str) -> None:
    """Make this version the one that a start starts, by one rename; the version that was active stays beside it."""
    fresh = f"{where.switch}.natsops"
    try:
        if os.path.lexists(fresh):
            os.unlink(fresh)
        keep(where, running_version)
        if where.link:
            os.symlink(where.target(version), fresh)
        else:
            os.link(where.binary(version), fresh)
        os.replace(fresh, where.switch)
    except OSError as exc:
        raise NatsError(
            f"cannot make nats-server {version} the active one at {where.switch}: {exc.strerror or exc}. What was active still "
            "is; run with become (-b), and make room where the disk is full"
        ) from exc


def keep(where: Layout, version: str) -> None:
    """Give the active file its versioned name too, so that it is still there once another takes its place."""
    kept = where.binary(version)
    if not os.path.exists(kept) and os.path.isfile(where.switch):
        os.link(os.path.realpath(where.switch), kept)


def prune(where: Layout, keep_versions: int, needed: list[str]) -> list[str]:
    """Remove the oldest versioned files beside a plain binary, the needed ones never; return what was removed.

    Where versions are directories behind a link, somebody else made that order: nothing is removed there.
    """
    if where.link:
        return []
    folder, name = os.path.split(where.switch)
    prefix = f"{name}-"
    versions = [_versions.parse_or_none(entry[len(prefix) :]) for entry in os.listdir(folder) if entry.startswith(prefix)]
    known = sorted((version for version in versions if version is not None), reverse=True)
    others = [str(version) for version in known if str(version) not in needed]
    removed = [where.binary(version) for version in others[max(0, keep_versions - len(set(needed))) :]]
    for path in removed:
        # The server has been replaced by now: what cannot be tidied away is no reason to call that a failure.
        for file in (path, _origin(path)):
            with contextlib.suppress(OSError):
                os.unlink(file)
    return [path for path in removed if not os.path.exists(path)]


def binary_in(argv: Sequence[str], cwd: str | None = None, search_path: str | None = None) -> str:
    """The path that a server was started by, from its argv. Not /proc/PID/exe, which is behind every link."""
    if not argv:
        return ""
    if "/" in argv[0]:
        return os.path.normpath(os.path.join(cwd or "/", argv[0]))
    return shutil.which(argv[0], path=search_path) or ""
