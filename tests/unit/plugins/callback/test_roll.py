"""What the callback shows itself, and what it hands on. A whole run on every ansible-core is in tests/integration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.callback.default import CallbackModule as Default

from ansible_collections.natsops.cluster.plugins.callback import roll as _roll
from tests.lab.binaries import ROOT
from tests.unit.plugins.plugin_utils._screen import a_run

OURS = f"{ROOT}/roles/nats_upgrade/tasks/main.yml:3"
RECAP, CUSTOM = "show_recap", "show_custom_stats"


class Screen:
    """What was displayed, by this callback and by the default one."""

    verbosity, columns = 0, 79

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.handed_on: list[str] = []

    def display(self, text: str, **_unused: Any) -> None:
        self.lines.append(text)

    def warning(self, text: str, **_unused: Any) -> None:
        self.lines.append(f"[WARNING]: {text}")


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    shown = Screen()
    for name in [name for name in vars(Default) if name.startswith("v2_") or name == "_task_start"]:
        monkeypatch.setattr(Default, name, lambda _self, *_args, name=name, **_keys: shown.handed_on.append(name))
    return shown


@pytest.fixture
def callback(screen: Screen) -> _roll.CallbackModule:
    made = _roll.CallbackModule()
    made._display = screen
    made._plugin_options = {RECAP: False, CUSTOM: False, "display_failed_stderr": False}
    made._handle_warnings = lambda result: [screen.warning(str(warning)) for warning in result.pop("warnings", None) or ()]
    return made


def of(path: str, **result: Any) -> Any:
    task = SimpleNamespace(get_path=lambda: path, get_name=lambda: "A task", action="x")
    return SimpleNamespace(result=result, task=task, host=SimpleNamespace(get_name=lambda: "n1"))


def ours(**result: Any) -> Any:
    return of(OURS, **result)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / a_run.RUN
    made.mkdir()
    return made


def happens(folder: Path, *events: Mapping[str, Any]) -> None:
    with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)


def begins(callback: _roll.CallbackModule, folder: Path) -> None:
    happens(folder, a_run.began())
    callback.v2_runner_on_ok(ours(run=a_run.RUN, folder=str(folder)))


def test_what_is_of_this_collection_is_quiet_and_what_is_not_is_handed_on(
    callback: _roll.CallbackModule, screen: Screen, tmp_path: Path
) -> None:
    for path in (OURS, f"{tmp_path}/hook.yml:1"):
        result = of(path, changed=True)
        callback.v2_playbook_on_play_start(result.task)
        callback._task_start(result.task, "TASK")
        callback.v2_playbook_on_include(SimpleNamespace(_filename=path.partition(":")[0]))
        for name in ("ok", "skipped"):
            getattr(callback, f"v2_runner_on_{name}")(result)
            getattr(callback, f"v2_runner_item_on_{name}")(result)
        callback.v2_runner_on_failed(of(path, msg="what went wrong"))
        callback.v2_playbook_on_no_hosts_matched()
        if path == OURS:
            assert screen.handed_on == []
            assert screen.lines == ["what went wrong"]
    assert {"v2_playbook_on_play_start", "v2_playbook_on_include"} <= set(screen.handed_on)
    assert {"_task_start", "v2_runner_on_ok", "v2_runner_on_failed", "v2_runner_on_skipped"} <= set(screen.handed_on)
    assert screen.lines == ["what went wrong"]


def test_with_v_every_task_is_handed_on(callback: _roll.CallbackModule, screen: Screen) -> None:
    screen.verbosity = 1
    callback._task_start(ours().task)
    callback.v2_runner_on_ok(ours())
    callback.v2_runner_on_failed(ours(msg="no"))
    callback.v2_playbook_on_stats(None)
    assert screen.handed_on == ["_task_start", "v2_runner_on_ok", "v2_runner_on_failed", "v2_playbook_on_stats"]
    assert screen.lines == []


def test_the_lines_of_a_run_come_with_the_next_result(callback: _roll.CallbackModule, screen: Screen, folder: Path) -> None:
    begins(callback, folder)
    assert screen.lines == []
    happens(folder, a_run.planned())
    callback.v2_runner_on_skipped(ours())
    assert screen.lines[0].startswith("UPGRADE shop")
    count = len(screen.lines)
    callback.v2_runner_on_ok(ours())
    assert len(screen.lines) == count
    happens(folder, *a_run.staged())
    callback.v2_runner_on_ok(ours())
    assert len(screen.lines) == count
    callback.v2_playbook_on_play_start(ours().task)
    assert screen.lines[count] == "READY   no server has been touched"


def test_a_failure_that_ends_the_run_is_shown_once_and_what_led_to_it_is_not(
    callback: _roll.CallbackModule, screen: Screen, folder: Path
) -> None:
    begins(callback, folder)
    callback.v2_runner_on_failed(ours(msg="n1: not back"))
    happens(folder, a_run.event(9, "failed", msg="STOPPED"))
    callback.v2_runner_on_failed(ours(msg="STOPPED in the turn of n1\n\nWhat failed: n1: not back\nNext: fix it"))
    callback.v2_playbook_on_stats(None)
    assert screen.lines[-1] == "STOPPED in the turn of n1\n\nWhat failed: n1: not back\nNext: fix it"
    assert sum("not back" in line for line in screen.lines) == 1
    assert screen.handed_on == []


def test_a_failure_with_no_message_of_the_run_after_it_is_shown_at_the_end(
    callback: _roll.CallbackModule, screen: Screen, folder: Path
) -> None:
    begins(callback, folder)
    items = [{"failed": True, "msg": "n2: no room"}, {"failed": False, "msg": "fine"}]
    callback.v2_runner_on_failed(ours(msg="One or more items failed", results=items))
    assert screen.lines == []
    callback.v2_playbook_on_stats(None)
    assert screen.lines[-1] == "n2: no room"


def test_a_refusal_before_there_is_a_run_is_shown_at_once(callback: _roll.CallbackModule, screen: Screen) -> None:
    callback.v2_runner_on_failed(ours(msg="refused: \x1b[2Jno such group"))
    assert screen.lines == ["refused: \\x1b[2Jno such group"]


def test_what_a_task_of_this_collection_says_is_shown_as_plain_lines(callback: _roll.CallbackModule, screen: Screen) -> None:
    callback.v2_runner_on_ok(ours(msg=["n1  2.14.6  up 22s", "no roll is under way"], _ansible_verbose_always=True))
    callback.v2_runner_on_ok(ours(msg="not shown"))
    callback.v2_runner_on_ok(ours(warnings=["the disk is almost full"]))
    assert screen.lines == ["n1  2.14.6  up 22s", "no roll is under way", "[WARNING]: the disk is almost full"]


def test_a_warning_that_the_run_has_noted_is_shown_once(callback: _roll.CallbackModule, screen: Screen, folder: Path) -> None:
    begins(callback, folder)
    happens(folder, a_run.event(2, "note", text="the lock could not be renewed"))
    callback.v2_runner_on_ok(ours(warnings=["the lock could not be renewed"]))
    assert screen.lines == ["          note: the lock could not be renewed"]


@pytest.mark.parametrize(("option", "foreign"), [(RECAP, False), (CUSTOM, False), ("", True)])
def test_the_recap_is_shown_where_it_is_wanted_or_tasks_of_others_ran(
    callback: _roll.CallbackModule, screen: Screen, option: str, foreign: bool
) -> None:
    callback.v2_playbook_on_stats(None)
    assert screen.handed_on == []
    if option:
        callback._plugin_options[option] = True
    if foreign:
        callback._task_start(of("/elsewhere/play.yml:3").task)
    callback.v2_playbook_on_stats(None)
    assert screen.handed_on[-1] == "v2_playbook_on_stats"
