# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The roles around their variables: entry points, defaults that are worked out, and the groups in which they are listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping


@dataclass(frozen=True)
class Entry:
    """An entry point: what it does in a line, and in paragraphs."""

    short: str
    said: tuple[str, ...]


UPGRADE: Mapping[str, Entry] = {
    "main": Entry(
        "Upgrade one NATS server of a cluster",
        (
            (
                "One host's turn in a rolling upgrade. Run it through the playbook C(natsops.cluster.upgrade), which checks, "
                "stages, and takes one host at a time."
            ),
        ),
    ),
    "preflight": Entry(
        "Check the cluster and plan the roll; touches nothing",
        (
            (
                "Reads every server of the group, plans the order, finds out how each server is run, and makes the group "
                "C(nats_upgrade_queue) in the order of the plan."
            ),
        ),
    ),
    "stage": Entry(
        "Put the new version beside the running one and ask it about the deployed configuration",
        (
            (
                "Runs on all nodes at once while the old version serves. No hash, no install. Needs what C(preflight) has found "
                "out."
            ),
        ),
    ),
    "verify": Entry(
        "Make sure that the whole cluster runs the new version and every Raft group is current",
        ("Waits for it as long as something moves. Needs what C(preflight) has found out.",),
    ),
    "surge_join": Entry(
        "Let the temporary servers join",
        (("Runs on one host of the cluster, after C(stage) and before the first turn. Needs what C(preflight) has found out."),),
    ),
    "status": Entry(
        "Tell what a roll has left behind, and how to finish it or take it back",
        ("Reads every server of the group and, on the nodes that can be reached, the journal, the lock and the hold.",),
    ),
}
UPGRADE_WORKED_OUT: Mapping[str, str] = {
    "nats_upgrade_arch": "{{ (__nats_upgrade_node | default({})).go_arch | default('') }}",
    "nats_upgrade_archive_url": (
        "https://github.com/nats-io/nats-server/releases/download/v{{ nats_upgrade_version }}/nats-server-v{{ "
        "nats_upgrade_version }}-linux-{{ nats_upgrade_arch }}.tar.gz"
    ),
    "nats_upgrade_checksums_url": "{{ nats_upgrade_archive_url | dirname }}/SHA256SUMS",
    "nats_upgrade_image": "nats:{{ nats_upgrade_version }}",
    "nats_upgrade_download_dir": "{{ lookup('ansible.builtin.env', 'XDG_CACHE_HOME') | default('~/.cache', true) }}/natsops",
    "nats_upgrade_drain_timeout_seconds": (
        "{{ (__nats_upgrade_node | default({})).lame_duck_duration_seconds | default(120) + 30 }}"
    ),
}
# What is said of a variable and those after it, where a new group begins.
UPGRADE_HEADS: Mapping[str, str] = {
    "nats_upgrade_version": "",
    "nats_upgrade_arch": "Where the new version comes from. The controller fetches it; nodes need no way to the internet.",
    "nats_upgrade_service_name": "How the server is run on the node.",
    "nats_upgrade_monitor_url": (
        "Where it is read from. nats_upgrade_monitor_url and nats_upgrade_server_name have no default here: they are derived for "
        "each host, see the argument spec."
    ),
    "nats_upgrade_drain_timeout_seconds": "How long to wait.",
    "nats_upgrade_waive": "What is accepted. Every refusal has a name; there is no force.",
    "nats_upgrade_order": (
        "Which nodes one run takes: groups of hosts in order, where the computed order must be overruled ([[n4, n5], [n1, n2]], "
        "[edge, core]), and how many, 1 for a canary, after which the next run goes on."
    ),
    "nats_upgrade_surge_group": "Temporary servers.",
    "nats_upgrade_rebalance": "Clients after the roll.",
    "nats_upgrade_client_probe": "A client's view of the roll.",
    "nats_upgrade_restart_all": "Of a rolling restart.",
    "nats_upgrade_rollback": "What to do besides.",
}

AUDIT: Mapping[str, Entry] = {
    "main": Entry(
        "Judge the version drift of NATS servers",
        (
            (
                "Reads every server of the group at once, judges versions, configurations and who is there, and says so. Changes "
                "nothing. Run it through the playbook C(natsops.cluster.audit)."
            ),
            (
                "How the servers are read is said by the variables that they have for the role "
                "P(natsops.cluster.nats_upgrade#role): C(nats_upgrade_monitor_url), C(nats_upgrade_probe_from), "
                "C(nats_upgrade_system_account) and so on."
            ),
            "All of the group is audited, whatever C(--limit) says, for a majority is only one among all.",
        ),
    ),
}
AUDIT_WORKED_OUT: Mapping[str, str] = {}
AUDIT_HEADS: Mapping[str, str] = {
    "nats_audit_format": "",
    "nats_audit_max_mismatch_seconds": (
        "Several versions in a cluster: from when on that is overdue, and how long after a start a roll counts as going on."
    ),
    "nats_audit_disk": "Whether to log in to the nodes, and to look at what lies on their disks.",
    "nats_audit_fail_on": "Findings that make the audit fail. All are in docs/audit.md; [] lets it end well whatever it finds.",
    "nats_audit_max_in_flight": "How it is read.",
}
