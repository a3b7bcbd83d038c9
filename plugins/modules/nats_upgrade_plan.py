#!/usr/bin/python
# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Plan the upgrade of NATS servers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_upgrade_plan
short_description: Tell which NATS servers an upgrade has to touch, in which order, and what stops it
version_added: "0.1.0"
description:
  - Pure. Judges the facts it is given; reads and changes nothing.
  - Servers are taken cluster by cluster; in each, the meta leader comes last, and the cluster of the meta leader last of all.
options:
  version:
    description: The exact version to go to, for example V(2.15.1).
    type: str
    required: true
  servers:
    description: C(nats_version.servers) of M(natsops.cluster.nats_version_facts).
    type: list
    elements: dict
    required: true
extends_documentation_fragment:
  - natsops.cluster._attributes
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Plan
  natsops.cluster.nats_upgrade_plan:
    version: 2.15.1
    servers: "{{ nats_version.servers }}"
"""

RETURN = r"""
refusals:
  description: Names of what stops the upgrade.
  type: list
  elements: str
  returned: failure
plan:
  description: The plan.
  type: dict
  returned: success
  contains:
    order:
      description: Hosts to upgrade, in order.
      type: list
      elements: str
    done:
      description: Hosts that run the version already.
      type: list
      elements: str
    clusters:
      description: By name of the cluster as the servers give it, its hosts in order.
      type: dict
    lines:
      description: The plan for people, a line for each server.
      type: list
      elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils import _plan

SPEC = {
    "version": {"type": "str", "required": True},
    "servers": {"type": "list", "elements": "dict", "required": True},
}


def main() -> None:
    """Run the module; on the controller the action of the same name does the work."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    plan = _plan.make_plan(module.params["servers"], module.params["version"])
    if plan.refusals:
        refused = _plan.refused(plan)
        module.fail_json(msg=str(refused), **refused.details)
    module.exit_json(changed=False, plan=plan.as_dict())


if __name__ == "__main__":
    main()
