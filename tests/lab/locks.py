"""What is made once, whoever asks at the same time: by the workers of one test run, and by other runs on this machine."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def lock_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"natsops-locks-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    return folder


def try_lock(name: str) -> int | None:
    """Return a descriptor that holds the lock until it is closed, or None where somebody else has it.

    The kernel lets go of it when the process ends, however that happens. Servers do not inherit it.
    """
    holding = os.open(lock_folder() / name, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(holding, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(holding)
        return None
    return holding


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock, waiting for whoever has it: what they do under it is bounded."""
    holding = os.open(lock_folder() / name, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(holding, fcntl.LOCK_EX)
        yield
    finally:
        os.close(holding)
