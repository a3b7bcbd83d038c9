#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Wait until NATS servers are really back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_health_wait
short_description: Wait until one or many NATS servers are really back
version_added: "0.1.0"
description:
  - Polls /healthz, /varz, /routez, /jsz, and /raftz of every account, until every condition holds for every server in
    O(consecutive_polls) polls in a row.
  - /healthz alone is not enough. After a restart it flaps 200, 503, 200 (measured on nats-server 2.10.26 to 2.15.1), because a
    Raft group that has not heard of any leader yet counts as healthy.
  - "The conditions are: V(healthz), it answers 200; V(version), it runs O(version); V(server_name), it is O(server_name);
    V(started), it was started after O(started_after); V(routes), it has a route to every server of O(peers); V(gateways), it has
    an outbound gateway to every cluster of O(gateways); V(leafnodes), it is connected as a leaf node in every account of
    O(leaf_accounts); V(raft_groups),
    every Raft group that it is a member of is there, has a leader, is not catching up, and has no more than O(max_lag) entries
    to apply; V(jsz), the leader of every group sees its replica on this server as current, not offline, and no more than
    O(max_lag) behind."
  - Of busy replicas, a leader calls one or the other not current in many looks (measured on 2.14.6 and 2.15.1), so that some
    hundreds of streams are hardly ever all current at one moment. So a replica that one poll has seen current counts as that
    while it is not offline, runs the group without trouble, and is no more than O(max_lag) behind in every poll after it.
  - A server is not back either while its replica of a stream holds something else than that of the leader. A difference that
    stays, and that retention, expiry and acknowledgements do not explain, fails the wait as V(diverged_replica).
  - Which Raft groups a server is a member of is what the leaders among the servers that are read say, and what is given in
    O(raft_groups). A group that no other server knows any more was deleted, and is not waited for.
  - Without JetStream, or on a single server, the conditions on Raft hold.
  - A server that does not answer is a reading, not an error. A wrong address (certificate, redirect, another program) is an error
    at once.
options:
  version:
    description: The exact version that the server, or every one of several, has to run.
    type: str
  server_name:
    description:
      - The name that the server has to have. For several servers use O(expect).
      - A server without C(server_name) has another id after each start. It is known by its host, as in RV(servers) of an earlier
        wait.
    type: str
  started_after:
    description:
      - The server has to be started after this time, as C(start) of /varz gives it, such as V(2026-11-21T09:22:18.535947557Z).
      - Give the C(start) that was read before the restart, so that no two clocks are compared.
    type: str
  peers:
    description:
      - Names of the servers that it has to have a route to.
      - A server without C(server_name) is known by its host, or by the address of the route where it is not read itself.
      - The default is all other servers that are read and are of the same cluster.
    type: list
    elements: str
  gateways:
    description:
      - Names of the clusters that it has to have an outbound gateway to.
      - The default is all other clusters among the servers that are read, where they are configured to be joined to its own.
      - Inbound gateways are not looked at. They lie wherever other servers have found this one, so that a healthy server may have
        none; each of them is the outbound gateway of another server.
    type: list
    elements: str
  leaf_accounts:
    description: Accounts in which it has to be connected to another server as its leaf node.
    type: list
    elements: str
  raft_groups:
    description:
      - Names of Raft groups that have to be there, as /raftz shows them, for example those that were there before a restart
        (RV(servers) of an earlier wait).
    type: list
    elements: str
  expect:
    description:
      - "Expectations by name of the server: a dictionary with the keys C(version), C(server_name), C(started_after), C(peers),
        C(gateways), C(leaf_accounts) and C(raft_groups). They come before the options of the same names."
      - C(after_restart) in RV(servers) of an earlier wait is such a dictionary.
    type: dict
  stopping:
    description:
      - Name of the host whose server is to be stopped next, one of those that are read.
      - "Adds the condition V(quorum): without that server every Raft group that it serves keeps more than half of its members,
        each of which answers, is not draining, and is current. Groups of one or two members never can, and are not asked for."
    type: str
  only_quorum_of_stopping:
    description:
      - Whether of the server O(stopping) nothing is asked but that the others keep their quorum without it, so that one which is
        not well may be stopped. What the others lack of it, such as routes to it, does not count either.
    type: bool
    default: false
  renew_lock:
    description:
      - C(run_id) and C(lease_seconds) of a lock (M(natsops.cluster.nats_lock)) on the task's host, to be renewed while this
        waits.
      - The module fails at once where the lock is another run's. Only where the controller reads; elsewhere it is not looked at.
    type: dict
    suboptions:
      run_id:
        description: Id of the run.
        type: str
        required: true
      lease_seconds:
        description: Length of the lease, in seconds.
        type: float
        required: true
  tolerate:
    description:
      - What may be missing, because it was before and is somebody's old trouble, C(plan.tolerated) of
        M(natsops.cluster.nats_upgrade_plan). Whatever else is missing still counts.
    type: list
    elements: str
    default: []
  soak_seconds:
    description:
      - Go on looking for this long, in seconds, and end only when every condition holds then.
      - What breaks meanwhile has O(timeout_seconds) to come back.
    type: float
    default: 0
  keep_baseline:
    description:
      - File on the machine that reads, to write every stream, durable consumer and leaf node and the number of clients to, once
        every condition holds.
      - Not written in check mode.
    type: path
  compare_baseline:
    description:
      - Such a file, to compare with once every condition holds. A stream that lived on O(stopping) alone and is gone, one with
        fewer replicas, or one whose last sequence fell, fails the module, unless O(waive) has V(missing_assets).
      - A file that is not there is no error.
    type: path
  waive:
    description: Names of refusals that are accepted. Of use here are V(feature_wedge) and V(missing_assets).
    type: list
    elements: str
    default: []
  skip_conditions:
    description: Conditions that are not asked for.
    type: list
    elements: str
    choices: [healthz, version, server_name, started, routes, gateways, leafnodes, raft_groups, jsz]
    default: []
  max_lag:
    description:
      - How many entries or messages a replica may be behind. Readings of several servers are some milliseconds apart, so that
        under load it is never quite zero.
    type: int
    default: 100
  consecutive_polls:
    description: How many polls in a row have to find every condition met.
    type: int
    default: 2
  timeout_seconds:
    description:
      - Longest time in seconds without progress. It counts from the first poll, and again from each poll with progress; in a
        soak, also from each poll in which every condition holds.
      - "Progress is a new best, by a twentieth or more, of one of these numbers of a server: how many entries or messages it
        lacks, counted where it is more than O(max_lag) behind; how many things are missing, for each condition by itself; whether
        it answers. A number that more than doubles is no progress; from then on it is measured from there."
      - No wait is longer than three times this, and O(soak_seconds) before it, however much progress there is.
      - When it passes, the module fails and says what is missing, with the last value seen.
    type: float
    default: 300.0
  unreachable_timeout_seconds:
    description:
      - Longest time in seconds for which a server may go on not answering at all. The default is no limit but O(timeout_seconds).
      - A server opens its monitoring port before it recovers JetStream, so that one that still refuses connections after some
        seconds has died or hangs.
    type: float
extends_documentation_fragment:
  - natsops.cluster._attributes
  - natsops.cluster._monitoring
  - natsops.cluster._reading
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Wait until this host's server is back
  natsops.cluster.nats_health_wait:
    version: 2.15.1

- name: Wait until the whole cluster is healthy
  natsops.cluster.nats_health_wait:
    hosts: "{{ groups['nats'] }}"
    timeout_seconds: 600
  run_once: true
"""

RETURN = r"""
back:
  description: Whether every condition holds. False only in check mode, which looks once.
  type: bool
  returned: success
elapsed_seconds:
  description: Seconds from the first to the last poll.
  type: float
  returned: always
polls:
  description: Number of polls.
  type: int
  returned: always
missing:
  description: By name of the server, the conditions that do not hold, each with the last value seen.
  type: dict
  returned: always
damage:
  description: What is less than it was in O(compare_baseline).
  type: list
  elements: str
  returned: success, with O(compare_baseline)
clients:
  description: Number of clients of all servers C(before) and C(after).
  type: dict
  returned: success, with O(compare_baseline)
clients_lost:
  description: What to say where more than a fifth of the clients have not come back; else empty.
  type: str
  returned: success, with O(compare_baseline)
leafs_lost:
  description:
    - What to say where leaf nodes that were connected before are not connected to any of the servers, some seconds after every
      condition holds; else empty.
  type: str
  returned: success, with O(compare_baseline)
refusal:
  description: V(diverged_replica), V(feature_wedge) or V(missing_assets), where it is that.
  type: str
  returned: failure
servers:
  description:
    - By name, what was read of each server last, as by M(natsops.cluster.nats_version_facts).
    - C(after_restart) holds what to O(expect) of it after a restart.
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options
from ansible_collections.natsops.cluster.plugins.module_utils._wait import health as _health


def main() -> None:
    """Run the module on a node; on the controller the action of the same name does the work."""
    module = AnsibleModule(argument_spec=_health.SPEC, mutually_exclusive=_options.ONE_SOURCE, supports_check_mode=True)
    try:
        module.exit_json(**_health.wait_until_back(module.params, look_once=module.check_mode))
    except NatsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
