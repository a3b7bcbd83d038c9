"""The newest ansible-core of the package registry. ``python -m tests.lab.newest`` tells in one line where no test knows it."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import tested as _tested

UV = Path(sys.executable).with_name("uv")
# For a Python that every release is old enough for; a plain question tells only what this one can have.
QUESTION = ("pip", "compile", "--quiet", "--no-deps", "--no-header", "--python-version", "3.99", "-")
SECONDS = 10


def in_registry(program: Path = UV) -> str:
    """Return its version, or nothing where the registry does not answer in time."""
    try:
        done = subprocess.run(
            [str(program), *QUESTION], input="ansible-core\n", capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().partition("==")[2]


def line(version: str) -> str:
    """What is to be said of the newest one: nothing where it is among the tested."""
    tested = _tested.newest().release
    if not version or _numbers(version) <= _numbers(tested):
        return ""
    return f"ansible-core {version} is out, and the newest that is tested is {tested}: make newest tests it"


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]


def main() -> int:
    parser = argparse.ArgumentParser(description="Tell of an ansible-core that is newer than every tested one.")
    parser.add_argument(
        "--version", action="store_true", help="print the newest version alone, and fail where there is no answer"
    )
    asked = parser.parse_args()
    found = in_registry()
    if said := found if asked.version else line(found):
        print(said)
    elif asked.version:
        print(f"the package registry does not tell its newest ansible-core within {SECONDS} s", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
