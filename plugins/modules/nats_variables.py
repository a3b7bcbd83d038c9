#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Check the variables of a role for every host, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_variables
short_description: Check every variable of a role before anything else
version_added: "0.1.0"
description:
  - The first task of a run. Works on the controller, with no connection, once for all hosts.
  - Checks what every host of the group C(nats_upgrade_group) has for the variables of the role, whatever C(--limit) says, and
    fails with one line for each that is wrong.
  - A variable that begins with C(nats_upgrade_) or C(nats_audit_) and does not exist is an error where its name is close to one
    that does, and a warning otherwise.
options:
  role:
    description: Whose variables.
    type: str
    choices: [nats_upgrade, nats_audit]
    default: nats_upgrade
  wants_version:
    description: Whether C(nats_upgrade_version) has to be set. It never has to be for a rolling restart.
    type: bool
    default: false
extends_documentation_fragment:
  - natsops.cluster._attributes
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Check every variable
  natsops.cluster.nats_variables:
    wants_version: true
  run_once: true
"""

RETURN = r"""
checked:
  description: Hosts whose variables were looked at.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs


def main() -> None:
    """Say where the work is done: the action of the same name never gets here."""
    module = AnsibleModule(argument_spec=_specs.VARIABLES, supports_check_mode=True)
    module.fail_json(
        msg="natsops.cluster.nats_variables works on the controller, through its action plugin: call it from a playbook"
    )


if __name__ == "__main__":
    main()
