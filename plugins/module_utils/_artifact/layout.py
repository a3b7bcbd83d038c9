# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Where versions of the server binary lie, and which link or file is switched, from the path that the server is started by."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Callable, Iterable, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import refusals as _refusals
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._files import safe as _safe
from ansible_collections.natsops.cluster.plugins.module_utils._files import trust as _trust
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process

# Where update-alternatives (Debian, SUSE) and alternatives (Red Hat) keep the links that they alone write.
ALTERNATIVES = "/etc/alternatives"


@dataclass(frozen=True)
class Link:
    """A link on the way to a program: C(path), its folder without links, what is in it, and what follows below where it leads."""

    path: str
    held: str
    rest: str = ""

    @property
    def managed(self) -> str:
        """The link of update-alternatives that this is, or leads to; empty where it is neither."""
        led = os.path.normpath(os.path.join(os.path.dirname(self.path), self.held))
        return next((place for place in (self.path, led) if os.path.dirname(place) == ALTERNATIVES), "")


@dataclass(frozen=True)
class Layout:
    """Where versions lie. C(switch) is the path that switching replaces; C(link) says that it is a symbolic link.

    C(start) is what a start runs. C(managed) is the link of update-alternatives that would have to be written to, or empty.
    """

    switch: str
    link: bool
    binary: Callable[[str], str]
    target: Callable[[str], str]
    start: str
    managed: str = ""


def versions_in(versions: Iterable[str]) -> re.Pattern[str]:
    """Finds these versions in a path, each as a number of its own: 2.12.8 is in none of 12.12.8, 2.12.80 and 2.12.8.1."""
    # The longest first: 2.12.8-RC.1 is not 2.12.8.
    either = "|".join(map(re.escape, sorted({one for one in versions if one}, key=len, reverse=True)))
    return re.compile(rf"(?<!\d)(?<!\d\.)(?:{either})(?!\d|\.\d)" if either else r"(?!)")


def of(path: str, versions: Sequence[str], installed: Callable[[], str | None] = lambda: None) -> Layout:
    """How versions lie beside each other on this node. Raises NatsError.

    The first link with one of the versions in its target is switched (/opt/nats/current -> 2.14.6), wherever on the way it is.
    Where another version lies there than was expected, as after an upgrade that nobody has restarted for, that is the one to be
    found: C(installed) tells it. Without any, the last link that leads to the file itself is pointed at a versioned file, and
    a plain file gets versioned files beside it: nats-server-2.15.1.
    """
    links, end = way(path)
    found = versions_in(versions)
    if links and not _first(links, found):
        found = versions_in([*versions, installed() or ""])
    link = _first(links, found)
    if link:
        return _linked(path, link, lambda wanted: found.sub(lambda _match: wanted, link.held))
    last = next((one for one in reversed(links) if not one.rest), None)
    if last is None:
        return _plain(path, path)
    if last.managed:  # the file that it leads to is switched, and it stays as it is
        return _plain(path, end)
    folder = os.path.dirname(last.held)
    return _linked(path, last, lambda wanted: os.path.join(folder, f"{_process.PROGRAM}-{wanted}"))


def _first(links: Sequence[Link], found: re.Pattern[str]) -> Link | None:
    return next((link for link in links if found.search(link.held)), None)


def _plain(path: str, file: str) -> Layout:
    return Layout(file, False, lambda wanted: f"{file}-{wanted}", lambda wanted: f"{file}-{wanted}", path)


def _linked(path: str, link: Link, target: Callable[[str], str]) -> Layout:
    def binary(wanted: str) -> str:
        return os.path.normpath(os.path.join(os.path.dirname(link.path), target(wanted), link.rest))

    return Layout(link.path, True, binary, target, path, link.managed)


def way(path: str) -> tuple[list[Link], str]:
    """The links on the way to a path, in their order, and what they lead to.

    Raises NatsError where another user has made one, or where they lead in a circle.
    """
    here, rest = "/", _trust.names(os.path.join(os.getcwd(), path))
    links: list[Link] = []
    while rest:
        name = rest.pop(0)
        place = os.path.normpath(os.path.join(here, name))
        if not os.path.islink(place):
            here = place
            continue
        if len(links) == _trust.MOST_LINKS:
            raise NatsError(f"the links on the way to {path} lead in a circle, by {place}: nothing is started by it")
        links.append(Link(place, _held(place), os.path.join("", *rest)))
        target = links[-1].held
        here, rest = "/" if target.startswith("/") else here, [*_trust.names(target), *rest]
    return links, here


def _held(place: str) -> str:
    try:
        return _safe.link_target(place)
    except OSError as exc:
        raise NatsError(f"the link {place} cannot be read: {exc.strerror or exc}. Nothing was changed; run again") from exc


def require_own(where: Layout, running: str) -> Layout:
    """The same layout; raises NatsError where what would be switched is kept by another program."""
    if not where.managed:
        return where
    raise NatsError(
        f"refused: {_refusals.MANAGED_LINK}: {_refusals.managed_link(where.start, where.managed, running)}. Nothing was changed",
        refusal=_refusals.MANAGED_LINK,
    )
