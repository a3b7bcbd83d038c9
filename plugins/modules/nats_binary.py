#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Keep versions of the NATS server binary side by side and switch between them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_binary
short_description: Stage a version of the NATS server binary beside the running one, or make it the active one
version_added: "0.1.0"
description:
  - Keeps versions side by side. What is running is never written to, and activating is one rename on the same file system.
  - Where O(path) is a plain file, versions lie beside it as C(nats-server-2.15.1).
  - Where a symbolic link on the way to O(path) has the running version in its target, such as C(/opt/nats/current) to C(2.14.6),
    the new version lies beside that and this link is switched. It may be behind others, as where C(/usr/local/bin/nats-server)
    leads to C(/opt/nats/current/nats-server). All places of the target that are the version become the new one.
  - Links of C(update-alternatives) are never written to. One with a version in its target is refused.
options:
  state:
    description:
      - V(staged) unpacks O(archive) to the version's place, unless it was unpacked from an archive with the same O(sha256) and
        is unchanged since, and proves that it runs here and is O(version).
      - V(active) makes the version the one that a start starts, and removes the oldest versions over O(keep_versions) where
        they are plain files.
      - V(proved) changes nothing, and fails where V(active) would, or where what is active does not run. For before something is
        ended whose place the version is to take.
    type: str
    choices: [staged, active, proved]
    required: true
  path:
    description: The path that the server is started by.
    type: path
    required: true
  version:
    description: The version to stage or to make active.
    type: str
    required: true
  running_version:
    description: The version that O(path) leads to now, or did before the first switch.
    type: str
    required: true
  archive:
    description: On the controller, the release archive (tar.gz) that holds the server.
    type: path
  sha256:
    description: SHA-256 that O(archive) has to have. Needed for O(state=staged).
    type: str
  config_path:
    description: With O(state=staged), the deployed configuration, about which the new version is asked with C(-t).
    type: path
  keep_versions:
    description: How many versions to keep, the running and the new one included and never removed.
    type: int
    default: 2
  state_dir:
    description:
      - Folder on the node where the hashes of what was staged and kept are written down. It is made where it is missing.
      - Nobody but root, or the user of the task, may be able to write there. What does not have its hash any more is not used.
    type: path
    default: /var/lib/natsops
  pid:
    description: Process id of the running server, with whose rights binaries are asked for their version.
    type: int
  pid_file:
    description: File that holds its process id.
    type: path
  service:
    description: systemd unit of the server. Where it does not run, its C(User=) and C(Group=) count.
    type: str
extends_documentation_fragment:
  - natsops.cluster._attributes
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Stage the new version
  natsops.cluster.nats_binary:
    state: staged
    path: /usr/sbin/nats-server
    running_version: 2.14.6
    version: 2.15.1
    archive: /srv/mirror/v2.15.1/nats-server-v2.15.1-linux-amd64.tar.gz
    sha256: "{{ sha256_of_the_archive }}"

- name: Make it the active one
  natsops.cluster.nats_binary:
    state: active
    path: /usr/sbin/nats-server
    running_version: 2.14.6
    version: 2.15.1
"""

RETURN = r"""
binary:
  description: Where the version lies.
  type: str
  returned: success
kept:
  description: Where the running version lies or will lie.
  type: str
  returned: success
said:
  description: What the version says of the configuration.
  type: str
  returned: with O(state=staged) and O(config_path), in check mode only where it is staged
refusal:
  description: V(config) where the version refuses the configuration, V(no_hash) where there is no hash for the archive.
  type: str
  returned: failure, where it has a name
removed:
  description: Versions that were removed.
  type: list
  elements: str
  returned: when O(state=active)
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import binary as _binary
from ansible_collections.natsops.cluster.plugins.module_utils._artifact.proofs import Proofs
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import config_check as _config_check
from ansible_collections.natsops.cluster.plugins.module_utils._node import facts as _facts
from ansible_collections.natsops.cluster.plugins.module_utils._node import supervisor as _supervisor
from ansible_collections.natsops.cluster.plugins.module_utils._state import files as _files


def staged(module: AnsibleModule, where: _binary.Layout) -> dict[str, Any]:
    """Put the version in its place."""
    params = module.params
    binary = where.binary(params["version"])
    if not params["sha256"]:
        raise NatsError("refused: there is no SHA-256 for the archive: no hash, no install", refusal="no_hash")
    proofs, identity = Proofs(params["state_dir"]), _facts.identity_of(params)
    there = proofs.is_from(binary, params["version"], params["sha256"]) and _binary.is_staged(binary, params["version"], identity)
    if module.check_mode:
        return {"changed": not there, **(_accepted(module, binary) if there else {})}
    if not there:
        if params["archive"] is None:
            raise NatsError(
                f"nats-server {params['version']} is not staged at {binary}, and there is no archive to stage it from"
            )
        _binary.stage(params["archive"], params["sha256"], binary, params["version"], proofs, identity)
        # SELinux: the label that the policy has for this place, not the one of where it was unpacked.
        module.set_default_selinux_context(binary, False)
    if not _binary.is_active(where, params["version"]):
        # Not in the server's turn: by then another one that is started by the same file may have switched it.
        _binary.keep(where, params["running_version"], proofs, identity)
    return {"changed": not there, **_accepted(module, binary)}


def _accepted(module: AnsibleModule, binary: str) -> dict[str, Any]:
    """What the version says of the deployed configuration, where it is to be asked."""
    if not module.params["config_path"]:
        return {}
    found, unit = _facts.find_if_named(module.params)
    process = found.process if found else None
    accepted = _config_check.check_config(binary, module.params["config_path"], process, unit)
    return {"said": accepted["said"]}


def active(module: AnsibleModule, where: _binary.Layout) -> dict[str, Any]:
    """Switch to the version."""
    params = module.params
    version, running = params["version"], params["running_version"]
    changed = not _binary.is_active(where, version)
    removed = []
    if changed and not module.check_mode:
        proofs = Proofs(params["state_dir"])
        identity = _facts.identity_of(params)
        _binary.require_staged(where.binary(version), version, proofs, identity, "nothing was switched")
        _binary.keep(where, running, proofs, identity)
        _binary.activate(where, version)
        module.set_default_selinux_context(where.switch, False)
        removed = _binary.prune(where, params["keep_versions"], [version, running])
    return {"changed": changed, "removed": removed}


def proved(module: AnsibleModule, where: _binary.Layout) -> dict[str, Any]:
    """Prove that the version could be switched to."""
    params = module.params
    _binary.require_successor(where, params["version"], Proofs(params["state_dir"]), _facts.identity_of(params))
    return {"changed": False}


WORK = {"staged": staged, "active": active, "proved": proved}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": [*WORK], "required": True},
            "path": {"type": "path", "required": True},
            "version": {"type": "str", "required": True},
            "running_version": {"type": "str", "required": True},
            "archive": {"type": "path"},
            "sha256": {"type": "str"},
            "keep_versions": {"type": "int", "default": 2},
            "config_path": {"type": "path"},
            "state_dir": {"type": "path", "default": _files.FOLDER},
            **_supervisor.OPTIONAL_SPEC,
        },
        mutually_exclusive=[tuple(_supervisor.OPTIONAL_SPEC)],
        supports_check_mode=True,
    )
    params = module.params
    try:
        where = _binary.layout(params["path"], params["running_version"], params["version"], lambda: _facts.identity_of(params))
        result = WORK[params["state"]](module, where)
    except NatsError as exc:
        module.fail_json(msg=str(exc), **exc.details)
    module.exit_json(binary=where.binary(params["version"]), kept=where.binary(params["running_version"]), **result)


if __name__ == "__main__":
    main()
