# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Make a node ready for another image of its server, of docker or of podman, while the old one serves."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._container import docker as _docker
from ansible_collections.natsops.cluster.plugins.module_utils._container import engine as _engine
from ansible_collections.natsops.cluster.plugins.module_utils._container import podman as _podman
from ansible_collections.natsops.cluster.plugins.module_utils._container import recreate as _recreate
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import config_check as _config_check
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process


def stage(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Have the image on the node, prove its version, and have it accept the deployed configuration.

    Without C(image) it is the one that a restart starts anyhow: nothing is fetched then, and check mode asks it too.
    """
    given, service = params["image"], params.get("service")
    program = _engine.PODMAN if service else _engine.DOCKER
    reference = given or _image_of_a_restart(params)
    result: dict[str, Any] = {"changed": False, "image": reference, "said": "", "digest": ""}
    if given:
        result["changed"] = _engine.image(reference, program) is None
        if check_mode:
            return {**result, "said": "not checked until staged"}
        if result["changed"]:
            _fetch(reference, params["image_file"], program)
    if service:
        running, ask = _podman.asker(service, reference)
    else:
        running, ask = _asker(params["container"], reference)
    said = ask(["--version"])
    version = said.stdout.split()[-1].lstrip("v") if said.returncode == 0 and "nats-server" in said.stdout else ""
    if not version or version != (params["version"] or version):
        what = f"nats-server {version}" if version else f"no nats-server that answers --version: {_words(said)}"
        raise _wrong_image(params, reference, what)
    if params["config_path"] and running:
        result.update(_config_checked(params, version, reference, ask))
    return result


def _image_of_a_restart(params: Mapping[str, Any]) -> str:
    """Docker starts the same container again, whatever its tag names by now; a unit of podman makes another one, of the tag."""
    if not params.get("service"):
        return str(_docker.find(params["container"])[1]["Image"])
    return _podman.image_of(_process.systemctl_show(params["service"]))


def _wrong_image(params: Mapping[str, Any], reference: str, what: str) -> NatsError:
    if params["image"]:
        return NatsError(
            f"the image {reference} holds {what}, and not nats-server {params['version']}: nothing was touched. Set "
            "nats_upgrade_image to an image of that version",
            refusal="wrong_image",
        )
    return NatsError(
        f"the image {reference} of a restart holds {what}, and not nats-server {params['version']}, which runs: nothing was "
        "touched. Upgrade to what it holds with natsops.cluster.upgrade, or give its name back to the image that runs",
        refusal="wrong_image",
    )


def _config_checked(
    params: Mapping[str, Any], version: str, reference: str, ask: Callable[[list[str]], _process.Output]
) -> dict[str, Any]:
    """What the server says of the configuration as it is mounted now, and the digest of that where it tells one."""
    said = ask(["-c", params["config_path"], "-t"])
    if said.returncode != 0:
        where = f"unit {params['service']}" if params.get("service") else f"container {params['container']}"
        raise NatsError(
            f"nats-server {version} of the image {reference} refuses {params['config_path']} of {where}: "
            f"{_words(said)}. A server that refuses its configuration does not start: mend the configuration (keys of a "
            "newer version go in after the last node has it), and run again. Nothing was changed",
            refusal="config",
        )
    return {"said": _words(said), "digest": _config_check.digest_in(said.stdout + said.stderr)}


def _fetch(reference: str, file: str | None, program: str) -> None:
    try:
        if file:
            _engine.say("load", "--input", file, timeout_seconds=_engine.LONG_SECONDS, program=program)
        else:
            _engine.say("pull", "--quiet", reference, timeout_seconds=_engine.LONG_SECONDS, program=program)
    except NatsError as exc:
        raise NatsError(
            f"the image {reference} cannot be had: {exc}. Nothing was touched. Set nats_upgrade_image to one that this host can "
            "pull, or nats_upgrade_image_file to a file of docker save on the controller",
            refusal="no_image",
        ) from exc
    if _engine.image(reference, program) is None:
        raise NatsError(
            f"nats_upgrade_image_file was loaded and holds no image named {reference}: set nats_upgrade_image to the name that "
            "was given to docker save",
            refusal="no_image",
        )


def _asker(name: str, reference: str) -> tuple[bool, Callable[[list[str]], _process.Output]]:
    """Whether the server runs, and what asks an image one question in a container like the server's."""
    found, container = _docker.find(name)
    body, image = _docker.body_like(container, reference), _docker.image_here(reference)

    def ask(words: list[str]) -> _process.Output:
        return _engine.run(f"{name}-natsops-check", _recreate.asking(body, image, words))

    return found.process is not None, ask


def _words(output: _process.Output) -> str:
    return (output.stderr.strip() or output.stdout.strip() or "(it said nothing)").replace("nats-server: ", "")
