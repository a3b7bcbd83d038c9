# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Options that name the server's process on a node; the spec is SERVER_SPEC in module_utils/_node/supervisor.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that find the process."""

    DOCUMENTATION = r"""
options:
  pid:
    description: Process id of the server.
    type: int
  pid_file:
    description:
      - File that holds the process id, as C(pid_file) of the server's configuration names it.
      - NATS never removes it, so that a file whose process has gone means that the server does not run.
    type: path
  service:
    description:
      - systemd unit of the server. Its main process is taken, or where that is a wrapper script, the one nats-server in the
        unit's control group.
    type: str
  container:
    description:
      - Container of the docker engine on this host that the server runs in. Its main process is taken, or where that is an init
        or a wrapper script, the one nats-server in the container.
      - It is signalled through the engine, which does not restart it then.
    type: str
"""
