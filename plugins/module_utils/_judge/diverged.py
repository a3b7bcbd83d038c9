# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Replicas that lack messages for good, told apart from those that differ by what their stream is for; and what to say. Pure."""

from __future__ import annotations

from typing import Iterable, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core.text import listed
from ansible_collections.natsops.cluster.plugins.module_utils._core.times import moment
from ansible_collections.natsops.cluster.plugins.module_utils._judge.agreement import Difference
from ansible_collections.natsops.cluster.plugins.module_utils._judge.health import Missing
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading

NAME = "diverged_replica"
# After so long it is worth a larger reading to know what the stream is for.
_ASK_SECONDS = 1.0
# Ten times as long as any healthy difference that was measured.
STAYS_SECONDS = 5.0
# Where each replica removes messages by its own clock, or after acknowledgements, a few seconds prove nothing.
REMOVING_SECONDS = 15.0
_MOST_SKEW_SECONDS = 2.0


def is_noticed(difference: Difference) -> bool:
    """Whether it has stayed for so long that it is worth to ask what the stream is for."""
    return difference.seconds >= _ASK_SECONDS


def sort(differences: Sequence[Difference], readings: Sequence[Reading]) -> tuple[list[Difference], list[Difference]]:
    """Of readings with assets: the differences that are a loss, and those that are explained. The others need another look."""
    streams = {asset.label: asset for reading in readings for asset in reading.assets if asset.kind == "stream"}
    waiting = _unacknowledged(readings)
    skew = _skew_seconds(readings)
    lost, explained = [], []
    for difference in filter(is_noticed, differences):
        stream = streams.get(difference.label)
        if stream is None:
            continue
        retention = stream.config.get("retention", "limits")
        expires = bool(stream.config.get("max_age") or stream.config.get("allow_msg_ttl"))
        if expires and skew > _MOST_SKEW_SECONDS:
            explained.append(difference)  # by clocks that are apart
        elif retention != "limits" and (
            not difference.still or difference.fewer.messages >= _needed(retention, waiting.get(difference.label, ()))
        ):
            # What nobody waits for any more may go now on one replica, and in a while on the next: on servers of 2.15, while one
            # of 2.10 leads, only at the end of the roll. And what is waited for cannot be counted while messages come and go.
            explained.append(difference)
        elif difference.seconds >= (STAYS_SECONDS if retention == "limits" and not expires else REMOVING_SECONDS):
            lost.append(difference)
    return lost, explained


def _unacknowledged(readings: Iterable[Reading]) -> Mapping[str, list[int]]:
    """By stream, how many messages each of its consumers still waits for."""
    found: dict[str, list[int]] = {}
    for reading in readings:
        for asset in reading.assets:
            if asset.kind == "consumer":
                found.setdefault(asset.label.rpartition(" > ")[0], []).append(asset.pending + asset.unacknowledged)
    return found


def _needed(retention: str, waiting: Sequence[int]) -> int:
    """How many messages there have to be at least. Without a consumer a work queue keeps all, whatever that is."""
    if retention == "workqueue":
        return sum(waiting) if waiting else 2**64
    return max(waiting, default=0)


def _skew_seconds(readings: Iterable[Reading]) -> float:
    """How far the clocks of the servers are apart, at most."""
    told = [moment(reading.facts.now) for reading in readings if reading.facts]
    moments = [one for one in told if one is not None]
    return max(moments) - min(moments) if moments else 0.0


def missing(differences: Iterable[Difference]) -> dict[str, list[Missing]]:
    """By server name, what is missing as long as a replica differs. It may be over in the next poll."""
    found: dict[str, list[Missing]] = {}
    for one in differences:
        subject = f"content of replica {one.replica} of {one.label}"
        found.setdefault(one.replica, []).append(Missing("replicas", str(one), subject, fleeting=True))
    return found


def seen(differences: Iterable[Difference]) -> tuple[str, ...]:
    return tuple(sorted({difference.label for difference in differences}))


def told(differences: Sequence[Difference]) -> str:
    """What to say of them."""
    one = differences[0]
    stream = one.label.rpartition(" > ")[2]
    full = one.fullest or "the server whose copy is right"
    return (
        f"replicas of a stream do not hold the same, and stay so:\n{listed([f'  {one}' for one in differences])}\n"
        "Both count as current and NATS does not repair it: clients get what the copy of the server that leads has. Do not stop "
        f"or remove {full}{', which holds what the other lacks' if one.fullest else ''}. Back up {stream} from it (nats stream "
        f"backup), let {full} lead (nats stream cluster step-down {stream} --preferred {full}, 2.11 and later), then have the "
        f"other copies made anew from it: nats stream edit {stream} --replicas 1, look at its messages, and --replicas "
        "as before. If two copies lack different messages, keep both stores first. Nothing of this is done by itself"
    )
