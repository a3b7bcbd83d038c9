"""Every play says itself what it needs: an ansible.cfg may have other defaults for all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest
from ansible.parsing.dataloader import DataLoader

from tests.unit.modules import ROOT

PLAYBOOKS = sorted((ROOT / "playbooks").rglob("*.yml"))
SAID = {"strategy": "linear", "gather_facts": False, "any_errors_fatal": False}


def plays() -> Iterator[Any]:
    for path in PLAYBOOKS:
        content = DataLoader().load_from_file(str(path))
        for play in content if isinstance(content, list) else []:
            if "hosts" in play:
                yield pytest.param(path, play, id=f"{path.relative_to(ROOT)}: {play['name']}")


@pytest.mark.parametrize(("path", "play"), plays())
def test_a_play_leaves_nothing_of_what_it_needs_to_ansible_cfg(path: Path, play: dict[str, Any]) -> None:
    assert {name: play.get(name, "not said") for name in SAID} == SAID


@pytest.mark.parametrize(("path", "play"), [param for param in plays() if param.values[0].name == "_roll.yml"])
def test_a_play_of_a_roll_stops_at_the_first_host_that_fails(path: Path, play: dict[str, Any]) -> None:
    assert play.get("max_fail_percentage", "not said") == 0


def test_the_plays_are_found() -> None:
    assert len(list(plays())) > 10
