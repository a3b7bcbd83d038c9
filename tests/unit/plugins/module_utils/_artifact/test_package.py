"""What is said of a package before it is there, and of a server that it has ended; the package manager is played."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any, Callable, Sequence

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import package as _package
from ansible_collections.natsops.cluster.plugins.module_utils._artifact import package_guard as _package_guard
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._node import facts as _facts
from tests.unit.processes import Processes
from tests.unit.releases import NEW, OLD, install
from tests.unit.systemd import Systemd


class Manager:
    """A package manager that has the old version, and lists of some age."""

    name, suffix, log, asks_policy = "dpkg", ".deb", "/var/log/apt/term.log", False

    def __init__(self) -> None:
        self.listed: list[str] = [f"{OLD}-1"]
        self.faults: list[NatsError] = []
        self.script: Callable[[], object] = lambda: None

    def installed(self, name: str) -> str:
        return f"{OLD}-1"

    def is_whole(self, name: str) -> bool:
        return True

    def owner(self, path: str) -> str:
        return "nats-server"

    def is_held(self, name: str) -> bool:
        return False

    def versions(self, name: str) -> list[str]:
        return self.listed

    def require_lists(self) -> None:
        for fault in self.faults:
            raise fault

    def install(self, files: Sequence[str]) -> None:
        self.script()


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, systemd: Systemd) -> Manager:
    played = Manager()
    monkeypatch.setattr(_package, "_manager_of", lambda name, lock_timeout_seconds: played)
    monkeypatch.setattr(_package_guard, "POLICY", tmp_path / "policy-rc.d")
    monkeypatch.setattr(_package_guard, "KEPT", tmp_path / "policy-rc.d.natsops-kept")
    return played


@pytest.fixture
def asked(processes: Processes, tmp_path: Path) -> dict[str, Any]:
    """The options, for a server that runs; the path holds the new version, as after an installation."""
    given = {name: option.get("default") for name, option in _package.SPEC.items()}
    server = {"pid": processes.server().pid, "service": None, "pid_file": None}
    path = str(install(tmp_path / "sbin" / "nats-server", NEW))
    return {**given, **server, "path": path, "version": NEW, "running_version": OLD, "state_dir": str(tmp_path / "state")}


def acted(action: Callable[..., dict[str, Any]], given: dict[str, Any], *, check_mode: bool = False) -> dict[str, Any]:
    return action(given, _facts.find(given), check_mode=check_mode)


def foreseen(asked: dict[str, Any], **more: Any) -> tuple[str, str]:
    result = acted(_package.stage, {**asked, **more}, check_mode=True)
    assert (result["changed"], os.path.exists(asked["state_dir"])) == (True, False)
    return result["package_version"], result["said"]


def test_a_file_that_is_to_be_given_is_not_checked_before_it_is_there(manager: Manager, asked: dict[str, Any]) -> None:
    version, said = foreseen(asked, file="/on/the/controller/nats-server.deb")
    assert (version, said.partition(":")[0]) == ("", "not checked until staged")


def test_lists_that_do_not_have_the_version_yet_are_no_refusal(manager: Manager, asked: dict[str, Any]) -> None:
    unknown = "not known before the lists are refreshed"
    assert foreseen(asked)[1].startswith(unknown)
    assert foreseen(asked, package_version=f"{NEW}-2")[1].startswith(unknown)
    manager.listed = [f"{NEW}-1"]
    assert foreseen(asked) == (f"{NEW}-1", "")
    assert foreseen(asked, package_version=f"{NEW}-2")[1].startswith(unknown)


def test_what_fresh_lists_would_not_mend_is_refused_at_once(manager: Manager, asked: dict[str, Any]) -> None:
    with pytest.raises(NatsError, match=f"nats_upgrade_package_version is {OLD}-1, which is not a package of {NEW}"):
        foreseen(asked, package_version=f"{OLD}-1")
    manager.listed = [f"{NEW}-1", f"{NEW}-2"]
    with pytest.raises(NatsError, match=f"several packages of nats-server hold {NEW}"):
        foreseen(asked)
    manager.listed, manager.faults = [], [NatsError("refused: there is no dnf here")]
    with pytest.raises(NatsError, match="there is no dnf here"):
        foreseen(asked)


@pytest.mark.parametrize(
    "damage", [{"files": ["../../etc/passwd"]}, {"files": "new.deb"}, {"units": 1}, {"binary": None}, {"name": []}]
)
def test_a_manifest_that_is_none_stages_nothing(
    manager: Manager, asked: dict[str, Any], processes: Processes, damage: dict[str, Any]
) -> None:
    staged = Path(asked["state_dir"], "package", "new")
    staged.mkdir(parents=True)
    manifest = {"name": "nats-server", "version": NEW, "package_version": f"{NEW}-1", "units": [], "files": [], "binary": "x"}
    (staged / "manifest.json").write_text(json.dumps({**manifest, **damage}), encoding="utf-8")
    with pytest.raises(NatsError, match=f"^the package nats-server {NEW} is not staged in {staged}: nothing was installed"):
        acted(_package.install, asked)


def test_a_package_that_ends_the_server_all_the_same_is_found_out_and_told(
    manager: Manager, asked: dict[str, Any], processes: Processes
) -> None:
    staged = Path(asked["state_dir"], "package", "new")
    staged.mkdir(parents=True)
    (staged / "new.deb").touch()
    manifest = {"name": "nats-server", "version": NEW, "package_version": f"{NEW}-1", "units": [], "files": ["new.deb"]}
    manifest["binary"] = "root/nats-server"
    (staged / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert acted(_package.install, asked) == {"changed": True, "package_version": f"{NEW}-1"}

    server = _process.look(asked["pid"])
    assert server is not None

    def kill() -> None:
        os.kill(server.pid, signal.SIGKILL)
        processes.reap(server)

    manager.script = kill
    with pytest.raises(NatsError) as told:
        acted(_package.install, asked)
    ended = f"the server (pid {server.pid}) has ended while the package nats-server {NEW}-1 was installed"
    assert str(told.value).startswith(f"{ended}, although its scripts were kept from it: it was not drained.")
    assert str(told.value).endswith(f"Look at the log of the server and at {manager.log}")
