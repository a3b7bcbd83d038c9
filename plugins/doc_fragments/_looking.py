# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Options of what looks at a whole cluster from the controller."""

from __future__ import annotations


class ModuleDocFragment:
    """See the options below."""

    DOCUMENTATION = r"""
options:
  nodes:
    description:
      - By host, C(nats_node) of M(natsops.cluster.nats_node_facts). Facts that name another host are refused (V(foreign_facts)).
      - Without them units, lame duck settings and what an earlier run left are not judged.
    type: dict
  surge:
    description:
      - Temporary servers, by host, each with the result of M(natsops.cluster.nats_node_facts) there, be it a failure; empty where
        only their state is of interest.
      - They are read at their C(nats_upgrade_monitor_url), and need not run.
    type: dict
  policy_file:
    description: File on the controller that extends the version policy, in the shape of C(version_policy.yml) of the collection.
    type: path
  max_lag:
    description: How many entries or messages a replica may be behind to count as current.
    type: int
    default: 100
  settle_seconds:
    description:
      - Longest time to go on looking while something is missing, in seconds.
      - Only what is missing in every look counts, because under load a replica lags now and then.
      - Where all of that is busy replicas, within O(max_lag) of their leader and not current, it goes on for 20 looks at least,
        unless this is 0.
    type: float
    default: 5
"""
