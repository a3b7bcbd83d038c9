"""What the upgrade leaves on a machine that has its server from a package whose scripts restart it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from testinfra.host import Host

    from conftest import Node

testinfra_hosts = ["ansible://nats"]

BINARY = "/usr/sbin/nats-server"
UNIT = "nats-server.service"
POLICY = "/usr/sbin/policy-rc.d"


@pytest.fixture
def unit(host: Host) -> dict[str, str]:
    """Ask systemd for the properties of the unit."""
    lines = host.check_output(f"systemctl show --all {UNIT}").splitlines()
    return dict(line.split("=", maxsplit=1) for line in lines)


def test_the_new_package_is_installed_and_whole(host: Host, node: Node) -> None:
    found = host.check_output("dpkg-query --show --showformat='${db:Status-Status} ${Version}' nats-server")
    assert found == f"installed {node.version_wanted}-1"


def test_the_unit_of_the_new_package_is_in_charge(host: Host, node: Node, unit: dict[str, str]) -> None:
    assert (unit["ActiveState"], unit["UnitFileState"], unit["NeedDaemonReload"]) == ("active", "enabled", "no")
    assert (unit["Restart"], unit["DropInPaths"]) == ("on-failure", "")
    assert unit["Documentation"] == f"https://localhost/{node.version_wanted}"
    assert not host.file(f"/run/systemd/system/{UNIT}.d").exists


def test_the_process_runs_the_binary_of_the_package(host: Host, unit: dict[str, str]) -> None:
    assert host.file(f"/proc/{unit['MainPID']}/exe").linked_to == BINARY


def test_the_server_was_drained_and_started_once_and_not_restarted_by_the_package(host: Host, unit: dict[str, str]) -> None:
    assert (unit["Result"], unit["NRestarts"]) == ("success", "0")
    lines = host.check_output(f"journalctl --unit={UNIT} --output=json --output-fields=MESSAGE,INVOCATION_ID,_PID").splitlines()
    entries = [json.loads(line) for line in lines]
    said = [str(entry["MESSAGE"]) for entry in entries]
    before = host.check_output("cat /root/invocation")
    starts = list(dict.fromkeys(entry["INVOCATION_ID"] for entry in entries if "INVOCATION_ID" in entry))
    # Of the invocations that systemd counts: the one before, and ours.
    assert starts[starts.index(before) :][1:] == [unit["InvocationID"]]
    assert len([line for line in said if "Entering lame duck mode" in line]) == 1
    assert not [line for line in said if 'Trapped "terminated" signal' in line]


def test_policy_rc_d_is_what_it_was(host: Host, node: Node) -> None:
    now = host.run(f"stat --format='%i %a %U %Y' {POLICY}").stdout
    assert now.strip() == host.check_output("cat /root/policy").strip()
    assert bool(now) == (node.name == node.variables["lab_has_policy"])
    assert host.run(f"ls -d {POLICY}.*").stdout == ""


def test_the_package_is_held_where_it_was(host: Host, node: Node) -> None:
    held = host.check_output("apt-mark showhold").split()
    assert held == (["nats-server"] if node.name == node.variables["lab_has_policy"] else [])


def test_the_configuration_is_the_one_that_was_deployed(host: Host) -> None:
    configuration = host.file("/etc/nats-server.conf")
    assert (configuration.user, configuration.group, oct(configuration.mode)) == ("root", "nats", "0o640")
    assert configuration.contains("server_name")


def test_what_ran_is_kept_with_its_package_where_a_repository_has_it(host: Host, node: Node) -> None:
    kept = json.loads(host.file("/var/lib/natsops/package/old/manifest.json").content_string)
    assert (kept["version"], kept["package_version"]) == (node.version_before, f"{node.version_before}-1")
    assert host.file(f"/var/lib/natsops/package/old/{kept['files'][0]}").is_file
