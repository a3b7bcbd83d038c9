"""Files that no other user decides upon. What other users try is in test_attacks.py."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._files import safe as _safe
from tests.unit.releases import NEW, hash_of, install


def test_a_folder_is_made_with_those_above_it_whatever_the_umask(tmp_path: Path) -> None:
    umask = os.umask(0o077)
    try:
        with _safe.folder(str(tmp_path / "a" / "b"), make=True) as opened:
            assert os.path.samestat(os.fstat(opened), (tmp_path / "a" / "b").stat())
    finally:
        os.umask(umask)
    assert [path.stat().st_mode & 0o7777 for path in (tmp_path / "a", tmp_path / "a" / "b")] == [0o755, 0o755]


def test_links_of_our_own_are_followed_and_a_circle_of_them_ends(tmp_path: Path) -> None:
    install(tmp_path / "2.15.1" / "nats-server", NEW)
    (tmp_path / "relative").symlink_to("./2.15.1")
    (tmp_path / "absolute").symlink_to(tmp_path / "relative" / ".." / "relative")
    (tmp_path / "file").symlink_to("absolute/nats-server")
    expected = hash_of(tmp_path / "2.15.1" / "nats-server")
    assert [_safe.sha256_of(str(tmp_path / name)) for name in ("file", "relative/nats-server")] == [expected, expected]
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        _safe.sha256_of(str(tmp_path / "circle" / "x"))


@pytest.mark.parametrize("name", ["folder", "pipe"])
def test_what_is_no_file_is_not_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is not a regular file"):
        _safe.sha256_of(str(tmp_path / name))


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as missing, _safe.folder(str(tmp_path / "none" / "x")):
        pass
    assert missing.value.filename == str(tmp_path / "none" / "x")


def test_a_new_file_has_its_name_once_it_is_whole_and_leaves_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with _safe.folder(str(tmp_path)) as parent, _safe.Fresh(parent) as fresh:
        assert fresh.fill(io.BytesIO(b"new")) == _safe.digest_of(io.BytesIO(b"new"))
        fresh.close(0o640)
        assert (tmp_path / "file").read_bytes() == b"old"
        fresh.rename("file")
    assert ((tmp_path / "file").read_bytes(), (tmp_path / "file").stat().st_mode & 0o7777) == (b"new", 0o640)
    with _safe.folder(str(tmp_path)) as parent, _safe.Fresh(parent):
        pass
    assert os.listdir(tmp_path) == ["file"]


def test_a_new_file_in_whose_place_another_was_put_meanwhile_is_told(tmp_path: Path) -> None:
    with _safe.folder(str(tmp_path)) as parent, _safe.Fresh(parent) as fresh:
        fresh.close(0o755)
        (tmp_path / fresh.name).unlink()
        (tmp_path / fresh.name).write_bytes(b"theirs")
        with pytest.raises(OSError, match="another user has put another file in its place"):
            fresh.rename("file")


def test_a_link_takes_the_place_of_what_is_there_also_where_both_are_one_file(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "two").write_bytes(b"2")
    for _again in range(2):
        with _safe.folder(str(tmp_path)) as parent:
            _safe.link(str(tmp_path / "one"), parent, "two")
        assert (tmp_path / "two").samefile(tmp_path / "one")
        assert sorted(os.listdir(tmp_path)) == ["one", "two"]


def test_what_a_run_that_died_has_left_is_swept_away(tmp_path: Path) -> None:
    for name in (".natsops-1", ".natsops-2", "natsops-3"):
        (tmp_path / name).touch()
    (tmp_path / ".natsops-folder").mkdir()
    with _safe.folder(str(tmp_path)) as parent:
        _safe.sweep(parent)
    assert sorted(os.listdir(tmp_path)) == [".natsops-folder", "natsops-3"]


def test_a_file_is_appended_to_and_made_where_it_is_missing(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "nats.out"
    for _again in range(2):
        with _safe.appended(str(log)) as file:
            file.write(b"x")
    assert (log.read_bytes(), log.stat().st_mode & 0o7777, _safe.may_be_appended(str(log))) == (b"xx", 0o640, True)
    os.link(log, tmp_path / "second")
    assert not _safe.may_be_appended(str(log))
    assert not _safe.may_be_appended(str(tmp_path / "none"))


def test_what_is_no_link_any_more_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    assert _safe.link_target(str(tmp_path / "link")) == "target"
    with pytest.raises(OSError, match="not a link any more"):
        _safe.link_target(str(tmp_path / "none"))


def fresh_of(parent: int, text: bytes) -> _safe.Fresh:
    fresh = _safe.Fresh(parent)
    fresh.fill(io.BytesIO(text))
    fresh.close(0o755)
    return fresh


def test_what_another_process_is_writing_is_not_swept_away_and_what_a_dead_one_has_left_is(tmp_path: Path) -> None:
    """Servers that share a machine, and a folder, are made ready at the same time."""
    (tmp_path / ".natsops-left").write_bytes(b"left over")
    with _safe.folder(str(tmp_path)) as parent, _safe.Fresh(parent) as fresh:
        for write in (lambda: None, lambda: fresh.close(0o755)):
            write()
            child = os.fork()
            if not child:
                _safe.sweep(parent)
                os._exit(0)
            os.waitpid(child, 0)
            assert os.listdir(tmp_path) == [fresh.name]


def test_a_link_on_its_way_to_its_name_is_swept_once_nobody_can_be_at_work_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".natsops-link").symlink_to("nowhere")
    (tmp_path / "file").write_bytes(b"1")
    os.link(tmp_path / "file", tmp_path / ".natsops-second-name")
    with _safe.folder(str(tmp_path)) as parent:
        _safe.sweep(parent)
        assert len(os.listdir(tmp_path)) == 3
        later = time.time() + 3601
        monkeypatch.setattr(time, "time", lambda: later)
        _safe.sweep(parent)
    assert os.listdir(tmp_path) == ["file"]


def test_the_same_file_that_lies_there_stays_and_one_that_others_can_write_does_not(tmp_path: Path) -> None:
    with _safe.folder(str(tmp_path)) as parent:
        with fresh_of(parent, b"new") as first:
            first.rename("file")
        seen = (tmp_path / "file").stat()
        with fresh_of(parent, b"new") as second:
            second.rename("file")
        assert os.path.samestat((tmp_path / "file").stat(), seen)
        (tmp_path / "file").chmod(0o777)
        with fresh_of(parent, b"new") as third:
            third.rename("file")
        assert (tmp_path / "file").stat().st_mode & 0o7777 == 0o755
    assert os.listdir(tmp_path) == ["file"]


def test_the_same_file_that_was_put_there_in_the_same_moment_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.replace
    with _safe.folder(str(tmp_path)) as parent, fresh_of(parent, b"new") as one, fresh_of(parent, b"new") as other:

        def both(*args: Any, **options: Any) -> None:
            rename(*args, **options)
            rename(other.name, "file", src_dir_fd=parent, dst_dir_fd=parent)

        monkeypatch.setattr(os, "replace", both)
        one.rename("file")
    assert (tmp_path / "file").read_bytes() == b"new"
