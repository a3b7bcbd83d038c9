# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Options of every module that reads servers; the spec is MONITORING in module_utils/_arguments.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Monitoring options."""

    DOCUMENTATION = r"""
options:
  monitor_url:
    description:
      - Address of the monitoring port of one server, for example V(http://10.0.0.2:8222) or V(https://n2.example.org:8222/nats).
      - A C(http_base_path) of the server is part of it.
      - Without O(monitor_url), O(servers) and O(hosts), the server of the task's own host is read. Its address is the variable
        C(nats_upgrade_monitor_url) of that host, else C(http://HOST:8222) with C(ansible_host) or the host's name, or
        C(http://127.0.0.1:8222) with O(probe_from=node).
    type: str
  servers:
    description:
      - Several servers, read at once.
      - Mutually exclusive with O(monitor_url) and O(hosts).
    type: list
    elements: dict
    suboptions:
      name:
        description: What to call the server in messages and results.
        type: str
        required: true
      monitor_url:
        description: Address of its monitoring port.
        type: str
        required: true
  hosts:
    description:
      - Several hosts of the inventory, read at once; their addresses are found as described for O(monitor_url).
      - Needs O(probe_from=controller).
    type: list
    elements: str
  probe_from:
    description:
      - V(controller) reads the servers from the controller, in the process that runs the task; nothing is done on a node.
      - V(node) runs the module on the task's host and reads from there, for monitoring ports that are bound to loopback.
      - The default is the variable C(nats_upgrade_probe_from) of the host, else V(controller).
    type: str
    choices: [controller, node]
  validate_certs:
    description:
      - Whether the certificate of a https port has to be trusted.
      - The default is the variable C(nats_upgrade_validate_certs) of the host, else V(true).
    type: bool
  ca_path:
    description:
      - PEM file with the certificates of the authorities to trust, where the module runs.
      - The default is the variable C(nats_upgrade_ca_path) of the host, else the system's.
    type: path
  request_timeout_seconds:
    description: Longest time for one HTTP request, in seconds.
    type: float
    default: 5.0
  max_in_flight:
    description: Most HTTP requests under way at once.
    type: int
    default: 50
"""
