#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Read version facts of NATS servers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_version_facts
short_description: Read the version and identity of one or many NATS servers
version_added: "0.1.0"
description:
  - Reads /varz and /routez of one server, or of many at once, into C(ansible_facts.nats_version), or C(nats_version) with
    O(as_facts=false).
  - Reads from the controller unless told otherwise, so that nothing has to be installed on a node, or even be reachable by ssh.
  - Judges the versions, too, on the controller (RV(drift)). Who is missing in a cluster, and who should not be there, is judged
    by M(natsops.cluster.nats_audit), which is given a whole fleet.
  - Shapes are those of nats-server 2.10 to 2.15.
extends_documentation_fragment:
  - natsops.cluster._attributes
  - natsops.cluster._as_facts
  - natsops.cluster._monitoring
  - natsops.cluster._reading
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
# ansible nats -m natsops.cluster.nats_version_facts
- name: Read this host's server
  natsops.cluster.nats_version_facts:

- name: Read a whole cluster at once
  natsops.cluster.nats_version_facts:
    hosts: "{{ groups['nats'] }}"
    as_facts: false
  register: cluster
  run_once: true
"""

RETURN = r"""
nats_version:
  description: What is C(ansible_facts.nats_version) otherwise.
  type: dict
  returned: success, with O(as_facts=false)
ansible_facts:
  description: Facts to add to the host.
  type: dict
  returned: success, with O(as_facts=true)
  contains:
    nats_version:
      description:
        - The facts of the server. With O(servers) or O(hosts), a dictionary whose one key C(servers) is a list of such facts.
        - Of several servers, one that cannot be read has C(reachable=false), and C(error); one alone makes the module fail.
      type: dict
      returned: success
      contains:
        name:
          description: Name of the host or server as it was given.
          type: str
        monitor_url:
          description: Address that was read.
          type: str
        reachable:
          description: Whether it answered.
          type: bool
        server_name:
          description:
            - Its name. A server without C(server_name) is known by its host, followed by C((no server_name)).
          type: str
        server_id:
          description: Its id, new at every start.
          type: str
        version:
          description: Version as the server writes it, without v.
          type: str
        parsed_version:
          description: C(major), C(minor), C(patch), C(suffix) and C(prerelease); null where the version is none.
          type: dict
        git_commit:
          description: Commit that it was built from.
          type: str
        go:
          description: Version of Go that it was built with.
          type: str
        start:
          description: When it was started, UTC.
          type: str
        uptime_seconds:
          description: Seconds since then.
          type: int
        cluster:
          description:
            - Name of its cluster; empty for a single server.
            - "Servers that routes join are of one cluster. Where they call it by several names, as they do when none is
              configured, it is C(the cluster of) the first of these hosts; two clusters of one name have the first host of each
              behind it."
          type: str
        cluster_said:
          description: What it calls its cluster itself; made up at its start where no name is configured.
          type: str
        monitor_port:
          description: Its own monitoring port, http or https; 0 where it has none.
          type: int
        client_port:
          description: Its port for clients.
          type: int
        connections:
          description: Number of its clients.
          type: int
        connect_urls:
          description: Addresses that it tells its clients, its own first; none with C(no_advertise).
          type: list
          elements: str
        jetstream:
          description: Whether JetStream is on.
          type: bool
        api_level:
          description: Its JetStream API level; null before 2.11.
          type: int
        meta_leader:
          description: Name of the meta leader as it knows it; empty where there is none.
          type: str
        meta_cluster_size:
          description: Number of servers in the meta group, absent ones included; 0 without one.
          type: int
        config_digest:
          description: Digest of its configuration (2.11 and newer), else empty.
          type: str
        config_load_time:
          description: When it has loaded its configuration, at its start or by a reload, in UTC.
          type: str
        peers:
          description: Names of the servers that it has routes to.
          type: list
          elements: str
drift:
  description:
    - What is to be said of these versions, in the shape of RV(natsops.cluster.nats_audit#module:audit).
    - C(nats_upgrade_policy_file) of the host extends the rules.
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import facts as _facts
from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options


def main() -> None:
    """Run the module on a node; on the controller the action of the same name does the work."""
    module = AnsibleModule(argument_spec=_facts.SPEC, mutually_exclusive=_options.ONE_SOURCE, supports_check_mode=True)
    try:
        module.exit_json(changed=False, **_facts.result(module.params, _facts.version_facts(module.params)))
    except NatsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
