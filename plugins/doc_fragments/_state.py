# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Options of the modules that keep files on a node; the specs are in module_utils/_state/lock.py and _state/journal.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Where the lock and the journal are, and how long the lock holds."""

    DOCUMENTATION = r"""
options:
  state_dir:
    description: >-
      Folder on the node with the lock and the journal. It is made where it is missing, and all may read it, so that nothing
      secret belongs there. Nobody but root, or the user of the task, may be able to write there, or in a folder above. Each
      server needs a folder of its own.
    type: path
    default: /var/lib/natsops
  lease_seconds:
    description:
      - How long the lock is held without being renewed, in seconds of the node's own clock that nobody sets (C(CLOCK_BOOTTIME)).
        After a restart of the node its wall clock, and the time since the boot, count instead.
      - A run that has died holds the lock for so long, and one that stands still for longer may lose it.
    type: float
    default: 120
"""
