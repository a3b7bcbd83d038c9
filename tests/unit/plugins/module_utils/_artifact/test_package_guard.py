"""What keeps the scripts of a package from the server: both fences, and that everything is as it was afterwards."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import package_guard as _package_guard
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from tests.unit.systemd import Systemd

OWN = '#!/bin/sh\necho "asked for $1"\nexit 7\n'


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, systemd: Systemd) -> Path:
    path = tmp_path / "policy-rc.d"
    monkeypatch.setattr(_package_guard, "POLICY", path)
    monkeypatch.setattr(_package_guard, "KEPT", tmp_path / "policy-rc.d.natsops-kept")
    return path


def asked(policy: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run([str(policy), *words], capture_output=True, text=True, check=False, timeout=10)
    return done.returncode, done.stdout.strip()


def write_own(policy: Path) -> None:
    policy.write_text(OWN, encoding="utf-8")
    policy.chmod(0o750)


@pytest.mark.parametrize("name", ["nats-server.service", "nats-server"])
def test_scripts_are_told_no_for_the_server_and_nothing_of_others(policy: Path, name: str) -> None:
    with _package_guard.up(["nats-server.service"], None):
        assert asked(policy, name, "restart") == (101, "")
        assert asked(policy, "other.service", "restart") == (104, "")
        assert _package_guard.left()
    assert (policy.exists(), _package_guard.left()) == (False, False)


def test_without_units_no_policy_is_written(policy: Path) -> None:
    with _package_guard.up([], None):
        assert not policy.exists()


def test_the_policy_that_was_there_goes_on_answering_for_others_and_is_put_back_as_it_was(policy: Path) -> None:
    write_own(policy)
    before = policy.stat()
    with contextlib.suppress(KeyError), _package_guard.up(["nats-server.service"], None):
        assert asked(policy, "nats-server.service", "restart") == (101, "")
        assert asked(policy, "other.service", "start") == (7, "asked for other.service")
        raise KeyError("an installation that fails")
    after = policy.stat()
    assert (after.st_ino, after.st_mode, after.st_mtime) == (before.st_ino, before.st_mode, before.st_mtime)
    assert set(os.listdir(policy.parent)) == {"systemd", "policy-rc.d"}


def test_a_policy_that_is_a_link_comes_back_as_a_link(policy: Path) -> None:
    policy.symlink_to("/usr/share/policy")
    with _package_guard.up(["nats-server.service"], None):
        assert not policy.is_symlink()
    assert os.readlink(policy) == "/usr/share/policy"


def test_systemd_refuses_starts_and_stops_meanwhile_and_reads_its_units_again_at_the_end(policy: Path, systemd: Systemd) -> None:
    drop_in = systemd.units / "nats-server.service.d" / _package_guard.DROP_IN
    hold = drop_in.with_name("zzzz-natsops-hold.conf")
    hold.parent.mkdir()
    hold.touch()
    with _package_guard.up(["nats-server.service"], "nats-server"):
        assert {"RefuseManualStart=yes", "RefuseManualStop=yes"} <= set(drop_in.read_text(encoding="utf-8").splitlines())
        assert systemd.calls == ["show", "daemon-reload"]
    assert (drop_in.exists(), hold.exists()) == (False, True)
    assert systemd.calls[2:] == ["daemon-reload"]


@pytest.mark.parametrize("died", ["before-ours", "after-ours", "nothing-before"])
def test_what_a_run_that_died_has_left_is_seen_and_undone(policy: Path, systemd: Systemd, died: str) -> None:
    write_own(policy)
    if died == "nothing-before":
        policy.unlink()
    # What the first half leaves where the second never comes.
    guard = _package_guard.up(["nats-server.service"], "nats-server")
    guard.__enter__()
    if died == "before-ours":
        policy.unlink()
    assert _package_guard.left()
    assert _package_guard.down()
    assert policy.exists() == (died != "nothing-before")
    assert died == "nothing-before" or policy.read_text(encoding="utf-8") == OWN
    assert list(systemd.units.iterdir()) == []
    assert (_package_guard.left(), _package_guard.down()) == (False, False)


def test_a_policy_written_since_is_not_overwritten(policy: Path) -> None:
    write_own(policy)
    guard = _package_guard.up(["nats-server.service"], None)
    guard.__enter__()
    policy.write_text("#!/bin/sh\n", encoding="utf-8")
    with pytest.raises(NatsError, match=r"and another one was written since: decide which of the two is right"):
        _package_guard.down()
    assert policy.read_text(encoding="utf-8") == "#!/bin/sh\n"
    policy.unlink()
    assert _package_guard.down()
    del guard


def test_a_folder_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, policy: Path) -> None:
    monkeypatch.setattr(_package_guard, "POLICY", Path("/dev/null/policy-rc.d"))
    with pytest.raises(NatsError, match=r"^cannot put up /dev/null/policy-rc.d.natsops: Not a directory. Run with become"):
        _package_guard.up(["nats-server.service"], None).__enter__()
