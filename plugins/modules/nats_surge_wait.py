#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Wait for temporary NATS servers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_surge_wait
short_description: Wait until temporary NATS servers have joined a cluster or gone from it
version_added: "0.1.0"
description:
  - A temporary server is a place for clients while the servers of a cluster are replaced one by one. Of use it is once every
    server has a route to it and tells clients of it.
  - Reads all servers from the controller. Changes nothing.
options:
  state:
    description:
      - V(joined) waits until every server of O(hosts) has a route to each server of O(surge), and has its address among those
        that clients are told (C(connect_urls)). A temporary server with JetStream on is an error at once.
      - V(looked) tells which of them run, and whether the cluster can do without them. It waits for that up to
        O(timeout_seconds), and does not fail.
      - V(gone) waits until no server of O(hosts) has a route to O(names), or tells clients of O(urls).
    type: str
    choices: [joined, looked, gone]
    required: true
  hosts:
    description: Names of the inventory hosts of the cluster.
    type: list
    elements: str
    required: true
  surge:
    description: Names of the inventory hosts of the temporary servers.
    type: list
    elements: str
    required: true
  advertised:
    description: Whether clients have to be told of them, with O(state=joined).
    type: bool
    default: true
  names:
    description: Names of temporary servers, as RV(names) gave them while they ran.
    type: list
    elements: str
    default: []
  urls:
    description: Addresses of temporary servers, as RV(urls) gave them while they ran.
    type: list
    elements: str
    default: []
  timeout_seconds:
    description: Longest time to wait, in seconds.
    type: float
    default: 30
extends_documentation_fragment:
  - natsops.cluster._attributes
  - natsops.cluster._reading
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Wait until clients know of the temporary server
  natsops.cluster.nats_surge_wait:
    state: joined
    hosts: "{{ groups['nats'] }}"
    surge: "{{ groups['nats_surge'] }}"
  run_once: true
"""

RETURN = r"""
running:
  description: Hosts whose temporary server runs.
  type: list
  elements: str
  returned: when O(state=joined) or O(state=looked)
names:
  description: Names of these servers.
  type: list
  elements: str
  returned: when O(state=joined) or O(state=looked)
urls:
  description: Addresses that they tell clients for themselves.
  type: list
  elements: str
  returned: when O(state=joined) or O(state=looked)
needed:
  description: Why the cluster cannot do without them, for people; empty where it can.
  type: list
  elements: str
  returned: when O(state=looked)
missing:
  description: What is missing until they have joined, for people.
  type: list
  elements: str
  returned: failure, when O(state=joined)
left:
  description: Which servers still have them, for people.
  type: list
  elements: str
  returned: failure, when O(state=gone)
refusal:
  description: V(surge_jetstream) where a temporary server has JetStream on.
  type: str
  returned: failure, when O(state=joined)
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._wait import surge as _surge


def main() -> None:
    """Say where the work is done: the action of the same name never gets here."""
    module = AnsibleModule(argument_spec=_surge.SPEC, supports_check_mode=True)
    module.fail_json(
        msg="natsops.cluster.nats_surge_wait works on the controller, through its action plugin: call it from a playbook"
    )


if __name__ == "__main__":
    main()
