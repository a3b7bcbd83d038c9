#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Tell who is connected to a NATS server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_clients
short_description: Tell who is connected to a NATS server
version_added: "0.1.0"
description:
  - Reads /connz. Of use when a drain takes long, for a client that ignores lame duck mode stays until it is closed.
  - Of the options that name servers, the first server counts.
options:
  most:
    description: How many clients to read.
    type: int
    default: 1000
extends_documentation_fragment:
  - natsops.cluster._attributes
  - natsops.cluster._monitoring
  - natsops.cluster._reading
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: See who is connected
  natsops.cluster.nats_clients:
"""

RETURN = r"""
clients:
  description: For each client C(name), C(lang), C(version), C(address) and C(uptime), as it told the server; empty where it did
    not.
  type: list
  elements: dict
  returned: success
lines:
  description: The clients for people, the first ten of them.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import clients as _clients
from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options


def main() -> None:
    """Run the module on a node; on the controller the action of the same name does the work."""
    module = AnsibleModule(argument_spec=_clients.SPEC, mutually_exclusive=_options.ONE_SOURCE, supports_check_mode=True)
    try:
        module.exit_json(**_clients.clients_of(module.params))
    except NatsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
