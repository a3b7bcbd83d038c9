"""A server that OpenRC runs, as the page for users has it: with supervise-daemon, which starts it again at once, and without."""

from __future__ import annotations

import re
from pathlib import Path

from tests.integration.faults import playbook
from tests.integration.helpers import START_SECONDS, said, upgrade
from tests.integration.machines import NEW, OLD, hosts, of_one_node
from tests.integration.releases import pack, publish, script
from tests.lab.binaries import ROOT
from tests.lab.containers import ContainerCluster
from tests.lab.machine import UNIT, UNIT_FOLDER, changed

INVENTORY = ROOT / "docs" / "inventories" / "openrc.yml"
PAGE = (ROOT / "docs" / "deployments" / "command.md").read_text(encoding="utf-8")
SUPERVISED, UNSUPERVISED = re.findall(r"^```sh\n(#!/sbin/openrc-run\n.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
BROKEN = "2.15.9"
PID_FILE = "/run/nats/nats-server.pid"
# What OpenRC makes when it boots a machine.
FOLDERS = "daemons exclusive failed hotplugged inactive options scheduled started starting stopping tmp wasinactive"
BOOTED = f"mkdir /run/openrc; cd /run/openrc; mkdir {FOLDERS}; touch softlevel"
LOG = "/var/lib/nats/server.log"
SCRIPT = "/etc/init.d/nats-server"


def test_openrc_starts_the_new_version_once_with_a_supervisor_and_without(mirror: Path, tmp_path: Path) -> None:
    broken = publish(tmp_path, BROKEN, pack(BROKEN, script(BROKEN, "echo 'cannot serve' >&2; exit 1")))
    waived = {"nats_upgrade_waive": ["stepping_stone", "single_server"]}
    extra = {"n1": f"pid_file: {PID_FILE}\nlog_file: {LOG}\n"}
    # The machine boots with systemd; its server is handed to OpenRC then.
    unit = changed(RuntimeDirectory="nats")
    with ContainerCluster(OLD, size=1, more_packages=True, unit=unit, extra_config=extra) as cluster:
        for_users = ("-i", str(of_one_node(INVENTORY, cluster.base)))
        cluster.shell("n1", f"systemctl disable --now {UNIT}; rm {UNIT_FOLDER}/{UNIT}; systemctl daemon-reload")
        cluster.shell("n1", BOOTED)
        _serve(cluster, SUPERVISED)
        starts = _starts(cluster)
        failed = upgrade(hosts(cluster, broken, **waived), BROKEN, *for_users, nats_upgrade_start_timeout_seconds=START_SECONDS)
        assert "n1: it was put back to 2.14.6, and is up and current." in said(failed), failed.stdout[-4000:]
        assert set(cluster.versions().values()) == {OLD}
        assert _starts(cluster) == starts + 1

        # A supervisor counts its tries, those of the broken version too, and gives up after some: this one has made none.
        cluster.shell("n1", "rc-service nats-server restart")
        cluster.wait_ready()
        starts, supervisor = _starts(cluster), _supervisor(cluster)
        inventory_file = hosts(cluster, mirror, **waived)
        done = upgrade(inventory_file, NEW, *for_users)
        assert done.returncode == 0, done.stdout[-4000:]
        assert set(cluster.versions().values()) == {NEW}
        # One start: none of the old version came in between, and its supervisor is the same.
        assert (_starts(cluster), _supervisor(cluster)) == (starts + 1, supervisor)

        cluster.shell("n1", "rc-service nats-server stop")
        _serve(cluster, UNSUPERVISED)
        starts = _starts(cluster)
        again = playbook("restart", inventory_file, *for_users, nats_upgrade_restart_all=True)
        assert again.returncode == 0, again.stdout[-4000:]
        assert _starts(cluster) == starts + 1
        assert "started" in cluster.shell("n1", "rc-service nats-server status")
        assert cluster.shell("n1", "cat /run/nats-server.openrc.pid") == cluster.shell("n1", f"cat {PID_FILE}")
        assert cluster.shell("n1", "ls /run/nats") == Path(PID_FILE).name


def _serve(cluster: ContainerCluster, script: str) -> None:
    """Have OpenRC start the server with this script."""
    done = cluster.exec("n1", "install", "-m", "0755", "/dev/stdin", SCRIPT, stdin=script)
    assert done.returncode == 0, done.stderr
    cluster.shell("n1", "rc-service nats-server start")
    cluster.wait_ready()


def _starts(cluster: ContainerCluster) -> int:
    return int(cluster.shell("n1", f"grep -c 'Starting nats-server' {LOG}"))


def _supervisor(cluster: ContainerCluster) -> str:
    return cluster.shell("n1", "pgrep -x supervise-daemo")
