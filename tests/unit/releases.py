"""Small release archives, with a script in the place of the server."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

OLD, NEW = "2.14.6", "2.15.1"


def script(version: str) -> bytes:
    """A program that says its version as nats-server does."""
    return f"#!/bin/sh\necho 'nats-server: v{version}'\n".encode()


def install(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(script(version))
    path.chmod(0o755)
    return path


def pack(path: Path, *members: tuple[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    return path


def release(folder: Path, version: str = NEW, holds: str | None = None) -> Path:
    """An archive laid out as NATS lays out its own. Its server may be of another version than its name says."""
    name = f"nats-server-v{version}-linux-amd64"
    members = [
        (f"{name}/LICENSE", b"Apache"),
        (f"{name}/README.md", b"nats-server"),
        (f"{name}/nats-server", script(holds or version)),
    ]
    return pack(folder / f"{name}.tar.gz", *members)


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
