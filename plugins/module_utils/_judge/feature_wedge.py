# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The wedge: a stream made in mid-roll with a feature that the servers still to be upgraded do not know. Pure.

Measured with 2 x 2.12.8 and 1 x 2.15.1: the upgraded node answers 503 for it, whatever it does, until the last node is
upgraded; then all recover by themselves. So waiting does not help, putting back does harm, and going on helps.
"""

from __future__ import annotations

from typing import Iterable, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._values.assets import Asset, noted_level
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading


def wedged(readings: Iterable[Reading]) -> list[tuple[Asset, int]]:
    """Assets that need a higher API level than the lowest that runs, each with that level (metadata _nats.req.level, 2.11+)."""
    readings = list(readings)
    levels = [reading.facts.api_level or 0 for reading in readings if reading.facts and reading.facts.jetstream]
    if not levels or min(levels) == max(levels):
        return []
    found: dict[str, tuple[Asset, int]] = {}
    for reading in readings:
        for asset in reading.assets:
            if noted_level(asset.config) > min(levels):
                found[asset.label] = (asset, noted_level(asset.config))
    return [found[label] for label in sorted(found)]


def told(readings: Sequence[Reading], assets: Sequence[tuple[Asset, int]]) -> str:
    """What to say of it."""
    served = [reading for reading in readings if reading.facts and reading.facts.jetstream]
    lowest = min((reading.facts.api_level or 0 for reading in served if reading.facts), default=0)
    behind = [r.name for r in served if r.facts and (r.facts.api_level or 0) == lowest]
    which = ", ".join(f"{asset.label} (API level {level})" for asset, level in assets[:5])
    more = f" and {len(assets) - 5} more" if len(assets) > 5 else ""
    return (
        f"{which}{more} was made while several versions run, and {', '.join(behind[:5])} (API level {lowest}) cannot serve it: "
        "upgraded nodes stay unhealthy until the last node is done, and putting them back would not help. Delete it, or go on "
        "with nats_upgrade_waive: [feature_wedge]"
    )


def is_about(subject: str, label: str) -> bool:
    """Whether a missing thing (its subject) is this asset, or a consumer of this stream."""
    return subject.endswith((f": {label}", f" of {label}")) or f": {label} > " in subject or f" of {label} > " in subject
