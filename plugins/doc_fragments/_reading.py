# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Options for how servers of the inventory are read."""

from __future__ import annotations


class ModuleDocFragment:
    """How servers of the inventory are read."""

    DOCUMENTATION = r"""
options:
  probe_from:
    description:
      - V(controller) reads the servers from the controller, in the process that runs the task; nothing is done on a node.
      - V(node) reads each server on its own host, for monitoring ports that are bound to loopback. A module that is given
        no hosts runs on the task's own.
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
  max_answer_mib:
    description:
      - Most that is taken of all that a server answers to the questions that are asked together, in MiB.
      - The default is the variable C(nats_upgrade_max_answer_mib) of the host, else 64.
    type: int
  system_account:
    description:
      - A user of the system account of the servers. With it they are read over NATS, on the controller, without any
        monitoring port. For hosts of the inventory.
      - The default is the variable C(nats_upgrade_system_account) of each host that is read. Each account has a connection
        of its own, and hosts without one are read by HTTP. Where the task names addresses itself, that variable does not
        count.
      - Of C(creds), C(nkey), C(user) with C(password), and C(tls) with a certificate for the user, it needs one.
    type: dict
    suboptions:
      servers:
        description: >-
          URLs of servers, C(nats://) or C(tls://). The default is port 4222 of the hosts of C(nats_upgrade_group) that have the
          same account.
        type: list
        elements: str
      creds:
        description: File with credentials on the controller.
        type: path
      nkey:
        description: File with the seed of an nkey on the controller.
        type: path
      user:
        description: Name of the user.
        type: str
      password:
        description: Password of the user.
        type: str
      tls:
        description: How to connect by TLS. Files are on the controller.
        type: dict
        suboptions:
          ca:
            description: PEM file with the authorities to trust. The default is the system's.
            type: path
          cert:
            description: PEM file with our own certificate.
            type: path
          key:
            description: PEM file with the key of it.
            type: path
          verify:
            description: Whether the servers' certificates have to be trusted.
            type: bool
            default: true
"""
