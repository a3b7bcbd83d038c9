"""What ansible-test takes for its pip, in the environments that it makes: uv.

For an environment it wants a get-pip of ansible.com, which few networks let through, and takes one that it finds in its cache.
This file lies there. As get-pip it copies itself into the environment as pip, and as pip it has uv do what is asked for.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

# Beside HOME, which ansible-test leaves as it is: how to call uv. It takes no other variable along.
HOW = "uv.json"
UNKNOWN_TO_UV = ("--disable-pip-version-check", "-y")


def be_there() -> int:
    """Be the pip of this environment."""
    folder = Path(sysconfig.get_path("purelib"), "pip")
    folder.mkdir(exist_ok=True)
    shutil.copy(__file__, folder / "__main__.py")
    return 0


def call(verb: str, *given: str) -> int:
    how = json.loads(Path.home().joinpath(HOW).read_text(encoding="utf-8"))
    options = [one for one in given if one not in UNKNOWN_TO_UV]
    # Where a file is compiled only when it is imported, its warnings are taken for findings.
    compiled = ["--compile-bytecode"] if verb == "install" else []
    command = [how["uv"], "pip", verb, "--quiet", "--python", sys.executable, *compiled, *options]
    return subprocess.call(command, env={**os.environ, **how["environment"]})


if __name__ == "__main__":
    sys.exit(be_there() if "GET_PIP" in os.environ else call(*sys.argv[1:]))
