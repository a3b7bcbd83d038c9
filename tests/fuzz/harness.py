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
from typing import Any, Callable, Collection, Iterator, TypeVar

from hypothesis import HealthCheck, Phase, configuration, given, seed, settings
from hypothesis import strategies as st

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError

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
# Each test of this harness, and the same one that ends at the first input that fails.
_UNSHRUNK: dict[Callable[[], None], Callable[[], None]] = {}


class _HangsError(BaseException):
    """An input that is still being worked on. No Exception: code that catches every one of them must not catch this."""


def fuzz(inputs: st.SearchStrategy[Value], examples: int) -> Callable[[Callable[[Value], None]], Callable[[], None]]:
    """Make a test of so many inputs out of what is to be done with one. NatsError is an answer; anything else is a failure."""

    def decorate(act: Callable[[Value], None]) -> Callable[[], None]:
        def test(value: Value) -> None:
            try:
                with bounded(), contextlib.suppress(NatsError):
                    act(value)
            except _HangsError as exc:
                raise AssertionError(str(exc)) from exc

        for name in ("__name__", "__qualname__", "__module__", "__doc__"):
            setattr(test, name, getattr(act, name))

        def drawn(phases: Collection[Phase]) -> Callable[[], None]:
            bounds = settings(
                max_examples=examples * FACTOR,
                phases=phases,
                derandomize=SEED is None,
                database=None,
                deadline=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
            )
            made: Callable[[], None] = bounds(given(inputs)(test))
            return seed(int(SEED))(made) if SEED else made

        whole = drawn(tuple(Phase))
        _UNSHRUNK[whole] = drawn([Phase.generate])
        return whole

    return decorate


def failure_of(test: Callable[[], None]) -> list[BaseException]:
    """Draw the same inputs, and return what fails as it is, without the time that it takes to find a small input for it."""
    try:
        _UNSHRUNK[test]()
    except Exception as exc:
        # Of several bugs a group, which Python has since 3.11.
        return list(getattr(exc, "exceptions", [exc]))
    return []


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Make what hangs, or fills the memory, a failure that does not end the test run with it."""

    def give_up(*_unused: object) -> None:
        raise _HangsError(f"it is still at work after {HANGS_AFTER_SECONDS} s")

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
