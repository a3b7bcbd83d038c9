# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Has a stream of one replica lost messages while its server was away, or do its settings explain what is gone? Pure.

What is lost is not repaired and not told by the server (measured on 2.12.8 and 2.15.1): a block that is missing raises the first
sequence, or makes a hole. What a stream is for does the same all the time.
"""

from __future__ import annotations

from typing import Any, Iterable, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.times import moment
from ansible_collections.natsops.cluster.plugins.module_utils._values.assets import Asset
from ansible_collections.natsops.cluster.plugins.module_utils._values.held import Held

_NANOSECONDS = 1e9
# Each new message may push old ones out.
_PUSHING = ("max_msgs", "max_bytes", "max_msgs_per_subject")
_REMOVING = {
    **dict.fromkeys((*_PUSHING, "max_age"), int),
    **dict.fromkeys(("allow_msg_ttl", "allow_rollup_hdrs"), bool),
    **dict.fromkeys(("retention", "discard"), str),
}


def record(stream: Asset, consumers: Iterable[Asset], now: str) -> dict[str, Any]:
    """What to keep of a stream, to judge by later."""
    return {
        "held": list(stream.held or (0, 0, 0)),
        "first_time": stream.first_time,
        "now": now,
        "removing": {key: stream.config[key] for key, kind in _REMOVING.items() if _is_one(stream.config.get(key), kind)},
        "progress": {one.label: [one.delivered, one.acknowledged, one.unacknowledged] for one in consumers},
    }


def _is_one(value: Any, kind: type) -> bool:
    """What is of another type is no setting of a NATS server."""
    return isinstance(value, kind)


def number(was: Mapping[str, Any], now: Mapping[str, Any]) -> int:
    """How many of the messages that were there, or came since, are not there any more."""
    before, after = Held(*was["held"]), Held(*now["held"])
    return before.messages + after.last - before.last - after.messages


def unexplained(was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What to say of messages that nothing has removed; empty where there are none."""
    before, after = Held(*was["held"]), Held(*now["held"])
    if after.last < before.last or number(was, now) <= 0 or _is_explained(was, now, came=after.last - before.last):
        return ""
    return f"holds {after}, and held {before}: its settings remove none of these"


def _is_explained(was: Mapping[str, Any], now: Mapping[str, Any], came: int) -> bool:
    removing = now["removing"]
    if removing != was["removing"] or removing.get("allow_msg_ttl"):
        return True
    if removing.get("retention", "limits") != "limits" and was["progress"] != now["progress"]:
        return True  # somebody has acknowledged
    if _users_remove(Held(*was["held"]), removing):
        return True
    if removing.get("max_age") and _is_over(was["first_time"], removing["max_age"] / _NANOSECONDS, now["now"]):
        return True
    # With discard: new a limit refuses what comes, but the one for each subject removes all the same.
    limits = _PUSHING if removing.get("discard", "old") == "old" else ("max_msgs_per_subject",)
    return came > 0 and (bool(removing.get("allow_rollup_hdrs")) or any(removing.get(limit, -1) > 0 for limit in limits))


def _users_remove(before: Held, removing: Mapping[str, Any]) -> bool:
    """Whether messages had gone before that no setting removes: users delete or purge, and may have done it once more."""
    if removing.get("retention", "limits") != "limits":
        return False
    made_by_settings = any(removing.get(key, -1) > 0 for key in ("max_msgs_per_subject", "allow_rollup_hdrs"))
    pushed_out = made_by_settings or any(removing.get(key, -1) > 0 for key in ("max_msgs", "max_bytes", "max_age"))
    return (before.holes > 0 and not made_by_settings) or (before.first > 1 and not pushed_out)


def _is_over(since: str, seconds: float, now: str) -> bool:
    """Whether the oldest message could have expired: the others are younger. Where that cannot be told, it could."""
    begin, end = moment(since), moment(now)
    return begin is None or end is None or end - begin >= seconds
