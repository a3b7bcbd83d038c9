# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""One large file at a time, by https, http or file://, for the controller. Redirects are followed: releases are kept behind them.

A user and a password go to the origin that they were given for (scheme, host and port), and to no other that a redirect names.
Proxies of the environment are used, and .netrc for the first origin.
"""

from __future__ import annotations

import http.client
import netrc
import os
import stat
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import IO, Iterator

from ansible.module_utils.urls import make_context

from ansible_collections.natsops.cluster.plugins.module_utils._read import http_faults as _http_faults
from ansible_collections.natsops.cluster.plugins.module_utils._read import reply as _reply
from ansible_collections.natsops.cluster.plugins.module_utils._read import wire as _wire
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Fault, Settings

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 10


@dataclass(frozen=True)
class File:
    """An open file. C(size) is as it was announced, if it was. C(secure): nobody between here and its origin could change it."""

    source: IO[bytes] | http.client.HTTPResponse
    size: int | None
    secure: bool

    def __enter__(self) -> File:
        return self

    def __exit__(self, *unused: object) -> None:
        self.source.close()

    def blocks(self) -> Iterator[bytes]:
        """What is in it. Raises OSError or http.client.HTTPException where it does not come whole, or in time."""
        if isinstance(self.source, http.client.HTTPResponse):
            return _wire.blocks(self.source)
        return iter(lambda: self.source.read(1 << 20), b"")


def open_file(
    url: str, settings: Settings, credentials: _wire.Credentials | None, whole_seconds: float, method: str = "GET"
) -> File | Fault:
    """Open a file. The timeout of C(settings) is for each answer and each silence, C(whole_seconds) for all of it."""
    try:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme == "file":
            return _open_local(parts)
        return _follow(url, settings, credentials, _wire.Deadline(whole_seconds), method)
    except _http_faults.FAILURES as exc:
        return _http_faults.fault(exc, settings)


def ask(url: str, settings: Settings, credentials: _wire.Credentials | None, whole_seconds: float) -> File | Fault:
    """Whether a file can be had, and its size: nothing is to be read from what is returned.

    Some refuse to be asked (HEAD), such as addresses that are signed for GET alone: there the reading begins, and whoever called
    closes it.
    """
    found = open_file(url, settings, credentials, whole_seconds, "HEAD")
    return open_file(url, settings, credentials, whole_seconds) if isinstance(found, Fault) else found


def _open_local(parts: urllib.parse.SplitResult) -> File | Fault:
    if parts.netloc not in ("", "localhost"):
        return Fault(f"file:// names a path on the controller, and no host: file:///{parts.netloc}{parts.path}", lasting=True)
    try:
        # Of what is no file, the opening may wait for ever.
        descriptor = os.open(urllib.request.url2pathname(parts.path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return Fault("there is no such file", lasting=True, status=404)
    except OSError as exc:
        return Fault(f"it cannot be opened ({exc.strerror})", lasting=True)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        return Fault("it is not a regular file", lasting=True)
    return File(os.fdopen(descriptor, "rb"), found.st_size, secure=True)


def _follow(
    url: str, settings: Settings, credentials: _wire.Credentials | None, whole: _wire.Deadline, method: str
) -> File | Fault:
    first, secure = _origin(url), settings.validate_certs
    credentials = credentials or _wire.credentials_in(urllib.parse.urlsplit(url)) or _from_netrc(url)
    for _unused in range(_MOST_REDIRECTS + 1):
        origin = _origin(url)
        secure = secure and origin[0] == "https"
        reply = _wire.get(
            url,
            _wire.Deadline(min(settings.timeout_seconds, whole.left())),
            # Also where this Python knows no authorities by itself, Ansible finds those of the system.
            lambda: make_context(cafile=settings.ca_path, validate_certs=settings.validate_certs),
            body=_wire.Deadline(whole.left(), silence=settings.timeout_seconds),
            credentials=credentials if origin == first else None,
            proxy=_proxy(url),
            method=method,
        )
        location = reply.headers.get("Location")
        if reply.status not in _REDIRECTS or not location:
            return _opened(reply, method, secure=secure)
        reply.close()
        url = urllib.parse.urljoin(url, location)
        if urllib.parse.urlsplit(url).scheme not in ("https", "http"):
            return Fault(f"it redirects to {_reply.without_credentials(url)}, which is neither https nor http", lasting=True)
    return Fault(f"it redirects more than {_MOST_REDIRECTS} times", lasting=True)


def _opened(reply: http.client.HTTPResponse, method: str, *, secure: bool) -> File | Fault:
    if reply.status == http.client.OK:
        _http_faults.require_plain(reply.headers.get("Content-Encoding"))
        return File(reply, _said_length(reply) if method == "HEAD" else reply.length, secure)
    reply.close()
    return Fault(f"HTTP {reply.status} {reply.reason}", lasting=True, status=reply.status)


def _said_length(reply: http.client.HTTPResponse) -> int | None:
    """How long the file is by an answer that has nothing of it."""
    said = reply.headers.get("Content-Length", "")
    return int(said) if said.isascii() and said.isdigit() else None


def _origin(url: str) -> tuple[str, str, int]:
    parts = urllib.parse.urlsplit(url)
    return (parts.scheme, *_wire.place_of(parts))


def _proxy(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    if urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    return urllib.request.getproxies().get(parts.scheme, "")


def _from_netrc(url: str) -> _wire.Credentials | None:
    try:
        found = netrc.netrc(os.environ.get("NETRC")).authenticators(urllib.parse.urlsplit(url).hostname or "")
    except (OSError, netrc.NetrcParseError):
        return None
    return (found[0], found[2] or "") if found else None
