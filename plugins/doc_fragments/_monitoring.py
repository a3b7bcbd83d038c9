# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which servers a module reads; with the fragment _reading, the spec is MONITORING in module_utils/_read/options.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Which servers are read."""

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
    type: list
    elements: str
"""
