#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Plan the upgrade of NATS servers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_upgrade_plan
short_description: Tell which NATS servers an upgrade has to touch, in which order, what it costs, and what stops it
version_added: "0.1.0"
description:
  - Reads every server of O(hosts), or takes facts that were read before (O(servers)), and judges them by the version policy of
    the collection. Changes nothing.
  - Servers are taken cluster by cluster. In each, servers without JetStream come first and the meta leader last, and the cluster
    of the meta leader is the last of all that are joined to it by gateways. Leaf nodes come after their hub. A node whose turn
    broke off comes before all others.
  - On the way to an older version it is the other way round. The newest servers come first, and the meta leader as soon as there
    is an older server that can lead, because an older leader refuses what older servers cannot serve.
  - Every reason not to begin is a refusal with a name. Most can be waived by it; what would certainly break cannot.
  - Runs on the controller, and needs C(packaging) and C(PyYAML) there (both come with ansible-core).
options:
  version:
    description: The exact version to go to, for example V(2.15.1). Required, and used, with O(mode=upgrade) only.
    type: str
  mode:
    description:
      - V(upgrade) plans the way to O(version), up or down.
      - V(restart) plans a rolling restart of the servers that would not start as they run, because their configuration was
        changed or another binary was installed. It needs O(nodes).
    type: str
    choices: [upgrade, restart]
    default: upgrade
  restart_all:
    description: With O(mode=restart), whether every server is restarted.
    type: bool
    default: false
  config_digests:
    description: By host, RV(natsops.cluster.nats_config_check#module:digest) of its configuration file as it is now.
    type: dict
  reboot:
    description: With O(mode=restart), whether hosts are rebooted, so that their servers have to be started at boot.
    type: bool
    default: false
  rebalance:
    description: Whether clients are to be asked to move after the roll, for which a system account is needed.
    type: bool
    default: false
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
  order:
    description:
      - Groups of hosts that are taken one after the other, each a list of hosts or the name of an inventory group, for example
        V([[n4, n5], [n1, n2, n3]]) or V([edge, core]); or such names as text, separated by commas, or as JSON.
      - Inside of a group the computed order holds. Hosts that are not named come last, with a warning; a name that does not exist
        is an error. A node whose turn broke off comes before all of it.
    type: raw
  source:
    description:
      - Where the new version comes from, as far as it is judged before anything is fetched.
      - For an archive C(checksums_url), C(sha256) (the hash that is pinned, or empty) and C(validate_certs); for an image
        C(image_file).
    type: dict
  max_nodes:
    description:
      - How many of the hosts in O(nodes) to take at most, as a number or as text; V(all) for no limit. The others are in
        RV(plan.later).
    type: raw
    default: all
  fail_when_refused:
    description: Whether the task fails when something is refused and not waived.
    type: bool
    default: true
extends_documentation_fragment:
  - natsops.cluster._attributes
  - natsops.cluster._looking
  - natsops.cluster._reading
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
      description: The version to go to; empty for a restart.
      type: str
    expect:
      description: By host, C(version), which it runs in the end, for O(natsops.cluster.nats_health_wait#module:expect).
      type: dict
    leader_last:
      description: Whether a node that becomes the meta leader in mid-roll waits until the others are done.
      type: bool
    order:
      description: Hosts to take, in order.
      type: list
      elements: str
    later:
      description: Hosts that are left for another run by O(max_nodes). They have their steps all the same.
      type: list
      elements: str
    done:
      description: Hosts that run the version already, or need no restart.
      type: list
      elements: str
    left_out:
      description: Hosts whose servers do not answer, with C(missing_server) waived. Nothing is done on them.
      type: list
      elements: str
    clusters:
      description: By name of the cluster as the servers give it, its hosts in order.
      type: dict
    domains:
      description:
        - Hosts that have to be watched together, because a node that stops weakens all of them, as a list of lists. Clusters that
          are joined by gateways are one, and leaf nodes that are members of the meta group of their hub belong to it.
      type: list
      elements: list
    steps:
      description:
        - For each host to take C(host), C(server_name), C(cluster), C(from), C(to), C(why) (a restart takes it),
          C(leads) (Raft groups), C(meta_leader), C(clients), C(assets_down) (streams and consumers that are down meanwhile),
          C(seconds) (estimated), C(resumes) (the step in which its turn broke off), C(away) (whether its server is down or
          draining since), C(stale) (whether its configuration was written since its server has read it) and C(yields_to) (hosts
          that go first should it have become the meta leader by its turn).
      type: list
      elements: dict
    estimated_seconds:
      description: Estimated time of the roll, in seconds.
      type: int
    refused:
      description: Whether anything stops it.
      type: bool
    refusals:
      description: What stops it, each with C(name), C(message), C(waivable), C(risk) (of a waiver; empty where none is offered),
        C(seen) (hosts or assets) and C(source).
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
    surge:
      description:
        - For each temporary server C(host), C(server_name), C(cluster), C(running), C(version) (of one that runs), C(joins)
          (whether the roll uses it; one that runs and does not was left behind), C(advertised) (whether clients learn of it) and
          C(command) (has it drained and stopped by hand).
      type: list
      elements: dict
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

from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs


def main() -> None:
    """Say where the work is done: the action of the same name never gets here."""
    module = AnsibleModule(
        argument_spec=_specs.PLAN,
        mutually_exclusive=[("servers", "hosts")],
        required_if=_specs.PLAN_REQUIRED_IF,
        supports_check_mode=True,
    )
    module.fail_json(
        msg="natsops.cluster.nats_upgrade_plan works on the controller, through its action plugin: call it from a playbook"
    )


if __name__ == "__main__":
    main()
