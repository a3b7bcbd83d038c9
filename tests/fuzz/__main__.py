"""Draw other inputs than a test run does, for as long as it is told: python -m tests.fuzz --seconds 3600.

Ends with the first failure, and the command that shows it again.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# So many times the inputs of a test run in one go.
FACTOR = 10


def main() -> int:
    """Return the exit code: 0 where nothing was found."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--seconds", type=float, default=3600.0, help="how long (%(default)s)")
    options.add_argument("--seed", type=int, default=secrets.randbelow(10**9), help="the first one; each go takes the next")
    options.add_argument("tests", nargs="*", default=["tests/fuzz"], help="files or tests (%(default)s)")
    given = options.parse_args()
    end, goes = time.monotonic() + given.seconds, 0
    while time.monotonic() < end:
        seed = str(given.seed + goes)
        asked = {"FUZZ_SEED": seed, "FUZZ_FACTOR": str(FACTOR)}
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", *given.tests], cwd=ROOT, env={**os.environ, **asked}, check=False
        )
        if run.returncode > 1:  # it was broken off
            return run.returncode
        if run.returncode:
            print(f"\nAgain: FUZZ_SEED={seed} FUZZ_FACTOR={FACTOR} python -m pytest -x {' '.join(given.tests)}")
            return 1
        goes += 1
        print(f"seed {seed}: nothing; {goes} times {FACTOR} test runs' inputs so far", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
