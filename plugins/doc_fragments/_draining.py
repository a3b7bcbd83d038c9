# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The option of the modules that drain a server: which process is meant. The spec is in module_utils/_node/drain.py."""

from __future__ import annotations


class ModuleDocFragment:
    """See the option below."""

    DOCUMENTATION = r"""
options:
  expected_process:
    description:
      - The process that is meant, as M(natsops.cluster.nats_node_facts) has found it before.
      - Where another one is found now, it is refused and nothing is signalled. One that has exited meanwhile is drained already.
    type: dict
    suboptions:
      pid:
        description: Its process id; null where there was none.
        type: int
      start_ticks:
        description: Its start time.
        type: int
      uid:
        description: Id of the user that it runs as.
        type: int
"""
