"""What the upgrade leaves on a machine that is locked: everything that was locked before."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from testinfra.host import Host

    from conftest import Node

testinfra_hosts = ["ansible://nats"]

BINARY = "/usr/sbin/nats-server"


@pytest.fixture
def status(host: Host, unit: dict[str, str]) -> dict[str, str]:
    """Ask the kernel about the server."""
    with host.sudo():
        lines = host.check_output(f"cat /proc/{unit['MainPID']}/status").splitlines()
    return {name: value.strip() for name, _unused, value in (line.partition(":") for line in lines)}


def test_the_unit_file_is_in_charge_again(unit: dict[str, str]) -> None:
    assert (unit["ActiveState"], unit["Restart"], unit["DropInPaths"], unit["NRestarts"]) == ("active", "on-failure", "", "0")


def test_the_server_is_no_root_and_can_become_none(host: Host, status: dict[str, str]) -> None:
    nats = host.user("nats")
    assert (status["Uid"].split(), status["Gid"].split()) == ([str(nats.uid)] * 4, [str(nats.gid)] * 4)
    assert (int(status["CapBnd"], 16), status["NoNewPrivs"], status["Seccomp"]) == (0, "1", "2")


@pytest.mark.parametrize("namespace", ["user", "mnt", "ipc", "uts"])
def test_the_server_has_namespaces_of_its_own(host: Host, unit: dict[str, str], namespace: str) -> None:
    with host.sudo():
        server, machine = (host.check_output(f"readlink /proc/{pid}/ns/{namespace}") for pid in (unit["MainPID"], "1"))
    assert server != machine


def test_the_server_can_write_its_data_only(host: Host, unit: dict[str, str]) -> None:
    with host.sudo():
        mounts = [line.split() for line in host.check_output(f"cat /proc/{unit['MainPID']}/mounts").splitlines()]
    options = {mount[1]: mount[3].split(",")[0] for mount in mounts}
    assert (options["/"], options["/var/lib/nats"]) == ("ro", "rw")


def test_nobody_else_reads_the_data(host: Host) -> None:
    with host.sudo():
        assert host.check_output("find /var/lib/nats/jetstream -type f -perm /077 | head") == ""


@pytest.mark.parametrize(
    ("path", "owner", "group", "mode"),
    [
        (BINARY, "root", "root", "0o755"),
        ("/etc/nats-server.conf", "root", "nats", "0o640"),
        ("/etc/nats/server.pem", "root", "nats", "0o640"),
        ("/etc/default/nats-server", "root", "root", "0o600"),
    ],
)
def test_files_belong_to_whom_they_did(host: Host, path: str, owner: str, group: str, mode: str) -> None:
    with host.sudo():
        found = host.file(path)
        assert (found.user, found.group, oct(found.mode)) == (owner, group, mode)


def test_routes_are_encrypted_and_both_sides_prove_who_they_are(node: Node) -> None:
    cluster = node.read("/varz")["cluster"]
    assert (cluster.get("tls_required"), cluster.get("tls_verify")) == (True, True)


def test_clients_have_to_speak_tls_and_to_be_known(node: Node) -> None:
    varz = node.read("/varz")
    assert (varz.get("tls_required"), varz.get("auth_required")) == (True, True)


def test_monitoring_speaks_https_only(node: Node) -> None:
    with socket.create_connection((node.variables["ansible_host"], 8222), timeout=10) as connection:
        connection.sendall(b"GET /varz HTTP/1.0\r\n\r\n")
        assert b"400 Bad Request" in connection.recv(4096)
