"""Whether the lab is as it was when the tests of itself passed: they take minutes, and run only where it has changed since.

``make prove-lab`` runs them whatever has changed, and writes down what they have passed with: in proved.txt, which is committed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from tests.lab.binaries import ROOT

PROVED = Path(__file__).with_name("proved.txt")
# They ask nothing of the collection.
TESTS = ("tests/integration/test_containers.py", "tests/integration/test_parallel.py")
# The lab, what it is made of, and what runs it.
PARTS = ("tests/lab", "molecule/resources", "tests/parallel.py", "lock/build.txt", "lock/development.txt", *TESTS)


def content(root: Path = ROOT, parts: Iterable[str] = PARTS) -> str:
    """A hash of the names and the content of all files there, whenever they were written."""
    digest = hashlib.sha256()
    for path in sorted(path for part in parts for path in _files(root / part)):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(root)} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def _files(part: Path) -> Iterable[Path]:
    """But for what is written as it goes."""
    found = part.rglob("*") if part.is_dir() else [part]
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts and path.name != PROVED.name]


def unchanged() -> bool:
    return PROVED.exists() and PROVED.read_text(encoding="ascii").split() == [content()]


if __name__ == "__main__":
    PROVED.write_text(f"{content()}\n", encoding="ascii")
