#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Tell what an upgrade of NATS servers has left behind."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_upgrade_status
short_description: Tell what an upgrade of NATS servers has left behind, and how to finish it or take it back
version_added: "0.1.0"
description:
  - Reads every server of O(hosts) and judges it together with what was found out on the nodes. Changes nothing.
  - Runs on the controller.
options:
  hosts:
    description: Names of inventory hosts to read, each at its C(nats_upgrade_monitor_url).
    type: list
    elements: str
    required: true
  inventory:
    description: Inventory sources, for the commands.
    type: list
    elements: str
    default: []
  group:
    description: Inventory group, for the commands.
    type: str
    default: nats
extends_documentation_fragment:
  - natsops.cluster._attributes
  - natsops.cluster._looking
  - natsops.cluster._reading
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: See what was left
  natsops.cluster.nats_upgrade_status:
    hosts: "{{ groups['nats'] }}"
  run_once: true
"""

RETURN = r"""
status:
  description: What there is.
  type: dict
  returned: success
  contains:
    versions:
      description: Version by host, of the servers that answer.
      type: dict
    surge:
      description: Hosts whose temporary server runs.
      type: list
      elements: str
    silent:
      description: Error by host, of the servers that do not.
      type: dict
    unfinished:
      description: By host, what the node remembers of a turn that broke off.
      type: dict
    damaged_journals:
      description: Why the node's memory of its last turn cannot be read, by host, where it cannot.
      type: dict
    holds:
      description: Hosts whose automatic restarts are held.
      type: list
      elements: str
    locks:
      description: The lock by host.
      type: dict
    unhealthy:
      description: What is not well, by host.
      type: dict
    roll:
      description: C(from) and C(to) of the roll that is under way, or null.
      type: dict
    commands:
      description:
        - C(finish) and, but for a rolling restart, C(take_back), where a roll is under way.
        - One that the plan would refuse, whatever is fixed first, is left out; RV(status.lines) say why.
      type: dict
    lines:
      description: All of it for people.
      type: list
      elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs


def main() -> None:
    """Say where the work is done: the action of the same name never gets here."""
    module = AnsibleModule(argument_spec=_specs.STATUS, supports_check_mode=True)
    module.fail_json(
        msg="natsops.cluster.nats_upgrade_status works on the controller, through its action plugin: call it from a playbook"
    )


if __name__ == "__main__":
    main()
