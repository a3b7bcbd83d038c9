#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Stage, install or put back the package that a NATS server comes from."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_package
short_description: Stage the package of another NATS server version, install it beside the running server, or put the old one back
version_added: "0.1.0"
description:
  - For servers that come from a package of apt, or of rpm with dnf. The one that has the package O(name) is used.
  - The service is never started, stopped or restarted, neither by this module nor by the scripts of the package while this module
    installs it. systemd is told to refuse starts and stops of O(service) whoever asks. With apt, an own C(/usr/sbin/policy-rc.d)
    says no for the units of the package (one that was there answers for all others, and is put back as it was); needrestart is
    suspended. With rpm, C(SYSTEMD_OFFLINE=1) keeps every C(systemctl) of a script from doing anything.
  - All of that is undone at the end, whatever happens. What a run that died has left is undone by the next call.
options:
  state:
    description:
      - V(staged) fetches the package and what it needs, simulates the installation, proves that the package holds the binary of
        O(version), which is unpacked beside for M(natsops.cluster.nats_config_check), and keeps what runs now for V(reverted).
      - V(installed) installs what was staged while the old server goes on running, and proves that it is still the same process
        afterwards. Configuration files are left as they are deployed. M(natsops.cluster.nats_swap) comes after it.
      - V(reverted) puts the old package back, or, where no repository has it any more, the old binary alone. For a server that
        does not run.
      - V(released) only undoes what a run that died while it installed has left in place.
    type: str
    choices: [staged, installed, reverted, released]
    required: true
  name:
    description: Name of the package.
    type: str
    default: nats-server
  path:
    description: The path that the server is started by. It has to come from the package.
    type: path
  version:
    description: The version of the server to go to. The package is found by it, whatever its revision.
    type: str
  running_version:
    description: The version of the server that runs.
    type: str
  package_version:
    description: The exact version of the package, such as V(2.15.1-2), where the repositories have several of O(version).
    type: str
  file:
    description: On the controller, a package file to use in place of a repository. What it needs still comes from repositories.
    type: path
  state_dir:
    description: Folder on the node below which packages are staged and kept.
    type: path
    default: /var/lib/natsops
  config_path:
    description: With O(state=staged), the deployed configuration, about which the new version is asked with C(-t).
    type: path
  lock_timeout_seconds:
    description: Longest time to wait for another program that installs packages, in seconds.
    type: float
    default: 300
extends_documentation_fragment:
  - natsops.cluster._attributes
  - natsops.cluster._server
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Stage the package of the new version
  natsops.cluster.nats_package:
    state: staged
    path: /usr/sbin/nats-server
    version: 2.15.1
    running_version: 2.14.6
    service: nats-server

- name: Install it while the old server goes on running
  natsops.cluster.nats_package:
    state: installed
    path: /usr/sbin/nats-server
    version: 2.15.1
    running_version: 2.14.6
    service: nats-server
"""

RETURN = r"""
package_version:
  description: >-
    The version of the package, such as V(2.15.1-1). Empty where it is not known: in check mode, where RV(said) says
    why, or of a binary.
  type: str
  returned: success, not with O(state=released)
binary:
  description: The binary of the new version, for M(natsops.cluster.nats_config_check).
  type: str
  returned: with O(state=staged)
said:
  description: >-
    In check mode, what is not known before the file is there, or before the lists of the repositories are refreshed. Else empty.
  type: str
  returned: with O(state=staged)
placed:
  description: The path that the old binary was put at without its package, else empty.
  type: str
  returned: with O(state=reverted)
accepted:
  description: What the new version says of the configuration.
  type: str
  returned: with O(state=staged) and O(config_path), not in check mode
refusal:
  description: >-
    V(config) where the new version refuses the configuration, V(no_package) where there is no such package, or V(package_lock)
    where another program has the lock of dpkg or rpm.
  type: str
  returned: failure, where it has a name
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import package as _package
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import config_check as _config_check
from ansible_collections.natsops.cluster.plugins.module_utils._node import facts as _facts
from ansible_collections.natsops.cluster.plugins.module_utils._node import supervisor as _supervisor

WORK = {"staged": _package.stage, "installed": _package.install, "reverted": _package.revert}
NEEDED = ["path", "version", "running_version"]
SERVER = ["pid", "pid_file", "service"]


def act(module: AnsibleModule) -> dict[str, Any]:
    """Do what the state asks for."""
    if module.params["state"] == "released":
        return _package.release(check_mode=module.check_mode)
    server = _facts.find(module.params)
    result = WORK[module.params["state"]](module.params, server, check_mode=module.check_mode)
    if result.get("placed"):
        # SELinux: the label that the policy has for this place, not the one of where it was kept.
        module.set_default_selinux_context(result["placed"], False)
    if module.params["state"] == "staged" and module.params["config_path"] and not module.check_mode:
        found, unit = server
        accepted = _config_check.check_config(result["binary"], module.params["config_path"], found.process, unit)
        result["accepted"] = accepted["said"]
    return result


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": [*WORK, "released"], "required": True},
            "config_path": {"type": "path"},
            **_package.SPEC,
            **_supervisor.SERVER_SPEC,
        },
        mutually_exclusive=[SERVER],
        required_if=[("state", state, NEEDED) for state in WORK] + [("state", state, SERVER, True) for state in WORK],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**act(module))
    except NatsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
