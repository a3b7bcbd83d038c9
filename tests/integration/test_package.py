"""One server that comes from a Debian package: what its scripts would do to it, and how what died in the middle is ended."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tests.integration.helpers import adhoc, said, upgrade
from tests.integration.machines import NEW, OLD, STATE, finished, hosts, message
from tests.lab.containers import ContainerCluster
from tests.lab.docker import docker
from tests.lab.machine import BINARY, UNIT
from tests.lab.mirror import go_architecture
from tests.lab.packages import NAME, package

POLICY = "/usr/sbin/policy-rc.d"
INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet -o Dpkg::Options::=--force-confold"
# As it is while a package is installed, seen from a run that comes after one that died then.
DROP_IN = f"/run/systemd/system/{UNIT}.d/zzzz-natsops-package.conf"
DIED = f"""
printf '#!/bin/sh\\nexit 104\\n' | install -m 0755 /dev/stdin {POLICY}.natsops-kept
printf '[Unit]\\nRefuseManualStart=yes\\n' | install -D /dev/stdin {DROP_IN}
systemctl daemon-reload
"""
LOCK = "import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(300)"


def test_the_package_never_restarts_its_server_and_is_put_back(mirror: Path) -> None:
    with ContainerCluster(OLD, size=1) as cluster:
        _have_the_package(cluster)
        inventory_file = cluster.write_inventory(mirror)
        node = Node(cluster, inventory_file)
        started = cluster.unit("n1")["InvocationID"]
        _is_refused(node)

        # Its script calls systemctl and asks nobody.
        rude = package(NEW, asks=False)
        staged = node.package("staged", file=str(rude))
        assert (staged["changed"], staged["package_version"]) == (True, f"{NEW}-1+rude"), staged
        assert cluster.shell("n1", f"{staged['binary']} --version") == f"nats-server: v{NEW}"
        kept = _kept(cluster)
        assert (kept["version"], kept["files"]) == (OLD, [])
        assert not node.package("staged", file=str(rude))["changed"]

        _is_locked(node)
        _died_in_the_middle(node)
        assert node.package("installed")["changed"]
        assert cluster.unit("n1")["InvocationID"] == started
        assert cluster.shell("n1", f"{BINARY} --version") == f"nats-server: v{NEW}"
        assert node.facts()["binary_version"] == NEW
        assert not node.package("installed")["changed"]
        assert node.leftovers() == ""

        # No repository has the old package: its binary alone is what can be put back.
        cluster.shell("n1", f"systemctl stop {UNIT}")
        assert node.package("reverted")["placed"] == BINARY
        assert cluster.shell("n1", f"{BINARY} --version") == f"nats-server: v{OLD}"

        # With the package at hand it is put back whole, and nothing is started by it.
        _keep_package(cluster)
        reverted = node.package("reverted")
        assert (reverted["changed"], reverted["placed"], reverted["package_version"]) == (True, "", f"{OLD}-1"), reverted
        assert "ii " in cluster.shell("n1", f"dpkg-query --list nats-server | grep ' {OLD}-1 '")
        assert (cluster.unit("n1")["ActiveState"], node.leftovers()) == ("inactive", "")

        cluster.shell("n1", f"systemctl start {UNIT}")
        cluster.wait_ready()
        _is_upgraded_from_an_address(node, mirror)


class Node:
    """The module, as the role calls it."""

    def __init__(self, cluster: ContainerCluster, inventory_file: Path) -> None:
        self.cluster, self._inventory = cluster, inventory_file

    def package(self, state: str, **more: Any) -> dict[str, Any]:
        result = self.call(state, **more)
        assert result["state"].startswith(("SUCCESS", "CHANGED")), result
        return result

    def call(self, state: str, **more: Any) -> dict[str, Any]:
        given = {"path": BINARY, "version": NEW, "running_version": OLD, "service": "nats-server", **more}
        return adhoc(self._inventory, "n1", "nats_package", state=state, **given)["n1"]

    def foreseen(self, **more: Any) -> dict[str, Any]:
        """What check mode says of staging."""
        given = {"path": BINARY, "version": NEW, "running_version": OLD, "service": "nats-server", **more}
        return adhoc(self._inventory, "n1", "nats_package", "--check", state="staged", **given)["n1"]

    def facts(self) -> dict[str, Any]:
        result = adhoc(self._inventory, "n1", "nats_node_facts", service="nats-server", state_dir=STATE)["n1"]
        return dict(result["ansible_facts"]["nats_node"])

    def leftovers(self) -> str:
        return self.cluster.shell(
            "n1", f"ls -d {POLICY}* /run/systemd/system/*.d/*natsops-package* 2>&1 | grep -v cannot || true"
        )


def _have_the_package(cluster: ContainerCluster) -> None:
    """The server of the machine comes from the package, with the configuration that it had."""
    docker("cp", str(package(OLD)), f"{cluster.nodes['n1'].container}:/root/old.deb")
    cluster.shell("n1", f"rm /etc/systemd/system/{UNIT}; {INSTALL} /root/old.deb")


def _is_refused(node: Node) -> None:
    """No repository has the new version; the file is another version; the server comes from elsewhere."""
    missing = node.call("staged")
    assert "holds 2.15.1: they have " in missing["msg"], missing
    assert missing["refusal"] == "no_package"
    # What a run would ask for first is not known in check mode, and no reason to refuse.
    assert node.foreseen()["said"].startswith("not known before the lists are refreshed")
    assert node.foreseen(file="/no/such/file.deb")["said"].startswith("not checked until staged")
    other = node.call("staged", file=str(package(OLD)))
    assert f"nats_upgrade_package_file is the package nats-server {OLD}-1, and has to be nats-server {NEW}" in other["msg"]
    elsewhere = node.call("staged", path="/opt/nats-server")
    assert "the server is started by /opt/nats-server, which comes from no package and not from nats-server" in elsewhere["msg"]


def _is_upgraded_from_an_address(node: Node, mirror: Path) -> None:
    """By the role, with the wrong hash, in check mode, and in earnest: the controller fetches the file and copies it there."""
    cluster, file = node.cluster, package(NEW)
    name = f"{NAME}_{{{{ nats_upgrade_version }}}}-1_{{{{ nats_upgrade_arch }}}}.deb"
    given = {
        "nats_upgrade_artifact": "package",
        "nats_upgrade_package_file": f"file://{file.parent}/{name}",
        "nats_upgrade_waive": ["stepping_stone", "single_server"],
    }
    of_file = {go_architecture(): hashlib.sha256(file.read_bytes()).hexdigest()}
    before = _state(cluster)

    refused = message(upgrade(hosts(cluster, mirror, **given, nats_upgrade_package_sha256="0" * 64), NEW))
    assert f"/{file.name} has the SHA-256 {of_file[go_architecture()]}, and should have {'0' * 64}." in refused
    assert _state(cluster) == before
    inventory_file = hosts(cluster, mirror, **given, nats_upgrade_package_sha256=of_file)
    checked = upgrade(inventory_file, NEW, "--check")
    assert checked.returncode == 0, checked.stdout[-3000:]
    assert "not checked until staged: whether the package file holds this version" in said(checked)
    assert _state(cluster) == before

    done = upgrade(inventory_file, NEW)
    assert done.returncode == 0, done.stdout[-4000:]
    finished(cluster)
    installed = cluster.shell("n1", "dpkg-query --show --showformat='${Status} ${Version}' nats-server")
    assert installed == f"install ok installed {NEW}-1"
    assert node.leftovers() == ""


def _state(cluster: ContainerCluster) -> tuple[str, str]:
    """What an upgrade would change: the server that runs, and what is installed and staged."""
    files = f"dpkg-query --show nats-server; ls -l --full-time {STATE}/package/new {BINARY}"
    return cluster.unit("n1")["InvocationID"], cluster.shell("n1", files)


def _is_locked(node: Node) -> None:
    node.cluster.shell("n1", f'systemd-run --quiet --unit=other-apt python3 -c "{LOCK}"')
    held = node.call("installed", lock_timeout_seconds=1)
    assert held["refusal"] == "package_lock", held
    assert "Another program installs packages, such as unattended-upgrades" in held["msg"]
    assert node.leftovers() == ""
    node.cluster.shell("n1", "systemctl stop other-apt")


def _died_in_the_middle(node: Node) -> None:
    node.cluster.shell("n1", DIED)
    assert node.facts()["package_guard"]
    assert node.package("released")["changed"]
    assert (node.facts()["package_guard"], node.leftovers()) == (False, POLICY)
    node.cluster.shell("n1", f"rm {POLICY}")


def _kept(cluster: ContainerCluster) -> dict[str, Any]:
    return dict(json.loads(cluster.shell("n1", f"cat {STATE}/package/old/manifest.json")))


def _keep_package(cluster: ContainerCluster) -> None:
    """What staging does where a repository has the package."""
    manifest = {**_kept(cluster), "package_version": f"{OLD}-1", "files": ["old.deb"]}
    write = f"cp /root/old.deb {STATE}/package/old; cat > {STATE}/package/old/manifest.json"
    done = cluster.exec("n1", "sh", "-e", "-c", write, stdin=json.dumps(manifest))
    assert done.returncode == 0, done.stderr
