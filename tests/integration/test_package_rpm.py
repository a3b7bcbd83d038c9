"""A server that comes from an RPM, with scripts as those of Fedora: upgraded from a repository of dnf, and put back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration.helpers import adhoc, upgrade
from tests.integration.machines import NEW, OLD, STATE, hosts, of_one_node
from tests.lab import rpms
from tests.lab.binaries import ROOT
from tests.lab.containers import ContainerCluster
from tests.lab.docker import docker
from tests.lab.machine import BINARY, CONFIG, UNIT

INVENTORY = ROOT / "docs" / "inventories" / "package.yml"
LOCK = (
    "import fcntl, time; f = open('/var/lib/rpm/.rpm.lock', 'r+'); fcntl.lockf(f, fcntl.LOCK_EX); "
    "print('locked', flush=True); time.sleep(300)"
)


def test_a_server_from_an_rpm_is_drained_before_it_is_started_again_and_put_back(mirror: Path) -> None:
    with ContainerCluster(OLD, size=1, more_packages=True) as cluster:
        rpms.repository(cluster, "n1", OLD, NEW)
        rpms.install(cluster, "n1", OLD)
        cluster.wait_ready()
        inventory_file = hosts(cluster, mirror, nats_upgrade_waive=["stepping_stone", "single_server"])
        _is_refused(inventory_file)

        config, starts = cluster.shell("n1", f"cat {CONFIG}"), _starts(cluster)
        done = upgrade(inventory_file, NEW, "-i", str(of_one_node(INVENTORY, cluster.base)))
        assert done.returncode == 0, done.stdout[-4000:]
        assert set(cluster.versions().values()) == {NEW}
        assert cluster.shell("n1", "rpm --query nats-server lab-shell").split() == [
            f"nats-server-{NEW}-1.lab.x86_64",
            f"lab-shell-{NEW}-1.noarch",
        ]
        # One start, which is the role's and comes after the drain: the scripts have started nothing.
        assert _starts(cluster) == starts + 1
        assert "Entering lame duck mode" in cluster.journal("n1", 100)
        assert cluster.shell("n1", f"cat {CONFIG}") == config

        _is_put_back(cluster, inventory_file)
        _is_staged_from_a_file(cluster, inventory_file)


def _package(inventory_file: Path, state: str, **more: Any) -> dict[str, Any]:
    given = {"path": BINARY, "version": NEW, "running_version": OLD, "service": "nats-server", **more}
    return adhoc(inventory_file, "n1", "nats_package", state=state, **given)["n1"]


def _is_refused(inventory_file: Path) -> None:
    missing = _package(inventory_file, "staged", version="2.15.9")
    assert missing["refusal"] == "no_package", missing
    assert f"holds 2.15.9: they have {NEW}-1.lab, {OLD}-1.lab." in missing["msg"]
    elsewhere = _package(inventory_file, "staged", path="/opt/nats-server")
    assert "the server is started by /opt/nats-server, which comes from no package" in elsewhere["msg"]


def _is_put_back(cluster: ContainerCluster, inventory_file: Path) -> None:
    """By its binary while another program installs packages, and then by the package that staging has kept."""
    kept = json.loads(cluster.shell("n1", f"cat {STATE}/package/old/manifest.json"))
    assert kept["files"] == [f"nats-server-{OLD}-1.lab.x86_64.rpm"]
    cluster.shell("n1", f"systemctl stop {UNIT}")
    cluster.shell("n1", f'systemd-run --quiet --unit=other python3 -c "{LOCK}"')
    cluster.shell("n1", "until journalctl --unit=other | grep -q locked; do sleep 0.1; done")
    locked = _package(inventory_file, "reverted", lock_timeout_seconds=1)
    assert locked["placed"] == BINARY, locked
    assert cluster.shell("n1", "rpm --query nats-server") == f"nats-server-{NEW}-1.lab.x86_64"
    cluster.shell("n1", "systemctl stop other")

    reverted = _package(inventory_file, "reverted")
    assert (reverted["changed"], reverted["placed"], reverted["package_version"]) == (True, "", f"{OLD}-1.lab"), reverted
    assert cluster.shell("n1", "rpm --query nats-server") == f"nats-server-{OLD}-1.lab.x86_64"
    assert cluster.shell("n1", f"{BINARY} --version") == f"nats-server: v{OLD}"
    assert cluster.unit("n1")["ActiveState"] == "inactive"
    assert cluster.shell("n1", "ls -d /usr/sbin/policy-rc.d* /run/systemd/system/*.d/*package* 2> /dev/null || true") == ""


def _is_staged_from_a_file(cluster: ContainerCluster, inventory_file: Path) -> None:
    """What was staged of the repository does not count then, and what the package needs still comes from there."""
    cluster.shell("n1", f"rpm --upgrade --oldpackage {rpms.REPOSITORY}/noarch/lab-shell-{OLD}-1.noarch.rpm")
    file = cluster.base / "given.rpm"
    docker("cp", f"{cluster.nodes['n1'].container}:{rpms.REPOSITORY}/x86_64/nats-server-{NEW}-1.lab.x86_64.rpm", str(file))
    other = _package(inventory_file, "staged", file=str(file), version="2.15.9")
    assert f"is the package nats-server {NEW}-1.lab, and has to be nats-server 2.15.9" in other["msg"]
    staged = _package(inventory_file, "staged", file=str(file))
    assert (staged["changed"], staged["package_version"]) == (True, f"{NEW}-1.lab"), staged
    assert cluster.shell("n1", f"{staged['binary']} --version") == f"nats-server: v{NEW}"
    assert f"lab-shell-{NEW}-1.noarch.rpm" in cluster.shell("n1", f"ls {STATE}/package/new").split()


def _starts(cluster: ContainerCluster) -> int:
    return int(cluster.shell("n1", f"journalctl --unit={UNIT} --output=cat | grep -c 'Starting nats-server'"))
