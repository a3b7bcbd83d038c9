# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What to say of a request that ended badly, or of an answer that is none: in words that tell what to do."""

from __future__ import annotations

import errno
import http.client
import resource
import socket
import ssl
import sys
import urllib.parse
from typing import Iterator, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import (
    Answer,
    Fault,
    Reply,
    Settings,
    decode,
    without_credentials,
)
from ansible_collections.natsops.cluster.plugins.module_utils._read.wire import TIMED_OUT
from ansible_collections.natsops.cluster.plugins.module_utils._values.checked import ODD


class UnwelcomeError(Exception):
    """An answer that is not taken, whatever is in it."""


# What a request may end with that its server is the cause of. MemoryError: an answer that decodes to more than there is room for.
FAILURES = (UnwelcomeError, OSError, http.client.HTTPException, MemoryError, *ODD)


_NO_ROOM = Fault("its answer takes more memory than there is on this side")


def require_plain(encoding: str | None) -> None:
    """Nothing is asked for that is packed: a few bytes of that may become any number."""
    if encoding and encoding.lower() != "identity":
        raise UnwelcomeError(
            f"its answer is packed (Content-Encoding: {encoding[:20]}), which was not asked for: have what stands in "
            "front of the server leave answers as they are"
        )


def answer(status: int, content: bytearray, location: str | None) -> Reply:
    # Whatever else the headers say: JSON is UTF-8, and there are names of encodings that no text is in.
    text = content.decode("utf-8", "replace")
    if 300 <= status < 400:
        return Fault(
            f"HTTP {status} redirects to {without_credentials(location or 'nowhere')}: give the final address", lasting=True
        )
    if "HTTP request to an HTTPS server" in text:
        return Fault("the port speaks https: write https:// in the monitor URL", lasting=True)
    if status in (401, 403):
        return Fault(
            f"HTTP {status}: something in front of the server asks for credentials: write them into the monitor URL "
            "(https://USER:PASSWORD@HOST), or give an address that goes past it",
            lasting=True,
        )
    try:
        body = decode(text)
    except ODD:
        if status in (502, 503, 504):
            return Fault(f"HTTP {status} from a proxy: no server behind it")
        return Answer(status, None, text)
    except MemoryError:
        return _NO_ROOM
    # Not both: the answers of a large fleet are in memory at once.
    return Answer(status, body, "")


def of_address(url: str) -> Fault | None:
    try:
        parts = urllib.parse.urlsplit(url)
        if parts.hostname and (parts.port is None or parts.port):
            return None
        problem = "it names no host and port"
    except ValueError as exc:
        problem = str(exc)
    return Fault(f"{without_credentials(url)} is not an address: {problem}", lasting=True)


def of_authorities(exc: OSError, settings: Settings) -> Fault:
    return Fault(f"{settings.ca_variable} {settings.ca_path} is not a file of certificates: {exc.strerror or exc}", lasting=True)


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while exc is not None and exc not in seen:
        seen.append(exc)
        yield exc
        reason = getattr(exc, "reason", None)
        exc = reason if isinstance(reason, BaseException) else (exc.__cause__ or exc.__context__)


def fault(exc: BaseException, settings: Settings) -> Fault:
    """What to say of a request that ended with this."""
    causes = list(_chain(exc))
    text = "; ".join(str(cause) for cause in causes)
    found = _own_fault(causes, settings) or _tls_fault(causes, text, settings)
    if found:
        return found
    if any(isinstance(cause, TIMED_OUT) for cause in causes):
        return Fault(f"no complete answer within {settings.timeout_seconds:g} s")
    if "Connection refused" in text or "Connect call failed" in text:
        return Fault("connection refused")
    if any(isinstance(cause, socket.gaierror) for cause in causes) or "Name or service not known" in text:
        return Fault("the host name cannot be resolved")
    broken = any(isinstance(cause, http.client.IncompleteRead) for cause in causes)
    if broken or "without sending complete message body" in text:
        return Fault("the reply broke off in the middle")
    closed = any(isinstance(cause, (ConnectionResetError, http.client.RemoteDisconnected)) for cause in causes)
    if closed or "disconnected" in text:
        return Fault("the server closed the connection without an answer")
    return Fault(str(exc) or type(exc).__name__, lasting=isinstance(exc, ODD))


def _own_fault(causes: Sequence[BaseException], settings: Settings) -> Fault | None:
    """What lies on this side, or was not taken by it."""
    for cause in causes:
        if isinstance(cause, UnwelcomeError):
            return Fault(str(cause), lasting=True)
        if isinstance(cause, MemoryError):
            return _NO_ROOM
        if isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE):
            return Fault(
                f"no more files can be opened on this side, of {most_files()} at once: raise that (ulimit -n), or ask fewer "
                "servers at once (nats_audit_max_in_flight)"
            )
        if isinstance(cause, FileNotFoundError):
            return of_authorities(cause, settings)
    return None


def _tls_fault(causes: Sequence[BaseException], text: str, settings: Settings) -> Fault | None:
    if "CERTIFICATE_VERIFY_FAILED" in text:
        reason = next((c.verify_message for c in causes if isinstance(c, ssl.SSLCertVerificationError)), text)
        return Fault(
            f"its certificate is not trusted ({reason}): set {settings.ca_variable}, or use the name that it is for",
            lasting=True,
        )
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text:
        return Fault("the port does not speak https: write http:// in the monitor URL", lasting=True)
    if "EOF occurred" in text and any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Fault("the server closed the connection without an answer")
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Fault(f"TLS: {text}: openssl s_client -connect HOST:PORT shows what the port speaks", lasting=True)
    return None


def most_files() -> int:
    """How many files and sockets this process may have open at once."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft
