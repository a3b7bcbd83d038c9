#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Put a NATS server in lame duck mode."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_lameduck
short_description: Put a NATS server in lame duck mode and wait until it has exited
version_added: "0.1.0"
description:
  - Finds the server's process, proves that it is C(nats-server), sends it C(SIGUSR2), and waits until it has exited.
  - There is no network call for lame duck mode (nats-server 2.10 to 2.15), so that this runs on the server's host.
  - From the signal on, the server takes no new clients; within a second it hands its Raft leaderships over and stops JetStream;
    then it asks its clients to go elsewhere and closes them over C(lame_duck_duration). It exits with code 0.
  - Never sends C(SIGTERM) or C(SIGKILL). A drain cannot be called back; at the timeout the server is left draining, and running
    the module again waits on.
  - A process is known by its pid and its start time, so that a pid that was used again is never signalled. A zombie has exited.
options:
  timeout_seconds:
    description:
      - Longest time to wait for the exit, in seconds, counted from the signal.
      - Has to be longer than C(lame_duck_duration) of the server, which is 2 minutes unless configured.
    type: float
    default: 150
  monitor_url:
    description:
      - Address of the server's monitoring port, for counting its clients. Without it, RV(clients_at_start) is null.
    type: str
extends_documentation_fragment:
  - natsops.cluster._attributes
  - natsops.cluster._draining
  - natsops.cluster._server
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Drain the server of a systemd unit
  natsops.cluster.nats_lameduck:
    service: nats-server
    timeout_seconds: 150

- name: Drain the server that a pid file names
  natsops.cluster.nats_lameduck:
    pid_file: /run/nats/nats.pid
    monitor_url: http://127.0.0.1:8222
"""

RETURN = r"""
pid:
  description: Process id of the server; null where it had gone already.
  type: int
  returned: always
found_by:
  description: V(pid), V(pid_file), V(service) or V(container).
  type: str
  returned: always
exit_seen:
  description: Whether the server has exited. False in check mode.
  type: bool
  returned: always
drain_seconds:
  description: Seconds from the signal to the exit; null where nothing was signalled.
  type: float
  returned: always
clients_at_start:
  description: Client connections just before the signal (C(connections) of /varz); null where they are not known.
  type: int
  returned: always
"""


from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._node import drain as _drain
from ansible_collections.natsops.cluster.plugins.module_utils._node import supervisor as _supervisor


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**_supervisor.SERVER_SPEC, **_drain.SPEC},
        mutually_exclusive=[_supervisor.SERVER],
        required_one_of=[_supervisor.SERVER],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**_drain.drain(module.params, check_mode=module.check_mode))
    except NatsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
