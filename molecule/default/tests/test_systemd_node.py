"""What the upgrade leaves on a machine where systemd runs the server from one binary file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from testinfra.host import Host

    from conftest import Node

testinfra_hosts = ["ansible://nats"]

BINARY = "/usr/sbin/nats-server"


def test_the_unit_is_active_and_enabled(unit: dict[str, str]) -> None:
    assert (unit["ActiveState"], unit["SubState"], unit["UnitFileState"]) == ("active", "running", "enabled")


def test_the_unit_file_is_in_charge_again(unit: dict[str, str]) -> None:
    assert (unit["Restart"], unit["DropInPaths"], unit["NeedDaemonReload"]) == ("on-failure", "", "no")


def test_no_hold_is_left_in_the_runtime_folder(host: Host) -> None:
    assert not host.file("/run/systemd/system/nats-server.service.d").exists


def test_the_server_has_never_ended_unasked(unit: dict[str, str]) -> None:
    assert (unit["Result"], unit["NRestarts"]) == ("success", "0")


def test_the_process_runs_the_new_binary(host: Host, unit: dict[str, str]) -> None:
    assert host.file(f"/proc/{unit['MainPID']}/exe").linked_to == BINARY


@pytest.mark.parametrize("which", ["wanted", "before"])
def test_both_versions_are_installed_as_they_were(host: Host, node: Node, which: str) -> None:
    version = node.version_wanted if which == "wanted" else node.version_before
    path = BINARY if which == "wanted" else f"{BINARY}-{version}"
    binary = host.file(path)
    assert (binary.is_file, binary.is_symlink) == (True, False)
    assert (binary.user, binary.group, oct(binary.mode)) == ("root", "root", "0o755")
    assert host.check_output(f"{path} --version") == f"nats-server: v{version}"


def test_only_whole_versions_lie_beside_the_binary(host: Host, node: Node) -> None:
    found = set(host.check_output("find /usr/sbin -name 'nats*'").split())
    assert found == {BINARY, f"{BINARY}-{node.version_before}", f"{BINARY}-{node.version_wanted}"}


def test_the_configuration_is_untouched(host: Host) -> None:
    configuration = host.file("/etc/nats-server.conf")
    assert (configuration.user, configuration.group, oct(configuration.mode)) == ("root", "nats", "0o640")
