#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Take, renew or let go of the lock of a node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_lock
short_description: Have at most one run at a time work on a NATS server
version_added: "0.1.0"
description:
  - The lock is the file C(lock.json) in a folder on the node. It says who works on the server, since when and for which version,
    and is held for the length of a lease that the run renews.
  - V(acquired) takes it where it is free, where its lease is over, or where it is that of a run that is known to be dead. It
    renews a lock that is ours already, and fails where another run holds it. Of several runs that try at once, one has it.
  - V(renewed) fails where the lock is not ours any more, V(released) removes it only where it is ours, and V(read) only looks.
  - The task says who the controller is by itself. Where the lock is that of a run on the same controller (same host, boot and
    process namespace) whose process has gone, it is taken over at once, without waiting for the end of the lease.
  - A lock file that cannot be read is not taken over, as it does not say whose it is; the message says what to do.
  - RV(ignore:changed) is always false, for a lock that comes and goes is no change of the server. In check mode nothing is
    written, V(acquired) still fails where another run holds the lock, and V(renewed) does not mind a free lock.
options:
  state:
    description: What to do.
    type: str
    choices: [acquired, renewed, released, read]
    required: true
  run_id:
    description: Name of the run. All runs, of whatever controller, have different ones. Needed for all but O(state=read).
    type: str
  controller:
    description:
      - Who runs this, as C(host), C(boot_id), C(pid_namespace), C(pid), C(start_ticks) and C(user).
      - The default is found out on the controller.
    type: dict
  target:
    description: The version that the run is to take the server to, for those who find the lock held.
    type: str
  take_over:
    description: Name of a run that is known to be dead. Its lock is taken over, if it is still that run's.
    type: str
  state_dir:
    description: The default in a task is the variable C(nats_upgrade_state_dir) of the host that the task works on.
extends_documentation_fragment:
  - natsops.cluster._attributes
  - natsops.cluster._state
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Lock every server of the cluster
  natsops.cluster.nats_lock:
    state: acquired
    run_id: 20261001T120000Z-7f3a
    target: 2.15.1
  delegate_to: "{{ item }}"
  loop: "{{ groups['nats'] | sort }}"
  run_once: true

- name: Let go of it
  natsops.cluster.nats_lock:
    state: released
    run_id: 20261001T120000Z-7f3a
"""

RETURN = r"""
state:
  description: >-
    What the lock is to this run at the end. V(free) where there is none, V(ours), V(held) by another run, V(expired) where that
    run's lease is over, or V(unreadable).
  type: str
  returned: success
lock:
  description: The lock, or null where there is none.
  type: dict
  returned: success, or where another run holds it
  contains:
    run_id:
      description: Name of the run that holds it.
      type: str
    controller:
      description: Who runs it, as O(controller).
      type: dict
    target:
      description: The version that it takes the server to; empty where it did not say.
      type: str
    since:
      description: When it was taken, by the node's clock, in UTC.
      type: str
      sample: "2026-10-01T12:00:00Z"
    renewed_at:
      description: When the lease was renewed last, likewise.
      type: str
    expires_at:
      description: When the lease ends, likewise.
      type: str
    lease_seconds:
      description: Length of the lease.
      type: float
    node_boot_id:
      description: The boot of the node that the next two count from.
      type: str
    renewed_boottime_seconds:
      description: When the lease was renewed last, in seconds since that boot.
      type: float
    expires_boottime_seconds:
      description: When it ends, likewise.
      type: float
    state:
      description: The same as RV(state), without V(free).
      type: str
    expires_in_seconds:
      description: Seconds until the lease ends, negative once it is over; null where that cannot be read.
      type: float
    unreadable:
      description: Why the lock cannot be read, else empty. All keys above C(state) are missing then.
      type: str
    said:
      description: Who holds it, for people.
      type: str
took_over:
  description: Name of the run whose lock was replaced, else empty.
  type: str
  returned: success
refusal:
  description: V(locked) where another run holds the lock, or where it was to be renewed and is not ours any more.
  type: str
  returned: failure
lost_host:
  description: The host, where it could not be reached.
  type: str
  returned: failure, where the host could not be reached
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._state import lock as _lock


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=_lock.SPEC, required_if=_lock.REQUIRED_IF, supports_check_mode=True)
    try:
        module.exit_json(**_lock.act(module.params, check_mode=module.check_mode))
    except NatsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
