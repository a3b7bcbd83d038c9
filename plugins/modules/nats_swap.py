#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Drain a NATS server and have the staged version take its place."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_swap
short_description: Drain a NATS server, switch to another version and start it, in one go
version_added: "0.1.0"
description:
  - Does what M(natsops.cluster.nats_lameduck), the switch of M(natsops.cluster.nats_binary) and a start do, in one call.
  - From the first second of the drain to the end of the start the node is out of every quorum. In one call on the node that
    time does not depend on how far away, or how busy, the controller is.
  - What takes its place is a version that M(natsops.cluster.nats_binary) has staged (O(path)), or else whatever is installed by
    then, after O(install_argv) where that is given.
  - A server in a container is replaced by a container like it with another O(image). Everything that was given to it stays, and
    what it had from its old image comes from the new one. The new container is created, stopped, before the signal; after the
    exit the old one makes room by another name, NAME-natsops-previous, and is kept.
  - A unit of systemd that runs its server by C(podman run) (O(service) with O(image)) has its image exchanged in its file after
    the exit, and is started. The old file is kept beside it, as FILE.natsops-previous.
  - Nothing is signalled unless the version at O(path) is staged, and still has the hash that M(natsops.cluster.nats_binary) has
    kept of it in O(state_dir). Without O(state_dir) it has to be where nobody but root, or the user of the task, can write.
  - Where it fails, its result says how far it came, in
    RV(exit_seen), RV(switched) and RV(started).
  - With O(state_dir), a run that dies meanwhile leaves a journal by which a later run goes on, and no two runs do this at once.
    The lock of M(natsops.cluster.nats_lock) has to be held by O(run_id), and M(natsops.cluster.nats_journal) has to have begun.
    It is proved before the signal, before the switch and before the start, each of which is written to the journal first, and
    renewed in time while the server drains. Where another run has taken it over, nothing more is done.
  - Once the old server has exited, a full or failing disk under O(state_dir) makes a warning, and does not keep the server down.
options:
  timeout_seconds:
    description: Longest time to wait for the exit, in seconds. Has to be longer than C(lame_duck_duration) of the server.
    type: float
    default: 150
  monitor_url:
    description: Address of the server's monitoring port, for counting its clients. Without it, RV(clients_at_start) is null.
    type: str
  path:
    description: The path that the server is started by. Needs O(running_version) and O(version). Not with O(install_argv).
    type: path
  running_version:
    description: The version that runs.
    type: str
  version:
    description: The staged version that is to take its place.
    type: str
  keep_versions:
    description: How many versions to keep, the running and the new one included and never removed.
    type: int
    default: 2
  install_argv:
    description:
      - Program and arguments that install the new version once the old server has exited, such as C(rpm --upgrade FILE).
      - Without it, and without O(path), what is installed is started again.
    type: list
    elements: str
  install_timeout_seconds:
    description: Longest time for O(install_argv) to end, in seconds.
    type: float
    default: 300
  image:
    description:
      - Image of the container that takes the server's place, which has to be on the node (see M(natsops.cluster.nats_container)).
      - Needs O(container) or O(service), which is what is started then. O(container) without it is started again as it is.
    type: str
  start_unit:
    description: systemd unit to start.
    type: str
  start_argv:
    description: Program and arguments that start the server.
    type: list
    elements: str
  start_detach:
    description: Whether O(start_argv) is the server itself. With V(false) it is a supervisor's command, whose exit code counts.
    type: bool
    default: true
  start_later:
    description: Instead of O(start_unit) and O(start_argv), leaves the start to whoever calls, who reboots the host.
    type: bool
  start_timeout_seconds:
    description: Longest time for O(start_unit), or a supervisor's command, to end, in seconds.
    type: float
    default: 60
  chdir:
    description: Working directory to start a detached server in. The default is the root folder.
    type: path
  log_path:
    description: File that the output of a detached server is added to. The default is nowhere.
    type: path
  state_dir:
    description: Folder on the node with the lock and the journal. Needs O(run_id) and O(lease_seconds).
    type: path
  run_id:
    description: The run that holds the lock. Needs O(state_dir) and O(lease_seconds).
    type: str
  lease_seconds:
    description: How long the lock is held without being renewed, in seconds. Needs O(state_dir) and O(run_id).
    type: float
extends_documentation_fragment:
  - natsops.cluster._attributes
  - natsops.cluster._draining
  - natsops.cluster._server
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Replace the server of a systemd unit
  natsops.cluster.nats_swap:
    service: nats-server
    path: /usr/sbin/nats-server
    running_version: 2.14.6
    version: 2.15.1
    start_unit: nats-server
    state_dir: /var/lib/natsops
    run_id: 20261001T120000Z-7f3a
    lease_seconds: 120
"""

RETURN = r"""
pid:
  description: Process id of the old server; null where it had gone already.
  type: int
  returned: always
found_by:
  description: V(pid), V(pid_file), V(service) or V(container).
  type: str
  returned: always
exit_seen:
  description: Whether the old server has exited. False in check mode.
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
seconds:
  description: How long each part took that was begun, in seconds, by V(drain), V(swap) and V(start).
  type: dict
  returned: always
switched:
  description: Whether the new version is the active one.
  type: bool
  returned: always
started:
  description: Whether the start succeeded. That the server comes up is for M(natsops.cluster.nats_health_wait) to say.
  type: bool
  returned: always
new_pid:
  description: Process id of the new server where it was started detached, else null.
  type: int
  returned: always
new_start_ticks:
  description: Start time of that process, as M(natsops.cluster.nats_node_facts) gives it.
  type: int
  returned: always
refusal:
  description: V(locked) where the lock is not ours any more, because another run holds it, or none. RV(lock) says which.
  type: str
  returned: failure, where the lock was lost
lock:
  description: The lock that is there instead, as M(natsops.cluster.nats_lock) gives it, or null.
  type: dict
  returned: failure, where the lock was lost
removed:
  description: Old versions that were removed.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._node import drain as _drain
from ansible_collections.natsops.cluster.plugins.module_utils._node import replacement as _replacement
from ansible_collections.natsops.cluster.plugins.module_utils._node import supervisor as _supervisor


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**_supervisor.SERVER_SPEC, **_drain.SPEC, **_drain.TURN_SPEC, **_replacement.SPEC},
        mutually_exclusive=[_supervisor.SERVER, _replacement.ONE_START, ("path", "install_argv", "image")],
        required_one_of=[_supervisor.SERVER, (*_replacement.ONE_START, "container")],
        required_together=[_drain.TURN, _replacement.STAGED],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**_drain.swap(module.params, _replacement.of(module.params), check_mode=module.check_mode))
    except NatsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
