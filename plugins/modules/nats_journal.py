#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Write down how far a node's turn has come."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_journal
short_description: Write down how far a server's turn in an upgrade has come
version_added: "0.1.0"
description:
  - The journal is the file C(journal.json) in a folder on the node. It says which step of its last turn the node is in and what a
    later run has to know to go on with it. M(natsops.cluster.nats_node_facts) reads it.
  - Each step is written, and synced to the disk, before it is done. A loss of power leaves the old or the new journal.
  - In the same call the lock of M(natsops.cluster.nats_lock) is proved to be ours and renewed. Where it is not ours, nothing is
    written and the module fails.
  - RV(ignore:changed) is always false, for writing down what is done is no change of the server. In check mode nothing is
    written, and neither the lock nor an earlier step is asked for.
options:
  state:
    description:
      - The step that is about to be done. The order is the one of the choices; V(put_back) says that the old version is back.
      - V(began) writes a new journal over the one that is there, with O(target), O(old_version) and O(data).
      - All others are added to the journal that is there, also by another run than the one that began. The journal is that
        run's from then on, with all that was noted at the beginning. A turn is finished by V(done) or V(put_back).
    type: str
    choices: [began, held, draining, switching, starting, rebooting, returning, done, put_back]
    required: true
  run_id:
    description: Name of the run, which holds the lock.
    type: str
    required: true
  require_lock:
    description: Whether the lock has to be ours, and is renewed.
    type: bool
    default: true
  target:
    description: The version that the server is taken to. Needed for O(state=began).
    type: str
  old_version:
    description: The version that runs before. Needed for O(state=began).
    type: str
  data:
    description:
      - What a run that takes the turn up has to know. After V(began), keys are added or replaced.
      - C(pid), C(start_ticks), C(argv), C(binary_path), C(config_path), C(cwd), C(expectation) and C(assets) become keys of
        RV(journal). All others are in RV(journal.data).
      - C(binary_path), C(config_path) and C(cwd) are used by M(natsops.cluster.nats_node_facts) for a server that does not run.
    type: dict
extends_documentation_fragment:
  - natsops.cluster._attributes
  - natsops.cluster._state
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Begin the turn
  natsops.cluster.nats_journal:
    state: began
    run_id: 20261001T120000Z-7f3a
    target: 2.15.1
    old_version: 2.14.6
    data:
      pid: "{{ nats_node.pid }}"
      start_ticks: "{{ nats_node.start_ticks }}"
      binary_path: "{{ nats_node.binary_path }}"
      config_path: "{{ nats_node.config_path }}"
      cwd: "{{ nats_node.cwd }}"

- name: The turn is over
  natsops.cluster.nats_journal:
    state: done
    run_id: 20261001T120000Z-7f3a
"""

RETURN = r"""
journal:
  description: The journal as it is now; null in check mode where there is none. Some keys of O(data) are its keys, too.
  type: dict
  returned: success
  contains:
    run_id:
      description: The run that wrote the last step.
      type: str
    target:
      description: The version that the server is taken to.
      type: str
    old_version:
      description: The version that ran before.
      type: str
    since:
      description: When the turn began, by the node's clock, in UTC.
      type: str
    step:
      description: The last step.
      type: str
    steps:
      description: >-
        All steps, in the order in which they were written, each with C(step), C(at) (UTC, by the node's clock) and C(run_id).
      type: list
      elements: dict
    resumed_by:
      description: Names of the runs that took the turn up after the one that began it.
      type: list
      elements: str
    data:
      description: What else was noted.
      type: dict
    unfinished:
      description: Whether the turn has not come to its end. False where the journal cannot be read.
      type: bool
    unreadable:
      description: Why the journal cannot be read, else empty. All other keys but C(unfinished) are missing then.
      type: str
lock:
  description: The lock as it is now, as M(natsops.cluster.nats_lock) gives it, or null.
  type: dict
  returned: success, or where the lock is not ours
refusal:
  description: V(locked) where the lock is not ours.
  type: str
  returned: failure
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._state import journal as _journal


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=_journal.SPEC, required_if=_journal.REQUIRED_IF, supports_check_mode=True)
    try:
        module.exit_json(**_journal.record(module.params, check_mode=module.check_mode))
    except NatsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
