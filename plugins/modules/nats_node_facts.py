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
  expect_port:
    description:
      - Monitoring port of this host's server, as it says itself (C(monitor_port) of M(natsops.cluster.nats_version_facts)).
      - The module fails where the process that it finds does not listen there, because that is another server.
    type: int
  config_path:
    description: Path of the configuration file. The default is what the process, or the unit, was started with.
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
        binary_path:
          description: Path that it was started by; empty where it is not known.
          type: str
        config_path:
          description: Its configuration file; empty where there is none.
          type: str
        cwd:
          description: Its working directory, or null where that may not be read.
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
        go_arch:
          description: Architecture as in the names of release archives, for example V(amd64).
          type: str
        unit:
          description: >-
            C(name), C(active_state), C(restart), C(timeout_stop_seconds), C(exec_stop), C(need_daemon_reload), C(user) and
            C(drop_in_paths) of its systemd unit, or null.
          type: dict
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
            "expect_port": {"type": "int"},
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
