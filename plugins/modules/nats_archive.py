#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Fetch a NATS release archive to the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_archive
short_description: Fetch a NATS release archive to the controller and prove its hash
version_added: "0.1.0"
description:
  - Runs on the controller, so that nodes need no way to the internet. No hash, no archive.
  - An archive that is there already with the right hash is not fetched again.
options:
  state:
    description:
      - V(fetched) has the archive on the controller, with its hash proved.
      - V(asked) fails where that could not be done, or where a node of O(nodes) has no room. Of what does not lie in O(dest)
        already, the list of hashes is read, and the archive is asked for by its address and its size alone.
    type: str
    choices: [fetched, asked]
    default: fetched
  nodes:
    description: >-
      With O(state=asked), the facts of the nodes that it is for, by host, as M(natsops.cluster.nats_node_facts) gives them with
      C(version).
    type: dict
    default: {}
  url:
    description:
      - Address of the archive, or of a package. C(file://) is a path on the controller.
      - A path alone names a file that is taken where it lies. Its hash is proved where there is one.
    type: str
    required: true
  sha256:
    description: SHA-256 that it has to have. Comes before O(checksums_url).
    type: str
  checksums_url:
    description:
      - Address of a file in the format of C(sha256sum) that lists it, as C(SHA256SUMS) of a NATS release does.
      - It has to come by https with a certificate that is checked, or from a C(file://), or is refused as C(insecure_source).
    type: str
  dest:
    description: Folder on the controller to keep archives in.
    type: path
    required: true
  username:
    description: User for the address. It goes to no other origin (scheme, host and port) that the address redirects to.
    type: str
  password:
    description: Password for the address. It goes where O(username) goes.
    type: str
  validate_certs:
    description: Whether certificates have to be trusted.
    type: bool
    default: true
  ca_path:
    description: PEM file with the authorities to trust. The default is the system's.
    type: path
  timeout_seconds:
    description: Longest time without an answer, in seconds.
    type: float
    default: 60
  whole_timeout_seconds:
    description: Longest time for all of a file, in seconds.
    type: float
    default: 1800
  max_mib:
    description: Most that the file may have, in MiB.
    type: int
    default: 512
  waive:
    description:
      - Names of refusals that are accepted. V(insecure_source) is the one that counts here.
    type: list
    elements: str
    default: []
  variables:
    description: How the variables begin that say where it comes from, for messages.
    type: str
    default: nats_upgrade_archive
extends_documentation_fragment:
  - natsops.cluster._attributes
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Fetch a release
  natsops.cluster.nats_archive:
    url: https://github.com/nats-io/nats-server/releases/download/v2.15.1/nats-server-v2.15.1-linux-amd64.tar.gz
    checksums_url: https://github.com/nats-io/nats-server/releases/download/v2.15.1/SHA256SUMS
    dest: ~/.cache/natsops
"""

RETURN = r"""
path:
  description: Where it lies on the controller.
  type: str
  returned: success
sha256:
  description: Its SHA-256.
  type: str
  returned: success
size:
  description: Its size in bytes, or null where the mirror does not announce it.
  type: int
  returned: with O(state=asked)
refusal:
  description: V(no_archive), V(no_hash), V(wrong_hash), V(insecure_source) or V(no_room).
  type: str
  returned: failure, where it has a name
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import download as _download
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError


def main() -> None:
    """Run the module; on the controller the action of the same name does the work."""
    module = AnsibleModule(argument_spec=_download.SPEC, supports_check_mode=True)
    try:
        module.exit_json(**_download.act(module.params, check_mode=module.check_mode))
    except NatsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
