# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The end of what a server said: of its log files, or of what a command shows. Bounded in bytes and time, and printable.

The configuration of a server names its log file, and its user may write both: a link there would show a file of root's, and a
FIFO would never end. So a file is read with the rights of the server, by a process of its own that can be left behind.
"""

from __future__ import annotations

import errno
import os
import pwd
import selectors
import signal
import stat
import time
from typing import Callable, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._files import rights as _rights
from ansible_collections.natsops.cluster.plugins.module_utils._files import safe as _safe
from ansible_collections.natsops.cluster.plugins.module_utils._host import identity as _identity
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process

MOST_BYTES = 64 * 1024
MOST_IN_LINE = 2000
# Of a command that does not stop talking.
_MOST_SAID = 16 * 2**20
_READ, _FAILED = b"+", b"-"


def uid_of(uid: int | None, name: str | None) -> int:
    """The user that a server runs as, by its number or else by its name. Where neither is known, nobody."""
    if uid is not None:
        return uid
    if name and name.isdigit():
        return int(name)
    try:
        return pwd.getpwnam(name or "").pw_uid
    except KeyError:
        return _identity.NOBODY.uid


def of_files(
    paths: Sequence[str], own_path: str | None, uid: int, most_lines: int, *, seconds: float = 10.0
) -> tuple[list[str], list[str]]:
    """The last lines of each file, each below its name where there are several; and why others are not shown.

    C(own_path) is a file of ours, which no configuration names; the others are read as the user with this id. One that is not
    there is left out.
    """
    shown, whys = {}, []
    for path in dict.fromkeys(path for path in (own_path, *paths) if path):
        user = os.geteuid() if path == own_path else uid
        said, why = _apart(_reader(path, user), seconds)
        shown[path] = _lines(said, most_lines)
        if why:
            whys.append(
                _text.line(f"({path} is not shown: {why}. It is read with the rights of user {user}: look at it on its host)")
            )
    shown = {path: lines for path, lines in shown.items() if lines}
    if len(shown) < 2:
        return next(iter(shown.values()), []), whys
    return [line for path, lines in shown.items() for line in (_text.line(f"==> {path} <=="), *lines)], whys


def of_command(argv: Sequence[str], most_lines: int, *, seconds: float = 30.0) -> list[str]:
    """The last lines of what a command says, below why that is not all of it."""
    out, into = os.pipe()
    try:
        child = _process.Child(argv, stdout=into, stderr=into, start_new_session=True)
    except OSError as exc:
        os.close(out)
        return [_text.line(f"({argv[0]} cannot be run: {exc.strerror or exc})")]
    finally:
        os.close(into)
    try:
        said, why = _said(out, seconds, _MOST_SAID)
    finally:
        os.close(out)
        # What it says is all there: it may be about to exit, or never.
        child.kill()
        child.wait()
    return [*([_text.line(f"({argv[0]} was ended: {why})")] if why else []), *_lines(said, most_lines)]


def _end_of(path: str, uid: int) -> bytes:
    """The last bytes of a file, from a line's beginning on."""
    if uid == os.geteuid():
        with _safe.opened(path, foreign=_foreign) as file:
            return _last_of(file.fileno())
    return _last_of(_opened(path, uid))


def _foreign(name: str, path: str, uid: int) -> Exception:
    return OSError(errno.EPERM, _safe.of_another(name, path, uid))


def _last_of(descriptor: int) -> bytes:
    seen = os.fstat(descriptor)
    if not stat.S_ISREG(seen.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    # No more than there is: files of /proc, such as the environment of this very process, say that they are empty.
    start = max(0, seen.st_size - MOST_BYTES)
    return _whole_lines(os.pread(descriptor, seen.st_size - start, start), cut=start > 0)


def _opened(path: str, uid: int) -> int:
    """A file of another user, opened as that user, and without waiting, such as for the other end of a FIFO."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    if os.geteuid() == 0:
        # Groups are asked for as root.
        user = _identity.of_user(uid)
        with _rights.as_user(user.uid, user.gid, user.groups):
            return os.open(path, flags)
    descriptor = os.open(path, flags)
    if os.fstat(descriptor).st_uid != uid:
        raise OSError(errno.EPERM, f"it is another user's, and user {os.geteuid()} cannot become {uid}: run with become (-b)")
    return descriptor


def _reader(path: str, uid: int) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            return _READ + _end_of(path, uid)
        except FileNotFoundError:
            return _READ
        except OSError as exc:
            return _FAILED + (exc.strerror or str(exc)).encode("utf-8", "replace")

    return read


def _apart(read: Callable[[], bytes], seconds: float) -> tuple[bytes, str]:
    """What a process of its own reads, and why it does not. It is left behind where a file system lets it hang."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            # It ends by itself, for nobody waits for it by then: neither for its exit, nor for what it would hold open. It is
            # given up before that, or it would seem to have said nothing.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, seconds + 1)
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            os.write(into, read())
        finally:
            os._exit(0)
    os.close(into)
    try:
        said, why = _said(out, seconds, MOST_BYTES)
    finally:
        os.close(out)
    if why:
        return b"", why
    os.waitpid(child, 0)
    if said[:1] == _READ:
        return said[1:], ""
    return b"", said[1:].decode("utf-8", "replace") or "it cannot be read"


def _said(descriptor: int, seconds: float, most: int) -> tuple[bytes, str]:
    """The end of what comes out of a pipe, and why that is not all."""
    deadline, kept, count, why = time.monotonic() + seconds, b"", 0, ""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while not why:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                why = f"it has not ended after {seconds:g} s"
                break
            block = os.read(descriptor, 65536)
            if not block:
                break
            count += len(block)
            # One more for the mark of an answer.
            kept = (kept + block)[-MOST_BYTES - 1 :]
            if count > most + 1:
                why = f"it says more than {most >> 20} MiB"
    return _whole_lines(kept, cut=count > len(kept)), why


def _whole_lines(content: bytes, *, cut: bool) -> bytes:
    """Without the end of a line at the start, unless that is all."""
    return content.partition(b"\n")[2] or content if cut else content


def _lines(content: bytes, most: int) -> list[str]:
    lines = content.decode("utf-8", "replace").rstrip("\n").split("\n")[-most:] if content.strip() else []
    return [_text.line(line.rstrip("\r")[:MOST_IN_LINE]) for line in lines]
