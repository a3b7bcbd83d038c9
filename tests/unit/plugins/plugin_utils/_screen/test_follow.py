from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.plugin_utils._screen.follow import Follow, folder_of


def test_each_event_is_given_once_and_half_a_line_when_it_is_whole(tmp_path: Path) -> None:
    file, follow = tmp_path / "events.jsonl", Follow(str(tmp_path))
    assert follow.more() == []
    file.write_text('{"kind":"a"}\n{"kind"', encoding="utf-8")
    assert [event["kind"] for event in follow.more()] == ["a"]
    assert follow.more() == []
    with file.open("a", encoding="utf-8") as more:
        more.write(':"b"}\nno event\n')
    assert [event["kind"] for event in follow.more()] == ["b", "unreadable"]
    assert follow.more() == []


@pytest.mark.parametrize(
    ("result", "folder"),
    [
        ({"run": "r1", "folder": "/reports/r1"}, "/reports/r1"),
        ({"run": "r1", "folder": ""}, ""),
        ({"ansible_stats": {"data": {"nats_upgrade_summary": {"report": "/reports/r1/report.html"}}}}, "/reports/r1"),
        ({"ansible_stats": {"data": {"other": 1}}}, ""),
        ({"ansible_stats": "text"}, ""),
        ({"folder": "/somewhere"}, ""),
    ],
)
def test_a_result_says_where_its_run_is(result: dict[str, Any], folder: str) -> None:
    assert folder_of(result) == folder
