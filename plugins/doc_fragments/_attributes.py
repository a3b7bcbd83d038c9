# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What every module says of check mode and the action group."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and then changes nothing.
  diff_mode:
    support: none
    description: Returns no details on what would change in diff mode.
  action_group:
    support: full
    membership: [natsops.cluster.nats]
    description: Use C(group/natsops.cluster.nats) in C(module_defaults) to set options of all modules at once.
"""
