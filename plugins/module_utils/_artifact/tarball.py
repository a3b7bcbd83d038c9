# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The files in an archive, of which no more is unpacked than a release can have: a few kilobytes may hold any number of bytes."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import tarfile
import zlib
from typing import IO, Any, Iterator, cast

# A nats-server has 20 MB, and a release four files; a package some more.
MOST_BYTES, MOST_MEMBERS = 1 << 30, 10_000
# Of a name, or of what else is said of a file in front of it, which is read into memory as a whole.
_MOST_HEADER_BYTES = 1 << 20
# Python reads at the end once or twice. A file that claims any size is skipped megabyte by megabyte, past the end too.
_MOST_READS_AT_THE_END = 16
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_DAMAGED = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, RecursionError, OverflowError, ValueError)


def files(packed: IO[bytes], most: int | None = None) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Each regular file in an archive and its content, to be read before the next. Raises tarfile.TarError, or OSError."""
    bounded = _Bounded(_unpacked(packed), most or MOST_BYTES)
    with _as_damage(), tarfile.open(fileobj=bounded, mode="r|", bufsize=1 << 20, tarinfo=_Member) as tar:
        for number, member in enumerate(tar, 1):
            if number > MOST_MEMBERS:
                raise tarfile.ReadError(f"it has more than {MOST_MEMBERS} members")
            content = tar.extractfile(member) if member.isreg() else None
            if content is not None:
                yield member, content


@contextlib.contextmanager
def _as_damage() -> Iterator[None]:
    """Whatever a damaged archive makes Python raise is one thing to whoever reads it."""
    try:
        yield
    except _DAMAGED as exc:
        raise tarfile.ReadError(str(exc) or type(exc).__name__) from exc


class _Member(tarfile.TarInfo):
    @classmethod
    def frombuf(cls, *given: Any) -> _Member:
        member: _Member = super().frombuf(*given)
        if member.type in _HEADERS and member.size > _MOST_HEADER_BYTES:
            raise tarfile.ReadError(f"it has a header of {member.size} bytes")
        return member

    def _with_holes(self, *_unused: Any) -> Any:
        """A file with holes may have any size, and any number of them."""
        raise tarfile.ReadError("it has a file with holes")

    _proc_sparse = _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _with_holes


class _Bounded(io.RawIOBase):
    """What is unpacked, as far as it may go."""

    def __init__(self, source: IO[bytes], most: int) -> None:
        self._source, self._left, self._most = source, most, most
        self._reads_at_the_end = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        with _as_damage():
            block = self._source.read(min(size, 1 << 20) if size >= 0 else 1 << 20)
        self._reads_at_the_end += not block
        if self._reads_at_the_end > _MOST_READS_AT_THE_END:
            raise tarfile.ReadError("it ends before a file in it does")
        self._left -= len(block)
        if self._left < 0:
            raise tarfile.ReadError(f"it unpacks to more than {self._most >> 20} MiB")
        return block


def _unpacked(packed: IO[bytes]) -> IO[bytes]:
    start = packed.read(6)
    packed.seek(0)
    for magic, opened in ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open)):
        if start.startswith(magic):
            return cast(IO[bytes], opened(packed))
    return packed
