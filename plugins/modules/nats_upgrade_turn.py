#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Decide in a node's turn, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_upgrade_turn
short_description: Decide what comes next in the turn of a node
version_added: "0.1.0"
description:
  - For the role C(nats_upgrade), whose variables it reads. Works on the controller, with no connection, and touches nothing.
  - The role's tasks do one thing each. What their results mean is decided here, and the decisions are registered.
options:
  step:
    description:
      - "V(begin): whether it is this node's turn, by what its server says now. V(close): its turn is over."
      - "V(failed): what a failure in the turn means, by how far it had come. V(failed_too): what puts it right has failed too."
      - "V(ended): the server has ended by itself. V(revived), V(not_revived): what became of it."
      - "V(looked): what is seen of a server that has not come back. V(decided): whether the old version goes back. V(proved),
        V(is_back), V(is_not_back): what became of that."
      - "V(stopped): fail with the whole message of the turn: what failed, how node and cluster are now, and what to do."
    type: str
    choices:
      [begin, close, failed, failed_too, ended, revived, not_revived, looked, decided, proved, is_back, is_not_back, stopped]
    required: true
  task:
    description: The name of the task that has failed. Its result is C(ansible_failed_result).
    type: str
    default: ""
extends_documentation_fragment:
  - natsops.cluster._attributes
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Decide whether it is this node's turn
  natsops.cluster.nats_upgrade_turn:
    step: begin
  register: __nats_upgrade_turn
"""

RETURN = r"""
outcome:
  description: "V(done), V(later) or V(unfinished) when a turn begins, V(upgraded) when it is closed."
  type: str
  returned: with O(step=begin) and O(step=close)
  sample: unfinished
has_target:
  description: Whether the server runs what its turn is to bring it to.
  type: bool
  returned: with O(step=begin) and O(step=close)
stop:
  description: Why the run has to end before this turn. Empty where it goes on.
  type: str
  returned: with O(step=begin)
stage:
  description: How far the turn had come when it failed.
  type: str
  returned: with any other step
  sample: stopped
goes_back:
  description: "Whether the old version goes back: V(no), V(now), or V(drained), after a lame duck."
  type: str
  returned: with any other step
put_back:
  description: What is said of a server that was stopped or has ended.
  type: str
  returned: with any other step
refusal:
  description: The name of the refusal that the turn failed with, if it has one.
  type: str
  returned: with any other step
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs


def main() -> None:
    """Say where the work is done: the action of the same name never gets here."""
    module = AnsibleModule(argument_spec=_specs.TURN, supports_check_mode=True)
    module.fail_json(
        msg="natsops.cluster.nats_upgrade_turn works on the controller, through its action plugin: call it from a playbook"
    )


if __name__ == "__main__":
    main()
