"""What rpm is asked and told, with programs of its names that answer as it does; the real ones are in the integration tests."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import rpm as _rpm
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError

HOLD = "import fcntl, sys; f = open(sys.argv[1], 'r+b'); fcntl.lockf(f, 2); print('locked', flush=True); sys.stdin.read()"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that alone is looked in for programs, besides the shell's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/bin")
    monkeypatch.setattr(_rpm.shutil, "which", lambda name: str(folder / name) if (folder / name).exists() else None)
    return folder


def have(programs: Path, name: str, script: str) -> None:
    path = programs / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def rpm() -> _rpm.Rpm:
    return _rpm.Rpm(0.0)


def test_an_installation_that_was_cut_off_leaves_two_versions_and_is_not_whole(programs: Path) -> None:
    have(programs, "rpm", "printf '2.14.6-1\\n2.15.1-1\\n'")
    assert (rpm().installed("nats-server"), rpm().is_whole("nats-server")) == ("2.15.1-1", False)
    have(programs, "rpm", "echo 'package nats-server is not installed'; exit 1")
    assert (rpm().installed("nats-server"), rpm().is_whole("nats-server")) == ("", False)


def test_versions_are_read_whether_or_not_dnf_adds_line_ends(programs: Path) -> None:
    assert rpm().versions("nats-server") == []
    have(programs, "dnf", "printf '2.14.6-1\\n\\n2.15.1-1\\n\\n'")
    assert rpm().versions("nats-server") == ["2.15.1-1", "2.14.6-1"]


def test_without_dnf_only_a_file_is_of_use(programs: Path) -> None:
    with pytest.raises(NatsError, match="there is no dnf here to fetch a package: set nats_upgrade_package_file") as caught:
        rpm().refresh()
    assert caught.value.details["refusal"] == "no_package"


def test_only_the_program_is_unpacked_and_nothing_outside_of_the_folder(programs: Path, tmp_path: Path) -> None:
    file, folder = tmp_path / "nats.rpm", tmp_path / "root"
    with tarfile.open(f"{file}.made", "w:gz") as archive:
        for name in ("./usr/sbin/nats-server", "../../outside/nats-server", "./etc/nats-server.conf"):
            member = tarfile.TarInfo(name)
            member.size, member.mode = 3, 0o755
            archive.addfile(member, io.BytesIO(b"abc"))
    have(programs, "rpm2archive", 'cp "$1.made" "$1.tgz"')
    rpm().unpack(str(file), str(folder))
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert found == ["outside/nats-server", "usr/sbin/nats-server"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "nats.rpm.made", "root"]
    assert (folder / "usr/sbin/nats-server").stat().st_mode & 0o777 == 0o755


def test_nothing_is_installed_while_another_program_holds_the_lock_and_scripts_reach_no_systemd(
    programs: Path, tmp_path: Path
) -> None:
    lock, asked = tmp_path / "lock", tmp_path / "asked"
    lock.touch()
    have(programs, "rpm", f'if [ "$1" = --eval ]; then echo {lock}; else echo "$SYSTEMD_OFFLINE $*" >> {asked}; fi')
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    with pytest.raises(NatsError, match="Another program installs packages") as caught:
        rpm().install(["nats.rpm"])
    assert (caught.value.details["refusal"], asked.exists()) == ("package_lock", False)
    holder.communicate(timeout=10)
    rpm().install(["nats.rpm"])
    assert asked.read_text(encoding="utf-8") == "1 --upgrade --oldpackage --replacepkgs nats.rpm\n"
