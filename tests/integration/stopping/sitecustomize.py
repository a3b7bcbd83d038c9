"""Stops a module at one exact moment of a run, so that a test can kill the run there. On PYTHONPATH of such a run only.

NATSOPS_STOP_AT is END or END=STEP: where a file is about to be renamed to a path with that end; with STEP, just after a journal
with that step has got its name. The process then makes the file NATSOPS_STOPPED and waits to be killed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

_END, _unused, _STEP = os.environ.get("NATSOPS_STOP_AT", "").partition("=")
_renamed: list[str] = []


def _stop() -> None:
    Path(os.environ["NATSOPS_STOPPED"]).touch()
    while True:
        time.sleep(60)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    # Relative to an opened folder it may be a name alone.
    if event == "os.rename" and f"/{arguments[1]}".endswith(_END):
        if not _STEP:
            _stop()
        if json.loads(Path(arguments[0]).read_text(encoding="utf-8"))["step"] == _STEP:
            _renamed.append(os.path.dirname(arguments[1]))
    elif event == "open" and _renamed and str(arguments[0]) == _renamed[0]:
        # The folder is synced next: the journal has its name.
        _stop()


if _END:
    sys.addaudithook(_hook)
