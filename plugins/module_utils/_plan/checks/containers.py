# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reasons not to begin that lie in the container that a server runs in. Pure."""

from __future__ import annotations

import posixpath
from typing import Any, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation, Trouble
from ansible_collections.natsops.cluster.plugins.module_utils._values import image as _image


def judge(situation: Situation, host: str, container: Mapping[str, Any], *, stays: bool = False) -> Iterator[Trouble]:
    """Every reason not to replace this container by one with another image, or to start it again where it stays the same one."""
    name, image = container["name"], container["wanted_image"]
    if image and not _image.is_exact(image):
        message = (
            f"{host}: nats_upgrade_image is '{image}', which may name another image on each host and on each day: give an exact "
            "tag, such as nats:2.15.1 or nats:2.15.1-alpine, or a digest (name@sha256:...)"
        )
        yield Trouble(Finding("floating_image", message, seen=(host,)))
    if container["removed_on_exit"]:
        message = (
            f"{host}: container {name} was started with --rm, so that docker removes it as soon as its server has drained, and "
            "nothing could be put back. Start it without --rm, and have docker restart it (--restart=always) instead of whatever "
            "runs it"
        )
        yield Trouble(Finding("removed_on_exit", message, seen=(host,)))
    if container["started_by_units"]:
        yield Trouble(Finding("started_by_unit", _started(host, container), seen=(host,)))
    for server in () if stays else situation.servers:
        folder = server.facts.store_dir if server.host == host else ""
        if folder and not lies_on(container["data_paths"], folder):
            volumes = ", ".join(container["data_paths"]) or "it has none"
            message = (
                f"{host}: JetStream of container {name} stores in {folder}, which lies in the container and on none of its "
                f"volumes ({volumes}): what is stored would be lost with the old container. Put store_dir on a volume or a "
                "folder of the host first, one node at a time"
            )
            yield Trouble(Finding("no_data_volume", message, seen=(host,)))
    yield from _composed(host, container)


def _started(host: str, container: Mapping[str, Any]) -> str:
    name, units = container["name"], " and ".join(container["started_by_units"])
    return (
        f"{host}: container {name} is run by {units}, whose docker client ends as soon as the server has drained: systemd would "
        "then start the old container again, or do to the new one whatever else the unit does at its end. Have docker alone run "
        f"it, one node at a time: systemctl disable --now {units}, docker update --restart=always {name}, docker start {name}. "
        "Where the unit makes its container (docker run), make it once by the same words with --detach and --restart=always, "
        "without --rm"
    )


def _composed(host: str, container: Mapping[str, Any]) -> Iterator[Trouble]:
    name, image, says = container["name"], container["wanted_image"], container["compose_image"]
    if not container["compose_project"] or not image or image in (says, container["image"]):
        return
    service, project = container["compose_service"], container["compose_project"]
    files = ", ".join(container["compose_files"]) or "not known"
    message = (
        f"{host}: container {name} is service {service} of the compose project {project}, and its files ({files}) give it "
        f"{says or 'an image that cannot be told'}: the next 'up' would replace the upgraded server. Set its image there to "
        f"{image}, and do not run 'up': the container is replaced here, and compose takes it for its own"
    )
    yield Trouble(Finding("compose_container", message, seen=(host,)))


def lies_on(data_paths: Sequence[str], folder: str) -> bool:
    """Whether a folder in a container lies on something that is mounted there."""
    folder = posixpath.normpath(folder)
    return any(folder == path or folder.startswith(f"{path.rstrip('/')}/") for path in map(posixpath.normpath, data_paths))
