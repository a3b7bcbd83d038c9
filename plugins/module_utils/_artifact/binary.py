# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Versions of the server binary side by side on a node: where they lie, put one there, make one the active one.

The running version is never written to: what is staged lies beside it, and activating is one rename. A crash at any moment
leaves the old or the new version active, never half of one. The folder may be one of the server's user, who can plant files
there: what is used has to have the hash that is kept of it elsewhere (see proofs.py), and nothing is written through their
links.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
from typing import IO, Callable

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import layout as _layout
from ansible_collections.natsops.cluster.plugins.module_utils._artifact import tarball as _tarball
from ansible_collections.natsops.cluster.plugins.module_utils._artifact.layout import Layout
from ansible_collections.natsops.cluster.plugins.module_utils._artifact.proofs import Proofs
from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _versions
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._files import safe as _safe
from ansible_collections.natsops.cluster.plugins.module_utils._files import trust as _trust
from ansible_collections.natsops.cluster.plugins.module_utils._files.safe import Fresh
from ansible_collections.natsops.cluster.plugins.module_utils._host import identity as _identity
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host.identity import Identity

# Room that has to be left on the file system after staging, for the server's own log and pid file.
SPARE_BYTES = 32 * 1024 * 1024


def layout(path: str, running_version: str, version: str, identity: Callable[[], Identity | None] = lambda: None) -> Layout:
    """How versions lie beside each other on this node, from the path that the server is started by: see _artifact/layout.py.

    Raises NatsError where that is not ours to change. C(identity) gives whose rights the server has, where it has to be asked.
    """

    def installed() -> str | None:
        with contextlib.suppress(NatsError):  # what does not run tells nothing
            return version_of(path, identity())
        return None

    return _layout.require_own(_layout.of(path, (running_version, version), installed), running_version)


def version_of(binary: str, identity: Identity | None = None) -> str:
    """The version that a binary says it is, run with the rights of its server where that is known.

    Raises NatsError where it does not run or is some other program.
    """
    output = _identity.ask([binary, "--version"], identity)
    # nats-server: v2.15.1
    words = output.stdout.split()
    if output.returncode != 0 or len(words) < 2 or not words[0].startswith("nats-server"):
        raise NatsError(
            f"{binary} --version says {(output.stdout or output.stderr).strip()[:80]!r}: it is not a nats-server that runs here"
        )
    return words[-1][1:] if words[-1].startswith("v") else words[-1]


def is_staged(binary: str, version: str, identity: Identity | None = None) -> bool:
    """Whether this version lies there complete: staging renames it into place last."""
    try:
        return os.path.isfile(binary) and version_of(binary, identity) == version
    except NatsError:  # it does not run: what lies there is no good
        return False


def require_staged(binary: str, version: str, proofs: Proofs, identity: Identity | None, nothing: str) -> None:
    """Raise NatsError where this version does not lie there, proved. C(nothing) was done by then."""
    if os.path.isfile(binary):
        require_proved(binary, version, proofs, nothing)
    if not is_staged(binary, version, identity):
        raise NatsError(f"nats-server {version} is not staged at {binary}: {nothing}")


def require_proved(binary: str, version: str, proofs: Proofs, nothing: str) -> None:
    """Raise NatsError where something else than this version may lie in its place. C(nothing) was done by then."""
    doubt = proofs.doubt(binary)
    if doubt:
        raise NatsError(
            f"refused: wrong_hash: {binary} is not proved to be nats-server {version}: {doubt}. A start would run it: "
            f"{nothing}. Remove it and run again, which stages the version anew",
            refusal="wrong_hash",
        )


def _old_origin(binary: str) -> str:
    """What older releases of the collection kept beside a version: the hash of its archive."""
    folder, name = os.path.split(binary)
    return os.path.join(folder, f".{name}.sha256")


def is_active(where: Layout, version: str) -> bool:
    """Whether starting the server would start this version."""
    if where.link:
        return os.readlink(where.switch) == where.target(version)
    places = (where.switch, where.binary(version))
    return all(map(os.path.exists, places)) and (os.path.samefile(*places) or _is_same_content(*places))


def _is_same_content(one: str, other: str) -> bool:
    """A version that was staged anew is another file than the one that was made active before."""
    try:
        return os.path.getsize(one) == os.path.getsize(other) and _safe.sha256_of(one) == _safe.sha256_of(other)
    except OSError:
        return False


def stage(archive: str, sha256: str, binary: str, version: str, proofs: Proofs, identity: Identity | None = None) -> None:
    """Unpack the server from a release archive to its versioned path. Raises NatsError; nothing is left half done."""
    folder, file = os.path.split(binary)
    name = os.path.basename(archive)
    try:
        with open(archive, "rb") as packed:
            _check_hash(packed, name, sha256)
            with _safe.folder(folder, make=True) as parent:
                _safe.sweep(parent)
                with _safe.Fresh(parent) as fresh:
                    own = _unpack(packed, name, fresh, folder, version)
                    reported = _reported(os.path.join(folder, fresh.name), identity)
                    if reported != version:
                        raise NatsError(f"{name} holds nats-server {reported}, not {version}: nothing was installed")
                    fresh.rename(file)
        proofs.note(binary, version, own, sha256)
    except tarfile.TarError as exc:
        raise NatsError(f"{name} cannot be unpacked ({exc}): it is damaged or not a tar.gz of a NATS release") from exc
    except OSError as exc:
        raise NatsError(
            f"cannot stage nats-server {version} as {binary}: {exc.strerror or exc} ({exc.filename}). Nothing was changed; "
            "run with become (-b) where it is a matter of permission"
        ) from exc


def _reported(part: str, identity: Identity | None) -> str:
    try:
        return version_of(part, identity)
    except NatsError as exc:
        if exc.details:
            raise
        raise NatsError(
            f"{exc}. Nothing was changed. The archive has to be for this machine ({os.uname().machine}, see "
            "nats_upgrade_archive_url), and the folder on a file system that may run programs (not noexec)"
        ) from exc


def sha256_of(path: str) -> str:
    """The SHA-256 of a file, in lower case; raises OSError."""
    with open(path, "rb") as file:
        return _safe.digest_of(file)


def _check_hash(packed: IO[bytes], name: str, sha256: str) -> None:
    got = _safe.digest_of(packed)
    packed.seek(0)
    if got != sha256.lower():
        raise NatsError(
            f"{name} has the SHA-256 {got}, and should have {sha256.lower()}: nothing was installed. "
            "It is damaged, or not the file that the hash was made for"
        )


def _unpack(packed: IO[bytes], name: str, fresh: Fresh, folder: str, version: str) -> str:
    """Write the one server that is in it, and return its hash. Once through the archive: unpacking it is what takes longest."""
    found, own = 0, ""
    for member, content in _tarball.files(packed):
        if os.path.basename(member.name) != _process.PROGRAM:
            continue
        found += 1
        if found == 1:
            _check_space(folder, member.size, version)
            own = fresh.fill(content)
    if found != 1:
        raise NatsError(f"{name} holds {found} files named nats-server, not one: is it a NATS release archive?")
    fresh.close(0o755)
    return own


def _check_space(folder: str, size: int, version: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < size + SPARE_BYTES:
        raise NatsError(
            f"{folder} has {free >> 20} MiB free; nats-server {version} needs {(size + SPARE_BYTES) >> 20} MiB there "
            "(the old version stays beside it): make room and run again. Nothing was changed"
        )


def require_successor(where: Layout, version: str, proofs: Proofs, identity: Identity | None) -> None:
    """Raise NatsError where this version could not be made the active one, or is it and does not run. Nothing is changed."""
    binary, nothing = where.binary(version), "nothing was ended or switched for it"
    if not is_active(where, version):
        require_staged(binary, version, proofs, identity, nothing)
    elif not is_staged(binary, version, identity):
        raise NatsError(f"{binary} is no nats-server {version} that runs here: {nothing}")


def free_for(path: str, running_version: str | None, version: str | None, identity: Identity | None) -> int | None:
    """Bytes that are free where a version would be staged; None where it lies there, or nothing is to be staged."""
    if not path or not version:
        return None
    try:
        binary = layout(path, running_version or version, version, lambda: identity).binary(version)
        folder = os.path.dirname(binary)
        while not os.path.isdir(folder) and folder != os.path.dirname(folder):
            folder = os.path.dirname(folder)
        return None if os.path.isfile(binary) else shutil.disk_usage(folder).free
    except (OSError, NatsError):  # a link that others can change is refused when it comes to staging
        return None


def activate(where: Layout, version: str) -> None:
    """Make this version the one that a start starts, by one rename. C(keep) the version that was active before."""
    folder, name = os.path.split(where.switch)
    try:
        with _safe.folder(folder) as parent:
            if where.link:
                _safe.place(parent, name, lambda fresh: os.symlink(where.target(version), fresh, dir_fd=parent))
            else:
                _safe.link(where.binary(version), parent, name)
    except OSError as exc:
        raise NatsError(
            f"cannot make nats-server {version} the active one at {where.switch}: {exc.strerror or exc}. What was active still "
            "is; run with become (-b), and make room where the disk is full"
        ) from exc


def keep(where: Layout, version: str, proofs: Proofs, identity: Identity | None = None) -> None:
    """Give the active file its versioned name too, so that it is still there once another takes its place, and note its hash.

    It is what has been started so far. What has that name already stays only where it is proved to be that version. Where another
    version lies there, which replaced the one that runs, it does not get that one's name.
    """
    kept, active = where.binary(version), os.path.realpath(where.start)
    try:
        if proofs.is_noted(kept, version):
            return
        if os.path.isfile(active) and not _is_same_file(active, kept) and not _is_another(active, version, identity):
            _name_too(active, kept)
        if os.path.isfile(kept):
            proofs.note(kept, version, _safe.sha256_of(kept))
    except OSError as exc:
        raise NatsError(
            f"cannot keep nats-server {version} as {kept}: {exc.strerror or exc}. It would be put back from there, so nothing "
            "was switched; run with become (-b), and make room where the disk is full"
        ) from exc


def _is_another(active: str, version: str, identity: Identity | None) -> bool:
    """Whether a binary says that it is another version. What says nothing, such as a wrapper, is what has been started so far."""
    try:
        return version_of(active, identity) != version
    except NatsError:
        return False


def _is_same_file(one: str, other: str) -> bool:
    return os.path.exists(other) and (os.path.samefile(one, other) or _is_same_content(one, other))


def _name_too(active: str, kept: str) -> None:
    """The same file by a second name, or where others may write to it a copy that they may not write to."""
    if _trust.is_weak(os.lstat(active)):
        _safe.copy(active, kept, 0o755)
        return
    folder, name = os.path.split(kept)
    with _safe.folder(folder) as parent:
        _safe.link(active, parent, name)


class NoneProvedError(Exception):
    """No binary of the running version was found that nobody else can have written."""


def copy_running(process: _process.Process | None, path: str, copy: str, version: str) -> None:
    """Copy the binary that runs, from the process: what lies at its path may be another version by now.

    A process of another user may run any file. The copy is to be started as the server, so it has to be of a file that nobody
    but root, or this user, can write. Raises NoneProvedError.
    """
    exe = [str(_process.PROC / str(process.pid) / "exe")] if process else []
    for running in (*exe, path):
        with contextlib.suppress(FileNotFoundError), open(running, "rb") as source:
            if _trust.is_weak(os.fstat(source.fileno())):
                continue
            with open(copy, "wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
            os.chmod(copy, 0o755)  # noqa: S103 - as releases and packages have it
            if is_staged(copy, version):
                return
    raise NoneProvedError


def prune(where: Layout, keep_versions: int, needed: list[str]) -> list[str]:
    """Remove the oldest versioned files beside a plain binary, the needed ones never; return what was removed.

    Where versions lie behind a link, somebody else made that order: nothing is removed there.
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
        for file in (path, _old_origin(path)):
            with contextlib.suppress(OSError):
                os.unlink(file)
    return [path for path in removed if not os.path.exists(path)]
