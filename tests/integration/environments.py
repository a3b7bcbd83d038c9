"""Virtual environments with other versions of ansible-core, made once and kept in the repository's folder .venvs."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

from tests.lab.binaries import ROOT

UV = Path(sys.executable).with_name("uv")
INSTALL_SECONDS = 300


def programs(name: str, *requirements: str, python: Path = Path(sys.executable)) -> Path:
    """Return the folder with the programs of an environment that holds just this and what it needs."""
    recipe = [str(python), *requirements]
    folder = ROOT / ".venvs" / name
    folder.parent.mkdir(exist_ok=True)
    ready = folder / "ready"
    with (folder.parent / f"{name}.lock").open("w") as lock:
        # Somebody else may run the same tests at the same time.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists() or ready.read_text(encoding="utf-8").splitlines() != recipe:
            _run("venv", "--quiet", "--clear", "--python", str(python), str(folder))
            _run("pip", "install", "--quiet", "--compile-bytecode", "--python", str(folder / "bin" / "python"), *requirements)
            ready.write_text("\n".join(recipe), encoding="utf-8")
    return folder / "bin"


def _run(*arguments: str) -> None:
    done = subprocess.run([str(UV), *arguments], capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
