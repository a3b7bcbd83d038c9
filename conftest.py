"""Make the collection importable from a clone in any folder, and the lab importable as tests.lab."""

from __future__ import annotations

import signal
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def _alias_collection() -> None:
    parents: list[tuple[str, list[str]]] = [
        ("ansible_collections", []),
        ("ansible_collections.natsops", []),
        ("ansible_collections.natsops.cluster", [str(ROOT)]),
    ]
    for name, path in parents:
        module = types.ModuleType(name)
        module.__path__ = path
        sys.modules[name] = module
        parent, _unused, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)


_alias_collection()
sys.path.insert(0, str(ROOT))

from tests.lab import bytecode  # noqa: E402 (once it can be found)

bytecode.keep()
# A shell starts what it puts into the background with Ctrl-C ignored, which all that is started from here would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
pytest_plugins = ["tests.parallel"]
