#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The steps of a preflight, through its action plugin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_upgrade_preflight
short_description: Check, read and plan before a roll touches anything
version_added: "0.1.0"
description:
  - For the role C(nats_upgrade), whose variables it reads. Touches nothing.
  - Each step does in one task what several modules of the collection do, and tells what each of them tells.
options:
  step:
    description:
      - "V(begin): check every variable, and begin to write down what happens. Once for all hosts."
      - "V(read): check what is asked for by itself, and read every server of the group. Once for all hosts."
      - "V(node): find out how the server of a host is run, whether that is as the inventory says, and of a restart whether what
        is installed accepts the deployed configuration."
      - "V(plan): plan the roll, and put the hosts in their order. Once for all hosts."
      - "V(accept): fail where the plan is refused or cannot be carried out, ask whether the new version can be had, and show the
        plan. Once for all hosts."
      - "V(look), V(look_on_node), V(status): of no roll, but of what one has left. What cannot be found out on a host is left
        out."
    type: str
    choices: [begin, read, node, plan, accept, look, look_on_node, status]
    required: true
extends_documentation_fragment:
  - natsops.cluster._attributes
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Begin the run
  natsops.cluster.nats_upgrade_preflight:
    step: begin
  register: __nats_upgrade_began
  run_once: true
"""

RETURN = r"""
run:
  description: "The id of the run. With it comes all that M(natsops.cluster.nats_upgrade_event) returns of its begin."
  type: str
  returned: with O(step=begin)
nats_version:
  description: What M(natsops.cluster.nats_version_facts) returns.
  type: dict
  returned: with O(step=read)
nats_node:
  description: What M(natsops.cluster.nats_node_facts) returns.
  type: dict
  returned: with O(step=node)
digest:
  description: The digest that the server which is installed tells of the configuration. Empty where it tells none.
  type: str
  returned: with O(step=node), of a restart
plan:
  description: The plan, as M(natsops.cluster.nats_upgrade_plan) returns it.
  type: dict
  returned: with O(step=plan)
lines:
  description: The plan for people, where it cannot be carried out. The state of the cluster, of a status.
  type: list
  elements: str
  returned: with O(step=accept), failure, and with O(step=status)
refusal:
  description: Why the plan is refused, empty where it is not. Of a failure, the names of what refuses it.
  type: str
  returned: with O(step=plan), or where it is refused
status:
  description: What M(natsops.cluster.nats_upgrade_status) returns.
  type: dict
  returned: with O(step=status)
problem:
  description: Why nothing could be found out on the host. Missing where something was.
  type: str
  returned: with O(step=look_on_node)
queue:
  description: The hosts that the next plays take, in order, and the group of each.
  type: list
  elements: dict
  returned: with O(step=plan)
sha256:
  description: The hash of what is fetched, by architecture.
  type: dict
  returned: with O(step=accept), where the controller fetches it
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs


def main() -> None:
    """Say where the work is done: the action of the same name never gets here."""
    module = AnsibleModule(argument_spec=_specs.PREFLIGHT, supports_check_mode=True)
    module.fail_json(
        msg="natsops.cluster.nats_upgrade_preflight works on the controller, through its action plugin: call it from a playbook"
    )


if __name__ == "__main__":
    main()
