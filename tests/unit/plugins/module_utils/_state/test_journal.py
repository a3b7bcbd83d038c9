from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._state import journal as _journal
from ansible_collections.natsops.cluster.plugins.module_utils._state import keys as _keys
from ansible_collections.natsops.cluster.plugins.module_utils._state import lock as _lock
from ansible_collections.natsops.cluster.plugins.module_utils._state.files import Content, StateError
from tests.unit.state import Clock, lock, lock_that_expired, on_disk, steal, steps, write_down

NOON = 1_790_856_000.0  # 2026-10-01T12:00:00Z
DATA = {"pid": 7, "binary_path": "/usr/sbin/nats-server", "cluster": "C1"}
BEGAN = _journal.began("r1", "2.15.1", "2.14.6", DATA, NOON)


def test_a_new_journal_says_what_is_to_be_done_and_keeps_what_is_noted() -> None:
    assert BEGAN == {
        "run_id": "r1",
        "target": "2.15.1",
        "old_version": "2.14.6",
        "since": "2026-10-01T12:00:00Z",
        "step": "began",
        "steps": [{"step": "began", "at": "2026-10-01T12:00:00.000Z", "run_id": "r1"}],
        "resumed_by": [],
        "pid": 7,
        "binary_path": "/usr/sbin/nats-server",
        "data": {"cluster": "C1"},
    }


def test_a_step_is_added_and_what_was_noted_stays() -> None:
    held = _journal.said(BEGAN, "held", {"pid": 8, "hold": "no"}, "r1", NOON + 1.5)
    assert held["steps"] == [*BEGAN["steps"], {"step": "held", "at": "2026-10-01T12:00:01.500Z", "run_id": "r1"}]
    assert (held["step"], held["pid"], held["data"]) == ("held", 8, {"cluster": "C1", "hold": "no"})
    assert (held["since"], held["resumed_by"]) == (BEGAN["since"], [])


def test_a_run_that_takes_a_turn_up_is_noted_once() -> None:
    journal = BEGAN
    for run_id in ("r1", "r2", "r2", "r3"):
        journal = _journal.said(journal, "starting", {}, run_id, NOON)
    assert (journal["run_id"], journal["resumed_by"]) == ("r3", ["r2", "r3"])
    assert [step["run_id"] for step in journal["steps"]] == ["r1", "r1", "r2", "r2", "r3"]


def test_what_the_journal_says_of_itself_cannot_be_replaced_by_what_is_noted() -> None:
    journal = _journal.said(BEGAN, "held", {"run_id": "x", "steps": 1}, "r1", NOON)
    assert (journal["run_id"], len(journal["steps"]), journal["data"]["run_id"]) == ("r1", 2, "x")


@pytest.mark.parametrize("step", _journal.STEPS)
def test_a_turn_is_over_once_it_is_done_or_the_old_version_is_back(step: str) -> None:
    assert _keys.unfinished({**BEGAN, "step": step}) == (step not in ("done", "put_back"))
    assert not _keys.unfinished(None)


NO_JOURNAL = [
    ({"step": "soon"}, "step is 'soon', and has to be one of began, held,"),
    ({"steps": None}, "steps is None, and has to be a list of dictionaries"),
    ({"steps": [{"step": "began", "at": "noon", "run_id": "r1"}]}, "steps[0].at is 'noon', and has to be a time in UTC"),
    ({"steps": [{"step": "began", "run_id": "r1"}]}, "steps[0].at is missing"),
    ({"resumed_by": 1}, "resumed_by is 1"),
    ({"data": []}, "data is []"),
    ({"data": {"waive": 1}}, "data.waive is 1"),
    ({"run_id": None}, "run_id is None"),
    ({"run_id": "r1\x1b[2J"}, "run_id is 'r1\\x1b[2J'"),
    ({"target": 1}, "target is 1, and has to be a version"),
    ({"target": "2.15.1 -e x=y"}, "target is '2.15.1 -e x=y'"),
    ({"old_version": []}, "old_version is []"),
    ({"since": "yesterday"}, "since is 'yesterday'"),
    ({"pid": 0}, "pid is 0, and has to be a whole number from 1 to 4194304"),
    ({"pid": True}, "pid is True"),
    ({"start_ticks": -1}, "start_ticks is -1"),
    ({"start_ticks": 10**30}, "start_ticks is 1000000000000000000000000000000"),
    ({"binary_path": ["sh"]}, "binary_path is ['sh']"),
    ({"config_path": "x" * 65_537}, "config_path is 'xxxx"),
    ({"argv": "nats-server"}, "argv is 'nats-server'"),
    ({"expectation": {"peers": "n2"}}, "expectation.peers is 'n2'"),
    ({"expectation": {"server_name": 1}}, "expectation.server_name is 1"),
    (
        {"expectation": {"server_name": "n1\x1b[2J"}},
        "expectation.server_name is 'n1\\x1b[2J', and has to be text that can be shown",
    ),
    ({"data": {"waive": ["a\u202e"]}}, "data.waive is ['a\\u202e']"),
]


@pytest.mark.parametrize(("changed", "why"), NO_JOURNAL)
def test_what_is_json_and_no_journal_is_unreadable(changed: dict[str, Any], why: str) -> None:
    unreadable = _journal.checked(Content({**BEGAN, **changed})).unreadable
    assert unreadable.startswith(f"it is not a journal: {why}")
    assert (unreadable.isprintable(), len(unreadable) < 250) == (True, True)


@pytest.mark.parametrize("key", ["run_id", "target", "old_version", "since", "step", "steps", "resumed_by", "data"])
def test_a_journal_without_one_of_its_own_keys_is_unreadable(key: str) -> None:
    without = {name: value for name, value in BEGAN.items() if name != key}
    assert _journal.checked(Content(without)) == Content(None, f"it is not a journal: {key} is missing")


def test_a_whole_journal_is_one_whether_or_not_what_it_notes_is_known() -> None:
    noted = {"pid": None, "start_ticks": "", "cwd": "", "expectation": {"server_name": "n1", "started_after": "", "peers": []}}
    for journal in (BEGAN, {**BEGAN, **noted}, {**BEGAN, "of a later version": [1]}):
        assert _journal.checked(Content(journal)) == Content(journal)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 100_000, "it is not JSON: "),
        ('{"step": ' + "9" * 10_000 + "}", ""),
        ("\xff", "it is not JSON: "),
        ("[]", "it is not a JSON object"),
    ],
    ids=["deep", "long number", "no UTF-8", "a list"],
)
def test_a_file_that_holds_anything_else_is_unreadable_and_no_fault(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / _journal.NAME).write_bytes(text.encode("latin-1"))
    assert _journal.look(str(tmp_path)).fields is None
    assert _journal.look(str(tmp_path)).unreadable.startswith(why)


def test_what_is_no_file_is_neither_followed_nor_waited_for(tmp_path: Path) -> None:
    path, secret = tmp_path / _journal.NAME, tmp_path / "another"
    secret.write_text(json.dumps(BEGAN), encoding="utf-8")
    path.symlink_to(secret)
    assert _journal.look(str(tmp_path)).unreadable == "Too many levels of symbolic links"
    path.unlink()
    os.mkfifo(path)
    assert _journal.look(str(tmp_path)).unreadable == "it is not a regular file"
    path.unlink()
    path.mkdir()
    assert _journal.look(str(tmp_path)).unreadable == "it is not a regular file"


def test_a_file_that_is_too_large_for_a_journal_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / _journal.NAME
    path.touch()
    os.truncate(path, 2**40)
    assert _journal.look(str(tmp_path)).unreadable == f"it has {2**40} bytes, and {2**24} at most are read"


def test_what_no_later_run_could_read_is_not_written(tmp_path: Path) -> None:
    lock(tmp_path, "acquired", "r1")
    with pytest.raises(NatsError, match=r"^the step began is not written down: it is not a journal: old_version is 'devel v2', "):
        write_down(tmp_path, "began", "r1", old_version="devel v2")
    assert not (tmp_path / _journal.NAME).exists()


def test_as_data_a_journal_says_whether_its_turn_is_over() -> None:
    assert _journal.as_dict(Content(BEGAN)) == {**BEGAN, "unfinished": True, "unreadable": ""}
    assert _journal.as_dict(Content(None)) is None
    assert _journal.as_dict(Content(None, "it is not JSON")) == {"unfinished": False, "unreadable": "it is not JSON"}


def test_a_turn_is_written_down_step_by_step_and_each_step_renews_the_lock(tmp_path: Path) -> None:
    lock(tmp_path, "acquired", "r1", lease_seconds=60.0)
    began = write_down(tmp_path, "began", "r1", data=DATA)
    assert (began["changed"], began["journal"]["unfinished"], began["lock"]["state"]) == (False, True, "ours")
    assert 119 < began["lock"]["expires_in_seconds"] <= 120
    done = write_down(tmp_path, "done", "r1", lease_seconds=300.0)
    assert (done["journal"]["step"], done["journal"]["unfinished"], done["journal"]["pid"]) == ("done", False, 7)
    assert 299 < done["lock"]["expires_in_seconds"] <= 300
    assert steps(tmp_path) == ["began", "done"]


def test_a_later_run_finishes_the_turn_of_another(tmp_path: Path) -> None:
    lock(tmp_path, "acquired", "r1")
    write_down(tmp_path, "began", "r1", data=DATA)
    lock_that_expired(tmp_path, "r1")
    lock(tmp_path, "acquired", "r2")
    journal = write_down(tmp_path, "starting", "r2")["journal"]
    assert (journal["run_id"], journal["resumed_by"], journal["pid"]) == ("r2", ["r2"], 7)


def test_beginning_writes_a_new_journal_over_an_old_or_damaged_one(tmp_path: Path) -> None:
    lock(tmp_path, "acquired", "r1")
    (tmp_path / _journal.NAME).write_text("{", encoding="utf-8")
    write_down(tmp_path, "began", "r1", data=DATA)
    assert write_down(tmp_path, "began", "r1")["journal"].get("pid") is None
    assert steps(tmp_path) == ["began"]


@pytest.mark.parametrize(
    ("held", "what"),
    [(None, "there is no {path}"), ("{", r"{path} cannot be read \(it is not JSON: .*\)")],
    ids=["none", "damaged"],
)
def test_a_step_of_a_turn_that_did_not_begin_is_an_error_with_the_way_out(tmp_path: Path, held: str | None, what: str) -> None:
    lock(tmp_path, "acquired", "r1")
    if held:
        (tmp_path / _journal.NAME).write_text(held, encoding="utf-8")
    what = what.format(path=re.escape(f"{tmp_path}/journal.json"))
    with pytest.raises(NatsError, match=rf"^the step held cannot be written down: {what}, so that .* Say state: began first"):
        write_down(tmp_path, "held", "r1")


def test_without_the_lock_nothing_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with pytest.raises(NatsError, match="no longer ours"):
        write_down(folder, "began", "r1")
    assert not folder.exists()
    lock(folder, "acquired", "r2")
    with pytest.raises(NatsError, match=r"is no longer ours \(run r1\): held by ada@build7") as lost:
        write_down(folder, "began", "r1")
    assert lost.value.details["refusal"] == "locked"
    assert not (folder / _journal.NAME).exists()


def test_where_the_lock_is_not_asked_for_none_is_made(tmp_path: Path) -> None:
    assert write_down(tmp_path, "began", "r1", require_lock=False)["lock"] is None
    assert steps(tmp_path) == ["began"]


def test_a_check_writes_nothing_and_asks_for_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    assert write_down(folder, "starting", "r1", check=True) == {"changed": False, "journal": None, "lock": None}
    assert not folder.exists()


def test_a_journal_with_a_lease_without_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NatsError, match=r"^lease_seconds has to be greater than 0"):
        write_down(tmp_path, "began", "r1", lease_seconds=0.0)
    with pytest.raises(NatsError, match=r"^lease_seconds has to be greater than 0"):
        _journal.Turn(str(tmp_path), "r1", 0.0)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    lock(folder, "acquired", "r1")
    write_down(folder, "began", "r1")
    return folder


def test_a_turn_under_way_writes_each_step(state: Path) -> None:
    turn = _journal.Turn(str(state), "r1", 120.0)
    turn.step("draining", must_be_written=True)
    turn.step("switching")
    assert steps(state) == ["began", "draining", "switching"]
    assert turn.warnings == []


def test_a_turn_needs_the_lock_and_a_journal(tmp_path: Path, state: Path) -> None:
    with pytest.raises(NatsError, match="no longer ours"):
        _journal.Turn(str(state), "r2", 120.0)
    (state / _journal.NAME).unlink()
    with pytest.raises(NatsError, match=r"^the step draining cannot be written down: there is no "):
        _journal.Turn(str(state), "r1", 120.0)


def test_a_turn_renews_the_lease_once_a_third_of_it_is_over(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    begin, moments = clock.now(), []
    turn = _journal.Turn(str(state), "r1", 0.75)
    while clock.now() < begin + 1.0:
        moments.append(on_disk(state, _lock.NAME)["renewed_boottime_seconds"])
        turn.sleep(0.0625)
    thirds = [begin, begin + 0.25, begin + 0.5, begin + 0.75]
    assert moments == [third for third in thirds for _unused in range(4)]
    assert turn.warnings == []


def test_a_turn_that_has_lost_its_lock_ends_at_the_next_step_or_renewal(state: Path) -> None:
    turn = _journal.Turn(str(state), "r1", 0.03)
    steal(state)
    for goes_on in (lambda: turn.step("switching"), lambda: turn.sleep(0.02)):
        with pytest.raises(NatsError, match="no longer ours"):
            goes_on()
    assert steps(state) == ["began"]


def test_a_disk_that_takes_nothing_is_an_error_before_the_signal_and_a_warning_after_it(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = _journal.Turn(str(state), "r1", 0.03)
    (state / f".{_journal.NAME}.new").mkdir()
    (state / f".{_lock.NAME}.new").mkdir()
    with pytest.raises(StateError, match=r"^cannot write .*/journal.json: Is a directory"):
        turn.step("draining", must_be_written=True)
    turn.step("starting")
    turn.sleep(0.02)
    first, second = turn.warnings
    assert first.startswith(f"the step starting was done and could not be written down: cannot write {state}/")
    assert second.startswith(f"the lease of the lock could not be renewed: cannot write {state}/lock.json: Is a directory")
    assert steps(state) == ["began"]


def test_a_number_that_a_template_has_made_text_of_is_a_number_again(tmp_path: Path) -> None:
    """As ansible-core 2.17 and 2.18 give it to the module."""
    lock(tmp_path, "acquired", "r1")
    journal = write_down(tmp_path, "began", "r1", data={**DATA, "pid": "4711", "start_ticks": "12"})["journal"]
    assert (journal["pid"], journal["start_ticks"]) == (4711, 12)
