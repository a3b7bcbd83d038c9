"""Reasons not to begin that lie in the container that a server runs in."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._plan import planner as _planner
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation
from tests.unit.situations import POLICY, changed, cluster, found, plan_of, refusals, warnings, with_facts

CONTAINER: dict[str, Any] = {
    "name": "nats",
    "image": "nats:2.15.1",
    "restart": "always",
    "removed_on_exit": False,
    "started_by_units": [],
    "data_paths": ["/data", "/etc/nats"],
    "compose_project": "",
    "compose_service": "",
    "compose_files": [],
    "compose_image": "",
    "wanted_image": "nats:2.15.2",
    "wanted_image_is_here": False,
}
READINGS = with_facts(cluster(), store_dir="/data/jetstream")


def node(**container: Any) -> dict[str, Any]:
    return {"container": {**CONTAINER, **container}}


@pytest.mark.parametrize(("image", "said"), [("nats:2.15.2", ["movable_tag"]), (f"nats@sha256:{'0' * 64}", [])])
def test_a_container_with_a_volume_and_an_exact_image_is_upgraded(image: str, said: list[str]) -> None:
    folders = {"n1": ["/data", "/etc/nats"], "n2": ["/data/jetstream"], "n3": ["/"]}
    nodes = {name: node(wanted_image=image, data_paths=paths) for name, paths in folders.items()}
    plan = plan_of(READINGS, **nodes)
    assert (refusals(plan), warnings(plan)) == ([], said)


@pytest.mark.parametrize(
    ("container", "name", "said"),
    [
        ({"wanted_image": "nats:latest"}, "floating_image", "nats_upgrade_image is 'nats:latest', which may name another image"),
        ({"removed_on_exit": True}, "removed_on_exit", "container nats was started with --rm"),
        ({"data_paths": ["/data/jetstream2"]}, "no_data_volume", "stores in /data/jetstream, which lies in the container"),
        ({"data_paths": []}, "no_data_volume", "on none of its volumes (it has none)"),
    ],
)
def test_what_would_lose_something_is_refused_for_good(container: dict[str, Any], name: str, said: str) -> None:
    plan = plan_of(READINGS, n1=node(**container), n2=node(), n3=node())
    assert refusals(plan) == [name]
    finding = found(plan, name)
    assert (finding.seen, finding.waivable) == (("n1",), False)
    assert finding.message.startswith("n1: ")
    assert said in finding.message


def test_a_container_that_a_unit_starts_again_is_refused_with_what_to_do() -> None:
    plan = plan_of(READINGS, n1=node(started_by_units=["nats.service"]), n2=node(), n3=node())
    assert (refusals(plan), found(plan, "started_by_unit").seen) == (["started_by_unit"], ("n1",))
    assert "systemctl disable --now nats.service, docker update --restart=always nats" in found(plan, "started_by_unit").message
    assert refusals(plan_of(READINGS, "started_by_unit", n1=node(started_by_units=["nats.service"]))) == []


def test_a_restart_leaves_the_data_in_a_container_of_docker_where_they_are() -> None:
    of_docker = {**node(data_paths=[], wanted_image=""), "unit": None}
    of_podman = {**of_docker, "unit": {"name": "container-nats.service", "enabled": "enabled"}}
    plan = _planner.plan_restart(Situation.of(READINGS, {"n1": of_docker, "n3": of_podman}), POLICY, every=True)
    assert (refusals(plan), found(plan, "no_data_volume").seen) == (["no_data_volume"], ("n3",))


def test_the_data_of_a_server_that_does_not_answer_are_not_judged() -> None:
    plan = plan_of(changed(READINGS, "n1", facts=None, error="refused"), "missing_server", n1=node(data_paths=[]))
    assert "no_data_volume" not in refusals(plan)


COMPOSED = {"compose_project": "web", "compose_service": "nats", "compose_files": ["/srv/web/compose.yml"]}


def test_a_container_of_compose_is_upgraded_where_its_files_name_the_new_image() -> None:
    old = {"n2": node(**COMPOSED, compose_image="nats:2.15.1")}
    assert refusals(plan_of(READINGS, **old)) == ["compose_container"]
    said = found(plan_of(READINGS, **old), "compose_container").message
    assert said.startswith(
        "n2: container nats is service nats of the compose project web, and its files (/srv/web/compose.yml) give"
    )
    assert "give it nats:2.15.1: the next 'up' would replace" in said
    assert "Set its image there to nats:2.15.2" in said
    assert refusals(plan_of(READINGS, "compose_container", **old)) == []
    assert refusals(plan_of(READINGS, n2=node(**COMPOSED))) == ["compose_container"]
    assert refusals(plan_of(READINGS, n2=node(**COMPOSED, compose_image="nats:2.15.2"))) == []
