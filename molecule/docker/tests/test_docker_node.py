"""What the upgrade leaves on an engine where a container runs the server."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from testinfra.host import Host

    from conftest import Node

testinfra_hosts = ["ansible://nats"]
# What is of the image, and not of whoever started the container.
OF_THE_IMAGE = {"Env", "Image", "Labels"}


@pytest.fixture
def before(node: Node) -> dict[str, Any]:
    """What docker said of the container before the upgrade."""
    path = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "lab" / f"{node.name}.before.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))[0]
    return found


@pytest.fixture
def after(host: Host, before: dict[str, Any]) -> dict[str, Any]:
    """What it says of the one that has its name now."""
    found: dict[str, Any] = json.loads(host.check_output(f"docker container inspect {before['Name'].lstrip('/')}"))[0]
    return found


def test_the_container_runs_the_new_image(node: Node, before: dict[str, Any], after: dict[str, Any]) -> None:
    assert (after["Id"] != before["Id"], after["State"]["Running"], after["RestartCount"]) == (True, True, 0)
    assert after["Config"]["Image"] == f"natsops-nats:{node.version_wanted}"
    assert f"NATS_SERVER={node.version_wanted}" in after["Config"]["Env"]


def test_all_that_was_given_to_the_container_is_as_it_was(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert after["HostConfig"] == before["HostConfig"]
    for container in (before, after):
        container["Config"] = {key: value for key, value in container["Config"].items() if key not in OF_THE_IMAGE}
    assert after["Config"] == before["Config"]
    before_mounts, after_mounts = (sorted(one["Mounts"], key=lambda mount: str(mount["Destination"])) for one in (before, after))
    assert after_mounts == before_mounts


def test_what_was_given_besides_the_image_s_own_is_as_it_was(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert "GIVEN=by the user" in after["Config"]["Env"]
    assert len(after["Config"]["Env"]) == len(before["Config"]["Env"])
    assert after["Config"]["Labels"]["natsops.scenario"] == before["Config"]["Labels"]["natsops.scenario"]


def test_it_has_its_address_and_its_alias_again(node: Node, before: dict[str, Any], after: dict[str, Any]) -> None:
    ((network, old),) = before["NetworkSettings"]["Networks"].items()
    new = after["NetworkSettings"]["Networks"][network]
    assert list(after["NetworkSettings"]["Networks"]) == [network]
    assert (new["IPAddress"], new["IPAMConfig"]) == (old["IPAddress"], old["IPAMConfig"])
    assert node.name in new["Aliases"]


def test_nothing_is_left_of_the_upgrade(host: Host, node: Node, after: dict[str, Any]) -> None:
    name = after["Name"].lstrip("/")
    assert host.check_output(f"docker ps --all --filter name={name} --format '{{{{.Names}}}}'").split() == [name]
    state = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "lab" / node.name
    assert sorted(path.name for path in state.iterdir() if not path.name.startswith(".")) == ["journal.json"]
