#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The steps that make all nodes ready, through its action plugin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_upgrade_stage
short_description: Make all nodes ready for a roll while they serve
version_added: "0.1.0"
description:
  - For the role C(nats_upgrade), whose variables it reads. No server is stopped.
  - What fails fails no task before O(step=stop), so that what the run has taken can be given back first.
options:
  step:
    description:
      - "V(fetch): go on where every host is locked: take up the report of a run that broke off, begin the client probe, and fetch
        the new version to the controller. Once for all hosts."
      - "V(stage): put the new version on a host beside the running one, prove that it runs there, and ask it whether it accepts
        the deployed configuration."
      - "V(stop): end the client probe, and fail with why nodes cannot be made ready. Once for all hosts."
    type: str
    choices: [fetch, stage, stop]
    required: true
extends_documentation_fragment:
  - natsops.cluster._attributes
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Stage the new version beside the running one
  natsops.cluster.nats_upgrade_stage:
    step: stage
  register: __nats_upgrade_staged
"""

RETURN = r"""
problems:
  description: Why the run cannot go on. Missing where it can.
  type: list
  elements: str
  returned: with O(step=fetch) and O(step=stage)
refused:
  description: The name of the refusal that this is, where it has one.
  type: str
  returned: with RV(problems)
probes:
  description: Whether the client probe was begun.
  type: bool
  returned: with O(step=fetch)
fetched:
  description: The path and the hash of what lies on the controller, by architecture.
  type: dict
  returned: with O(step=fetch)
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs


def main() -> None:
    """Say where the work is done: the action of the same name never gets here."""
    module = AnsibleModule(argument_spec=_specs.STAGE, supports_check_mode=True)
    module.fail_json(
        msg="natsops.cluster.nats_upgrade_stage works on the controller, through its action plugin: call it from a playbook"
    )


if __name__ == "__main__":
    main()
