#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Write an event of a run, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_upgrade_event
short_description: Write down that something has happened in a roll
version_added: "0.1.0"
description:
  - For the role C(nats_upgrade), whose other tasks write their events themselves. Works on the controller, with no connection.
  - Each event is a line of JSON in C(events.jsonl) in the folder of the run, of which C(report.json) and C(report.html) are made.
  - Where an event cannot be written in the middle of a roll, that is one warning, and the roll goes on.
options:
  kind:
    description:
      - "V(run_began): the folder of the run is made and, but in check mode, the module fails where nothing can be written there."
      - "V(note), V(put_back), V(client_probe): the event is written."
      - "V(resumed): once the lock is ours, what a run has written that this one goes on with is put before its own events, and
        the report of that one says which run took it up. Nothing where there is no such run."
      - "V(failed): the event is written, and that the run ends with it; the module fails with O(msg) and the path of the report."
      - "V(log): the C(lines) of a log in O(data) are shown, and nothing in them that a terminal would obey."
      - "V(run_ended): how it ended follows from the events before. It is shown in a line, with the path of the report."
    type: str
    choices: [run_began, resumed, note, put_back, client_probe, log, failed, run_ended]
    required: true
  msg:
    description: The whole message, for O(kind=failed).
    type: str
  data:
    description: The keys of the event.
    type: dict
    default: {}
  report_dir:
    description: Folder on the controller that holds a folder for each run, for O(kind=run_began).
    type: path
  looks_only:
    description: Of O(kind=run_began), whether the run only looks, as check mode does.
    type: bool
    default: false
extends_documentation_fragment:
  - natsops.cluster._attributes
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Write down that the load balancer was changed
  natsops.cluster.nats_upgrade_event:
    kind: note
    data:
      text: taken out of the load balancer
"""

RETURN = r"""
run:
  description: Id of the run, which is the name of its folder.
  type: str
  returned: with O(kind=run_began)
folder:
  description: Absolute path of the folder of the run; empty where nothing can be written and the run only looks.
  type: str
  returned: with O(kind=run_began)
unwritten:
  description: Why nothing can be written, where the run only looks.
  type: str
  returned: with O(kind=run_began), where nothing can be written
msg:
  description: How the run ended, in two or three lines; or which run it goes on with; or the lines of a log.
  type: raw
  returned: with O(kind=run_ended) and O(kind=log), and with O(kind=resumed) where there is such a run
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs


def main() -> None:
    """Say where the work is done: the action of the same name never gets here."""
    module = AnsibleModule(argument_spec=_specs.EVENT, required_if=_specs.EVENT_REQUIRED_IF, supports_check_mode=True)
    module.fail_json(
        msg="natsops.cluster.nats_upgrade_event works on the controller, through its action plugin: call it from a playbook"
    )


if __name__ == "__main__":
    main()
