from __future__ import annotations

import fcntl
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Callable

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._state import files as _files
from ansible_collections.natsops.cluster.plugins.module_utils._state.files import Content, StateError
from tests.unit.modules import ROOT


def replace(folder: Path, **files: dict[str, object]) -> None:
    with _files.guarded(str(folder)):
        _files.replace(str(folder), files)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_written_is_read_and_all_may_read_it_whatever_the_umask_is(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        replace(tmp_path / "state", one={"a": "é"}, two={"b": [1, None]})
    finally:
        os.umask(before)
    folder = tmp_path / "state"
    assert _files.read(str(folder), "one") == Content({"a": "é"})
    assert _files.read(str(folder), "two") == Content({"b": [1, None]})
    assert (mode_of(folder), mode_of(folder / "one"), mode_of(folder / ".guard")) == (0o755, 0o644, 0o600)
    assert sorted(path.name for path in folder.iterdir()) == [".guard", "one", "two"]


def test_a_file_that_is_not_there_is_no_content(tmp_path: Path) -> None:
    assert _files.read(str(tmp_path / "none"), "one") == Content(None, "")


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (b'{"run_id": "r', "it is not JSON: Unterminated string"),
        (b"", "it is not JSON: Expecting value"),
        (b"\0\0\0\0", "it is not JSON: Expecting value"),
        (b"\xff\xfe", "it is not JSON: 'utf-8' codec can't decode"),
        (b"[1]", "it is not a JSON object"),
    ],
)
def test_a_damaged_file_is_unreadable_with_the_reason_and_can_be_written_again(tmp_path: Path, held: bytes, why: str) -> None:
    (tmp_path / "one").write_bytes(held)
    read = _files.read(str(tmp_path), "one")
    assert (read.fields, read.unreadable[: len(why)]) == (None, why)
    replace(tmp_path, one={"a": 1})
    assert _files.read(str(tmp_path), "one") == Content({"a": 1})


def test_what_is_no_file_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    assert _files.read(str(tmp_path), "one") == Content(None, "it is not a regular file")


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda path: replace(path, one={}), "file/.guard: Not a directory"),
        (lambda path: replace(path / "state", one={}), "file/state/.guard: Not a directory"),
        (lambda path: _files.remove(str(path), "one"), "file/one: Not a directory"),
    ],
)
def test_a_folder_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path, act: Callable[[Path], None], why: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError) as failed:
        act(tmp_path / "file")
    assert str(failed.value) == (
        f"cannot write {tmp_path}/{why}. An upgrade keeps its lock there, and what it has done to the server, so that a "
        "run that dies can be taken up again: run with become (-b), make room, or set nats_upgrade_state_dir to a folder that "
        "can be written"
    )


def test_a_write_that_ends_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    replace(tmp_path, one={"a": 1})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(StateError, match=f"^cannot write {tmp_path}/one: File too large"):
            replace(tmp_path, one={"a": "x" * 20000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert _files.read(str(tmp_path), "one") == Content({"a": 1})


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_whatever_fails_on_the_way_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    replace(tmp_path, one={"a": 1})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, fails, full)
        with pytest.raises(StateError, match=f"^cannot write {tmp_path}/one: No space left on device"):
            replace(tmp_path, one={"a": 2})
    assert _files.read(str(tmp_path), "one") == Content({"a": 1})
    replace(tmp_path, one={"a": 3})
    assert sorted(path.name for path in tmp_path.iterdir()) == [".guard", "one"]


def test_a_file_is_on_the_disk_before_its_name_is_and_the_name_before_the_write_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, os.replace

    def sync(opened: int) -> None:
        done.append(f"sync {os.path.basename(os.readlink(f'/proc/self/fd/{opened}'))}")
        fsync(opened)

    def move(source: str, target: str) -> None:
        done.append(f"rename {os.path.basename(source)}")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", move)
    replace(tmp_path / "state", one={}, two={})
    assert done == [
        f"sync {tmp_path.name}",
        "sync .one.new",
        "sync .two.new",
        "rename .one.new",
        "rename .two.new",
        "sync state",
    ]


WRITER = """
import sys; sys.path.insert(0, {root!r}); import conftest
from ansible_collections.natsops.cluster.plugins.module_utils._state import files
number = 0
while True:
    with files.guarded({folder!r}):
        files.replace({folder!r}, {{"one": {{"number": number, "filling": "x" * 20000, "end": number}}}})
    number += 1
    if number == 1: print("ready", flush=True)
"""


def test_a_writer_that_is_killed_in_any_write_leaves_a_whole_file_and_no_guard(tmp_path: Path) -> None:
    text = WRITER.format(root=str(ROOT), folder=str(tmp_path))
    for _unused in range(5):
        writer = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        deadline = time.monotonic() + 0.05
        while time.monotonic() < deadline:
            read = _files.read(str(tmp_path), "one").fields
            assert read is not None
            assert read["number"] == read["end"]
        writer.send_signal(signal.SIGKILL)
        writer.wait(10)
        writer.stdout.close()
        read = _files.read(str(tmp_path), "one").fields
        assert read is not None
        assert read["number"] == read["end"]
        replace(tmp_path, one={"number": -1, "end": -1})


def test_a_process_that_hangs_with_the_guard_is_an_error_and_not_a_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_files, "_GUARD_TIMEOUT_SECONDS", 0.05)
    with _files.guarded(str(tmp_path)), pytest.raises(StateError) as failed, _files.guarded(str(tmp_path)):
        pass
    assert str(failed.value) == (
        f"another process has held {tmp_path}/.guard for 0.05 s: it is held for milliseconds only, so that the process hangs, as "
        "on a disk that does not answer. Find it (fuser -v) and run again"
    )


def test_a_second_writer_waits_for_the_first(tmp_path: Path) -> None:
    inside: list[str] = []

    def enter() -> None:
        with _files.guarded(str(tmp_path)):
            inside.append("second")

    with _files.guarded(str(tmp_path)):
        second = threading.Thread(target=enter)
        second.start()
        time.sleep(0.05)
        assert inside == []
    second.join(5)
    assert inside == ["second"]


def test_a_guard_that_is_removed_between_opening_and_locking_it_is_not_the_guard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard, flock, removed = tmp_path / ".guard", fcntl.flock, []

    def lock(opened: int, how: int) -> None:
        if not removed:
            removed.append(guard.stat().st_ino)
            guard.unlink()
        flock(opened, how)

    monkeypatch.setattr(fcntl, "flock", lock)
    with _files.guarded(str(tmp_path)):
        assert removed
        with guard.open("rb") as other, pytest.raises(BlockingIOError):
            flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_is_removed_is_gone(tmp_path: Path) -> None:
    replace(tmp_path, one={})
    _files.remove(str(tmp_path), "one")
    assert [path.name for path in tmp_path.iterdir()] == [".guard"]


def test_a_time_is_written_in_utc_for_people() -> None:
    assert _files.utc_text(1_790_856_000.25) == "2026-10-01T12:00:00Z"
    assert _files.utc_text(1_790_856_000.25, "milliseconds") == "2026-10-01T12:00:00.250Z"
