"""Where the bytecode of modules is kept between their runs, here and on the machines of the lab: see site/sitecustomize.py."""

from __future__ import annotations

import os
from pathlib import Path

from tests.lab.binaries import ROOT

SITE = Path(__file__).with_name("site")
FOLDER, VARIABLE = ROOT / ".cache" / "bytecode", "NATSOPS_BYTECODE"
# On a machine: what the Python of its Debian suite looks for, and what that file looks for.
SITE_THERE, FOLDER_THERE = "/etc/python3.11/sitecustomize.py", "/var/cache/natsops-bytecode"


def keep() -> None:
    """Have it kept by all that is started from here on."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(SITE), *filter(None, [os.environ.get("PYTHONPATH")])])
    os.environ[VARIABLE] = str(FOLDER)


def mounts() -> list[tuple[str, str]]:
    """What a machine needs to see of this one, and where."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    return [(str(SITE / "sitecustomize.py"), f"{SITE_THERE}:ro"), (str(FOLDER), FOLDER_THERE)]
