from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._state import lock as _lock
from ansible_collections.natsops.cluster.plugins.module_utils._state.files import Content, StateError
from ansible_collections.natsops.cluster.plugins.module_utils._state.lock import Judged, Moment
from tests.unit.modules import ROOT
from tests.unit.state import ADA, HELD, lock, lock_that_expired, on_disk, steal

NOON = 1_790_856_000.0  # 2026-10-01T12:00:00Z
NOW = Moment(NOON, 5000.0, "boot-1")
LOCK = _lock.fresh("r1", ADA, "2.15.1", 120.0, NOW)


def state_at(now: Moment, run_id: str = "r2", **changed: Any) -> str:
    return _lock.judge(Content({**LOCK, **changed}), now, run_id).state


def later(seconds: float, wall_steps: float = 0.0) -> Moment:
    return Moment(NOON + seconds + wall_steps, 5000.0 + seconds, "boot-1")


def test_a_new_lock_says_who_holds_it_for_which_version_and_how_long() -> None:
    assert LOCK == {
        "run_id": "r1",
        "controller": ADA,
        "target": "2.15.1",
        "since": "2026-10-01T12:00:00Z",
        "renewed_at": "2026-10-01T12:00:00Z",
        "expires_at": "2026-10-01T12:02:00Z",
        "lease_seconds": 120.0,
        "node_boot_id": "boot-1",
        "renewed_boottime_seconds": 5000.0,
        "expires_boottime_seconds": 5120.0,
    }


def test_renewing_moves_the_lease_and_nothing_else() -> None:
    renewed = _lock.renewed(LOCK, 60.0, later(30))
    changed = {key for key, value in renewed.items() if LOCK[key] != value}
    assert changed == {"renewed_at", "expires_at", "lease_seconds", "renewed_boottime_seconds", "expires_boottime_seconds"}
    assert (renewed["expires_at"], renewed["expires_boottime_seconds"]) == ("2026-10-01T12:01:30Z", 5090.0)


@pytest.mark.parametrize(("seconds", "state"), [(0.0, "held"), (119.9, "held"), (120.0, "expired"), (1e6, "expired")])
def test_a_lease_ends_when_its_seconds_are_over(seconds: float, state: str) -> None:
    assert state_at(later(seconds)) == state


@pytest.mark.parametrize("wall_steps", [-1e8, -3600.0, 3600.0, 1e8])
def test_a_step_of_the_wall_clock_neither_ends_nor_lengthens_a_lease(wall_steps: float) -> None:
    assert state_at(later(119, wall_steps)) == "held"
    assert state_at(later(121, wall_steps)) == "expired"


@pytest.mark.parametrize(
    ("wall", "uptime", "state"),
    [
        (NOON + 30, 20.0, "held"),
        (NOON + 121, 20.0, "expired"),
        (0.0, 20.0, "held"),  # a clock that begins in 1970 at every boot: for no longer than the lease
        (0.0, 120.0, "expired"),
        (NOON + 30, 120.0, "expired"),
    ],
)
def test_after_a_restart_of_the_node_the_wall_clock_counts_and_the_time_since_the_boot(
    wall: float, uptime: float, state: str
) -> None:
    assert state_at(Moment(wall, uptime, "boot-2")) == state


def test_our_own_lock_is_ours_its_lease_over_or_not() -> None:
    assert state_at(later(1), "r1") == state_at(later(1000), "r1") == "ours"
    assert state_at(later(1), "") == "held"


def test_without_a_file_the_lock_is_free() -> None:
    assert _lock.judge(Content(None), NOW, "r1") == Judged("free")
    assert Judged("free").as_dict() is None


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"expires_boottime_seconds": None}, "expires_boottime_seconds is None, and has to be a number from 0 to"),
        ({"expires_boottime_seconds": "soon"}, "expires_boottime_seconds is 'soon'"),
        ({"expires_boottime_seconds": 10**400}, "expires_boottime_seconds is 1000"),
        ({"expires_boottime_seconds": float("nan")}, "expires_boottime_seconds is nan"),
        ({"lease_seconds": -1}, "lease_seconds is -1"),
        ({"controller": "ada"}, "controller is 'ada', and has to be a dictionary"),
        ({"controller": {"pid": "4711"}}, "controller.pid is '4711'"),
        ({"controller": {"user": "ada\n[n1]: ok"}}, "controller.user is 'ada\\n[n1]: ok'"),
        ({"node_boot_id": "x", "expires_at": "soon"}, "expires_at is 'soon', and has to be a time in UTC"),
        ({"node_boot_id": "x", "expires_at": "2026-02-30T12:00:00Z"}, "day is out of range for month"),
        ({"target": 1}, "target is 1"),
        ({"run_id": "r1\x1b]0;"}, "run_id is 'r1\\x1b]0;'"),
    ],
)
def test_what_is_json_and_no_lock_is_unreadable(changed: dict[str, Any], why: str) -> None:
    judged = _lock.judge(Content({**LOCK, **changed}), NOW, "r1")
    assert (judged.state, judged.unreadable[: 18 + len(why)]) == ("unreadable", f"it is not a lock: {why}"[: 18 + len(why)])
    assert judged.unreadable.isprintable()


@pytest.mark.parametrize("key", sorted(set(LOCK) - {"target"}))
def test_a_lock_without_one_of_its_keys_is_unreadable(key: str) -> None:
    without = {name: value for name, value in LOCK.items() if name != key}
    assert _lock.judge(Content(without), NOW, "r1").unreadable == f"it is not a lock: {key} is missing"


def test_a_lock_of_a_rolling_restart_names_no_version() -> None:
    assert _lock.holder({**LOCK, "target": _lock.RESTART}).endswith("since 2026-10-01T12:00:00Z, for a rolling restart")


def test_as_data_a_lock_says_what_it_is_worth() -> None:
    held = _lock.judge(Content(LOCK), later(33.04), "r2").as_dict()
    said = "held by ada@build7 (pid 4711, run r1) since 2026-10-01T12:00:00Z, for the upgrade to 2.15.1"
    assert held == {**LOCK, "state": "held", "expires_in_seconds": 87.0, "unreadable": "", "said": said}
    over = _lock.judge(Content(LOCK), later(121), "r2").as_dict() or {}
    assert over["said"] == f"{said}, whose lease is over"
    unreadable = _lock.judge(Content(None, "it is not JSON"), NOW, "r2").as_dict()
    assert unreadable == {
        "state": "unreadable",
        "expires_in_seconds": None,
        "unreadable": "it is not JSON",
        "said": "it cannot be read (it is not JSON)",
    }


def test_the_holder_is_named_as_far_as_it_is_known() -> None:
    assert _lock.holder({"run_id": "r1"}) == "somebody@an unknown controller (pid unknown, run r1) since None"


def test_a_free_lock_is_had_and_kept_and_let_go(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    assert lock(folder, "read") == {"changed": False, "state": "free", "lock": None, "took_over": ""}
    assert not folder.exists()
    taken = lock(folder, "acquired", "r1")
    assert (taken["changed"], taken["state"], taken["took_over"]) == (False, "ours", "")
    assert (taken["lock"]["run_id"], taken["lock"]["controller"], taken["lock"]["target"]) == ("r1", ADA, "2.15.1")
    assert 119 < taken["lock"]["expires_in_seconds"] <= 120
    assert lock(folder, "read")["state"] == "held"
    assert lock(folder, "read", "r1")["state"] == "ours"
    assert lock(folder, "released", "r1") == {"changed": False, "state": "free", "lock": None, "took_over": ""}
    assert not (folder / _lock.NAME).exists()


@pytest.mark.parametrize("state", ["acquired", "renewed"])
def test_what_is_ours_is_renewed_and_since_when_stays(tmp_path: Path, state: str) -> None:
    lock(tmp_path, "acquired", "r1", lease_seconds=60.0)
    first = on_disk(tmp_path, _lock.NAME)
    lock(tmp_path, state, "r1", lease_seconds=300.0)
    second = on_disk(tmp_path, _lock.NAME)
    assert (second["since"], second["controller"]) == (first["since"], first["controller"])
    assert second["expires_boottime_seconds"] > first["expires_boottime_seconds"] + 230


@pytest.mark.parametrize("check", [False, True])
def test_a_lock_of_another_run_is_refused_with_who_since_when_and_until_when(tmp_path: Path, check: bool) -> None:
    lock(tmp_path, "acquired", "r1")
    before = on_disk(tmp_path, _lock.NAME)
    with pytest.raises(NatsError) as refused:
        lock(tmp_path, "acquired", "r2", check=check)
    assert str(refused.value) == (
        f"refused: the lock {tmp_path}/lock.json on this host is {HELD.format(run='r1')}{before['since']}, for the upgrade to "
        "2.15.1. Two runs at once could stop two servers of one cluster. Its lease ends at "
        f"{before['expires_at']} (in 120 s); a run that lives renews it, and that of a dead one ends by itself. Wait for that "
        "run, or if it is dead for the end of the lease, and run again. Nothing was touched"
    )
    assert refused.value.details["refusal"] == "locked"
    assert (refused.value.details["lock"]["run_id"], refused.value.details["lock"]["state"]) == ("r1", "held")
    assert on_disk(tmp_path, _lock.NAME) == before


def test_a_lock_whose_lease_is_over_is_taken_over(tmp_path: Path) -> None:
    lock_that_expired(tmp_path, "r1")
    taken = lock(tmp_path, "acquired", "r2")
    assert (taken["state"], taken["took_over"], taken["lock"]["run_id"]) == ("ours", "r1", "r2")


def test_the_lock_of_a_run_that_is_known_to_be_dead_is_taken_over_if_it_is_still_that_runs(tmp_path: Path) -> None:
    lock(tmp_path, "acquired", "r1")
    with pytest.raises(NatsError, match="run r1"):
        lock(tmp_path, "acquired", "r3", take_over="r2")
    assert lock(tmp_path, "acquired", "r3", take_over="r1")["took_over"] == "r1"
    with pytest.raises(NatsError, match="run r3"):
        lock(tmp_path, "acquired", "r4", take_over="r1")


def test_a_lock_that_cannot_be_read_is_refused_with_the_way_out_and_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / _lock.NAME).write_text('{"run_id": ', encoding="utf-8")
    with pytest.raises(NatsError) as refused:
        lock(tmp_path, "acquired", "r2", take_over="r1")
    assert str(refused.value).startswith(f"refused: the lock {tmp_path}/lock.json on this host cannot be read (it is not JSON: ")
    assert str(refused.value).endswith(
        f"Make sure that no other run is under way, delete {tmp_path}/lock.json and run again. Nothing was touched"
    )
    assert lock(tmp_path, "released", "r2")["state"] == lock(tmp_path, "read")["state"] == "unreadable"


def test_a_lock_that_is_not_ours_any_more_is_not_renewed(tmp_path: Path) -> None:
    lock(tmp_path, "acquired", "r1")
    steal(tmp_path, "r2")
    since = on_disk(tmp_path, _lock.NAME)["since"]
    with pytest.raises(NatsError) as lost:
        lock(tmp_path, "renewed", "r1")
    assert str(lost.value) == (
        f"the lock {tmp_path}/lock.json on this host is no longer ours (run r1): {HELD.format(run='r2')}{since}, for the upgrade "
        "to 2.15.1; stopped before anything else was touched. Another run may take it once the lease is over, as when this run "
        "stood still for longer than that. See what is under way on this server, and run again once nothing is"
    )
    assert (lost.value.details["refusal"], lost.value.details["lock"]["run_id"]) == ("locked", "r2")
    assert on_disk(tmp_path, _lock.NAME)["run_id"] == "r2"


def test_a_lock_that_was_removed_or_damaged_is_not_renewed(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with pytest.raises(NatsError, match=r"no longer ours \(run r1\): there is none, so somebody has removed it; stopped"):
        lock(folder, "renewed", "r1")
    assert not folder.exists()
    folder.mkdir()
    (folder / _lock.NAME).write_text("{", encoding="utf-8")
    with pytest.raises(NatsError, match=r"no longer ours \(run r1\): it cannot be read \(it is not JSON: .*\); stopped"):
        lock(folder, "renewed", "r1")


def test_only_our_own_lock_is_let_go(tmp_path: Path) -> None:
    lock(tmp_path, "acquired", "r1")
    assert lock(tmp_path, "released", "r2")["state"] == "held"
    assert on_disk(tmp_path, _lock.NAME)["run_id"] == "r1"


@pytest.mark.parametrize("state", ["acquired", "renewed", "released", "read"])
def test_a_check_writes_nothing(tmp_path: Path, state: str) -> None:
    folder = tmp_path / "state"
    assert lock(folder, state, "r1", check=True)["state"] == "free"
    assert not folder.exists()
    lock(folder, "acquired", "r1")
    before = on_disk(folder, _lock.NAME)
    assert lock(folder, state, "r1", check=True)["state"] == "ours"
    assert on_disk(folder, _lock.NAME) == before


def test_a_check_of_renewing_fails_where_another_run_holds_the_lock(tmp_path: Path) -> None:
    lock(tmp_path, "acquired", "r1")
    with pytest.raises(NatsError, match="no longer ours"):
        lock(tmp_path, "renewed", "r2", check=True)


@pytest.mark.parametrize("lease_seconds", [0.0, -1.0])
def test_a_lease_without_length_is_refused(tmp_path: Path, lease_seconds: float) -> None:
    with pytest.raises(NatsError, match=r"^lease_seconds has to be greater than 0: that is how long a run that has died"):
        lock(tmp_path, "acquired", "r1", lease_seconds=lease_seconds)


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=r"run with become \(-b\), make room, or set nats_upgrade_state_dir"):
        lock(tmp_path / "file" / "state", "acquired", "r1")


def test_without_proc_nobody_knows_how_long_a_lease_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lock, "BOOT_ID", tmp_path / "none")
    with pytest.raises(NatsError, match=r"none cannot be read \(No such file or directory\): a lease counts from the boot"):
        _lock.now()


RUN = """
import json, sys; sys.path.insert(0, {root!r}); import conftest
from pathlib import Path
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from tests.unit.state import lock
print("ready", flush=True)
sys.stdin.readline()
try:
    result = lock(Path({folder!r}), "acquired", sys.argv[1], lease_seconds=60.0, **json.loads(sys.argv[2]))
    print(json.dumps([result["state"], result["took_over"]]))
except NatsError as exc:
    print(json.dumps([exc.details["refusal"], exc.details["lock"]["run_id"]]))
"""


def race(folder: Path, runs: int, **given: Any) -> dict[str, list[str]]:
    """What each of several runs gets that try at the same moment, each a process of its own."""
    text = RUN.format(root=str(ROOT), folder=str(folder))
    started = {
        f"r{number}": subprocess.Popen(
            [sys.executable, "-c", text, f"r{number}", json.dumps(given)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(runs)
    }
    for run in started.values():
        assert run.stdout is not None
        run.stdout.readline()
    for run in started.values():
        assert run.stdin is not None
        run.stdin.write("go\n")
        run.stdin.flush()
    return {name: json.loads(run.communicate(timeout=30)[0]) for name, run in started.items()}


def winner(results: dict[str, list[str]]) -> str:
    (won,) = [name for name, (state, _unused) in results.items() if state == "ours"]
    assert all(result == ["locked", won] for name, result in results.items() if name != won)
    return won


def test_of_many_that_try_at_once_exactly_one_has_the_lock(tmp_path: Path) -> None:
    won = winner(race(tmp_path, 12))
    assert on_disk(tmp_path, _lock.NAME)["run_id"] == won


@pytest.mark.parametrize("how", ["expired", "dead"])
def test_of_many_that_take_over_at_once_exactly_one_has_the_lock(tmp_path: Path, how: str) -> None:
    if how == "expired":
        lock_that_expired(tmp_path, "gone")
    else:
        lock(tmp_path, "acquired", "gone")
    results = race(tmp_path, 12, **({"take_over": "gone"} if how == "dead" else {}))
    assert results[winner(results)] == ["ours", "gone"]
