"""Bugs that are planted on purpose: each is found by the test of its kind, so that a green run says something."""

from __future__ import annotations

import contextlib
import lzma
import re
import time
import zlib
from typing import Any, Callable

import pytest
from hypothesis import strategies as st

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import tarball as _tarball
from ansible_collections.natsops.cluster.plugins.module_utils._config import client_access as _client_access
from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._node import keys as _node_keys
from ansible_collections.natsops.cluster.plugins.module_utils._state import journal as _journal
from ansible_collections.natsops.cluster.plugins.module_utils._state import keys as _state_keys
from ansible_collections.natsops.cluster.plugins.module_utils._values import assets as _assets
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import event_keys as _event_keys
from tests.fuzz import harness, test_answers, test_archives, test_configs, test_events, test_nodes, test_state
from tests.fuzz.harness import HANGS_AFTER_SECONDS, MOST_BYTES, assert_nothing_is_obeyed, failure_of, fuzz

# These inputs are always the same ones, and so is what is found by them.
pytestmark = pytest.mark.skipif(harness.SEED is not None, reason="make fuzz draws other inputs")

# A check that was forgotten, and the test that has to fail without it.
PLANTED: dict[str, tuple[Any, str, Any, Callable[[], None], Any]] = {
    "answers: a level that is no number": (
        _assets,
        "_LEVEL",
        re.compile(""),
        test_answers.test_whatever_a_server_answers_all_is_judged_and_told,
        ValueError,
    ),
    "answers: names that are not made printable": (
        _text,
        "name",
        lambda text: text,
        test_answers.test_whatever_a_server_answers_facts_are_told_and_taken_back,
        AssertionError,
    ),
    "facts of nodes: not checked": (
        _node_keys,
        "checked",
        lambda _host, node: node,
        test_nodes.test_whatever_a_node_sends_is_judged_or_refused,
        (AssertionError, AttributeError, KeyError, TypeError),
    ),
    "journals: not checked": (
        _journal,
        "checked",
        lambda content: content,
        test_state.test_whatever_lies_there_as_a_journal_is_taken_up_or_told,
        (AssertionError, AttributeError, KeyError, TypeError),
    ),
    "locks: not checked": (
        _state_keys,
        "no_lock",
        lambda _fields: "",
        test_state.test_whatever_lies_there_as_a_lock_is_had_or_told,
        AssertionError,
    ),
    "configurations: a limit that is no number": (
        _client_access,
        "_WHOLE",
        re.compile(""),
        test_configs.test_whatever_a_configuration_says_who_may_connect_is_told_or_refused,
        ValueError,
    ),
    "archives: what Python raises for a damaged one": (
        _tarball,
        "_DAMAGED",
        (),
        test_archives.test_whatever_is_in_an_archive_is_staged_or_refused,
        (EOFError, OSError, ValueError, lzma.LZMAError, zlib.error),
    ),
    "events: not checked": (
        _event_keys,
        "fits",
        lambda _event: True,
        test_events.test_whatever_events_there_are_a_run_can_say_how_it_ended,
        (AttributeError, KeyError, TypeError),
    ),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, planted, test, kind = PLANTED[bug]
    monkeypatch.setattr(module, name, planted)
    assert [type(one) for one in failure_of(test) if isinstance(one, kind)]


@pytest.mark.parametrize("text", ["\x1b[2J", "a\rb", "\u202e", "\u200b", "\ud800", "\x9b31m"])
@pytest.mark.parametrize("shape", [str, lambda text: {text: 1}, lambda text: [{"lines": (text,)}]])
def test_what_a_terminal_obeys_is_found_wherever_it_is_said(text: str, shape: Callable[[str], Any]) -> None:
    with pytest.raises(AssertionError):
        assert_nothing_is_obeyed("n1: no room\n", shape(text))


@fuzz(st.none(), examples=1)
def _hangs(_value: None) -> None:
    while True:
        # As code does that must not fail: what ends a hang goes through it.
        with contextlib.suppress(Exception):
            time.sleep(HANGS_AFTER_SECONDS)


@fuzz(st.none(), examples=1)
def _fills_the_memory(_value: None) -> None:
    bytearray(2 * MOST_BYTES)


@fuzz(st.none(), examples=1)
def _is_refused(_value: None) -> None:
    raise NatsError("n1: no room")


def test_what_hangs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "HANGS_AFTER_SECONDS", 1)
    (found,) = failure_of(_hangs)
    assert isinstance(found, AssertionError)
    assert str(found) == "it is still at work after 1 s"


def test_what_fills_the_memory_is_found() -> None:
    (found,) = failure_of(_fills_the_memory)
    assert isinstance(found, MemoryError)


def test_what_the_collection_refuses_is_an_answer() -> None:
    assert failure_of(_is_refused) == []
