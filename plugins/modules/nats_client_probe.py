#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""See what a client sees."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_client_probe
short_description: Have a client use a NATS cluster during a roll, and tell what it saw
version_added: "0.1.0"
description:
  - Starts a process on the controller that publishes to a stream of its own and consumes from it, asks and is answered, and
    publishes without a stream, all at O(account.rate) times a second over four connections. It tells the longest time in which
    nothing came of each, failed requests, and messages that were lost or came twice.
  - A message counts as lost when it was acknowledged and not delivered to the durable consumer within some seconds of the end of
    the step, and as duplicated when the stream has it twice. A publish that is not acknowledged in time counts as failed, and is
    repeated under the same id.
  - The process ends when it is stopped, when the playbook that started it has gone, however it ended, and after a day. In each
    case it removes its stream. Should it be killed itself, the next one removes the stream.
  - Runs on the controller, which needs C(nats-py). What it knows of the user is told to it by a pipe.
  - In check mode nothing but V(checked) is done.
options:
  state:
    description:
      - V(checked) makes sure that the user may do what the probe does, and leaves nothing. A user without JetStream is no failure
        but a warning, and streams are left out then.
      - V(started) starts the process and waits until everything flows.
      - V(read) ends the step that is under way, gives its figures, and begins that of O(step). It fails where the step was more
        than is accepted, unless O(waive) has V(client_impact).
      - V(stopped) ends the process and gives the figures of all steps. What was too much in the last one is a warning, for
        nothing is left to stop.
    type: str
    choices: [checked, started, read, stopped]
    required: true
  run_id:
    description: Id of the run. The stream is V(NATSOPS_PROBE_) and this id.
    type: str
    required: true
  report_dir:
    description: Folder of the reports. What the probe saw is in C(client-probe.jsonl) in the folder of the run there.
    type: path
    default: ./nats-upgrade-reports
  hosts:
    description: Inventory hosts to connect to at port 4222, where O(account.servers) names no servers.
    type: list
    elements: str
  replicas:
    description: Number of replicas of the stream and its consumer.
    type: int
    default: 3
  step:
    description: With V(read), the host whose step begins now.
    type: str
  max_gap_seconds:
    description:
      - The longest time in seconds in which nothing came of one thing that the probe does. V(0) is no limit.
      - A message that was lost counts in any case; what was before the first step does not.
    type: float
    default: 10
  waive:
    description: Names of refusals that are accepted. Of use here is V(client_impact).
    type: list
    elements: str
    default: []
  account:
    description:
      - An ordinary user. The default is the variable C(nats_upgrade_client_probe) of the host.
      - At most one of O(account.creds), O(account.nkey), O(account.user) with O(account.password), and O(account.token).
    type: dict
    suboptions:
      servers:
        description: URLs of servers of one cluster, C(nats://) or C(tls://).
        type: list
        elements: str
      creds:
        description: File with credentials on the controller.
        type: path
      nkey:
        description: File with the seed of an nkey on the controller.
        type: path
      user:
        description: Name of the user.
        type: str
      password:
        description: Password of the user.
        type: str
      token:
        description: Token, where servers ask for one.
        type: str
      subject_prefix:
        description: What the subjects of the probe begin with; the default is V(natsops.probe).
        type: str
      rate:
        description: How often each thing is done, per second; the default is V(20).
        type: float
      tls:
        description: Certificates, where servers ask for TLS.
        type: dict
        suboptions:
          ca:
            description: PEM file with the authority of the servers' certificates. The default is what the controller trusts.
            type: path
          cert:
            description: PEM file with our certificate, where servers ask for one.
            type: path
          key:
            description: PEM file with its key.
            type: path
          verify:
            description: Whether the certificates of the servers have to be right.
            type: bool
            default: true
extends_documentation_fragment:
  - natsops.cluster._attributes
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: See whether this user can be a client probe
  natsops.cluster.nats_client_probe:
    state: checked
    run_id: test
    hosts: "{{ groups['nats'] }}"
    account:
      user: probe
      password: "{{ vault_nats_probe_password }}"
  run_once: true
"""

RETURN = r"""
jetstream:
  description: Whether the probe has a stream.
  type: bool
  returned: success, with O(state=checked) and O(state=started)
step:
  description:
    - "The figures of the step that has ended: C(host), null before the first; C(since) and C(until); C(longest_gap_seconds), in
      seconds, of C(publish), C(consume), C(request) and C(deliver), null where it was left out; the counts C(published),
      C(received), C(lost), C(duplicated), C(redelivered), C(deduplicated), C(failed_publishes), C(requests), C(failed_requests),
      C(delivered_without_stream) and C(lost_without_stream); C(reconnects), the number of connections that moved by the name of
      the server that they left; C(events), what went wrong and when."
  type: dict
  returned: with O(state=read) and O(state=stopped)
total:
  description: The same for all steps together, null where there was no probe.
  type: dict
  returned: with O(state=stopped)
lines:
  description: All steps for people.
  type: list
  elements: str
  returned: always
refusal:
  description: V(client_impact), where it is that.
  type: str
  returned: failure
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options


def main() -> None:
    """Say where the work is done: the action of the same name never gets here."""
    module = AnsibleModule(argument_spec=_options.CLIENT_PROBE, supports_check_mode=True)
    module.fail_json(
        msg="natsops.cluster.nats_client_probe works on the controller, through its action plugin: call it from a playbook"
    )


if __name__ == "__main__":
    main()
