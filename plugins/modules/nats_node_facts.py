#!/usr/bin/python
# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Find out how the NATS server of a node is run."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_node_facts
short_description: Find out how the NATS server of a node is run
version_added: "0.1.0"
description:
  - Finds the server's process and reads from it, or from its systemd unit, what an upgrade has to know, into
    C(ansible_facts.nats_node).
  - Changes nothing. Needs the rights to read the process, its configuration and, for a unit, none more.
options:
  binary_path:
    description: Path of the server binary. The default is what the process, or the unit, was started by; links are kept.
    type: path
  store_dir:
    description:
      - Folder of the server's JetStream store, as it says itself (C(store_dir) of M(natsops.cluster.nats_version_facts)).
      - Where given, the facts tell which streams are stored there. One that is stored and not served is offline.
    type: path
  config_path:
    description: Path of the configuration file. The default is what the process, or the unit, was started with.
    type: path
  state_dir:
    description:
      - Folder on the node with the lock and the journal of M(natsops.cluster.nats_lock) and M(natsops.cluster.nats_journal).
        Where given, the facts say what runs have left on the node.
      - Of a server that does not run, and no unit tells how it would be started, the paths are then those that the journal of an
        unfinished turn holds.
    type: path
extends_documentation_fragment:
  - natsops.cluster._attributes
  - natsops.cluster._server
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Find out how the server is run
  natsops.cluster.nats_node_facts:
    service: nats-server
"""

RETURN = r"""
ansible_facts:
  description: Facts to add to the host.
  type: dict
  returned: success
  contains:
    nats_node:
      description: How the server is run.
      type: dict
      returned: success
      contains:
        running:
          description: Whether it runs.
          type: bool
        absence:
          description: Why it counts as not running, else empty.
          type: str
        pid:
          description: Its process id, or null.
          type: int
        start_ticks:
          description:
            - Start time of the process (field 22 of C(/proc/PID/stat)), or null.
            - With the pid it names one process for ever.
          type: int
        program:
          description: The program that the process runs; empty where there is no process.
          type: str
        found_by:
          description: V(pid), V(pid_file) or V(service).
          type: str
        listening_ports:
          description:
            - TCP ports that the process listens on, or null where that may not be read.
            - The monitoring port of the server that answers for this host is among them, or it is another server's process.
          type: list
          elements: int
        binary_path:
          description: Path that it was started by; empty where it is not known.
          type: str
        config_path:
          description: Its configuration file; empty where there is none.
          type: str
        cwd:
          description: Its working directory, or null where that may not be read or is not known.
          type: str
        output_path:
          description: File that its standard error goes to, or null.
          type: str
        log_path:
          description: File that it logs to (C(log_file) of the configuration, else C(output_path)), or null.
          type: str
        lame_duck_duration_seconds:
          description: C(lame_duck_duration) of the configuration, includes and variables followed; 120 where none is set.
          type: float
        lame_duck_duration_source:
          description: Where that was found.
          type: str
        lame_duck_grace_period_seconds:
          description: >-
            C(lame_duck_grace_period) of the configuration: how long clients may stay before the first is moved. 10 where none
            or zero is set, as the server takes it.
          type: float
        used:
          description: What the configuration says is in use that a server does not tell of, V(auth_callout) and V(encryption).
          type: list
          elements: str
        stored_streams:
          description: C(ACCOUNT > STREAM) of the streams in O(store_dir); null without it, or where it may not be read.
          type: list
          elements: str
        go_arch:
          description: Architecture as in the names of release archives, for example V(amd64).
          type: str
        unit:
          description: >-
            C(name), C(active_state), C(restart), C(timeout_stop_seconds), C(exec_stop), C(need_daemon_reload), C(user),
            C(drop_in_paths) and C(kill_signal) (its name, such as V(SIGTERM)) of its systemd unit, or null.
          type: dict
        journal:
          description: >-
            How far the last turn of this node has come, as RV(natsops.cluster.nats_journal#module:journal), or null. With
            O(state_dir).
          type: dict
        lock:
          description: >-
            Who works on this node, as RV(natsops.cluster.nats_lock#module:lock), or null. Its C(state) is V(held), V(expired) or
            V(unreadable). With O(state_dir).
          type: dict
        hold:
          description: >-
            Whether M(natsops.cluster.nats_unit_hold) holds the automatic restart of the unit; false without a unit. With
            O(state_dir).
          type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils import _node
from ansible_collections.natsops.cluster.plugins.module_utils._errors import NatsError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **_node.SERVER_SPEC,
            "binary_path": {"type": "path"},
            "config_path": {"type": "path"},
            "store_dir": {"type": "path"},
            "state_dir": {"type": "path"},
        },
        mutually_exclusive=[("pid", "pid_file", "service")],
        required_one_of=[("pid", "pid_file", "service")],
        supports_check_mode=True,
    )
    try:
        module.exit_json(changed=False, ansible_facts={"nats_node": _node.facts(module.params)})
    except NatsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
