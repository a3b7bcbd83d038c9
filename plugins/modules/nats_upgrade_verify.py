#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The steps after the last turn, through its action plugin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_upgrade_verify
short_description: Verify the whole cluster after a roll, count its clients, and end the run
version_added: "0.1.0"
description:
  - For the role C(nats_upgrade), whose variables it reads. No server is stopped.
options:
  step:
    description:
      - "V(verify): wait until every Raft group is current and every server runs what it should, and end the client probe. A
        cluster that is not current fails nothing yet."
      - "V(end): fail where the cluster is not current; else count the clients of each server, ask some to move where that is
        wanted, and write down how the run ends."
    type: str
    choices: [verify, end]
    required: true
extends_documentation_fragment:
  - natsops.cluster._attributes
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Verify the whole cluster
  natsops.cluster.nats_upgrade_verify:
    step: verify
  register: __nats_upgrade_verified
  run_once: true
"""

RETURN = r"""
problem:
  description: What the cluster lacks. Missing where it lacks nothing.
  type: str
  returned: with O(step=verify)
lines:
  description: The temporary servers, the clients of each server and the end of the run, for people.
  type: list
  elements: str
  returned: with O(step=end)
connections:
  description: How many clients each server had and has, or null in check mode.
  type: dict
  returned: with O(step=end)
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs


def main() -> None:
    """Say where the work is done: the action of the same name never gets here."""
    module = AnsibleModule(argument_spec=_specs.VERIFY, supports_check_mode=True)
    module.fail_json(
        msg="natsops.cluster.nats_upgrade_verify works on the controller, through its action plugin: call it from a playbook"
    )


if __name__ == "__main__":
    main()
