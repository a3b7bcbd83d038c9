"""Releases that never were: archives with what a test wants in them, and the checksums that a test wants beside them."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

from tests.lab.mirror import archive_name


def pack(version: str, program: bytes) -> bytes:
    """Return an archive as the official ones are, with this program as the server."""
    tarred = io.BytesIO()
    with tarfile.open(fileobj=tarred, mode="w") as archive:
        member = tarfile.TarInfo(f"{archive_name(version).removesuffix('.tar.gz')}/nats-server")
        member.size, member.mode = len(program), 0o755
        archive.addfile(member, io.BytesIO(program))
    return gzip.compress(tarred.getvalue(), compresslevel=1)


def publish(folder: Path, version: str, archive: bytes, checksums: str | None = None) -> Path:
    """Lay the archive out as a mirror in the folder, and return the folder. The checksums are right unless given."""
    release = folder / f"v{version}"
    release.mkdir(parents=True)
    (release / archive_name(version)).write_bytes(archive)
    listed = f"{hashlib.sha256(archive).hexdigest()}  {archive_name(version)}\n" if checksums is None else checksums
    (release / "SHA256SUMS").write_text(listed, encoding="utf-8")
    return folder


def script(version: str, instead_of_serving: str) -> bytes:
    """Return a program that says it is this version, accepts every configuration, and then does something else."""
    return f"""#!/bin/sh
case " $* " in
  *" --version "*) echo "nats-server: v{version}"; exit 0 ;;
  *" -t "*) echo "nats-server: configuration file is valid" >&2; exit 0 ;;
esac
{instead_of_serving}
""".encode()
