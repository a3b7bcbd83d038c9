# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files that are opened and made so that no other user decides which ones: in folders that others can write, too.

Each folder on the way is opened by itself and never by its path again; links of other users are not followed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import stat
import time
from typing import IO, BinaryIO, Callable, Iterator

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._files import trust as _trust

# A link that is older than this was left by a run that died.
_LEFT_SECONDS = 3600.0
_FOLDER = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
# Makes the error of a link of another user: of its name, the path on whose way it is, and the user.
_Foreign = Callable[[str, str, int], Exception]


def _unsafe(name: str, path: str, uid: int) -> Exception:
    return NatsError(
        f"refused: unsafe_path: {of_another(name, path, uid)}. Make it anew as root, or give it to root (chown "
        "--no-dereference root), and run again",
        refusal=_trust.REFUSAL,
    )


def of_another(name: str, path: str, uid: int) -> str:
    """What is wrong with a link of another user."""
    return f"{name} on the way to {path} is a link of user {_trust.user_name(uid)}, who can lead it anywhere"


@contextlib.contextmanager
def folder(path: str, *, make: bool = False) -> Iterator[int]:
    """A folder, opened, for names in it. A link on the way is followed only where a trusted user has made it.

    With C(make) what is missing is made, with mode 0755 whatever the umask is.
    """
    with contextlib.ExitStack() as stack:
        yield _walked(path, stack, make=make)[0]


@contextlib.contextmanager
def opened(path: str, *, foreign: _Foreign = _unsafe) -> Iterator[BinaryIO]:
    """A regular file, to be read. Links as in C(folder); C(foreign) makes the error of one of another user."""
    with contextlib.ExitStack() as stack:
        parent, name = _walked(path, stack, to_file=True, foreign=foreign)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        descriptor = _kept(stack, os.open(name, flags, dir_fd=parent))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", path)
        yield stack.enter_context(open(descriptor, "rb", closefd=False))


def _walked(
    path: str, stack: contextlib.ExitStack, *, make: bool = False, to_file: bool = False, foreign: _Foreign = _unsafe
) -> tuple[int, str]:
    """The folder at a path or, of a file, its parent and its name there once links are followed."""
    here, rest, links = _kept(stack, os.open("/", _FOLDER)), _trust.names(os.path.join(os.getcwd(), path)), 0
    while rest:
        name = rest.pop(0)
        target = _target(here, name, path, foreign)
        if target is not None:
            links += 1
            if links > _trust.MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            here, rest = _kept(stack, os.open("/", _FOLDER)) if target.startswith("/") else here, [*_trust.names(target), *rest]
        elif to_file and not rest:
            return here, name
        else:
            here = _kept(stack, _entered(here, name, make, path))
    return here, "."


def _kept(stack: contextlib.ExitStack, descriptor: int) -> int:
    stack.callback(os.close, descriptor)
    return descriptor


def _target(parent: int, name: str, path: str, foreign: _Foreign = _unsafe) -> str | None:
    """What a link leads to; None where it is no link, or nothing is there. Raises what is C(foreign) of another user's."""
    try:
        entry = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except FileNotFoundError:
        return None
    try:
        seen = os.fstat(entry)
        if not stat.S_ISLNK(seen.st_mode):
            return None
        if seen.st_uid not in _trust.trusted_users():
            raise foreign(name, path, seen.st_uid)
        return os.readlink("", dir_fd=entry)
    finally:
        os.close(entry)


def _entered(parent: int, name: str, make: bool, path: str) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except FileNotFoundError as exc:
        if not make:
            raise OSError(exc.errno, exc.strerror, path) from exc
    except OSError as exc:
        raise OSError(exc.errno, exc.strerror, path) from exc
    os.mkdir(name, 0o700, dir_fd=parent)
    made = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent)
    if os.fstat(made).st_uid == os.geteuid():  # else somebody has put another one there since
        os.fchown(made, -1, os.getegid())
        os.fchmod(made, 0o755)
    return made


class Fresh:
    """A new file in an opened folder, of this user, under a name that nobody can guess. It gets its own name by one rename.

    Without C(rename) nothing is left of it. Several may be made in one folder at once, as for servers that share a machine.
    """

    PREFIX = ".natsops-"

    def __init__(self, parent: int) -> None:
        self._parent, self._sha256, self._mode = parent, "", 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        while True:
            self.name = f"{self.PREFIX}{secrets.token_hex(16)}"
            self.file = os.fdopen(os.open(self.name, flags, 0o600, dir_fd=parent), "wb")
            # While it is held its number is its own, also when its name goes to another file, and C(sweep) leaves it. Not for
            # writing: what is open for that cannot be run.
            self._held = os.open(f"/proc/self/fd/{self.file.fileno()}", os.O_RDONLY | os.O_CLOEXEC)
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(self._held, fcntl.LOCK_SH | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):  # swept in this very moment
                os.stat(self.name, dir_fd=parent, follow_symlinks=False)
                return
            self.__exit__()

    def __enter__(self) -> Fresh:
        return self

    def __exit__(self, *_unused: object) -> None:
        self.file.close()
        os.close(self._held)
        with contextlib.suppress(OSError):
            os.unlink(self.name, dir_fd=self._parent)

    def fill(self, source: IO[bytes]) -> str:
        """Write all of a file; return its SHA-256."""
        self._sha256 = digest_of(source, self.file.write)
        return self._sha256

    def close(self, mode: int) -> None:
        """What was written is all of it: sync it to the disk, with this mode."""
        self._mode = mode
        self.file.flush()
        os.fchown(self.file.fileno(), os.geteuid(), os.getegid())
        os.fchmod(self.file.fileno(), mode)
        os.fsync(self.file.fileno())
        self.file.close()

    def rename(self, name: str) -> None:
        """Give it a name, which nothing else has then. Where the same file lies there already, that one stays."""
        if self._lies_there(name):
            return
        os.replace(self.name, name, src_dir_fd=self._parent, dst_dir_fd=self._parent)
        now = os.stat(name, dir_fd=self._parent, follow_symlinks=False)
        # For another server of this machine, the same may have been put there meanwhile.
        if not os.path.samestat(now, os.fstat(self._held)) and not self._lies_there(name):
            raise OSError(errno.ESTALE, "another user has put another file in its place", name)
        sync(self._parent)

    def _lies_there(self, name: str) -> bool:
        """Whether a file of this name has the same content and mode, and nobody else can write it."""
        try:
            opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._parent)
        except OSError:
            return False
        with os.fdopen(opened, "rb") as file:
            seen = os.fstat(opened)
            same = stat.S_ISREG(seen.st_mode) and stat.S_IMODE(seen.st_mode) == self._mode and not _trust.is_weak(seen)
            return same and seen.st_size == os.fstat(self._held).st_size and digest_of(file) == self._sha256


def copy(source: str, path: str, mode: int) -> None:
    """Have a copy of a file take a path by one rename."""
    parent_path, name = os.path.split(path)
    with opened(source) as file, folder(parent_path) as parent, Fresh(parent) as fresh:
        fresh.fill(file)
        fresh.close(mode)
        fresh.rename(name)


def place(parent: int, name: str, make: Callable[[str], None]) -> None:
    """Have a link, which C(make) makes under a name that nobody can guess, take a name in an opened folder."""
    fresh = f"{Fresh.PREFIX}{secrets.token_hex(16)}"
    make(fresh)
    try:
        os.replace(fresh, name, src_dir_fd=parent, dst_dir_fd=parent)
    finally:
        # Still there where the rename failed; and where both were one file already, which rename leaves alone.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh, dir_fd=parent)
    sync(parent)


def link(path: str, parent: int, name: str) -> None:
    """Have a file that is there take a name in an opened folder, too."""
    own_folder, own_name = os.path.split(path)
    with folder(own_folder) as own:

        def make(fresh: str) -> None:
            os.link(own_name, fresh, src_dir_fd=own, dst_dir_fd=parent, follow_symlinks=False)

        place(parent, name, make)


def link_target(path: str) -> str:
    """What a link at a path leads to. Raises NatsError where another user has made it."""
    folder_path, name = os.path.split(path)
    with folder(folder_path) as parent:
        target = _target(parent, name, path)
    if target is None:
        raise OSError(errno.EINVAL, "it is not a link any more", path)
    return target


def sync(parent: int) -> None:
    """Bring the names in an opened folder to the disk."""
    descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(parent: int) -> None:
    """Remove what runs that died have left of a C(Fresh), or a link, in an opened folder. What others are making stays."""
    descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent)
    try:
        found = [name for name in os.listdir(descriptor) if name.startswith(Fresh.PREFIX)]
    finally:
        os.close(descriptor)
    for name in found:
        with contextlib.suppress(OSError):
            if _is_left(parent, name):
                os.unlink(name, dir_fd=parent)


def _is_left(parent: int, name: str) -> bool:
    """Whether whoever made it is gone. A link is there for a moment only, and nobody can hold it."""
    seen = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if not stat.S_ISREG(seen.st_mode) or seen.st_nlink > 1:
        return time.time() - seen.st_ctime > _LEFT_SECONDS
    opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(opened)
    return True


def appended(path: str) -> BinaryIO:
    """A file to append to, made where it is missing. Raises OSError where it is not a trusted user's, or has a second name."""
    parent, name = os.path.split(path)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with folder(parent, make=True) as where:
        file = os.fdopen(os.open(name, flags, 0o640, dir_fd=where), "ab")
    if not _is_ours_alone(os.fstat(file.fileno())):
        file.close()
        raise OSError(errno.EPERM, "it is another user's, has a second name, or is no regular file", path)
    return file


def may_be_appended(path: str) -> bool:
    """Whether C(appended) would take a file that is there."""
    try:
        return _is_ours_alone(os.lstat(path))
    except OSError:
        return False


def _is_ours_alone(seen: os.stat_result) -> bool:
    return stat.S_ISREG(seen.st_mode) and seen.st_uid in _trust.trusted_users() and seen.st_nlink == 1


def sha256_of(path: str) -> str:
    """The SHA-256 of a regular file, in lower case. Links as in C(folder). Raises OSError."""
    with opened(path) as file:
        return digest_of(file)


def digest_of(file: IO[bytes], also: Callable[[bytes], object] = lambda _block: None) -> str:
    """The SHA-256 of what is left to read of a file; C(also) gets all of it."""
    digest = hashlib.sha256()
    for block in iter(lambda: file.read(1 << 20), b""):
        digest.update(block)
        also(block)
    return digest.hexdigest()
