"""Servers in containers of a real docker engine: what is refused, and what becomes of an image that does not come up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.helpers import BIN, PLAYBOOK_SECONDS, START_SECONDS, run, said, upgrade
from tests.lab.docker import docker
from tests.lab.docker_servers import DockerServers
from tests.lab.server_images import REPOSITORY, image_that_does_not_start, server_image

OLD, NEW = "2.14.6", "2.15.1"
WAIVED = ["stepping_stone", "single_server"]
# A tag of the test's own, to be moved.
TAG = f"{REPOSITORY}-moved-{os.getpid()}:{OLD}"
# What a container has anew at each start.
AT_A_START = {"State", "NetworkSettings"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[DockerServers]:
    server_image(NEW)
    docker("tag", server_image(OLD), TAG)
    try:
        with DockerServers(OLD, size=1, image=TAG) as cluster:
            yield cluster
    finally:
        # A test has removed it.
        docker("tag", server_image(OLD), TAG)
        docker("rmi", TAG)


def unchanging(cluster: DockerServers) -> dict[str, Any]:
    found = cluster.inspect("n1")
    # The engine gives them in any order.
    found["Mounts"].sort(key=lambda mount: str(mount["Destination"]))
    return {key: value for key, value in found.items() if key not in AT_A_START}


def test_an_image_that_does_not_come_up_is_replaced_by_the_container_that_was_there(cluster: DockerServers) -> None:
    before = unchanging(cluster)
    hosts = cluster.write_inventory(nats_upgrade_start_timeout_seconds=START_SECONDS, nats_upgrade_waive=WAIVED)
    done = upgrade(hosts, NEW, nats_upgrade_image=image_that_does_not_start(NEW))
    assert done.returncode != 0
    assert "n1: it was put back to 2.14.6, and is up and current." in said(done), done.stdout[-4000:]
    assert "listen tcp 192.0.2.9:4222" in said(done)
    assert cluster.versions() == {"n1": OLD}
    assert unchanging(cluster) == before
    assert cluster.containers() == {cluster.nodes["n1"].container}


def test_what_cannot_be_done_without_loss_is_refused_in_the_plan(cluster: DockerServers) -> None:
    name = cluster.nodes["n1"].container
    with DockerServers(OLD, size=1, options=["--rm", "--label=com.docker.compose.project=web"], volume=False) as other:
        hosts = other.write_inventory(nats_upgrade_waive=WAIVED)
        _add_temporary(hosts, other)
        plan = [str(BIN / "ansible-playbook"), "-i", str(hosts), "playbooks/plan.yml"]
        done = run([*plan, "-e", f"nats_upgrade_version={NEW}", "-e", "nats_upgrade_image=nats:2"], seconds=PLAYBOOK_SECONDS)
        restart = run([*plan, "-e", "nats_upgrade_mode=restart"], seconds=PLAYBOOK_SECONDS)
        assert other.versions() == {"n1": OLD}
    assert done.returncode != 0
    for refusal in ("floating_image", "removed_on_exit", "no_data_volume", "compose_container"):
        assert f"refused: {refusal}: n1: " in said(done), done.stdout[-4000:]
    # Who may connect is asked of servers in containers too, whose configuration is nowhere on their host.
    assert "refused: surge_server: s1: its cluster is called 'lab'" in said(done), done.stdout[-4000:]
    # A restart starts the same container again, with what is in it, and with the image that it has.
    assert "refused: removed_on_exit: n1: " in said(restart), restart.stdout[-4000:]
    assert not {"floating_image", "no_data_volume", "compose_container"} & set(said(restart).replace(":", "").split())
    assert docker("inspect", "--format={{.State.Running}}", name) == "true"


def _add_temporary(hosts: Path, cluster: DockerServers) -> None:
    """A temporary server beside containers, of another cluster than theirs."""
    config = cluster.base / "s1.conf"
    config.write_text("server_name: s1, cluster { name: lab }", encoding="utf-8")
    content = yaml.safe_load(hosts.read_text(encoding="utf-8"))
    variables = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "nats_upgrade_service": "command",
        "nats_upgrade_pid_file": str(cluster.base / "s1.pid"),
        "nats_upgrade_start_command": ["nats-server", "-c", str(config)],
        # Nothing answers there.
        "nats_upgrade_monitor_url": "http://127.0.0.1:1",
    }
    content["nats_surge"] = {"hosts": {"s1": variables}}
    hosts.write_text(yaml.safe_dump(content), encoding="utf-8")


def test_a_rolling_restart_starts_the_same_container_with_the_configuration_that_was_replaced(cluster: DockerServers) -> None:
    hosts = cluster.write_inventory(nats_upgrade_waive=WAIVED)
    playbook = [str(BIN / "ansible-playbook"), "-i", str(hosts), "playbooks/restart.yml"]
    container, before = unchanging(cluster), cluster.ask("n1", "/varz").field("start")
    config = cluster.base / "n1.conf"
    good = config.read_text(encoding="utf-8")
    # It names another version by now, as after a pull: the container keeps the image that it has.
    docker("tag", server_image(NEW), TAG)
    replace(config, f"{good}\nno_such_key: 1\n")
    refused = run([*playbook, "--check"], seconds=PLAYBOOK_SECONDS)
    assert refused.returncode != 0
    assert 'unknown field "no_such_key"' in said(refused)
    replace(config, f"{good}\nmax_connections: 1234\n")
    # Not even the name is left, and nothing is pulled for it.
    docker("rmi", TAG)
    done = run(playbook, seconds=PLAYBOOK_SECONDS)
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"1. n1 {OLD} its configuration was changed" in said(done), done.stdout[-4000:]
    assert (cluster.ask("n1", "/varz").field("max_connections"), unchanging(cluster)) == (1234, container)
    assert cluster.ask("n1", "/varz").field("start") != before
    again = run(playbook, seconds=PLAYBOOK_SECONDS)
    assert again.recap["n1"]["changed"] == 0, again.stdout[-4000:]


def replace(file: Path, text: str) -> None:
    """Write a file as Ansible and editors do: another one takes its name. A container that has it mounted keeps the old one."""
    fresh = file.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)
