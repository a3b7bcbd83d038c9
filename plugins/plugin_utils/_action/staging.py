# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the actions that make nodes ready are asked, from the variables of the role."""

from __future__ import annotations

from typing import Any, Iterable, Mapping

from ansible_collections.natsops.cluster.plugins.plugin_utils._action.preflight import Args, archive, server
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.turn_values import Known

FAILED = "failed"


def not_locked(known: Known) -> list[str]:
    """Why hosts could not be locked: each reason once."""
    locks = (known.own("locks") or {}).get("results") or []
    return list(dict.fromkeys(str(lock.get("msg") or FAILED) for lock in locks if "state" not in lock))


def probe(known: Known) -> Args:
    """The client probe of this run, from before any node is taken."""
    return {
        "run_id": known.own("run"),
        "report_dir": known.value("nats_upgrade_report_dir"),
        "hosts": known.own("probe_hosts"),
        "replicas": known.own("probe_replicas"),
    }


def probe_end(known: Known) -> Args:
    return {
        "state": "stopped",
        "run_id": known.own("run"),
        "report_dir": known.value("nats_upgrade_report_dir"),
        "max_gap_seconds": known.value("nats_upgrade_client_probe_max_gap_seconds"),
    }


def fetched(known: Known, arch: str, sha256: str) -> Args | None:
    """What is fetched to the controller for an architecture, with the hash that was found when it was asked about."""
    asked = archive(known, arch, {})
    if asked is None:
        return None
    return {name: value for name, value in asked.items() if name not in ("nodes", "checksums_url", "waive")} | {"sha256": sha256}


def staged(known: Known, fetched: Mapping[str, Any]) -> tuple[str, Args]:
    """The action that puts the new version beside the running one and asks it about the configuration, and its options.

    C(fetched): by architecture, the path and the hash of what lies on the controller.
    """
    kind, node = known.own("kind"), known.own("node")
    named, config = server(known), node["config_path"] or None
    if kind == "image":
        container = node["container"] or {}
        file = None if container.get("wanted_image_is_here") else known.value("nats_upgrade_image_file") or None
        return "nats_container", {
            "state": "staged",
            "container": named["container"],
            "service": named["service"],
            "image": known.value("nats_upgrade_image"),
            "image_file": file,
            "version": known.value("nats_upgrade_version"),
            "config_path": config,
        }
    common = {
        "state": "staged",
        "service": named["service"],
        "pid_file": named["pid_file"],
        "path": node["binary_path"],
        "state_dir": known.value("nats_upgrade_state_dir"),
        "running_version": known.own("old_version"),
        "version": known.value("nats_upgrade_version"),
        "config_path": config,
    }
    file = fetched.get(node["go_arch"]) or {}
    if kind == "archive":
        return "nats_binary", {**common, "archive": file["path"], "sha256": file["sha256"]}
    return "nats_package", {
        **common,
        "name": known.value("nats_upgrade_package_name"),
        "package_version": known.value("nats_upgrade_package_version"),
        "file": file.get("path"),
    }


def unready(results: Iterable[Mapping[str, Any]]) -> tuple[list[str], str]:
    """Why nodes cannot be made ready, each reason once, and the name of the first refusal among them."""
    found = [result for result in results if result.get("problems")]
    problems = dict.fromkeys(problem for result in found for problem in result["problems"])
    return list(problems), next((result["refused"] for result in found if result.get("refused")), "")
