"""A folder that looks like the official release site: archives and their checksums, made of the cached binaries."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import platform
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.lab.binaries import ROOT, LabError, server_binary
from tests.lab.locks import locked

CACHE = ROOT / ".cache" / "mirror"
GO_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
README = b"# NATS Server\n\nRepacked for tests.\n"


def go_architecture() -> str:
    """Return the name that releases use for this machine's architecture."""
    machine = platform.machine()
    if machine not in GO_ARCHITECTURES:
        raise LabError(f"no release archive is named for a {machine} machine: known are {', '.join(GO_ARCHITECTURES)}")
    return GO_ARCHITECTURES[machine]


def archive_name(version: str) -> str:
    return f"nats-server-v{version}-linux-{go_architecture()}.tar.gz"


def release_mirror(versions: Sequence[str], folder: Path = CACHE) -> Path:
    """Lay the versions out below the folder and return it. What is there already is kept."""
    for version in versions:
        with locked(f"mirror-{version}"):
            _lay_out(version, folder / f"v{version}")
    return folder


def _lay_out(version: str, release: Path) -> None:
    archive, sums = release / archive_name(version), release / "SHA256SUMS"
    # The checksums are written last: where they are, the archive is complete.
    if archive.exists() and sums.exists():
        return
    binary = server_binary(version)
    release.mkdir(parents=True, exist_ok=True)
    _write_atomically(archive, _pack(version, binary))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    _write_atomically(sums, f"{digest}  {archive.name}\n".encode())


def _pack(version: str, binary: Path) -> bytes:
    folder = archive_name(version).removesuffix(".tar.gz")
    members = (
        ("LICENSE", 0o644, (ROOT / "LICENSE").read_bytes()),
        ("README.md", 0o644, README),
        ("nats-server", 0o755, binary.read_bytes()),
    )
    tarred, packed = io.BytesIO(), io.BytesIO()
    # No time, owner or file name goes in: the same binary always gives the same archive and so the same checksum.
    with tarfile.open(fileobj=tarred, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, mode, content in members:
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
    with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=packed, mtime=0) as stream:
        stream.write(tarred.getbuffer())
    return packed.getvalue()


def _write_atomically(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    os.chmod(name, 0o644)
    os.replace(name, path)
