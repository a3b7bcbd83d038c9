#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Even the clients of NATS servers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_rebalance
short_description: Count the clients of each NATS server, and ask single ones to move until they sit evenly
version_added: "0.1.0"
description:
  - After a roll clients sit where they fled to, and none moves back by itself. This counts them, and with O(move) asks those of
    overfull servers to move, a few at a time.
  - A client is told first that its server wants to be left (C(LDM)), for which most client libraries only call a callback of the
    application. If it is still there after O(pause_seconds), its connection is ended (C(KICK)), and it connects to a server of
    its own choice, which may be the same again.
  - Before each round all servers have to be healthy, as for M(natsops.cluster.nats_health_wait), and the clients are counted
    again. It ends when they sit evenly, or says why no more are asked. That is no failure.
  - Asked are clients of ordinary accounts, over TCP and WebSocket. Those of the system account, MQTT clients, leaf nodes,
    gateways and routes are left alone.
  - Runs on the controller. In check mode it only counts.
options:
  hosts:
    description: Names of the inventory hosts of the servers. Those of each cluster are evened among themselves.
    type: list
    elements: str
    required: true
  before:
    description: How many clients each host had before, to be told beside what it has now.
    type: dict
    default: {}
  move:
    description: Whether clients are asked to move. Needs O(system_account).
    type: bool
    default: true
  tolerance_percent:
    description: By how many percent a server may have more clients than the mean of its cluster.
    type: int
    default: 20
  batch_percent:
    description:
      - How many of the clients that are too many at the beginning are asked in one round, in percent. It is one at least.
      - With V(10), it takes ten rounds or so however large the cluster is.
    type: int
    default: 10
  pause_seconds:
    description: How long a client has to leave by itself, in seconds.
    type: float
    default: 2
  tolerate:
    description: What was missing before the roll and does not count, as in M(natsops.cluster.nats_health_wait).
    type: list
    elements: str
    default: []
  max_lag:
    description: How far a replica may lag behind and count as current.
    type: int
    default: 100
  timeout_seconds:
    description: Longest time to wait before a round until the servers are healthy, in seconds.
    type: float
    default: 300
extends_documentation_fragment:
  - natsops.cluster._attributes
  - natsops.cluster._reading
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Even the clients of the cluster
  natsops.cluster.nats_rebalance:
    hosts: "{{ groups['nats'] }}"
    system_account:
      user: sys
      password: "{{ vault_nats_sys_password }}"
  run_once: true

- name: Count them
  natsops.cluster.nats_rebalance:
    hosts: "{{ groups['nats'] }}"
    move: false
  run_once: true
"""

RETURN = r"""
connections:
  description:
    - By host, C(before) and C(after), the numbers of connections of clients, those of the system account included; null where it
      is not known.
  type: dict
  returned: success
lines:
  description: The same for people, and RV(told).
  type: list
  elements: str
  returned: success
told:
  description: What was done, or why clients sit unevenly still; empty where there is nothing to say.
  type: str
  returned: success
even:
  description: Whether no server has more clients than the mean and the tolerance.
  type: bool
  returned: success
asked:
  description: How many clients were asked to move. One that came back and was asked again counts twice.
  type: int
  returned: always
rounds:
  description: In how many rounds.
  type: int
  returned: success
refusal:
  description: V(rebalance_account) where there is no system account.
  type: str
  returned: failure
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._wait import rebalance as _rebalance


def main() -> None:
    """Say where the work is done: the action of the same name never gets here."""
    module = AnsibleModule(argument_spec=_rebalance.SPEC, supports_check_mode=True)
    module.fail_json(
        msg="natsops.cluster.nats_rebalance works on the controller, through its action plugin: call it from a playbook"
    )


if __name__ == "__main__":
    main()
