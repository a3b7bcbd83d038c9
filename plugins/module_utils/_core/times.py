# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Times as NATS writes them. Pure."""

from __future__ import annotations

from datetime import datetime, timezone


def moment(text: str) -> float | None:
    """Seconds since 1970 of a UTC time in RFC 3339, which may have nanoseconds; None where it is none."""
    whole, _unused, fraction = text.rstrip("Zz").partition(".")
    try:
        begin = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
        return begin.timestamp() + float(f"0.{fraction or 0}")
    except ValueError:
        return None
