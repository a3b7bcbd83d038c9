from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import binary as _binary
from ansible_collections.natsops.cluster.plugins.module_utils._artifact.proofs import Proofs
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from tests.unit.releases import NEW, OLD, hash_of, install, pack, release, script

PLAIN = "usr/sbin/nats-server"


NOWHERE = Proofs(None)


def stage(archive: Path, binary: Path, version: str = NEW, sha256: str | None = None, proofs: Proofs = NOWHERE) -> None:
    _binary.stage(str(archive), sha256 or hash_of(archive), str(binary), version, proofs)


def switch(where: _binary.Layout, version: str = NEW, running: str = OLD) -> None:
    """As the modules do it."""
    _binary.keep(where, running, NOWHERE)
    _binary.activate(where, version)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def plain(root: Path) -> _binary.Layout:
    return _binary.layout(str(install(root / PLAIN, OLD)), OLD, NEW)


def linked_folder(root: Path) -> _binary.Layout:
    install(root / "opt" / OLD / "nats-server", OLD)
    (root / "opt" / "current").symlink_to(OLD)
    return _binary.layout(str(root / "opt" / "current" / "nats-server"), OLD, NEW)


def linked_file(root: Path) -> _binary.Layout:
    install(root / "opt" / f"nats-server-{OLD}", OLD)
    (root / "nats-server").symlink_to(f"opt/nats-server-{OLD}")
    return _binary.layout(str(root / "nats-server"), OLD, NEW)


def link_without_a_version(root: Path) -> _binary.Layout:
    install(root / "opt" / "nats-server", OLD)
    (root / "nats-server").symlink_to(root / "opt" / "nats-server")
    return _binary.layout(str(root / "nats-server"), OLD, NEW)


LAYOUTS = {
    "plain": (plain, PLAIN, f"usr/sbin/nats-server-{NEW}"),
    "linked-folder": (linked_folder, "opt/current/nats-server", f"opt/{NEW}/nats-server"),
    "linked-file": (linked_file, "nats-server", f"opt/nats-server-{NEW}"),
    "link-without-a-version": (link_without_a_version, "nats-server", f"opt/nats-server-{NEW}"),
}
every_layout = pytest.mark.parametrize(("make", "started_by", "new"), LAYOUTS.values(), ids=LAYOUTS.keys())


@every_layout
def test_a_new_version_goes_beside_the_old_one_in_the_order_that_is_there(
    tmp_path: Path, make: Any, started_by: str, new: str
) -> None:
    assert make(tmp_path).binary(NEW) == str(tmp_path / new)


@pytest.mark.parametrize(
    ("held", "new"),
    [
        pytest.param(f"opt/{OLD}/nats-server-{OLD}", f"opt/{NEW}/nats-server-{NEW}", id="twice"),
        pytest.param(f"opt/v{OLD}/nats-server", f"opt/v{NEW}/nats-server", id="with-a-v"),
        pytest.param(f"opt/build-1{OLD}/nats-server", f"opt/build-1{OLD}/nats-server-{NEW}", id="end-of-another-number"),
        pytest.param(f"opt/{OLD}0/nats-server", f"opt/{OLD}0/nats-server-{NEW}", id="beginning-of-another-version"),
    ],
)
def test_the_version_in_a_link_is_a_whole_number_of_its_own(tmp_path: Path, held: str, new: str) -> None:
    (tmp_path / "nats-server").symlink_to(held)
    assert _binary.layout(str(tmp_path / "nats-server"), OLD, NEW).binary(NEW) == str(tmp_path / new)


@every_layout
def test_switching_makes_a_start_start_the_new_version_and_keeps_the_old(
    tmp_path: Path, make: Any, started_by: str, new: str
) -> None:
    where, started = make(tmp_path), str(tmp_path / started_by)
    stage(release(tmp_path), Path(where.binary(NEW)))
    assert (_binary.version_of(started), _binary.is_active(where, NEW)) == (OLD, False)
    switch(where)
    assert (_binary.version_of(started), _binary.is_active(where, NEW)) == (NEW, True)
    assert not list(tmp_path.rglob(".natsops-*"))


@every_layout
def test_switching_back_starts_the_old_version_again(tmp_path: Path, make: Any, started_by: str, new: str) -> None:
    where, started = make(tmp_path), str(tmp_path / started_by)
    stage(release(tmp_path), Path(where.binary(NEW)))
    switch(where)
    # As the module does it on the way back: the version that the path leads to now is the new one.
    back = _binary.layout(started, NEW, OLD)
    assert _binary.is_staged(back.binary(OLD), OLD)
    switch(back, OLD, NEW)
    assert _binary.version_of(started) == OLD


@every_layout
def test_after_the_switch_the_same_call_finds_nothing_to_do(tmp_path: Path, make: Any, started_by: str, new: str) -> None:
    where, started = make(tmp_path), str(tmp_path / started_by)
    stage(release(tmp_path), Path(where.binary(NEW)))
    switch(where)
    again = _binary.layout(started, OLD, NEW)
    assert again.binary(NEW) == where.binary(NEW)
    assert _binary.is_active(again, NEW)


def test_the_file_that_runs_is_not_written_to(tmp_path: Path) -> None:
    where = plain(tmp_path)
    running = (tmp_path / PLAIN).stat().st_ino
    stage(release(tmp_path), Path(where.binary(NEW)))
    switch(where)
    kept = tmp_path / f"{PLAIN}-{OLD}"
    assert kept.stat().st_ino == running
    assert kept.read_bytes() == script(OLD)


def test_a_switch_that_was_broken_off_is_taken_up(tmp_path: Path) -> None:
    where = plain(tmp_path)
    stage(release(tmp_path), Path(where.binary(NEW)))
    left_over = tmp_path / "usr" / "sbin" / ".natsops-0123"
    left_over.write_text("left over", encoding="utf-8")
    switch(where)
    assert _binary.version_of(where.switch) == NEW
    stage(release(tmp_path), Path(where.binary(NEW)))
    assert not left_over.exists()


def test_a_switch_that_cannot_be_made_is_an_error_and_leaves_the_old_version(tmp_path: Path) -> None:
    where = plain(tmp_path)
    words = f"^cannot make nats-server {NEW} the active one at .*: No such file or directory. What was active still is; run with"
    with pytest.raises(NatsError, match=words):
        _binary.activate(where, NEW)
    assert _binary.version_of(where.switch) == OLD


def test_an_archive_is_unpacked_to_one_program_that_runs(tmp_path: Path) -> None:
    binary, proofs = tmp_path / "new" / "nats-server", Proofs(str(tmp_path / "state"))
    archive = release(tmp_path)
    stage(archive, binary, proofs=proofs)
    assert names(binary.parent) == {"nats-server"}
    assert binary.stat().st_mode & 0o777 == 0o755
    assert _binary.is_staged(str(binary), NEW)
    assert proofs.is_from(str(binary), NEW, hash_of(archive).upper())
    assert not proofs.is_from(str(binary), NEW, "0" * 64)
    assert not proofs.is_from(str(binary), OLD, hash_of(archive))


def test_what_is_not_there_is_not_staged(tmp_path: Path) -> None:
    assert not _binary.is_staged(str(tmp_path / "nats-server"), NEW)
    assert not Proofs(str(tmp_path)).is_from(str(tmp_path / "nats-server"), NEW, "0" * 64)


def test_a_staged_file_that_no_longer_runs_is_not_staged(tmp_path: Path) -> None:
    binary, archive, proofs = tmp_path / "nats-server", release(tmp_path), Proofs(str(tmp_path / "state"))
    stage(archive, binary, proofs=proofs)
    binary.write_bytes(b"")
    assert not proofs.is_from(str(binary), NEW, hash_of(archive))
    assert not _binary.is_staged(str(binary), NEW)


def truncated(folder: Path) -> Path:
    # Random bytes, so that packing does not make them small.
    archive = pack(folder / "cut.tar.gz", ("x/README.md", os.urandom(50_000)), ("x/nats-server", os.urandom(50_000)))
    archive.write_bytes(archive.read_bytes()[:60_000])
    return archive


def damaged(folder: Path) -> Path:
    archive = pack(folder / "bad.tar.gz", ("x/nats-server", b"".join(b"%d" % number for number in range(50_000))))
    content = bytearray(archive.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 2000] = b"\xff" * 2000
    archive.write_bytes(content)
    return archive


def text_file(folder: Path) -> Path:
    (folder / "page.tar.gz").write_text("<html>not found</html>", encoding="utf-8")
    return folder / "page.tar.gz"


BAD_ARCHIVES = {
    "truncated": (truncated, "it is damaged or not a tar.gz of a NATS release$"),
    "not-an-archive": (text_file, "it is damaged or not a tar.gz of a NATS release$"),
    "two-servers": (
        lambda folder: pack(folder / "two.tar.gz", ("a/nats-server", script(NEW)), ("b/nats-server", script(NEW))),
        "holds 2 files named nats-server, not one",
    ),
    "no-server": (lambda folder: pack(folder / "none.tar.gz", ("a/nats", script(NEW))), "holds 0 files named nats-server"),
    "other-version": (lambda folder: release(folder, NEW, holds="2.15.0"), "holds nats-server 2.15.0, not 2.15.1: nothing was"),
    "other-program": (
        lambda folder: pack(folder / "other.tar.gz", ("a/nats-server", b"#!/bin/sh\necho hello\n")),
        "--version says 'hello': it is not a nats-server that runs here",
    ),
    "other-architecture": (
        lambda folder: pack(folder / "arch.tar.gz", ("a/nats-server", b"\x7fELF\x02\x01\x01" + bytes(100))),
        "cannot be run: Exec format error. Nothing was changed. The archive has to be for this machine ",
    ),
}


@pytest.mark.parametrize(("make", "words"), BAD_ARCHIVES.values(), ids=BAD_ARCHIVES.keys())
def test_a_bad_archive_is_refused_and_leaves_nothing(tmp_path: Path, make: Any, words: str) -> None:
    with pytest.raises(NatsError, match=words):
        stage(make(tmp_path), tmp_path / "new" / "nats-server")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_damaged_archive_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(NatsError, match="it is damaged"):
        stage(damaged(tmp_path), tmp_path / "new" / "nats-server")
    assert list((tmp_path / "new").iterdir()) == []


def test_an_archive_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NatsError, match=r"none.tar.gz"):
        stage(tmp_path / "none.tar.gz", tmp_path / "nats-server", sha256="0" * 64)


def test_an_archive_with_another_hash_is_not_unpacked(tmp_path: Path) -> None:
    archive = release(tmp_path)
    with pytest.raises(NatsError, match=f"has the SHA-256 {hash_of(archive)}, and should have {'0' * 64}: nothing was installed"):
        stage(archive, tmp_path / "new" / "nats-server", sha256="0" * 64)
    assert not (tmp_path / "new").exists()


def test_a_hash_may_be_written_in_capitals(tmp_path: Path) -> None:
    archive = release(tmp_path)
    stage(archive, tmp_path / "nats-server", sha256=hash_of(archive).upper())
    assert (tmp_path / "nats-server").exists()


def test_a_version_that_would_fill_the_disk_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=20 << 20))
    with pytest.raises(NatsError, match=rf"^{tmp_path}/new has 20 MiB free; nats-server {NEW} needs 32 MiB there"):
        stage(release(tmp_path), tmp_path / "new" / "nats-server")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        NatsError, match=r"^cannot stage nats-server 2.15.1 as .*: (Not a directory|File exists) \(.*file.*\). Nothing was"
    ):
        stage(release(tmp_path), tmp_path / "file" / "nats-server")


def test_staging_again_replaces_what_was_staged(tmp_path: Path) -> None:
    binary = install(tmp_path / "nats-server", "2.0.0")
    stage(release(tmp_path), binary)
    assert _binary.version_of(str(binary)) == NEW


@pytest.mark.parametrize(
    ("said", "version"),
    [("nats-server: v2.15.1", NEW), ("nats-server: v2.12.0-RC.1", "2.12.0-RC.1"), ("nats-server version 2.0.0", "2.0.0")],
)
def test_a_binary_says_its_version(tmp_path: Path, said: str, version: str) -> None:
    path = install(tmp_path / "nats-server", NEW)
    path.write_text(f"#!/bin/sh\n[ $1 = --version ] && echo '{said}'\n", encoding="utf-8")
    assert _binary.version_of(str(path)) == version


def test_a_binary_that_fails_is_quoted(tmp_path: Path) -> None:
    path = install(tmp_path / "nats-server", NEW)
    path.write_text("#!/bin/sh\necho 'no libc' >&2\nexit 127\n", encoding="utf-8")
    with pytest.raises(NatsError, match=r"--version says 'no libc': it is not a nats-server that runs here$"):
        _binary.version_of(str(path))


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        pytest.param(2, {OLD, NEW}, id="only-the-two"),
        pytest.param(3, {OLD, NEW, "2.12.8"}, id="one-more"),
        pytest.param(9, {OLD, NEW, "2.12.8", "2.9.10", "2.9.9"}, id="all"),
        pytest.param(0, {OLD, NEW}, id="never-the-needed"),
    ],
)
def test_the_oldest_versions_are_removed_and_the_needed_never(tmp_path: Path, keep: int, left: set[str]) -> None:
    where = plain(tmp_path)
    for version in (OLD, NEW, "2.12.8", "2.9.10", "2.9.9"):
        install(Path(where.binary(version)), version)
    others = {"nats-server", "nats-server-config-reloader", "nats-server-2.9"}
    for name in others:
        install(tmp_path / "usr" / "sbin" / name, OLD)
    removed = _binary.prune(where, keep, [NEW, OLD])
    assert names(tmp_path / "usr" / "sbin") == others | {f"nats-server-{version}" for version in left}
    assert len(removed) == 5 - len(left)


def test_a_removed_version_takes_with_it_what_older_releases_have_left_beside_it(tmp_path: Path) -> None:
    where = plain(tmp_path)
    stage(release(tmp_path, "2.12.8"), Path(where.binary("2.12.8")), "2.12.8")
    (tmp_path / "usr" / "sbin" / ".nats-server-2.12.8.sha256").touch()
    _binary.prune(where, 2, [NEW, OLD])
    assert [path.name for path in (tmp_path / "usr" / "sbin").iterdir()] == ["nats-server"]


def test_a_folder_with_the_name_of_a_version_is_left_alone(tmp_path: Path) -> None:
    where = plain(tmp_path)
    (tmp_path / "usr" / "sbin" / "nats-server-2.9.9").mkdir()
    assert _binary.prune(where, 2, [NEW, OLD]) == []


@pytest.mark.parametrize("make", [linked_folder, linked_file])
def test_nothing_is_removed_where_links_are_somebody_elses_order(tmp_path: Path, make: Any) -> None:
    where = make(tmp_path)
    install(Path(where.binary("2.9.9")), "2.9.9")
    assert _binary.prune(where, 0, []) == []
    assert Path(where.binary("2.9.9")).exists()
