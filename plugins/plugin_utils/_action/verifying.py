# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the actions after the last turn are asked, from the variables of the role."""

from __future__ import annotations

from ansible_collections.natsops.cluster.plugins.plugin_utils._action.preflight import Args
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.turn_values import QUEUE, Known


def whole_cluster(known: Known) -> Args:
    """Every Raft group is current, and every server that this run has taken runs what it should."""
    plan, queue = known.own("plan")["plan"], known.group(QUEUE)
    return {
        "hosts": [host for hosts in plan["clusters"].values() for host in hosts],
        "expect": {host: expected for host, expected in plan["expect"].items() if host in queue},
        **_patience(known),
    }


def clients(known: Known) -> Args:
    """Where the clients sit, compared with when the run began, and how they are moved."""
    return {
        "hosts": known.group(str(known.value("nats_upgrade_group"))),
        "before": known.own("clients_before"),
        "move": known.value("nats_upgrade_rebalance"),
        "tolerance_percent": known.value("nats_upgrade_rebalance_tolerance_percent"),
        "batch_percent": known.value("nats_upgrade_rebalance_batch_percent"),
        "pause_seconds": known.value("nats_upgrade_rebalance_pause_seconds"),
        **_patience(known),
    }


def _patience(known: Known) -> Args:
    return {
        "tolerate": known.own("plan")["plan"]["tolerated"],
        "max_lag": known.value("nats_upgrade_max_lag"),
        "timeout_seconds": known.value("nats_upgrade_health_timeout_seconds"),
    }
