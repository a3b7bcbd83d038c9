#!/usr/bin/python
# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Plan the upgrade of NATS servers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_upgrade_plan
short_description: Tell which NATS servers an upgrade has to touch, in which order, what it costs, and what stops it
version_added: "0.1.0"
description:
  - Reads every server of O(hosts), or takes facts that were read before (O(servers)), and judges them by the version policy of
    the collection. Changes nothing.
  - Servers are taken cluster by cluster; in each, the meta leader comes last, and the cluster of the meta leader last of all. A
    node whose turn broke off comes first.
  - Every reason not to begin is a refusal with a name. Most can be waived by it; what would certainly break cannot.
  - Runs on the controller, and needs C(packaging) and C(PyYAML) there (both come with ansible-core).
options:
  version:
    description: The exact version to go to, for example V(2.15.1).
    type: str
    required: true
  hosts:
    description: Names of inventory hosts to read, each at its C(nats_upgrade_monitor_url).
    type: list
    elements: str
  servers:
    description:
      - C(nats_version.servers) of M(natsops.cluster.nats_version_facts), instead of O(hosts).
      - They say nothing of Raft groups, streams and consumers, so that those are not judged.
    type: list
    elements: dict
  waive:
    description: Names of refusals and warnings that are accepted. They stay in the plan, as waived. A name that does not exist
      is an error.
    type: list
    elements: str
    default: []
  refuse_r1:
    description: Whether streams and consumers that are down while their node is away are a refusal instead of a warning.
    type: bool
    default: false
  fail_when_refused:
    description: Whether the task fails when something is refused and not waived.
    type: bool
    default: true
extends_documentation_fragment:
  - natsops.cluster._attributes
  - natsops.cluster._looking
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Plan
  natsops.cluster.nats_upgrade_plan:
    version: 2.15.1
    hosts: "{{ groups['nats'] }}"
    waive: [stepping_stone]
  run_once: true
  register: plan
"""

RETURN = r"""
refusals:
  description: Names of what stops the upgrade.
  type: list
  elements: str
  returned: failure
refusal:
  description: What stops the upgrade, as text; empty where nothing does.
  type: str
  returned: success
plan:
  description: The plan.
  type: dict
  returned: always, but for a target that is refused by itself
  contains:
    target:
      description: The version to go to.
      type: str
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
    steps:
      description:
        - For each host to upgrade C(host), C(server_name), C(cluster), C(from), C(leads) (Raft groups), C(meta_leader),
          C(clients), C(assets_down) (streams and consumers that are down meanwhile), C(seconds) (estimated) and C(resumes) (the
          step in which its turn broke off).
      type: list
      elements: dict
    estimated_seconds:
      description: Estimated time of the whole roll.
      type: int
    refused:
      description: Whether anything stops it.
      type: bool
    refusals:
      description: What stops it, each with C(name), C(message), C(waivable), C(seen) (hosts or assets) and C(source).
      type: list
      elements: dict
    warnings:
      description: What to know, in the same shape.
      type: list
      elements: dict
    waived:
      description: What was waived, in the same shape.
      type: list
      elements: dict
    tolerated:
      description: What was missing at the start and was waived, for O(natsops.cluster.nats_health_wait#module:tolerate).
      type: list
      elements: str
    notes:
      description: What the versions on the way bring, each with C(minor), C(text) and C(source).
      type: list
      elements: dict
    ways_back:
      description: Whether a node that has started with the target can be put back, where there is anything to say of it.
      type: list
      elements: str
    lines:
      description: The plan for people.
      type: list
      elements: str
    note_lines:
      description: The notes for people.
      type: list
      elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils import _arguments

SPEC = {
    **_arguments.LOOKING,
    "version": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str"},
    "servers": {"type": "list", "elements": "dict"},
    "waive": {"type": "list", "elements": "str", "default": []},
    "refuse_r1": {"type": "bool", "default": False},
    "fail_when_refused": {"type": "bool", "default": True},
}


def main() -> None:
    """Say where the work is done: the action of the same name never gets here."""
    module = AnsibleModule(argument_spec=SPEC, mutually_exclusive=[("servers", "hosts")], supports_check_mode=True)
    module.fail_json(
        msg="natsops.cluster.nats_upgrade_plan works on the controller, through its action plugin: call it from a playbook"
    )


if __name__ == "__main__":
    main()
