#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hold the automatic restart of a systemd unit."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_unit_hold
short_description: Hold the automatic restart of a systemd unit for the length of an upgrade step
version_added: "0.1.0"
description:
  - V(held) writes a runtime drop-in with C(Restart=no), makes systemd read it, and proves that systemd answers C(Restart=no).
    Without it, systemd brings the old binary back as soon as the drained server has exited. Measured with systemd 252, not
    only with C(Restart=always), but with the unit that NATS ships (C(Restart=on-failure)) too, 3 times of 3. Its C(ExecStop) runs
    once the server has exited by itself, with an empty C($MAINPID), fails, and makes the clean exit count as a failure.
  - V(released) removes the drop-in and proves that it has gone. It is gone after a reboot in any case, as it lies under C(/run).
options:
  unit:
    description: Name of the unit.
    type: str
    required: true
  state:
    description: Whether the restart is held.
    type: str
    choices: [held, released]
    required: true
extends_documentation_fragment:
  - natsops.cluster._attributes
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Hold automatic restarts
  natsops.cluster.nats_unit_hold:
    unit: nats-server
    state: held
"""

RETURN = r"""
restart:
  description: What systemd says C(Restart) is now.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import systemd as _systemd


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["held", "released"], "required": True},
        },
        supports_check_mode=True,
    )
    act = _systemd.hold if module.params["state"] == "held" else _systemd.release
    try:
        module.exit_json(**act(module.params["unit"], check_mode=module.check_mode))
    except NatsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
