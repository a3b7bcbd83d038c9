# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every variable that a user may set: kind, unit, bounds, choices, default and meaning. The one table of them.

defaults/main.yml and meta/argument_specs.yml of the roles say the same in Ansible's own words, which a test compares with this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._audit import fleet as _fleet
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import progress as _progress
from ansible_collections.natsops.cluster.plugins.plugin_utils._variables.kinds import (
    Choice,
    Groups,
    Kind,
    Mapped,
    MostNodes,
    Number,
    Progress,
    Sha256,
    TaskFile,
    Truth,
    Version,
    Words,
)

PREFIXES = ("nats_upgrade_", "nats_audit_")
# The default of a variable that the role works out, and of one that has none there.
DERIVED, NONE = object(), object()
_DAY, _WEEK = 86400, 604800
_CREDS = '{"creds": "FILE"}'
_TEXT, _TRUTH, _COMMAND = Kind(), Truth(), Words()


@dataclass(frozen=True)
class Variable:
    """C(reading): the audit takes it too. C(secret): a value of it may be looked up in a vault, and is so once only."""

    kind: Kind
    default: Any
    means: str
    reading: bool = False
    secret: bool = False


def _seconds(default: Any, means: str, least: float = 1, most: float = _DAY, **more: Any) -> Variable:
    return Variable(Number(least, most, "seconds", **more), default, means)


_TLS = Mapped({"ca": _TEXT, "cert": _TEXT, "key": _TEXT, "verify": _TRUTH}, '{"ca": "FILE"}')
_USER: Mapping[str, Kind] = {
    "servers": Words('["nats://HOST:4222"]', text=True),
    "creds": _TEXT,
    "nkey": _TEXT,
    "user": _TEXT,
    "password": _TEXT,
    "tls": _TLS,
}
_PROBE: Mapping[str, Kind] = {
    **_USER,
    "token": _TEXT,
    "subject_prefix": _TEXT,
    "rate": Number(0.1, 1000),
}

UPGRADE: Mapping[str, Variable] = {
    "nats_upgrade_version": Variable(Version(), "", "exact version to go to"),
    "nats_upgrade_mode": Variable(Choice(("upgrade", "restart")), "upgrade", "kind of roll"),
    "nats_upgrade_group": Variable(_TEXT, "nats", "group with the hosts of the cluster", reading=True),
    "nats_upgrade_artifact": Variable(Choice(("archive", "package", "image")), "archive", "what is installed"),
    "nats_upgrade_service": Variable(
        Choice(("systemd", "command", "docker", "podman")), "systemd", "what starts the server", reading=True
    ),
    "nats_upgrade_arch": Variable(_TEXT, DERIVED, "architecture in the names of archives"),
    "nats_upgrade_archive_url": Variable(_TEXT, DERIVED, "address of the archive"),
    "nats_upgrade_checksums_url": Variable(_TEXT, DERIVED, "address of the file with its SHA-256"),
    "nats_upgrade_archive_sha256": Variable(Sha256(), "", "SHA-256 of the archive"),
    "nats_upgrade_archive_username": Variable(_TEXT, "", "user of a private mirror"),
    "nats_upgrade_archive_password": Variable(_TEXT, "", "password of a private mirror", secret=True),
    "nats_upgrade_archive_ca_path": Variable(_TEXT, "", "authorities to trust for the mirror"),
    "nats_upgrade_package_name": Variable(_TEXT, "nats-server", "name of the package"),
    "nats_upgrade_package_version": Variable(_TEXT, "", "exact version of the package"),
    "nats_upgrade_package_file": Variable(_TEXT, "", "package file in place of a repository"),
    "nats_upgrade_package_sha256": Variable(Sha256(), "", "SHA-256 of the package file"),
    "nats_upgrade_image": Variable(_TEXT, DERIVED, "image of the new version"),
    "nats_upgrade_image_file": Variable(_TEXT, "", "file that the image is loaded from"),
    "nats_upgrade_download_dir": Variable(_TEXT, DERIVED, "folder on the controller for archives and packages"),
    "nats_upgrade_service_name": Variable(_TEXT, "nats-server", "name of the unit or container", reading=True),
    "nats_upgrade_pid_file": Variable(_TEXT, "", "file with the server's pid", reading=True),
    "nats_upgrade_start_command": Variable(_COMMAND, [], "command that starts the server", reading=True),
    "nats_upgrade_start_detach": Variable(_TRUTH, True, "whether that command is the server itself", reading=True),
    "nats_upgrade_hold_command": Variable(_COMMAND, [], "command that disables automatic restarts"),
    "nats_upgrade_release_command": Variable(_COMMAND, [], "command that re-enables automatic restarts"),
    "nats_upgrade_stop_command": Variable(_COMMAND, [], "command that stops a new server that does not come up"),
    "nats_upgrade_status_command": Variable(_COMMAND, [], "command that tells whether the supervisor runs the server"),
    "nats_upgrade_log_command": Variable(_COMMAND, [], "command that prints the end of the server's log"),
    "nats_upgrade_binary_path": Variable(_TEXT, "", "path of the server binary", reading=True),
    "nats_upgrade_config_path": Variable(_TEXT, "", "path of the configuration", reading=True),
    "nats_upgrade_state_dir": Variable(_TEXT, "/var/lib/natsops", "folder on the node for lock and journal"),
    "nats_upgrade_monitor_url": Variable(_TEXT, NONE, "address of the monitoring port", reading=True),
    "nats_upgrade_probe_from": Variable(
        Choice(("controller", "node")), "controller", "where monitoring ports are read from", reading=True
    ),
    "nats_upgrade_system_account": Variable(
        Mapped(_USER, _CREDS, empty=True), {}, "user of the system account", reading=True, secret=True
    ),
    "nats_upgrade_server_name": Variable(_TEXT, NONE, "server_name of the server", reading=True),
    "nats_upgrade_validate_certs": Variable(_TRUTH, True, "whether certificates have to be trusted", reading=True),
    "nats_upgrade_ca_path": Variable(_TEXT, NONE, "authorities to trust for monitoring ports", reading=True),
    "nats_upgrade_max_answer_mib": Variable(
        Number(1, None, "MiB", whole=True, empty=True), 64, "most that one server may answer at once", reading=True
    ),
    "nats_upgrade_drain_timeout_seconds": _seconds(DERIVED, "longest time to drain and exit"),
    "nats_upgrade_health_timeout_seconds": _seconds(300, "longest time without progress before a server is healthy"),
    "nats_upgrade_start_timeout_seconds": _seconds(15, "longest time until a started server opens its monitoring port"),
    "nats_upgrade_max_lag": Variable(
        Number(0, None, "", whole=True), 100, "how far behind a replica may be and count as current"
    ),
    "nats_upgrade_soak_seconds": _seconds(0, "time to watch the cluster after each node", 0, _WEEK),
    "nats_upgrade_waive": Variable(Words('["r1_assets"]', text=True), [], "names of refusals to accept"),
    "nats_upgrade_order": Variable(Groups(), [], "groups of hosts in order"),
    "nats_upgrade_refuse_r1": Variable(_TRUTH, False, "whether R1 assets refuse the run"),
    "nats_upgrade_policy_file": Variable(_TEXT, "", "file that extends the version rules", reading=True),
    "nats_upgrade_hooks": Variable(
        Mapped({"before_node": TaskFile(), "after_node": TaskFile()}, '{"before_node": "FILE"}'),
        {},
        "files of tasks for the turn of each node",
    ),
    "nats_upgrade_surge_group": Variable(_TEXT, "nats_surge", "group with the hosts of temporary servers", reading=True),
    "nats_upgrade_surge_timeout_seconds": _seconds(30, "longest time for temporary servers to join or leave"),
    "nats_upgrade_rebalance": Variable(_TRUTH, False, "whether clients are moved after the roll"),
    "nats_upgrade_rebalance_tolerance_percent": Variable(
        Number(0, None, "percent", whole=True), 20, "how many more clients than the mean a server may have"
    ),
    "nats_upgrade_rebalance_batch_percent": Variable(
        Number(1, 100, "percent", whole=True), 10, "how many of the surplus clients are moved at once"
    ),
    "nats_upgrade_rebalance_pause_seconds": _seconds(2, "time for a client to move by itself", 0),
    "nats_upgrade_client_probe": Variable(Mapped(_PROBE, _CREDS), {}, "user of the client probe", secret=True),
    "nats_upgrade_client_probe_max_gap_seconds": _seconds(10, "longest time that the client probe may wait", 0),
    "nats_upgrade_restart_all": Variable(_TRUTH, False, "whether a restart takes every server"),
    "nats_upgrade_restart_reboot": Variable(_TRUTH, False, "whether a restart reboots the hosts"),
    "nats_upgrade_restart_reboot_command": Variable(_TEXT, "", "command that reboots a host"),
    "nats_upgrade_restart_reboot_timeout_seconds": _seconds(600, "longest time for a host to reboot", whole=True),
    "nats_upgrade_lock_lease_seconds": _seconds(120, "how long the lock of a dead run lasts", 10),
    "nats_upgrade_report_dir": Variable(_TEXT, "./nats-upgrade-reports", "folder on the controller for reports"),
    "nats_upgrade_progress": Variable(Progress(_progress.MODES), "auto", "how a wait is shown"),
    "nats_upgrade_max_nodes": Variable(MostNodes(), "all", "how many nodes one run takes"),
    "nats_upgrade_rollback": Variable(_TRUTH, True, "whether the old version is put back"),
    "nats_upgrade_keep_versions": Variable(Number(1, None, "", whole=True), 2, "how many versions stay on a node"),
}

AUDIT: Mapping[str, Variable] = {
    "nats_audit_format": Variable(Choice(("table", "json", "prometheus")), "table", "format of the output"),
    "nats_audit_output": Variable(_TEXT, "", "file to write to"),
    "nats_audit_max_mismatch_seconds": Variable(Number(0, None, "seconds"), 86400, "when several versions are overdue"),
    "nats_audit_active_seconds": Variable(Number(0, None, "seconds"), 3600, "how long after a start a roll counts as going on"),
    "nats_audit_disk": Variable(_TRUTH, False, "whether the disks of the nodes are read"),
    "nats_audit_fail_on": Variable(
        Words('["mismatch_overdue"]', text=True), list(_fleet.FAILING), "findings that make the audit fail"
    ),
    "nats_audit_max_in_flight": Variable(Number(1, None, "", whole=True), 200, "most requests under way at once"),
    "nats_audit_request_timeout_seconds": _seconds(5, "longest time for one request", 0.1),
}

ALL: Mapping[str, Variable] = {**UPGRADE, **AUDIT}
# Facts that the roles leave for whoever comes after: a play that runs later sees them as variables of the hosts.
GIVEN = frozenset({"nats_upgrade_plan", "nats_upgrade_status", "nats_upgrade_summary", "nats_upgrade_connections"})


def of_role(role: str) -> Mapping[str, Variable]:
    """The variables that a role takes."""
    if role == "nats_audit":
        return {**AUDIT, **{name: one for name, one in UPGRADE.items() if one.reading}}
    return UPGRADE
