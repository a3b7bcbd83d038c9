# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Small JSON files in one folder of a node that outlive a crash: read one, replace some, remove one, one writer at a time.

A reader sees the old or the new file and never half of one, and so does whoever comes after a loss of power.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Dict, Iterator, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.poll import poll_until
from ansible_collections.natsops.cluster.plugins.module_utils._files import safe as _safe
from ansible_collections.natsops.cluster.plugins.module_utils._files import trust as _trust

FOLDER = "/var/lib/natsops"
Fields = Dict[str, Any]
_GUARD = ".guard"
_GUARD_TIMEOUT_SECONDS = 10.0
# A journal of a large node has some 100 kB.
_LARGEST = 16 * 2**20


class StateError(NatsError):
    """A state file could not be written. What it held before is still there."""


@dataclass(frozen=True)
class Content:
    """What a state file held. C(fields) is None where there is none, or where it is damaged: C(unreadable) then says how."""

    fields: Fields | None
    unreadable: str = ""


def read(folder: str, name: str) -> Content:
    """What the file holds. Never raises: a file that a full disk, or an editor, has damaged must not stop all that follows."""
    try:
        fields = json.loads(_text_of(os.path.join(folder, name)))
    except FileNotFoundError:
        return Content(None)
    except OSError as exc:
        return Content(None, exc.strerror or str(exc))
    except (ValueError, RecursionError) as exc:  # neither UTF-8 nor JSON, or [[[[[[...
        return Content(None, f"it is not JSON: {exc}")
    return Content(fields) if isinstance(fields, dict) else Content(None, "it is not a JSON object")


def _text_of(path: str) -> str:
    """The text of a file that is one. A link is not followed, and whatever else has its name is not waited for."""
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        seen = os.fstat(opened)
        if not stat.S_ISREG(seen.st_mode):
            raise OSError(0, "it is not a regular file")
        if seen.st_size > _LARGEST:
            raise OSError(0, f"it has {seen.st_size} bytes, and {_LARGEST} at most are read")
        with open(opened, "rb", closefd=False) as file:
            return file.read(_LARGEST).decode("utf-8")
    finally:
        os.close(opened)


@contextlib.contextmanager
def guarded(folder: str) -> Iterator[None]:
    """Be the only one who writes to the folder for the length of a C(with). Makes the folder. Raises StateError.

    A lock on a file of its own (flock), and not names that are created or renamed exclusively: look, decide and write are then
    one step, for a take-over too, and the kernel ends it with the process that holds it, however that dies. It covers
    milliseconds; the lease in lock.json covers a run. The file may be opened by its owner only, so that no other user of the
    machine can sit on it, which the folder itself, readable for all, would allow.
    """
    path = os.path.join(folder, _GUARD)
    with _saying(path):
        _make(folder)
        guard = poll_until(
            lambda: _try_guard(path),
            lambda held: held is not None,
            timeout_seconds=_GUARD_TIMEOUT_SECONDS,
            shortest_interval_seconds=0.005,
            longest_interval_seconds=0.1,
        ).value
    if guard is None:
        raise StateError(
            f"another process has held {path} for {_GUARD_TIMEOUT_SECONDS:g} s: it is held for milliseconds only, so that the "
            "process hangs, as on a disk that does not answer. Find it (fuser -v) and run again"
        )
    try:
        yield
    finally:
        os.close(guard)


def _try_guard(path: str) -> int | None:
    guard = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A file that was removed since it was opened guards nothing: the next process makes a new one.
        if os.path.samestat(os.fstat(guard), os.stat(path)):
            held, guard = guard, -1
            return held
    except (BlockingIOError, FileNotFoundError):
        pass
    finally:
        if guard >= 0:
            os.close(guard)
    return None


def replace(folder: str, files: Mapping[str, Fields]) -> None:
    """Write files, synced to the disk, each old or new at any moment. Only inside C(guarded). Raises StateError."""
    for name, fields in files.items():
        with _saying(os.path.join(folder, name)):
            _write(_part(folder, name), json.dumps(fields, indent=2))
    for name in files:
        with _saying(os.path.join(folder, name)):
            os.replace(_part(folder, name), os.path.join(folder, name))
    with _saying(folder):
        _sync(folder)


def _part(folder: str, name: str) -> str:
    # Always the same name: what a crash has left is overwritten and does not add up.
    return os.path.join(folder, f".{name}.new")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        os.fsync(file.fileno())


def remove(folder: str, name: str) -> None:
    """Remove a file for good. Only inside C(guarded). Raises StateError."""
    with _saying(os.path.join(folder, name)):
        os.unlink(os.path.join(folder, name))
        _sync(folder)


def _make(folder: str) -> None:
    """All may read what an upgrade has left, and nobody else may write it."""
    require_own(folder)
    if os.path.isdir(folder):
        return
    with _safe.folder(folder, make=True):
        _sync(os.path.dirname(os.path.abspath(folder)))


def require_own(folder: str) -> None:
    """Raise NatsError where others could have written what is in a folder: a lock, a journal with paths, hashes of binaries."""
    weak = _trust.weak_places(folder)
    if weak or os.path.islink(folder):
        what = f"others can write there, by {', '.join(map(str, weak))}" if weak else "it is a link"
        raise NatsError(
            f"refused: unsafe_path: nats_upgrade_state_dir is {folder}, and {what}. What is in it says which programs are run as "
            f"{_trust.user_name(os.geteuid())}. Nothing was touched. Set nats_upgrade_state_dir to a folder of its own, or make "
            "this one so: chown root:root, chmod go-w, and so for the folders above it; no link in its place",
            refusal=_trust.REFUSAL,
        )


def _sync(folder: str) -> None:
    """Bring what is in the folder, and under which names, to the disk."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextlib.contextmanager
def _saying(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise StateError(
            f"cannot write {path}: {exc.strerror or exc}. An upgrade keeps its lock there, and what it has done to the server, "
            "so that a run that dies can be taken up again: run with become (-b), make room, or set nats_upgrade_state_dir to a "
            "folder that can be written"
        ) from exc


def utc_text(wall: float, timespec: str = "seconds") -> str:
    """A time (seconds since 1970) as text such as 2026-10-01T12:00:00Z."""
    return datetime.fromtimestamp(wall, timezone.utc).isoformat(timespec=timespec).replace("+00:00", "Z")
