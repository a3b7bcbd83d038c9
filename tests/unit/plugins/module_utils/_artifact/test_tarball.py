"""Archives that are to fill a disk or the memory: none of them is unpacked."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import binary as _binary
from ansible_collections.natsops.cluster.plugins.module_utils._artifact import tarball as _tarball
from ansible_collections.natsops.cluster.plugins.module_utils._artifact.proofs import Proofs
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from tests.unit.releases import NEW, hash_of, pack, script

MIB = 1 << 20


def header(kind: bytes, size: int, name: str = "a/nats-server", number: int = 0) -> bytes:
    """One header, of whatever size it claims."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def member(kind: bytes, content: bytes, name: str = "x") -> bytes:
    return header(kind, len(content), name) + content + bytes(-len(content) % 512)


def read(content: bytes, most: int = MIB) -> list[tuple[str, bytes]]:
    return [(info.name, file.read()) for info, file in _tarball.files(io.BytesIO(content), most)]


@pytest.mark.parametrize("squeeze", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_files_come_one_after_the_other_however_the_archive_is_packed(squeeze: Callable[[bytes], bytes]) -> None:
    content = member(tarfile.DIRTYPE, b"", "a/") + member(tarfile.REGTYPE, b"1", "a/one") + member(tarfile.REGTYPE, b"", "two")
    assert read(squeeze(content + member(tarfile.SYMTYPE, b"", "link") + bytes(1024))) == [("a/one", b"1"), ("two", b"")]


BOMBS = {
    "zeros-before-it": (lambda: member(tarfile.REGTYPE, bytes(2 * MIB), "zeros"), "unpacks to more than 1 MiB"),
    "zeros-in-it": (lambda: member(tarfile.REGTYPE, bytes(2 * MIB), "nats-server"), "unpacks to more than 1 MiB"),
    "zeros-behind-it": (lambda: bytes(1024) + bytes(2 * MIB), None),
    "names": (lambda: b"".join(member(tarfile.GNUTYPE_LONGNAME, b"x") for _unused in range(2040)), "recursion"),
    "long-name": (lambda: header(tarfile.GNUTYPE_LONGNAME, 8 << 30), "it has a header of 8589934592 bytes"),
    "pax-header": (lambda: header(tarfile.XHDTYPE, 8 << 30), "it has a header of 8589934592 bytes"),
    "pax-global-header": (lambda: header(tarfile.XGLTYPE, 8 << 30), "it has a header of 8589934592 bytes"),
    "holes": (lambda: header(tarfile.GNUTYPE_SPARSE, 8 << 30), "it has a file with holes"),
    "holes-of-pax": (
        lambda: member(tarfile.XHDTYPE, b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n") + member(tarfile.REGTYPE, b"9" * 600),
        "it has a file with holes",
    ),
    "many-members": (lambda: header(tarfile.REGTYPE, 0, "x") * 2000, "it has more than 1000 members"),
    "cut": (lambda: header(tarfile.REGTYPE, 5000, "nats-server") + b"abc", "unexpected end of data"),
}


@pytest.mark.parametrize(("make", "words"), BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_damaged_and_takes_no_more_than_its_bound(
    make: Callable[[], bytes], words: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_tarball, "MOST_MEMBERS", 1000)
    packed = gzip.compress(make(), 1)
    if words is None:
        assert read(packed) == []
    else:
        with pytest.raises(tarfile.TarError, match=words):
            read(packed)


@pytest.mark.parametrize(("squeeze", "cut"), [(gzip.compress, 20), (lzma.compress, 60), (bz2.compress, 40)])
def test_an_archive_that_is_cut_or_damaged_is_damaged(squeeze: Any, cut: int) -> None:
    packed = squeeze(member(tarfile.REGTYPE, b"abc" * 1000))
    for wrong in (packed[:cut], packed[:cut] + b"\xff" * 20 + packed[cut + 20 :]):
        with pytest.raises((tarfile.TarError, OSError)):
            read(wrong)


def test_a_release_that_is_a_bomb_is_refused_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tarball, "MOST_BYTES", MIB)
    archive = pack(tmp_path / "bomb.tar.gz", ("a/zeros", bytes(4 * MIB)), ("a/nats-server", script(NEW)))
    with pytest.raises(NatsError, match=r"bomb.tar.gz cannot be unpacked \(it unpacks to more than 1 MiB\)"):
        _binary.stage(str(archive), hash_of(archive), str(tmp_path / "new" / "nats-server"), NEW, Proofs(str(tmp_path / "state")))
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize(
    "claim",
    [
        header(tarfile.REGTYPE, 1 << 80, "x"),
        member(tarfile.XHDTYPE, b"30 size=%d\n" % 10**21) + member(tarfile.REGTYPE, b"1"),
    ],
    ids=["header", "pax"],
)
def test_a_file_of_any_size_is_not_skipped_for_ever(claim: bytes) -> None:
    """Only in the program is there anything to read: what else is in the archive is skipped."""
    with pytest.raises(tarfile.TarError, match="it ends before a file in it does"):
        list(_tarball.files(io.BytesIO(gzip.compress(claim))))
