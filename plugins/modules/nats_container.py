#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Make a node ready for another image of its NATS server, hold its container's restarts, or put the old container back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_container
short_description: Stage an image for a NATS container, hold its restarts, or put the old container back
version_added: "0.1.0"
description:
  - Works on containers of the docker engine of this host, by its client and its socket. Draining a server and having the new
    container take its place is for M(natsops.cluster.nats_swap).
  - V(staged) has O(image) on the node, loaded from O(image_file) or else pulled. It proves that its server is O(version), and has
    it accept O(config_path) with the mounts, the environment and the user of the running container, in a container of its own
    without a network, which is removed again. Without O(image) it asks the image that a restart starts anyhow, the one that the
    container has or that the unit names, also in check mode, and fetches nothing.
  - V(held) sets the restart policy to C(no), after writing the one that it was to C(container.json) in O(state_dir). Measured
    with docker 20.10, a server that drains by a signal that docker has not sent is restarted with C(always) and
    C(unless-stopped).
  - V(released) gives the policy back, to whatever container has the name by then.
  - V(started) starts the container, V(ended) ends what runs in it and does not come up.
  - V(put_back) gives the name back to the container that was replaced, and removes the one that took its place. It fails where
    no container is kept, and the one that has the name is of O(image).
  - With O(service) instead of O(container), it is a container that a systemd unit runs by C(podman run). V(staged) is the same
    then, V(put_back) gives the unit the file back that M(natsops.cluster.nats_swap) has changed, and V(released) removes the
    copy of it with O(remove_previous). The other states are those of the unit, for M(natsops.cluster.nats_unit_hold) and others.
options:
  state:
    description: What to do.
    type: str
    choices: [staged, held, released, started, ended, put_back]
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
  remove_previous:
    description: Whether V(released) removes the container, or the unit file, that was replaced, because the server is back.
    type: bool
    default: false
  state_dir:
    description: Folder on the node that the restart policy is remembered in. Each server needs a folder of its own.
    type: path
    default: /var/lib/natsops
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
restart:
  description: The restart policy of the container now.
  type: str
  returned: with O(state=held)
removed:
  description: Containers, or paths of unit files, that were removed.
  type: list
  elements: str
  returned: with O(state=released)
refusal:
  description: V(no_image), V(wrong_image) or V(config).
  type: str
  returned: failure, where the image is the reason
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._container import docker as _docker
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._state import files as _files


def act(params: dict[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Do it, or in check mode say whether it would change anything."""
    state, name, folder = params["state"], params["container"], params["state_dir"]
    if state == "staged":
        return _docker.stage(params, check_mode=check_mode)
    if params["service"]:
        return _act_on_unit(params, check_mode=check_mode)
    if state == "held":
        return _docker.hold(name, folder, check_mode=check_mode)
    if state == "released":
        return _docker.release(name, folder, remove_previous=params["remove_previous"], check_mode=check_mode)
    if state == "started":
        return _docker.start(name, check_mode=check_mode)
    if state == "ended":
        return _docker.end(name, check_mode=check_mode)
    return _docker.put_back(name, params["image"], check_mode=check_mode)


def _act_on_unit(params: dict[str, Any], *, check_mode: bool) -> dict[str, Any]:
    # Here and not above: a module on a node compiles whatever it imports each time it runs.
    from ansible_collections.natsops.cluster.plugins.module_utils._container import podman as _podman

    if params["state"] == "put_back":
        return _podman.put_back(params["service"], params["image"], check_mode=check_mode)
    if params["state"] == "released":
        return _podman.release(params["service"], remove_previous=params["remove_previous"], check_mode=check_mode)
    raise NatsError(f"{params['state']} is done to the unit {params['service']} itself, and not by this module")


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {
                "type": "str",
                "choices": ["staged", "held", "released", "started", "ended", "put_back"],
                "required": True,
            },
            "container": {"type": "str"},
            "service": {"type": "str"},
            "image": {"type": "str"},
            "image_file": {"type": "path"},
            "version": {"type": "str"},
            "config_path": {"type": "str"},
            "remove_previous": {"type": "bool", "default": False},
            "state_dir": {"type": "path", "default": _files.FOLDER},
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
