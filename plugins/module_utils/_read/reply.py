# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is asked of a server, and what comes back: an Answer, or a Fault where nothing usable does. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol, Union

from ansible_collections.natsops.cluster.plugins.module_utils._values.checked import decoded

MIB = 1 << 20
# Enough for some 30 000 streams and consumers on one server (measured: 2.1 KB for each, with its configuration).
MAX_BYTES = 64 * MIB
# Real answers have 25 to 40 bytes for each value. Decoded, one takes some 70 bytes: 64 MiB of [[],[],[] would take 1.6 GB.
_MOST_VALUES = MAX_BYTES // 8


@dataclass(frozen=True)
class Settings:
    """How to ask. C(ca_path) is a PEM file or None for the system's.

    The timeout is for each request, from the connection to the last byte; C(max_bytes) for all that one server answers to the
    questions that are asked together.
    """

    timeout_seconds: float = 5.0
    validate_certs: bool = True
    ca_path: str | None = None
    max_in_flight: int = 50
    max_bytes: int = MAX_BYTES
    # What the user sets ca_path by, for what is said of it.
    ca_variable: str = "nats_upgrade_ca_path"


@dataclass(frozen=True)
class Answer:
    """A complete reply. C(body) is decoded JSON; C(text) is the reply where it is not JSON, and C(body) is None then."""

    status: int
    body: Any
    text: str


@dataclass(frozen=True)
class Fault:
    """No usable reply. A lasting fault will not mend itself by waiting: a wrong address, certificate or program."""

    message: str
    lasting: bool = False
    status: int | None = None


Reply = Union[Answer, Fault]


class Address(Protocol):
    """What can be asked by HTTP: it knows the URL of a path."""

    def url(self, path: str) -> str:
        """The whole URL."""


def decode(text: str) -> Any:
    """The JSON in an answer; raises one of ODD where there is none, or it has more values than a server ever tells of."""
    if sum(map(text.count, "[{,")) > _MOST_VALUES:
        raise ValueError(f"it has more than {_MOST_VALUES} values")
    return decoded(text)


def too_much(most: int) -> Fault:
    """What to say of a server that answers with more bytes than it may."""
    return Fault(
        f"it answers with more than {most / MIB:g} MiB: is it a NATS server? Where it is one with so many streams and consumers, "
        f"raise nats_upgrade_max_answer_mib",
        lasting=True,
    )


def without_credentials(url: str) -> str:
    """The address as it may be shown: no user and no password."""
    return re.sub(r"(?<=://)[^/]*@", "", url)
