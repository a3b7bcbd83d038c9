"""Virtual environments with other versions of ansible-core, made once and kept in the repository's folder .venvs."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

from tests.lab.binaries import ROOT

UV = Path(sys.executable).with_name("uv")
INSTALL_SECONDS = 300


def programs(name: str, *requirements: str, python: Path = Path(sys.executable)) -> Path:
    """Return the folder with the programs of an environment that holds just this and what it needs.

    What it is made of is in its name: another run may have another one of this name in use.
    """
    recipe = hashlib.sha256("\n".join([str(python), *requirements]).encode()).hexdigest()[:8]
    folder = ROOT / ".venvs" / f"{name}-{recipe}"
    folder.parent.mkdir(exist_ok=True)
    ready = folder / "ready"
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        # Somebody else may run the same tests at the same time.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            _run("venv", "--quiet", "--clear", "--python", str(python), str(folder))
            _run("pip", "install", "--quiet", "--compile-bytecode", "--python", str(folder / "bin" / "python"), *requirements)
            ready.touch()
    return folder / "bin"


def _run(*arguments: str) -> None:
    done = subprocess.run([str(UV), *arguments], capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
