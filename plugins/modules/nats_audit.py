#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Judge the version drift of NATS servers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_audit
short_description: Judge the version drift of NATS servers
version_added: "0.1.0"
description:
  - Reads /varz and /routez, and /gatewayz where there are gateways, of every server of O(hosts) at once, and judges them.
  - Changes nothing but O(output).
  - Runs on the controller. A server that hangs, or answers as something else, is a finding and stops nothing.
options:
  hosts:
    description: Names of inventory hosts to read, each at its C(nats_upgrade_monitor_url).
    type: list
    elements: str
    required: true
  expected:
    description: Names of inventory hosts whose servers may be seen in the clusters and are not judged, such as temporary ones.
    type: list
    elements: str
    default: []
  nodes:
    description: By host, the result of M(natsops.cluster.nats_node_facts) there, be it a failure. Without it no disk is judged.
    type: dict
    default: {}
  max_mismatch_seconds:
    description: How long a cluster may run several versions, in seconds, before that is overdue.
    type: float
    default: 86400
  active_seconds:
    description: How long after the last start a roll counts as going on, in seconds.
    type: float
    default: 3600
  fail_on:
    description:
      - Names of the findings that are severe enough for RV(failure).
      - The default is V(bad_release), V(duplicate_name), V(mismatch_overdue), V(not_in_cluster), V(same_server),
        V(silent_server), V(unlisted_server), V(unreadable_server) and V(wrong_server).
    type: list
    elements: str
  format:
    description: What O(output) is to hold, and without it RV(lines).
    type: str
    choices: [table, json, prometheus]
    default: table
  output:
    description:
      - File on the controller, replaced in one step, and readable for all. Its folder has to exist.
      - Not written in check mode.
    type: path
  policy_file:
    description: File on the controller that extends the version policy, in the shape of C(version_policy.yml) of the collection.
    type: path
extends_documentation_fragment:
  - natsops.cluster._attributes
  - natsops.cluster._reading
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Judge every server
  natsops.cluster.nats_audit:
    hosts: "{{ groups['nats'] }}"
  register: audited
  run_once: true

- name: Leave it to node_exporter
  natsops.cluster.nats_audit:
    hosts: "{{ groups['nats'] }}"
    format: prometheus
    output: /var/lib/node_exporter/nats_audit.prom
  run_once: true
"""

RETURN = r"""
audit:
  description: The judgement, without the single servers.
  type: dict
  returned: success
  contains:
    schema:
      description: Version of this shape.
      type: int
    at:
      description: When it was made, in UTC.
      type: str
    max_mismatch_seconds:
      description: O(max_mismatch_seconds).
      type: float
    summary:
      description: >-
        Numbers of C(hosts), of those that C(answered), of C(servers) and C(clusters), of servers by version (C(versions)), and of
        findings that C(fail), C(warn) and C(note).
      type: dict
    failed:
      description: Names of the findings that fail.
      type: list
      elements: str
    clusters:
      description: >-
        Of each cluster C(name), C(servers) (how many), C(versions) (how many run each), C(majority), C(mismatch) (null, or
        C(state), C(age_seconds), C(sure_seconds) and C(last_start_seconds)), and C(outliers), each with C(host), C(version) and
        C(gap) (C(level) V(major), V(minor), V(patch), V(build) or V(unknown), C(count), C(direction)). The name is empty for
        those in no cluster.
      type: list
      elements: dict
    findings:
      description: >-
        Of each finding C(name), C(severity) (V(fail), V(warn) or V(note)), C(cluster), C(message), C(next) (what to do),
        C(servers) and C(source), and what else belongs to its name.
      type: list
      elements: dict
lines:
  description: The table, or where there is no O(output) what O(format) says.
  type: list
  elements: str
  returned: success
failure:
  description: What to fail with; empty where no finding is severe enough.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs


def main() -> None:
    """Say where the work is done: the action of the same name never gets here."""
    module = AnsibleModule(argument_spec=_specs.AUDIT, supports_check_mode=True)
    module.fail_json(msg="natsops.cluster.nats_audit works on the controller, through its action plugin: call it from a playbook")


if __name__ == "__main__":
    main()
