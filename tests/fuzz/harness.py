"""Inputs that are almost right, and what may come of them: a result, or the collection's own error, and soon.

An input is what was recorded, or what the collection writes itself, changed in a few places. Without options the inputs are
always the same ones; C(python -m tests.fuzz) draws others for as long as it is told.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator, TypeVar

from hypothesis import HealthCheck, configuration, given, seed, settings
from hypothesis import strategies as st

from ansible_collections.natsops.cluster.plugins.module_utils._errors import NatsError

Value = TypeVar("Value")
# More than any input takes on a machine that does ten times as much: no limit of the code, only the end of what hangs.
HANGS_AFTER_SECONDS = 60
# What an input of some kilobytes may take in memory.
MOST_BYTES = 2 << 30
# So many times the inputs of a test run, and drawn by which seed.
FACTOR, SEED = int(os.environ.get("FUZZ_FACTOR", "1")), os.environ.get("FUZZ_SEED")
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")
ROOT = Path(__file__).resolve().parents[2]
configuration.set_hypothesis_home_dir(ROOT / ".cache" / "hypothesis")
# Where inputs become files, for as long as the process lives.
_SCRATCH = tempfile.TemporaryDirectory(prefix="natsops-fuzz-")
SCRATCH = Path(_SCRATCH.name)


class HangsError(AssertionError):
    """An input that is at work still."""


def fuzz(inputs: st.SearchStrategy[Value], examples: int) -> Callable[[Callable[[Value], None]], Callable[[], None]]:
    """Make a test of so many inputs out of what is to be done with one. NatsError is an answer; anything else is a failure."""

    def decorate(act: Callable[[Value], None]) -> Callable[[], None]:
        def test(value: Value) -> None:
            with bounded(), contextlib.suppress(NatsError):
                act(value)

        for name in ("__name__", "__qualname__", "__module__", "__doc__"):
            setattr(test, name, getattr(act, name))
        bounds = settings(
            max_examples=examples * FACTOR,
            derandomize=SEED is None,
            database=None,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        )
        drawn: Callable[[], None] = bounds(given(inputs)(test))
        return seed(int(SEED))(drawn) if SEED else drawn

    return decorate


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """What hangs, or fills the memory, is a failure and does not end the test run with it."""

    def give_up(*_unused: object) -> None:
        raise HangsError(f"it is at work still after {HANGS_AFTER_SECONDS} s")

    before, limit = signal.signal(signal.SIGALRM, give_up), resource.getrlimit(resource.RLIMIT_AS)
    signal.alarm(HANGS_AFTER_SECONDS)
    with open("/proc/self/statm", encoding="ascii") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_BYTES, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limit)
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def assert_nothing_is_obeyed(*said: Any) -> None:
    """Whatever is shown has nothing in it that a terminal obeys."""
    for text in texts(said):
        assert OBEYED.search(text) is None, ascii(text)


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from (*texts(key), *texts(one))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from texts(one)
