# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Say where a run stands when Ctrl-C or SIGTERM ends it.

Tasks run in workers, which such a signal ends, and Ansible itself says no more than that it was interrupted, or nothing
(SIGTERM). So the process that the workers are forked from says it. The first thing of ours that runs there is a filter in the
hosts of a play (nats_whole_run), which calls C(watch). Workers tell it at which step they are, through memory that they share.

What the signals do stays as it was: each handler ends by what was there before. Ansible has handlers of its own from 2.19 on.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import mmap
import multiprocessing
import os
import signal
import threading
import time
from dataclasses import asdict, dataclass
from types import FrameType
from typing import Any, Callable

from ansible import constants, context
from ansible.utils.display import Display

from ansible_collections.natsops.cluster.plugins.plugin_utils._run import broken_off as _broken_off
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.broken_off import Place
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Log

BY = {signal.SIGINT: "Ctrl-C (SIGINT)", signal.SIGTERM: "SIGTERM"}
_ROOM, _LONGEST = 16384, 1000
# A worker may write just then.
_LOOKS = 5
# How long a worker may take to end once it was told to, and how often it is told again.
_END_SECONDS, _AGAIN_SECONDS = 5.0, 0.1
display = Display()


@dataclass
class _Watched:
    pid: int
    memory: mmap.mmap
    by: str = ""
    told: bool = False


_watched: _Watched | None = None


def watch() -> None:
    """From now on say where the run stands when a signal ends this process. Once for each process that asks for it."""
    global _watched
    if (_watched and _watched.pid == os.getpid()) or threading.current_thread() is not threading.main_thread():
        return
    _watched = _Watched(os.getpid(), mmap.mmap(-1, _ROOM))
    for number in BY:
        before = signal.getsignal(number)
        # Whoever has a signal ignored, as nohup and a shell in the background do, has it ignored.
        if before not in (signal.SIG_IGN, None):
            signal.signal(number, _handler(_watched, before))
    atexit.register(_at_exit, _watched)


def at(place: Place) -> None:
    """Told by a worker: this step begins."""
    if _watched:
        short = {key: value[:_LONGEST] if isinstance(value, str) else value for key, value in asdict(place).items()}
        line = json.dumps(short).encode()[: _ROOM - 1] + b"\0"
        _watched.memory[: len(line)] = line


def _handler(watched: _Watched, before: Any) -> Callable[[int, FrameType | None], None]:
    def caught(number: int, frame: FrameType | None) -> None:
        if os.getpid() == watched.pid:  # a worker has inherited this
            watched.by = BY[signal.Signals(number)]
            if number == signal.SIGTERM:
                # Nothing runs after it; after Ctrl-C Ansible says a word, and ends as any program does.
                _tell(watched)
                _end_workers()
        if callable(before):
            before(number, frame)
        else:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    return caught


def _at_exit(watched: _Watched) -> None:
    if watched.by and os.getpid() == watched.pid:
        _tell(watched)
        _end_workers()


def _end_workers() -> None:
    """Signal the workers until they have ended.

    Ansible signals each of them once, or twice within a millisecond, and then waits for them without an end. A worker that was
    just about to wait for its module keeps the signal until something wakes it, which may be as long as the drain takes
    (measured with ansible-core 2.19.14: 9 of 94 times, interrupted in the first seconds of a drain).
    """
    end = time.monotonic() + _END_SECONDS
    while (workers := multiprocessing.active_children()) and time.monotonic() < end:
        for worker in workers:
            worker.terminate()
        time.sleep(_AGAIN_SECONDS)


def _tell(watched: _Watched) -> None:
    place = _place(watched.memory)
    if watched.told or place is None:
        return
    watched.told = True
    # Whatever goes wrong here, the signal does what it does.
    with contextlib.suppress(Exception):
        log = Log(place.folder, place.run)
        text = _broken_off.message(watched.by, place, log.read(), _inventory(), log.page)
        if text:
            _say(text)
            log.write("interrupted", host=place.host, step=place.step, by=watched.by, msg=text)


def _place(memory: mmap.mmap) -> Place | None:
    for _look in range(_LOOKS):
        with contextlib.suppress(ValueError, TypeError):
            return Place(**json.loads(bytes(memory[:]).partition(b"\0")[0]))
    return None


def _inventory() -> list[str]:
    return [str(source) for source in context.CLIARGS.get("inventory") or ()]


def _say(text: str) -> None:
    try:
        display.display(f"\n{text}", color=constants.COLOR_ERROR, stderr=True)
    except RuntimeError:  # the signal came while this process was writing there
        os.write(2, f"\n{text}\n".encode())
