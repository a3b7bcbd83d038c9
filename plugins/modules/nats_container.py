#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Make a node ready for another image of its NATS server, or put the old container back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_container
short_description: Stage an image for a NATS container, or put the old container back
version_added: "0.1.0"
description:
  - Works on containers of the docker engine of this host, by its client and its socket. Draining a server and having the new
    container take its place is for M(natsops.cluster.nats_swap).
  - V(staged) has O(image) on the node, loaded from O(image_file) or else pulled. It proves that its server is O(version), and has
    it accept O(config_path) with the mounts, the environment and the user of the running container, in a container of its own
    without a network, which is removed again. Without O(image) it asks the image that a restart starts anyhow, the one that the
    container has or that the unit names, also in check mode, and fetches nothing.
  - V(put_back) gives the name back to the container that was replaced, and removes the one that took its place. It fails where
    no container is kept, and the one that has the name is of O(image).
  - With O(service) instead of O(container), it is a container that a systemd unit runs by C(podman run). V(staged) is the same
    then, and V(put_back) gives the unit the file back that M(natsops.cluster.nats_swap) has changed.
options:
  state:
    description: What to do.
    type: str
    choices: [staged, put_back]
    required: true
  container:
    description: Name of the container. Needed unless O(service) is given.
    type: str
  service:
    description: Name of the systemd unit that runs the server's container by podman.
    type: str
  image:
    description: The image, with a digest or an exact tag. For O(state=staged), and for O(state=put_back) the one to get rid of.
    type: str
  image_file:
    description: >-
      File of C(docker save) or C(podman save), on the controller, to load the image from where the node does not have it.
    type: path
  version:
    description: The version that the image has to hold. For O(state=staged). Without it, any.
    type: str
  config_path:
    description: Configuration file in the container. Without it, nothing is asked of the configuration.
    type: str
extends_documentation_fragment:
  - natsops.cluster._attributes
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Have the image on the node and ask it about the deployed configuration
  natsops.cluster.nats_container:
    state: staged
    container: nats
    image: nats:2.15.1
    version: 2.15.1
    config_path: /etc/nats/nats.conf
"""

RETURN = r"""
image:
  description: The image that is on the node.
  type: str
  returned: with O(state=staged)
said:
  description:
    - What the new server said of the configuration; empty where it was not asked.
    - V(not checked until staged) in check mode with O(image).
  type: str
  returned: with O(state=staged)
digest:
  description: Digest of the configuration as it is mounted now, as the server tells it from 2.11 on; else empty.
  type: str
  returned: with O(state=staged)
refusal:
  description: V(no_image), V(wrong_image) or V(config).
  type: str
  returned: failure, where the image is the reason
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._container import docker as _docker
from ansible_collections.natsops.cluster.plugins.module_utils._container import podman as _podman
from ansible_collections.natsops.cluster.plugins.module_utils._container import stage as _stage
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError


def act(params: dict[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Do it, or in check mode say whether it would change anything."""
    if params["state"] == "staged":
        return _stage.stage(params, check_mode=check_mode)
    if params["service"]:
        return _podman.put_back(params["service"], params["image"], check_mode=check_mode)
    return _docker.put_back(params["container"], params["image"], check_mode=check_mode)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["staged", "put_back"], "required": True},
            "container": {"type": "str"},
            "service": {"type": "str"},
            "image": {"type": "str"},
            "image_file": {"type": "path"},
            "version": {"type": "str"},
            "config_path": {"type": "str"},
        },
        mutually_exclusive=[("container", "service")],
        required_one_of=[("container", "service")],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**act(module.params, check_mode=module.check_mode))
    except NatsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
