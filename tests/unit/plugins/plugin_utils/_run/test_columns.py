from __future__ import annotations

import pytest

from ansible_collections.natsops.cluster.plugins.plugin_utils._run import columns as _columns

EVENTS = [
    {"kind": "planned", "order": ["n2", "node10"]},
    {"kind": "node_done", "host": "n2"},
]
AT = "2026-11-30T21:59:32.123Z"


@pytest.mark.parametrize(
    ("events", "host", "phase", "line"),
    [
        (EVENTS, "node10", "catch_up", "21:59:32  2/2 node10  back    waiting 20 s"),
        (EVENTS[:1], "n2", "gate", "21:59:32  1/2 n2      gate    waiting 20 s"),
        (EVENTS, "s1", "drain", "21:59:32  s1          drain   waiting 20 s"),
        ([], "n1", "soak", "21:59:32  n1  soak    waiting 20 s"),
        (EVENTS, "", "verify", "VERIFY  waiting 20 s"),
    ],
)
def test_a_wait_stands_in_the_columns_of_the_turns(events: list[dict[str, object]], host: str, phase: str, line: str) -> None:
    assert _columns.wait(events, AT, host, phase, "waiting 20 s") == line


def test_a_long_word_is_not_broken_for_it_may_be_a_path() -> None:
    path = "/a-very-long/" + "x" * 60
    assert _columns.wrapped(f"see {path} and more", 50) == ["  see", f"    {path}", "    and more"]
