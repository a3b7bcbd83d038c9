#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Read addresses of a monitoring port as they are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_monitor_read
short_description: Read addresses of a monitoring port as they are
version_added: "0.1.0"
description:
  - Several GETs at once, from where the module runs, and what came back, unjudged.
  - The actions that read C(hosts) run it on each of them with C(probe_from=node), for monitoring ports that are bound to
    loopback. It is of little use by itself.
options:
  urls:
    description: Addresses to read, for example V(http://127.0.0.1:8222/varz).
    type: list
    elements: str
    required: true
  validate_certs:
    description: Whether the certificate of a https port has to be trusted.
    type: bool
    default: true
  ca_path:
    description: PEM file with the certificates of the authorities to trust, where the module runs. The default is the system's.
    type: path
  request_timeout_seconds:
    description: Longest time for one request, in seconds.
    type: float
    default: 5.0
  max_in_flight:
    description: Most requests under way at once.
    type: int
    default: 50
  max_answer_mib:
    description:
      - Most that is taken of all that a server answers to the questions that are asked together, in MiB.
      - The default is 64.
    type: int
  follow:
    description:
      - Whether to read on, where O(urls) has C(/varz) and C(/jsz) of one server and they say that there is more to a look at its
        state, such as C(/raftz) of each account. So a look takes one run of the module and not two.
    type: bool
    default: false
extends_documentation_fragment:
  - natsops.cluster._attributes
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: See what a server says of itself
  natsops.cluster.nats_monitor_read:
    urls: [http://127.0.0.1:8222/varz]
"""

RETURN = r"""
replies:
  description:
    - For each address, in the same order, C(status), C(body) (decoded JSON, else null) and C(text) (what is not JSON).
    - Where nothing usable came back, C(error), C(lasting) (whether waiting will not mend it) and C(status) (or null) instead.
  type: list
  elements: dict
  returned: success
followed:
  description: What was read on with O(follow), by its path, each as in RV(replies).
  type: dict
  returned: success
"""

from typing import Mapping

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._read import http_door as _http_door
from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._read import reply as _reply

SPEC = {
    "urls": {"type": "list", "elements": "str", "required": True},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "request_timeout_seconds": {"type": "float", "default": 5.0},
    "max_in_flight": {"type": "int", "default": 50},
    "max_answer_mib": {"type": "int"},
    "follow": {"type": "bool", "default": False},
}


def main() -> None:
    """Ask, and give back what came."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    params = module.params
    settings = _reply.Settings(
        params["request_timeout_seconds"],
        params["validate_certs"],
        params["ca_path"],
        max(1, params["max_in_flight"]),
        params["max_answer_mib"] * _reply.MIB if params["max_answer_mib"] else _reply.MAX_BYTES,
    )
    with _http_door.open_door(settings) as door:
        replies = dict(zip(params["urls"], door.get_many(params["urls"])))
        followed = _follow(door, replies) if params["follow"] else {}
    told = [_told(replies[url]) for url in params["urls"]]
    module.exit_json(changed=False, replies=told, followed={path: _told(reply) for path, reply in followed.items()})


def _follow(door: _http_door.Door, replies: Mapping[str, _reply.Reply]) -> dict:
    bases = [url[: -len("/varz")] for url in replies if url.endswith("/varz")]
    looks = [(base, url) for base in bases[:1] for url in replies if url.startswith(f"{base}/jsz?")]
    if not looks:
        return {}
    base, jsz = looks[0]
    paths = _monitor.follow_ups(replies[f"{base}/varz"], replies[jsz])
    return dict(zip(paths, door.get_many([base + path for path in paths])))


def _told(reply: _reply.Reply) -> dict:
    if isinstance(reply, _reply.Fault):
        return {"error": reply.message, "lasting": reply.lasting, "status": reply.status}
    return {"status": reply.status, "body": reply.body, "text": reply.text}


if __name__ == "__main__":
    main()
