# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Refusals that the plan tells of, and that what does the work raises where nobody asked the plan: one text for both. Pure."""

from __future__ import annotations

MANAGED_LINK = "managed_link"


def managed_link(path: str, link: str, running: str) -> str:
    """What is to be said of a link of update-alternatives that holds a version."""
    return (
        f"{path} leads to nats-server {running or 'of a version'} by {link}, which update-alternatives writes: a link that is "
        "switched behind its back is set back by its next run, and with it the version. Make a link of your own that is switched "
        "instead (such as /opt/nats/current, to the folder of the version), and give update-alternatives the path through it; "
        "or set nats_upgrade_binary_path to the file that is to be replaced, where its path names no version"
    )


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
