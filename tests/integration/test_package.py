"""One server that comes from a Debian package: what its scripts would do to it, and how what died in the middle is ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration.helpers import adhoc
from tests.integration.machines import NEW, OLD, STATE
from tests.lab.containers import ContainerCluster
from tests.lab.docker import docker
from tests.lab.machine import BINARY, UNIT
from tests.lab.packages import package

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
    other = node.call("staged", file=str(package(OLD)))
    assert f"nats_upgrade_package_file is the package nats-server {OLD}-1, and has to be nats-server {NEW}" in other["msg"]
    elsewhere = node.call("staged", path="/opt/nats-server")
    assert "the server is started by /opt/nats-server, which comes from no package and not from nats-server" in elsewhere["msg"]


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
