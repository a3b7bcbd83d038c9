# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a reference says of the image that it names. Pure."""

from __future__ import annotations

import re

_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
# Not the 3.22.1 of 2.15-alpine3.22.1.
_EXACT = re.compile(r"(?<![A-Za-z0-9.])v?\d+\.\d+\.\d+")


def has_digest(reference: str) -> bool:
    """Whether an image reference names an image by what is in it, so that it can never be another one."""
    return bool(_DIGEST.search(reference))


def is_exact(reference: str) -> bool:
    """Whether an image reference names one image for ever: a digest, or a tag with a whole version in it."""
    if has_digest(reference):
        return True
    name = reference.rpartition("/")[2]
    return bool(_EXACT.search(name.partition(":")[2]))
