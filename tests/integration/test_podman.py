"""A server that a systemd unit runs by podman, as podman generates such units, upgraded by the page for users."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.integration.helpers import BIN, PLAYBOOK_SECONDS, START_SECONDS, run, said, upgrade
from tests.integration.machines import NEW, OLD, STATE, hosts, of_one_node
from tests.lab.binaries import ROOT
from tests.lab.containers import ContainerCluster
from tests.lab.docker import docker
from tests.lab.load_assets import connect, make_stream
from tests.lab.machine import CONFIG, UNIT, UNIT_FOLDER
from tests.lab.server_images import image_that_does_not_start, server_image

INVENTORY = ROOT / "docs" / "inventories" / "podman.yml"
SERVICE = "container-nats"
UNIT_FILE = f"{UNIT_FOLDER}/{SERVICE}.service"
HERE = "localhost/"
MESSAGES = 20
# What a machine in a container of docker needs: podman's own runtime, and its limits, are for machines.
CONTAINERS_CONF = """\
[engine]
runtime = "runc"
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
"""
# The volume has no name yet.
MAKE = f"""
systemctl disable --now {UNIT}
rm {UNIT_FOLDER}/{UNIT}
podman load --quiet --input /root/image.tar
podman create --name nats --network host --volume {CONFIG}:/etc/nats.conf:ro --volume /var/lib/nats \
    {HERE}natsops-nats:{OLD} -c /etc/nats.conf
podman generate systemd --new --restart-policy always --name nats > {UNIT_FILE}
podman rm nats
systemctl daemon-reload
systemctl enable --now {SERVICE}
"""
GIVE_IT_A_NAME = f"""
sed -i 's|--volume /var/lib/nats|--volume nats-data:/var/lib/nats|' {UNIT_FILE}
systemctl daemon-reload
systemctl restart {SERVICE}
"""


def test_a_unit_that_runs_podman_is_upgraded_by_its_image_and_put_back(tmp_path: Path) -> None:
    with ContainerCluster(OLD, size=1, podman=True) as cluster:
        _serve(cluster, tmp_path)
        own = hosts(cluster, tmp_path, nats_upgrade_waive=["stepping_stone", "single_server"])
        for_users = ("-i", str(of_one_node(INVENTORY, tmp_path)))
        _refuses_what_would_be_lost(own, for_users)
        cluster.shell("n1", GIVE_IT_A_NAME)
        cluster.wait_ready()
        asyncio.run(make_stream(cluster.urls, "KEPT", "kept.>", MESSAGES))
        before, old = _text(cluster), _unit(cluster)

        broken = _image(image_that_does_not_start(NEW), tmp_path)
        failed = upgrade(own, NEW, *for_users, nats_upgrade_start_timeout_seconds=START_SECONDS, **broken)
        assert failed.returncode != 0
        assert "n1: it was put back to 2.14.6, and is up and current." in said(failed), failed.stdout[-4000:]
        assert "listen tcp 192.0.2.9:4222" in said(failed), failed.stdout[-4000:]
        _runs(cluster, OLD, before, old)

        down = upgrade(own, NEW, *for_users, nats_upgrade_start_timeout_seconds=3, nats_upgrade_rollback=False, **broken)
        assert "n1: its server is down, and nats_upgrade_rollback is false." in said(down), down.stdout[-4000:]
        # The next run goes on from the journal, and from the unit with the image of the turn that broke off.
        assert cluster.exec("n1", "cat", f"{UNIT_FILE}.natsops-previous").stdout == before

        image = _image(server_image(NEW), tmp_path)
        done = upgrade(own, NEW, *for_users, **image)
        assert done.returncode == 0, done.stdout[-4000:]
        assert "resumed: it broke off at " in said(done)
        _runs(cluster, NEW, before.replace(f"natsops-nats:{OLD}", f"natsops-nats:{NEW}"), old)
        again = upgrade(own, NEW, *for_users, **image)
        assert (again.returncode, again.changed) == (0, 0), again.stdout[-4000:]
        _restarts_where_its_configuration_was_replaced(cluster, own, for_users)


def _serve(cluster: ContainerCluster, folder: Path) -> None:
    """Have a unit that podman has generated run the server, in place of the unit that the machine came with."""
    file = folder / "image.tar"
    docker("save", f"--output={file}", server_image(OLD))
    docker("cp", str(file), f"{cluster.nodes['n1'].container}:/root/image.tar")
    written = cluster.exec("n1", "install", "-D", "/dev/stdin", "/etc/containers/containers.conf", stdin=CONTAINERS_CONF)
    assert written.returncode == 0, written.stderr
    cluster.shell("n1", MAKE)
    cluster.wait_ready()


def _image(name: str, folder: Path) -> dict[str, Any]:
    """An image that nodes load from a file. What docker names without a registry, podman has as one of its own."""
    file = folder / f"{name.replace(':', '-')}.tar"
    docker("save", f"--output={file}", name)
    return {"nats_upgrade_image": f"{HERE}{name}", "nats_upgrade_image_file": str(file)}


def _refuses_what_would_be_lost(own: Path, for_users: Sequence[str]) -> None:
    plan = [str(BIN / "ansible-playbook"), "-i", str(own), *for_users, "playbooks/plan.yml"]
    done = run([*plan, "-e", json.dumps({"nats_upgrade_version": NEW, "nats_upgrade_image": "nats:2"})], seconds=PLAYBOOK_SECONDS)
    assert done.returncode != 0
    for refusal in ("floating_image", "no_data_volume"):
        assert f"refused: {refusal}: n1: " in said(done), done.stdout[-4000:]


def _restarts_where_its_configuration_was_replaced(cluster: ContainerCluster, own: Path, for_users: Sequence[str]) -> None:
    # As Ansible and editors do it: the container has the old file mounted still.
    cluster.shell("n1", f"cp {CONFIG} {CONFIG}.new; echo 'max_connections: 1234' >> {CONFIG}.new; mv {CONFIG}.new {CONFIG}")
    done = run([str(BIN / "ansible-playbook"), "-i", str(own), *for_users, "playbooks/restart.yml"], seconds=PLAYBOOK_SECONDS)
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"1. n1 {NEW} its configuration was changed" in said(done), done.stdout[-4000:]
    assert (cluster.ask("n1", "/varz").field("max_connections"), cluster.versions()) == (1234, {"n1": NEW})


async def _stored(urls: list[str]) -> int:
    client = await connect(urls, "app", "app")
    try:
        return int((await client.jetstream().stream_info("KEPT")).state.messages)
    finally:
        await client.close()


def _text(cluster: ContainerCluster) -> str:
    return cluster.exec("n1", "cat", UNIT_FILE).stdout


def _unit(cluster: ContainerCluster) -> dict[str, Any]:
    """What has to be the same of the unit, whatever its image is."""
    wanted = "--property=ActiveState,Restart,DropInPaths,FragmentPath,NeedDaemonReload"
    shown = cluster.shell("n1", f"systemctl show {SERVICE} {wanted}; stat --format=mode=%a:%u:%g {UNIT_FILE}")
    return dict(line.split("=", maxsplit=1) for line in shown.splitlines())


def _runs(cluster: ContainerCluster, version: str, text: str, unit: dict[str, Any]) -> None:
    assert cluster.versions() == {"n1": version}
    assert _text(cluster) == text
    assert (_unit(cluster), unit["Restart"], unit["DropInPaths"]) == (unit, "always", "")
    assert asyncio.run(_stored(cluster.urls)) == MESSAGES
    assert cluster.shell("n1", f"ls {UNIT_FOLDER}/*.natsops* {STATE}/lock.json 2> /dev/null || true") == ""
    assert cluster.shell("n1", "podman ps --all --format {{.Names}}") == "nats"
