# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Containers that compose made: what their project's files say now, and the label by which compose knows them for up to date.

Compose makes a container anew where the hash of its service differs from the one in the container's label. A successor that
carries the hash of the files as they are now is left alone by the next C(up).
"""

from __future__ import annotations

import os
import re
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process

LABEL = "com.docker.compose."
HASH = f"{LABEL}config-hash"
# Set by compose 2, and compared by it.
IMAGE = f"{LABEL}image"


def project(container: Mapping[str, Any]) -> str:
    """The project that a container belongs to; empty where compose did not make it."""
    return str(_labels(container).get(f"{LABEL}project", ""))


def folder(container: Mapping[str, Any]) -> str:
    """The folder of the project; empty where compose did not make the container."""
    return str(_labels(container).get(f"{LABEL}project.working_dir", ""))


def files(container: Mapping[str, Any]) -> list[str]:
    """The files of the project, as compose wrote them down when it made the container."""
    named = _labels(container).get(f"{LABEL}project.config_files", "")
    return [os.path.join(folder(container), file) for file in named.split(",") if file]


def service(container: Mapping[str, Any]) -> str:
    """The service of the project that a container is of."""
    return str(_labels(container).get(f"{LABEL}service", ""))


def image(container: Mapping[str, Any]) -> str:
    """The image that the project's files give the service now; empty where that cannot be found out."""
    try:
        return image_in(_say(container, "config"), service(container))
    except NatsError:  # no compose here, or no such files any more: the judge says what to do
        return ""


def image_in(config: str, name: str) -> str:
    """The image of a service in what C(compose config) writes, which is always indented alike. A node has no reader of YAML."""
    block = re.search(rf"^  {re.escape(name)}:\n((?:    .*\n)+)", config, re.MULTILINE)
    found = re.search(r"^    image: ['\"]?([^'\"\s]+)", block.group(1), re.MULTILINE) if block else None
    return found.group(1) if found else ""


def labels(container: Mapping[str, Any], reference: str, image_id: str) -> dict[str, str]:
    """Labels of a successor with this image, so that compose takes it for its own; none where its files say otherwise."""
    if not project(container) or image(container) != reference:
        return {}
    found = {HASH: _say(container, "config", "--hash", service(container)).split()[-1]}
    return {**found, **({IMAGE: image_id} if IMAGE in _labels(container) else {})}


def _labels(container: Mapping[str, Any]) -> Mapping[str, str]:
    return container["Config"].get("Labels") or {}


def _say(container: Mapping[str, Any], *words: str) -> str:
    own = _labels(container)
    argv = ["docker-compose"] if own.get(f"{LABEL}version", "").startswith("1.") else ["docker", "compose"]
    argv += ["--project-name", project(container), "--project-directory", folder(container) or "/"]
    for file in files(container):
        argv += ["--file", file]
    return _process.done([*argv, *words], timeout_seconds=60.0).stdout
