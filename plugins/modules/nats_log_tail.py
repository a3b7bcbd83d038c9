#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Read the end of a NATS server's log."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_log_tail
short_description: Read the end of a NATS server's log
version_added: "0.1.0"
description:
  - Reads the last lines of log files and, where these hold nothing, of what a command shows.
  - Files are read with the rights of the server's user, who may have made one a link to a file of somebody else's. What is no
    regular file is not read; nor are more than the last 64 KiB of each, 2000 characters of a line, or what takes more than
    10 s (30 s of a command). What cannot be read is said above the rest, and is no failure.
  - What a terminal would obey, or not show, is written out.
options:
  paths:
    description: Log files of the server.
    type: list
    elements: path
    default: []
  own_path:
    description: >-
      File that M(natsops.cluster.nats_process) has written. It is read with the rights of the task, without following links of
      users other than root and that of the task.
    type: path
  argv:
    description: >-
      Command that shows the log, which is run where O(paths) and O(own_path) hold nothing. It is run with the rights of the task.
    type: list
    elements: str
    default: []
  uid:
    description: Id of the user that the server runs as.
    type: int
  user:
    description: >-
      That user's name or id, where O(uid) is not given. Where neither is known, files are read with the rights of nobody.
    type: str
  lines:
    description: Number of lines of each file, or of the command.
    type: int
    default: 50
extends_documentation_fragment:
  - natsops.cluster._attributes
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Read the end of the log
  natsops.cluster.nats_log_tail:
    paths: [/var/log/nats/nats-server.log]
    user: nats
"""

RETURN = r"""
stdout:
  description: The last lines; of several files each below its name. Empty where nothing is there.
  type: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._host import log_tail as _log_tail


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "paths": {"type": "list", "elements": "path", "default": []},
            "own_path": {"type": "path"},
            "argv": {"type": "list", "elements": "str", "default": []},
            "uid": {"type": "int"},
            "user": {"type": "str"},
            "lines": {"type": "int", "default": 50},
        },
        supports_check_mode=True,
    )
    params = module.params
    uid = _log_tail.uid_of(params["uid"], params["user"])
    lines, whys = _log_tail.of_files(params["paths"], params["own_path"], uid, params["lines"])
    if not lines and params["argv"]:
        lines = _log_tail.of_command(params["argv"], params["lines"])
    # What was said last stays the end.
    module.exit_json(changed=False, stdout="\n".join([*whys, *lines]))


if __name__ == "__main__":
    main()
