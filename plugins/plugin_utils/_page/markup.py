# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Elements of a page, and figures as people read them. The one place that escapes: all that is not an element is text. Pure."""

from __future__ import annotations

import html
from datetime import datetime, timedelta, timezone
from typing import Any, Iterator, Sequence

# Without an end tag.
_VOID = frozenset(["meta", "br"])
_NARROW_SPACE = "\u202f"
MINUS = "\u2212"
NONE = "\u2013"


class Element(str):
    """Markup that is whole: it is not escaped again."""

    __slots__ = ()


def el(tag: str, *content: Any, **attributes: Any) -> Element:
    """An element. Attributes that are None are left out; class_ stands for class, and font_size for font-size."""
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Element(f"<{tag}{named}>" if tag in _VOID else f"<{tag}{named}>{join(*content)}</{tag}>")


def join(*content: Any) -> Element:
    """Several things behind each other; lists are followed, and None is nothing."""
    parts = []
    for one in content:
        if isinstance(one, Element):
            parts.append(one)
        elif isinstance(one, (list, tuple)) or hasattr(one, "__next__"):
            parts.append(join(*one))
        elif one is not None:
            parts.append(html.escape(str(one)))
    return Element("".join(parts))


def grouped(number: float | None) -> str:
    """18204 as 18 204; a dash for what is not known."""
    if number is None:
        return NONE
    return f"{number:,.0f}".replace(",", _NARROW_SPACE).replace("-", MINUS)


def seconds(value: float | None) -> str:
    """A duration as people say it: 3 ms, 0.21 s, 8.2 s, 42 s, 3 min 5 s, 2 h 10 min."""
    if value is None:
        return NONE
    if 0 < value < 0.0095:
        return f"{value * 1000:.0f} ms"
    if value < 0.995:
        return f"{value:.2f} s"
    if value < 9.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min{f' {whole % 60} s' if whole % 60 else ''}"
    minutes = round(value / 60)
    return f"{grouped(minutes // 60)} h {minutes % 60} min"


def counted(number: int, one: str, many: str = "") -> str:
    return f"{grouped(number)} {one if number == 1 else many or one + 's'}"


class Clock:
    """Times of day, from seconds after the begin of the run. All in UTC, as the events are.

    C(skips) are times that do not count, in order: after which second, and how many seconds.
    """

    def __init__(self, began: str | None, skips: Sequence[tuple[float, float]] = ()) -> None:
        self._began, self._skips = _parsed(began), skips

    @property
    def known(self) -> bool:
        return self._began is not None

    @property
    def epoch(self) -> float:
        return self._began.timestamp() if self._began else 0.0

    def at(self, second: float, form: str = "%H:%M:%S") -> str:
        """The time of day; where the begin is not known, how long after it."""
        if self._began is None:
            return f"+{seconds(second)}"
        try:
            skipped = sum(skip for after, skip in self._skips if second >= after)
            return (self._began + timedelta(seconds=second + skipped)).strftime(form)
        except (OverflowError, ValueError):
            return NONE

    def stretches(self, total: float) -> Iterator[tuple[float, float, float]]:
        """From which second to which one no time is left out, and how many seconds since 1970 the first second would be."""
        begin, epoch = 0.0, self.epoch
        for after, skip in self._skips:
            yield begin, after, epoch
            begin, epoch = after, epoch + skip
        yield begin, total, epoch

    def date(self, second: float = 0) -> str:
        return self.at(second, "%Y-%m-%d") if self.known else ""


def _parsed(began: str | None) -> datetime | None:
    if not began:
        return None
    try:
        parsed = datetime.fromisoformat(began[:-1] + "+00:00" if began.endswith(("Z", "z")) else began)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
