# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong and is somebody's to mend: one exception, with the data a playbook may want."""

from __future__ import annotations

import sys
from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text

# Every module imports this. ansible-core 2.17 would run them with 3.7, where some of them break, maybe in the middle of a turn.
if sys.version_info < (3, 8):  # noqa: UP036
    raise ImportError("the modules of natsops.cluster need Python 3.8 or newer")


class NatsError(Exception):
    """Something a user can act on.

    The message says what was seen, where, why it matters and what to do next; C(details) are the same as data and
    become keys of the module's failed result. Only a module's or action's C(run) turns it into a result.
    """

    def __init__(self, message: str, **details: Any) -> None:
        # It may quote anything: a path, another program, an exception with a piece of an answer in it.
        super().__init__(_text.message(message))
        self.details = details
