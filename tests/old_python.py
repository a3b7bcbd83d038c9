"""Pythons that are too old for a node: those of this machine, and a program that answers like one."""

from __future__ import annotations

import sys
from pathlib import Path

from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import core as _core
from tests.lab import pythons

# Ansible's own files are a syntax error for such a Python; to a question it gives its own version.
_STAND_IN = """\
#!/bin/sh
if [ "$1" = -c ]; then
    exec {python} -c "import sys; sys.version_info = (3, 6, 15, 'final', 0); exec(sys.argv.pop())" "$2"
fi
cat > /dev/null
echo 'SyntaxError: future feature annotations is not defined' >&2
exit 1
"""


def stand_in(folder: Path) -> Path:
    """Make a program in the folder that answers as Python 3.6.15 does."""
    path = folder / "python3.6"
    path.write_text(_STAND_IN.format(python=sys.executable), encoding="utf-8")
    path.chmod(0o755)
    return path


def too_old() -> dict[str, Path]:
    """One of each minor that is here and that nodes may not have, by its minor."""
    found = {minor: pythons.find(minor) for minor in (f"3.{number}" for number in range(_core.oldest_python()[1]))}
    return {minor: path for minor, path in found.items() if path}
