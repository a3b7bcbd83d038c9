#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ask a NATS server binary whether it accepts a configuration."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_config_check
short_description: Ask a NATS server binary whether it accepts a configuration
version_added: "0.1.0"
description:
  - Runs the binary with C(-t) with the rights of the server, and with its variables and working directory, because
    configurations use variables and relative paths. Without a server it is run with the rights of the task, and only where
    nobody but root, or that user, can have put it there.
  - nats-server C(-t) (2.10 to 2.15) does not see a port that is taken, a C(lame_duck_grace_period) that is not below
    C(lame_duck_duration), or http and https both configured.
  - It also ends with an error for what the server only warns of when it starts, such as C(leafnodes.reconnect) without a unit.
    That is no failure here; the warning is in RV(said).
options:
  binary:
    description: The server binary to ask.
    type: path
    required: true
  config_path:
    description: The configuration file.
    type: path
    required: true
  pid:
    description: Process id of the running server, whose user, variables and working directory are used.
    type: int
  pid_file:
    description: File that holds its process id.
    type: path
  service:
    description: systemd unit of the server. Where it does not run, what the unit would give it is used.
    type: str
extends_documentation_fragment:
  - natsops.cluster._attributes
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Ask the new version about the deployed configuration
  natsops.cluster.nats_config_check:
    binary: /usr/sbin/nats-server-2.15.1
    config_path: /etc/nats-server.conf
    service: nats-server
"""

RETURN = r"""
config_path:
  description: The configuration that was asked about.
  type: str
  returned: success
said:
  description:
    - What the server said of the configuration.
    - V(not checked until staged) in check mode, where the binary is not there yet.
  type: str
  returned: success
digest:
  description: C(sha256:) and the digest of the configuration, as a server from 2.11 on says it in /varz; else empty.
  type: str
  returned: success, but for a binary that is not staged yet
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import config_check as _config_check
from ansible_collections.natsops.cluster.plugins.module_utils._node import facts as _facts
from ansible_collections.natsops.cluster.plugins.module_utils._node import supervisor as _supervisor


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "binary": {"type": "path", "required": True},
            "config_path": {"type": "path", "required": True},
            **_supervisor.OPTIONAL_SPEC,
        },
        mutually_exclusive=[tuple(_supervisor.OPTIONAL_SPEC)],
        supports_check_mode=True,
    )
    params = module.params
    try:
        if module.check_mode and not os.path.exists(params["binary"]):
            module.exit_json(changed=False, config_path=params["config_path"], said="not checked until staged")
        found, unit = _facts.find_if_named(params)
        process = found.process if found else None
        module.exit_json(changed=False, **_config_check.check_config(params["binary"], params["config_path"], process, unit))
    except NatsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
