# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every variable that a user may set: kind, unit, bounds, choices and default. The one table of them; texts.py says what each is.

defaults/main.yml and meta/argument_specs.yml of the roles are made from it (C(make variables)), which a test compares.
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
    reading: bool = False
    secret: bool = False


def _seconds(default: Any, least: float = 1, most: float = _DAY, **more: Any) -> Variable:
    return Variable(Number(least, most, "seconds", **more), default)


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
    "nats_upgrade_version": Variable(Version(), ""),
    "nats_upgrade_mode": Variable(Choice(("upgrade", "restart")), "upgrade"),
    "nats_upgrade_group": Variable(_TEXT, "nats", reading=True),
    "nats_upgrade_artifact": Variable(Choice(("archive", "package", "image")), "archive"),
    "nats_upgrade_service": Variable(Choice(("systemd", "command", "docker", "podman")), "systemd", reading=True),
    "nats_upgrade_arch": Variable(_TEXT, DERIVED),
    "nats_upgrade_archive_url": Variable(_TEXT, DERIVED),
    "nats_upgrade_checksums_url": Variable(_TEXT, DERIVED),
    "nats_upgrade_archive_sha256": Variable(Sha256(), ""),
    "nats_upgrade_archive_username": Variable(_TEXT, ""),
    "nats_upgrade_archive_password": Variable(_TEXT, "", secret=True),
    "nats_upgrade_archive_ca_path": Variable(_TEXT, ""),
    "nats_upgrade_package_name": Variable(_TEXT, "nats-server"),
    "nats_upgrade_package_version": Variable(_TEXT, ""),
    "nats_upgrade_package_file": Variable(_TEXT, ""),
    "nats_upgrade_package_sha256": Variable(Sha256(), ""),
    "nats_upgrade_image": Variable(_TEXT, DERIVED),
    "nats_upgrade_image_file": Variable(_TEXT, ""),
    "nats_upgrade_download_dir": Variable(_TEXT, DERIVED),
    "nats_upgrade_service_name": Variable(_TEXT, "nats-server", reading=True),
    "nats_upgrade_pid_file": Variable(_TEXT, "", reading=True),
    "nats_upgrade_start_command": Variable(_COMMAND, [], reading=True),
    "nats_upgrade_start_detach": Variable(_TRUTH, True, reading=True),
    "nats_upgrade_hold_command": Variable(_COMMAND, []),
    "nats_upgrade_release_command": Variable(_COMMAND, []),
    "nats_upgrade_stop_command": Variable(_COMMAND, []),
    "nats_upgrade_status_command": Variable(_COMMAND, []),
    "nats_upgrade_log_command": Variable(_COMMAND, []),
    "nats_upgrade_binary_path": Variable(_TEXT, "", reading=True),
    "nats_upgrade_config_path": Variable(_TEXT, "", reading=True),
    "nats_upgrade_state_dir": Variable(_TEXT, "/var/lib/natsops"),
    "nats_upgrade_monitor_url": Variable(_TEXT, NONE, reading=True),
    "nats_upgrade_probe_from": Variable(Choice(("controller", "node")), "controller", reading=True),
    "nats_upgrade_system_account": Variable(Mapped(_USER, _CREDS, empty=True), {}, reading=True, secret=True),
    "nats_upgrade_server_name": Variable(_TEXT, NONE, reading=True),
    "nats_upgrade_validate_certs": Variable(_TRUTH, True, reading=True),
    "nats_upgrade_ca_path": Variable(_TEXT, NONE, reading=True),
    "nats_upgrade_max_answer_mib": Variable(Number(1, None, "MiB", whole=True, empty=True), 64, reading=True),
    "nats_upgrade_drain_timeout_seconds": _seconds(DERIVED),
    "nats_upgrade_health_timeout_seconds": _seconds(300),
    "nats_upgrade_start_timeout_seconds": _seconds(15),
    "nats_upgrade_max_lag": Variable(Number(0, None, "", whole=True), 100),
    "nats_upgrade_soak_seconds": _seconds(0, 0, _WEEK),
    "nats_upgrade_waive": Variable(Words('["r1_assets"]', text=True), []),
    "nats_upgrade_refuse_r1": Variable(_TRUTH, False),
    "nats_upgrade_policy_file": Variable(_TEXT, "", reading=True),
    "nats_upgrade_order": Variable(Groups(), []),
    "nats_upgrade_max_nodes": Variable(MostNodes(), "all"),
    "nats_upgrade_surge_group": Variable(_TEXT, "nats_surge", reading=True),
    "nats_upgrade_surge_timeout_seconds": _seconds(30),
    "nats_upgrade_rebalance": Variable(_TRUTH, False),
    "nats_upgrade_rebalance_tolerance_percent": Variable(Number(0, None, "percent", whole=True), 20),
    "nats_upgrade_rebalance_batch_percent": Variable(Number(1, 100, "percent", whole=True), 10),
    "nats_upgrade_rebalance_pause_seconds": _seconds(2, 0),
    "nats_upgrade_client_probe": Variable(Mapped(_PROBE, _CREDS), {}, secret=True),
    "nats_upgrade_client_probe_max_gap_seconds": _seconds(10, 0),
    "nats_upgrade_restart_all": Variable(_TRUTH, False),
    "nats_upgrade_restart_reboot": Variable(_TRUTH, False),
    "nats_upgrade_restart_reboot_command": Variable(_TEXT, ""),
    "nats_upgrade_restart_reboot_timeout_seconds": _seconds(600, whole=True),
    "nats_upgrade_rollback": Variable(_TRUTH, True),
    "nats_upgrade_keep_versions": Variable(Number(1, None, "", whole=True), 2),
    "nats_upgrade_hooks": Variable(
        Mapped({"before_node": TaskFile(), "after_node": TaskFile()}, '{"before_node": "FILE"}'),
        {},
    ),
    "nats_upgrade_lock_lease_seconds": _seconds(120, 10),
    "nats_upgrade_report_dir": Variable(_TEXT, "./nats-upgrade-reports"),
    "nats_upgrade_progress": Variable(Progress(_progress.MODES), "auto"),
}

AUDIT: Mapping[str, Variable] = {
    "nats_audit_format": Variable(Choice(("table", "json", "prometheus")), "table"),
    "nats_audit_output": Variable(_TEXT, ""),
    "nats_audit_max_mismatch_seconds": Variable(Number(0, None, "seconds"), 86400),
    "nats_audit_active_seconds": Variable(Number(0, None, "seconds"), 3600),
    "nats_audit_disk": Variable(_TRUTH, False),
    "nats_audit_fail_on": Variable(Words('["mismatch_overdue"]', text=True), list(_fleet.FAILING)),
    "nats_audit_max_in_flight": Variable(Number(1, None, "", whole=True), 200),
    "nats_audit_request_timeout_seconds": _seconds(5, 0.1),
}

ALL: Mapping[str, Variable] = {**UPGRADE, **AUDIT}
# Facts that the roles leave for whoever comes after: a play that runs later sees them as variables of the hosts.
GIVEN = frozenset({"nats_upgrade_plan", "nats_upgrade_status", "nats_upgrade_summary", "nats_upgrade_connections"})


def of_role(role: str) -> Mapping[str, Variable]:
    """The variables that a role takes."""
    if role == "nats_audit":
        return {**AUDIT, **{name: one for name, one in UPGRADE.items() if one.reading}}
    return UPGRADE
