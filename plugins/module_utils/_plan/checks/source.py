# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether what is going to be installed is what was meant: how its hash comes, and whether its image can be exchanged. Pure."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core import refusals as _refusals
from ansible_collections.natsops.cluster.plugins.module_utils._core.text import named
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation, Trouble
from ansible_collections.natsops.cluster.plugins.module_utils._values import image as _image


def judge(situation: Situation, source: Mapping[str, Any]) -> Iterator[Trouble]:
    """Every reason that lies in where the new version comes from. C(source) is the option of nats_upgrade_plan."""
    url, pinned = str(source.get("checksums_url") or ""), source.get("sha256")
    way = _refusals.insecure_way(url, validated=source.get("validate_certs") is not False) if url and not pinned else ""
    if way:
        yield Trouble(Finding("insecure_source", _refusals.insecure(url, way)))
    if not source.get("image_file"):
        yield from _movable_tags(situation)


def _movable_tags(situation: Situation) -> Iterator[Trouble]:
    hosts: dict[str, list[str]] = {}
    for host, node in sorted(situation.nodes.items()):
        image = (node.get("container") or {}).get("wanted_image") or ""
        if _image.is_exact(image) and not _image.has_digest(image):
            hosts.setdefault(image, []).append(host)
    for image, of_it in hosts.items():
        message = (
            f"nats_upgrade_image is {image} for {named(of_it)}: a tag can be moved to another image, so nodes that pull it at "
            "different times may get different ones. A digest cannot: set nats_upgrade_image to NAME@sha256:..., as the registry "
            "or 'docker image inspect' (RepoDigests) gives it"
        )
        yield Trouble(Finding("movable_tag", message, refuses=False, seen=tuple(of_it)))
