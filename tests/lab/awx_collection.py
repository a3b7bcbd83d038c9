"""The collection awx.awx, for its argument specs: out of a package on PyPI, where no Galaxy server is in reach."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tests.lab.binaries import ROOT, LabError
from tests.lab.locks import locked

# The package ansible is a bundle of collections; this one has awx.awx 24.6.1.
PACKAGE, FOLDER = "ansible==12.3.0", "ansible_collections/awx/awx/"
CACHE = ROOT / ".cache" / "awx.awx-24.6.1"
DOWNLOAD_SECONDS = 300


def awx_collections() -> Path:
    """Return the folder ansible_collections that holds awx.awx."""
    if not CACHE.exists():
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        with locked("awx.awx"):
            if not CACHE.exists():
                _provide()
    return CACHE / "ansible_collections"


def _provide() -> None:
    with tempfile.TemporaryDirectory(dir=CACHE.parent, prefix=".awx-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "-q", "-d", folder, PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            raise LabError(f"pip cannot download {PACKAGE}: {done.stderr.strip()[-500:]}")
        fresh = Path(folder) / "unpacked"
        with zipfile.ZipFile(wheels[0]) as archive:
            archive.extractall(fresh, [name for name in archive.namelist() if name.startswith(FOLDER)])
        os.replace(fresh, CACHE)
