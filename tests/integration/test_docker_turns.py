"""One container on a real docker engine, taken through its turn, and through turns that broke off after each step."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._container import docker as _docker
from ansible_collections.natsops.cluster.plugins.module_utils._container import engine as _engine
from ansible_collections.natsops.cluster.plugins.module_utils._container import stage as _stage
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._node import drain as _drain
from ansible_collections.natsops.cluster.plugins.module_utils._node import facts as _facts
from ansible_collections.natsops.cluster.plugins.module_utils._node import replacement as _replacement
from ansible_collections.natsops.cluster.plugins.module_utils._node import supervisor as _supervisor
from tests.lab import engine
from tests.lab.docker import PREFIX, docker, labels, remove, remove_leftovers, run
from tests.lab.processes import wait_until
from tests.lab.registry import Registry
from tests.lab.server_images import server_image

OLD, NEW = "2.14.6", "2.15.1"


@pytest.fixture
def name(request: pytest.FixtureRequest) -> Iterator[str]:
    engine.provide()
    remove_leftovers()
    images = [server_image(version) for version in (OLD, NEW)]
    name = Path(tempfile.mkdtemp(prefix=PREFIX)).name
    try:
        options = [f"--name={name}", "--network=none", "--restart=always", "--volume=/data", *labels(name)]
        docker("run", "--detach", *options, *getattr(request, "param", ()), images[0])
        assert wait_until(lambda: is_ready(name), 20)
        yield name
    finally:
        volumes = volumes_of(name)
        remove(name)
        for volume in volumes:
            docker("volume", "rm", "--force", volume)


def is_ready(name: str) -> bool:
    return times_ready(name) > 0


def times_ready(name: str) -> int:
    logged = run(["docker", "logs", name], seconds=20)
    return (logged.stdout + logged.stderr).count("Server is ready")


def volumes_of(name: str) -> set[str]:
    found = [_engine.inspect(other) for other in (name, _docker.next_name(name), _docker.previous_name(name))]
    return {mount["Name"] for container in found if container for mount in container["Mounts"] if mount["Type"] == "volume"}


def image_of(name: str) -> str:
    return docker("inspect", "--format={{.Config.Image}} {{.State.Status}} {{.HostConfig.RestartPolicy.Name}}", name)


def swap(name: str, **given: Any) -> dict[str, Any]:
    specs = {**_supervisor.SERVER_SPEC, **_drain.SPEC, **_drain.TURN_SPEC, **_replacement.SPEC}
    params = {option: spec.get("default") for option, spec in specs.items()}
    params.update({"container": name, "image": server_image(NEW), "timeout_seconds": 20.0, **given})
    return _drain.swap(params, _replacement.of(params), check_mode=False)


def hold(name: str, state: Path) -> None:
    assert _docker.hold(name, str(state), check_mode=False)["restart"] == "no"


def release(name: str, state: Path) -> dict[str, Any]:
    return _docker.release(name, str(state), remove_previous=True, check_mode=False)


def others(name: str) -> list[str]:
    return sorted(set(docker("ps", "--all", f"--filter=name={name}", "--format={{.Names}}").split()) - {name})


# Under an init, which may not pass a signal on, the server itself is found and signalled.
@pytest.mark.parametrize("name", [(), ("--init",)], indirect=True, ids=["server", "init"])
def test_a_turn_replaces_the_container_keeps_its_volume_and_the_old_one_until_the_end(name: str, tmp_path: Path) -> None:
    volumes = volumes_of(name)
    hold(name, tmp_path)
    hold(name, tmp_path)  # as a run does that takes it up: what is remembered is not the hold itself
    done = swap(name)
    assert (done["exit_seen"], done["switched"], done["started"], done["found_by"]) == (True, True, True, "container")
    assert image_of(name) == f"natsops-nats:{NEW} running no"
    assert image_of(_docker.previous_name(name)) == f"natsops-nats:{OLD} exited no"
    assert release(name, tmp_path)["removed"] == [_docker.previous_name(name)]
    assert image_of(name) == f"natsops-nats:{NEW} running always"
    assert (others(name), volumes_of(name), list(tmp_path.glob("*.json"))) == ([], volumes, [])
    assert not release(name, tmp_path)["changed"]


def broken_off(name: str, steps: int) -> None:
    """Do as many steps of a swap as a run did that died."""
    successor = _docker.Recreated(name, server_image(NEW))
    todo: list[Callable[[], object]] = [
        successor.require_ready,
        lambda: docker("kill", "--signal=SIGUSR2", name) and docker("wait", name),
        lambda: docker("rename", name, _docker.previous_name(name)),
        lambda: docker("rename", _docker.next_name(name), name),
    ]
    for step in todo[:steps]:
        step()


@pytest.mark.parametrize("steps", [1, 2, 3, 4], ids=["created", "drained", "set_aside", "renamed"])
def test_a_turn_that_broke_off_is_finished_by_the_next_run(name: str, tmp_path: Path, steps: int) -> None:
    hold(name, tmp_path)
    broken_off(name, steps)
    assert _facts.facts({"container": name, "image": server_image(NEW), "state_dir": str(tmp_path)})["running"] == (steps == 1)
    hold(name, tmp_path)
    swap(name)
    assert image_of(name) == f"natsops-nats:{NEW} running no"
    assert others(name) == [_docker.previous_name(name)]
    release(name, tmp_path)
    assert (image_of(name), others(name)) == (f"natsops-nats:{NEW} running always", [])


def test_the_old_container_is_put_back_and_a_turn_that_stopped_nothing_leaves_nothing(name: str, tmp_path: Path) -> None:
    before = _engine.inspect(name)
    hold(name, tmp_path)
    broken_off(name, 4)
    assert _docker.put_back(name, server_image(NEW), check_mode=False)["changed"]
    assert not _docker.put_back(name, server_image(NEW), check_mode=False)["changed"]
    with pytest.raises(NatsError, match=f"nothing is kept to put back: docker has no container {name}-natsops-previous"):
        _docker.put_back(name, server_image(OLD), check_mode=False)
    _docker.start(name)
    broken_off(name, 1)
    assert release(name, tmp_path)["removed"] == [_docker.next_name(name)]
    after = _engine.inspect(name)
    assert before is not None
    assert after is not None
    assert (after["Id"], after["HostConfig"], after["Name"]) == (before["Id"], before["HostConfig"], before["Name"])
    assert (after["State"]["Running"], others(name)) == (True, [])


def test_nothing_is_signalled_where_restarts_are_not_held(name: str) -> None:
    with pytest.raises(NatsError, match=f"docker says restart policy always for container {name}: its restarts are not held"):
        swap(name)
    assert image_of(name) == f"natsops-nats:{OLD} running always"


def test_a_container_that_runs_on_without_its_server_keeps_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_docker, "STOP_SECONDS", 0.1)
    broken_off(name, 1)
    with pytest.raises(NatsError, match=f"the server in container {name} has exited, and the container still runs"):
        _docker.Recreated(name, server_image(NEW)).switch()
    assert image_of(name) == f"natsops-nats:{OLD} running always"


def stage(name: str, **given: Any) -> dict[str, Any]:
    params = {
        "container": name,
        "image": server_image(NEW),
        "image_file": None,
        "version": NEW,
        "config_path": "/nats-server.conf",
    }
    return _stage.stage({**params, **given}, check_mode=False)


def test_an_image_by_digest_is_pulled_proven_and_started(name: str, tmp_path: Path) -> None:
    with Registry(server_image(NEW)) as registry:
        wanted = registry.reference
        try:
            assert not _docker.facts(name, wanted)["wanted_image_is_here"]  # type: ignore[index]
            assert (stage(name, image=wanted)["changed"], stage(name, image=wanted)["changed"]) == (True, False)
            hold(name, tmp_path)
            assert swap(name, image=wanted)["started"]
            assert image_of(name) == f"{wanted} running no"
            with pytest.raises(NatsError, match="cannot be had") as missing:
                stage(name, image=f"{registry.repository}@sha256:{'0' * 64}")
            assert missing.value.details["refusal"] == "no_image"
        finally:
            remove(name)
            docker("rmi", "--force", wanted)


def test_an_image_is_proven_and_asked_about_the_configuration_before_anything_stops(name: str, tmp_path: Path) -> None:
    assert "is valid" in stage(name)["said"]
    with pytest.raises(NatsError, match=f"holds nats-server {NEW}, and not nats-server 2.15.9") as wrong:
        stage(name, version="2.15.9")
    assert wrong.value.details["refusal"] == "wrong_image"
    bad = tmp_path / "bad.conf"
    bad.write_text("no_such_key: 1\n", encoding="utf-8")
    docker("cp", str(bad), f"{name}:/data/bad.conf")
    with pytest.raises(NatsError, match="no_such_key") as refused:
        stage(name, config_path="/data/bad.conf")
    assert refused.value.details["refusal"] == "config"
    assert (image_of(name), others(name)) == (f"natsops-nats:{OLD} running always", [])


def test_a_mounted_file_that_was_replaced_is_read_as_the_next_start_will(name: str, tmp_path: Path) -> None:
    config, other = tmp_path / "nats.conf", f"{name}-other"
    config.write_text("http: 8222\nlame_duck_duration: 40s\n", encoding="utf-8")
    options = [f"--name={other}", "--network=none", f"--volume={config}:/nats.conf:ro", *labels(name)]
    docker("run", "--detach", *options, server_image(OLD), "-c", "/nats.conf")
    assert wait_until(lambda: is_ready(other), 20)
    facts = _facts.facts({"container": other})
    before = stage(other, image=None, version=OLD, config_path="/nats.conf")
    assert (facts["container"]["config_replaced"], before["changed"], before["digest"][:7]) == (False, False, "sha256:")
    # Older than what runs: only what stands in it tells.
    fresh = tmp_path / "fresh.conf"
    fresh.write_text("http: 8222\nlame_duck_duration: 50s\n", encoding="utf-8")
    os.utime(fresh, ns=(0, 1_000_000_000_000_000_000))
    fresh.replace(config)
    facts = _facts.facts({"container": other})
    assert (facts["container"]["config_replaced"], facts["lame_duck_duration_seconds"]) == (True, 50.0)
    assert facts["config_modified"] == "2001-09-09T01:46:40.000000000Z"
    assert stage(other, image=None, version=OLD, config_path="/nats.conf")["digest"] not in ("", before["digest"])


# Docker takes a signal of its own for a stop, but with a stop signal that one alone.
@pytest.mark.parametrize(
    ("name", "restarts"),
    [((), False), (("--stop-signal=SIGUSR2",), False), (("--stop-signal=SIGTERM",), True)],
    indirect=["name"],
    ids=["none", "SIGUSR2", "SIGTERM"],
)
def test_a_container_with_a_stop_signal_drains_to_its_end_and_is_not_restarted_where_it_is_held(
    name: str, restarts: bool, tmp_path: Path
) -> None:
    begun = state_of(name)["StartedAt"]
    docker("kill", "--signal=SIGUSR2", name)
    if restarts:
        assert wait_until(lambda: state_of(name)["StartedAt"] != begun, 20)
    else:
        assert (docker("wait", name), state_of(name)["Status"], state_of(name)["StartedAt"]) == ("0", "exited", begun)
        docker("start", name)
    assert wait_until(lambda: times_ready(name) == 2, 20)
    hold(name, tmp_path)
    begun = state_of(name)["StartedAt"]
    docker("kill", "--signal=SIGUSR2", name)
    # The engine decides on a restart when it learns of the exit: it has another status then.
    assert (docker("wait", name), state_of(name)["Status"], state_of(name)["StartedAt"]) == ("0", "exited", begun)


def state_of(name: str) -> dict[str, Any]:
    found = _engine.inspect(name)
    assert found is not None
    return dict(found["State"])


def test_an_image_that_is_not_there_is_loaded_from_a_file_or_said_to_be_missing(name: str, tmp_path: Path) -> None:
    tag, file = f"natsops-nats-loaded:{NEW}", tmp_path / "image.tar"
    docker("tag", server_image(NEW), tag)
    docker("save", f"--output={file}", tag)
    docker("rmi", tag)
    try:
        staged = stage(name, image=tag, image_file=str(file))
        assert (staged["changed"], stage(name, image=tag)["changed"]) == (True, False)
    finally:
        docker("rmi", tag)
    for given, said in (
        ({"image": "localhost:1/nats:2.15.1"}, "the image localhost:1/nats:2.15.1 cannot be had: docker pull"),
        ({"image": "other:2.15.1", "image_file": str(file)}, "holds no image named other:2.15.1"),
    ):
        with pytest.raises(NatsError, match=said) as missing:
            stage(name, **given)
        assert missing.value.details["refusal"] == "no_image"


PROJECT = """\
version: "2.4"
services:
  nats:
    image: natsops-nats:${{NATS_VERSION}}
    container_name: {name}
    network_mode: none
    restart: always
    labels: {labels}
    volumes: [data:/data]
volumes: {{data: {{}}}}
"""


def test_a_container_of_compose_is_what_its_files_say_after_its_turn(tmp_path: Path) -> None:
    engine.provide()
    name = Path(tempfile.mkdtemp(prefix=PREFIX)).name
    own = dict(label.partition("=")[2].partition("=")[::2] for label in labels(name))
    (tmp_path / "docker-compose.yml").write_text(PROJECT.format(name=name, labels=json.dumps(own)), encoding="utf-8")
    compose = ["docker-compose", "--project-name", name.lower(), "--project-directory", str(tmp_path)]
    compose += ["--file", str(tmp_path / "docker-compose.yml")]
    env = tmp_path / ".env"
    env.write_text(f"NATS_VERSION={OLD}\n", encoding="utf-8")
    try:
        server_image(OLD)
        assert run([*compose, "up", "--detach"], seconds=60).returncode == 0
        assert _docker.facts(name, server_image(NEW))["compose_image"] == f"natsops-nats:{OLD}"  # type: ignore[index]
        env.write_text(f"NATS_VERSION={NEW}\n", encoding="utf-8")
        assert _docker.facts(name, server_image(NEW))["compose_image"] == f"natsops-nats:{NEW}"  # type: ignore[index]
        assert wait_until(lambda: is_ready(name), 20)
        hold(name, tmp_path)
        swap(name)
        release(name, tmp_path)
        upgraded = docker("inspect", "--format={{.Id}} {{.Config.Image}}", name)
        up = run([*compose, "up", "--detach", "--no-deps", "nats"], seconds=60)
        assert up.returncode == 0, up.stderr
        assert docker("inspect", "--format={{.Id}} {{.Config.Image}}", name) == upgraded
        assert upgraded.endswith(f" natsops-nats:{NEW}")
    finally:
        run([*compose, "down", "--volumes"], seconds=60)
        remove(name)
