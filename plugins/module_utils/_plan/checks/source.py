# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether what is going to be installed is what was meant: how its hash comes, and whether its image can be exchanged. Pure."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._container import recreate as _recreate
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation, Trouble, named


def judge(situation: Situation, source: Mapping[str, Any]) -> Iterator[Trouble]:
    """Every reason that lies in where the new version comes from. C(source) is the option of nats_upgrade_plan."""
    url, pinned = str(source.get("checksums_url") or ""), source.get("sha256")
    way = insecure_way(url, validated=source.get("validate_certs") is not False) if url and not pinned else ""
    if way:
        yield Trouble(Finding("insecure_source", insecure(url, way)))
    if not source.get("image_file"):
        yield from _movable_tags(situation)


def insecure_way(url: str, *, validated: bool) -> str:
    """How an answer from this address could be changed on its way; empty where it could not."""
    scheme = url.partition(":")[0].lower()
    if scheme == "file":
        return ""
    if scheme != "https":
        return f"over plain {scheme}"
    return "" if validated else "over https without a check of the certificate (nats_upgrade_validate_certs is false)"


def insecure(url: str, way: str) -> str:
    """What to say of a hash that comes in such a way. C(url) shows no password."""
    return (
        f"the SHA-256 of the archive comes {way}, from {url}. Anyone on the network path can replace the archive together with "
        "its hash, and root installs it. Set nats_upgrade_archive_sha256, or use an https:// or file:// address for "
        "nats_upgrade_checksums_url"
    )


def _movable_tags(situation: Situation) -> Iterator[Trouble]:
    hosts: dict[str, list[str]] = {}
    for host, node in sorted(situation.nodes.items()):
        image = (node.get("container") or {}).get("wanted_image") or ""
        if _recreate.is_exact(image) and not _recreate.has_digest(image):
            hosts.setdefault(image, []).append(host)
    for image, of_it in hosts.items():
        message = (
            f"nats_upgrade_image is {image} for {named(of_it)}: a tag can be moved to another image, so nodes that pull it at "
            "different times may get different ones. A digest cannot: set nats_upgrade_image to NAME@sha256:..., as the registry "
            "or 'docker image inspect' (RepoDigests) gives it"
        )
        yield Trouble(Finding("movable_tag", message, refuses=False, seen=tuple(of_it)))
