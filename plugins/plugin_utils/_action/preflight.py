# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the actions of a preflight are asked, from the variables of the role, and what is missing to begin."""

from __future__ import annotations

from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.plugin_utils._action.turn_values import QUEUE, Known
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import inventory as _inventory

Args = dict[str, Any]
Nodes = Mapping[str, Mapping[str, Any]]
SURGE = "nats_upgrade_surge"
_MIXED = (
    "refused: nats_upgrade_service is {service} and nats_upgrade_artifact is {artifact}: a container is upgraded by its image. "
    "Set nats_upgrade_service to docker or podman and nats_upgrade_artifact to image, or neither. Nothing was touched."
)
_CONTAINED = "its server in a container of podman: set nats_upgrade_service to podman and nats_upgrade_artifact to image"
_NOT_CONTAINED = "no container of podman: set nats_upgrade_service to systemd"
_ALL_LEFT_OUT = (
    "refused: no server on a host of this run answers ({hosts}), so that nothing would be done. Start them, or limit the run to "
    "other hosts. Nothing was touched."
)
_SHOWN = 20


def began(known: Known) -> Args:
    """The event that begins a run."""
    restarts = known.flag("__nats_upgrade_restarts")
    every = known.flag("nats_upgrade_restart_all") or known.flag("__nats_upgrade_reboots")
    return {
        "kind": "run_began",
        "report_dir": known.value("nats_upgrade_report_dir"),
        "looks_only": known.flag("__nats_upgrade_looks_only"),
        "data": {
            "mode": known.value("nats_upgrade_mode"),
            "target": "" if restarts else known.value("nats_upgrade_version"),
            "group": known.value("nats_upgrade_group"),
            "hosts": known.group(known.value("nats_upgrade_group")),
            "limit": known.value("ansible_limit") or "",
            "artifact": known.value("nats_upgrade_artifact"),
            "service": known.value("nats_upgrade_service"),
            "waive": known.own("waive"),
            "max_nodes": known.value("nats_upgrade_max_nodes"),
            "restarts_all": restarts and every,
        },
    }


def asked_for(known: Known) -> Args:
    """What is asked for, without the cluster: whether it makes sense at all."""
    return {
        "mode": known.value("nats_upgrade_mode"),
        "version": known.value("nats_upgrade_version"),
        "waive": known.own("waive"),
        "max_nodes": known.value("nats_upgrade_max_nodes"),
        "policy_file": known.value("nats_upgrade_policy_file") or None,
    }


def mixed(known: Known) -> str:
    """Why service and artifact do not go together; empty where they do."""
    service, artifact = known.value("nats_upgrade_service"), known.value("nats_upgrade_artifact")
    if (artifact == "image") == known.flag("__nats_upgrade_contained"):
        return ""
    return _MIXED.format(service=service, artifact=artifact)


def server(known: Known) -> Args:
    """What names the server of this host to the modules that work on the node."""
    service, name = known.value("nats_upgrade_service"), known.value("nats_upgrade_service_name")
    return {
        "service": name if service in ("systemd", "podman") else None,
        "pid_file": known.value("nats_upgrade_pid_file") if service == "command" else None,
        "container": name if service == "docker" else None,
    }


def looked(known: Known) -> Args:
    """What is to be found out on this host, whatever is done there."""
    # Of a supervisor's command nobody knows what it starts.
    starts = known.value("nats_upgrade_service") == "command" and known.flag("nats_upgrade_start_detach")
    return {
        **server(known),
        "binary_path": known.value("nats_upgrade_binary_path") or None,
        "config_path": known.value("nats_upgrade_config_path") or None,
        "state_dir": known.value("nats_upgrade_state_dir"),
        "start_argv": known.value("nats_upgrade_start_command") if starts else None,
        "as_facts": False,
    }


def status(known: Known, found: Nodes) -> Args:
    """C(found): for each host of the play, what was found out there."""
    return {
        "hosts": known.group(known.value("nats_upgrade_group")),
        "surge": {host: {} for host in known.own("surge_listed") or []},
        "group": known.value("nats_upgrade_group"),
        "inventory": known.value("ansible_inventory_sources") or [],
        "nodes": {host: of_it.get("nats_node") or {} for host, of_it in found.items()},
        "policy_file": known.value("nats_upgrade_policy_file") or None,
        "max_lag": known.value("nats_upgrade_max_lag"),
    }


def node(known: Known) -> Args:
    """What is to be found out on this host before a roll."""
    kind = known.own("kind")
    return {
        **looked(known),
        "image": known.value("nats_upgrade_image") if kind == "image" else None,
        "store_dir": known.own("facts").get("store_dir") or None,
        "version": known.value("nats_upgrade_version") if kind == "archive" else None,
        "fingerprint_key": known.own("fingerprint_key") or None,
        "switches": kind == "archive",
    }


def wrongly_contained(known: Known, found: Mapping[str, Any]) -> str:
    """Why the server does not run in a container as the inventory says, or runs in one; empty where it is as it says."""
    contained = bool(found["container"])
    # A unit may run a container too, and is upgraded as one then.
    if contained == known.flag("__nats_upgrade_contained"):
        return ""
    return (
        f"refused: {known.host}: nats_upgrade_service is {known.value('nats_upgrade_service')}, and "
        f"{known.value('nats_upgrade_service_name')} runs {_CONTAINED if contained else _NOT_CONTAINED}. Nothing was touched."
    )


def plan(known: Known, found: Nodes) -> Args:
    """C(found): for each host of the play, what was found out there."""
    surge = known.own("surge_listed") or []
    surge_found = (known.own("surge_found") or {}).get("results") or []
    return {
        **asked_for(known),
        "restart_all": known.flag("nats_upgrade_restart_all") or known.flag("__nats_upgrade_reboots"),
        "reboot": known.flag("__nats_upgrade_reboots"),
        "hosts": known.group(known.value("nats_upgrade_group")),
        "nodes": {host: of_it.get("nats_node") for host, of_it in found.items()},
        "config_digests": {host: of_it.get("digest") or "" for host, of_it in found.items()},
        "surge": dict(zip(surge, surge_found)),
        "refuse_r1": known.value("nats_upgrade_refuse_r1"),
        "rebalance": known.value("nats_upgrade_rebalance"),
        "max_lag": known.value("nats_upgrade_max_lag"),
        "order": known.value("nats_upgrade_order") or None,
        "source": source(known),
        "fail_when_refused": False,
    }


def queue(told: Mapping[str, Any], hosts: list[str]) -> list[Args]:
    """The groups that the next plays take: hosts of this run in the order of the plan, and the temporary servers that join."""
    nodes = [host for host in [*told["order"], *told["done"]] if host in hosts]
    surge = [place["host"] for place in told["surge"] if place["joins"]]
    return [{"host": host, "group": QUEUE} for host in nodes] + [{"host": host, "group": SURGE} for host in surge]


def all_left_out(told: Mapping[str, Any], hosts: list[str]) -> str:
    """Why nothing would be done, where no server of this run answers: Ansible ends well where a play has no hosts."""
    return "" if set(hosts) - set(told["left_out"]) else _ALL_LEFT_OUT.format(hosts=", ".join(hosts[:_SHOWN]))


def missing(host: str, told: Mapping[str, Any], found: Mapping[str, Any], task_vars: Mapping[str, Any], templar: Any) -> str:
    """What the inventory lacks to take the server of a host; empty where nothing."""

    def value(name: str) -> Any:
        return _inventory.host_variable(name, host, task_vars, templar)

    if host in told["left_out"]:
        return ""
    away = any(step["host"] == host and step.get("away") for step in told["steps"])
    if not (found["running"] or away):
        what = (
            f"the server answers, and yet does not run here ({found['absence']}): set nats_upgrade_service_name or "
            "nats_upgrade_pid_file to what names its process"
        )
    elif not found["binary_path"]:
        what = "nothing says which program its server is started by: set nats_upgrade_binary_path"
    elif value("nats_upgrade_service") == "command" and not value("nats_upgrade_start_command"):
        what = "nats_upgrade_service is command, so that nats_upgrade_start_command has to say how to start the server"
    else:
        return ""
    return f"refused: {host}: {what}. Nothing was touched."


def archive(known: Known, arch: str, nodes: Nodes) -> Args | None:
    """What is asked of where the new version comes from, for an architecture; None where the nodes fetch it themselves."""
    kind = known.own("kind")
    if kind == "archive":
        own = {
            "nodes": {host: node for host, node in nodes.items() if node["go_arch"] == arch},
            "url": known.value("nats_upgrade_archive_url"),
            "checksums_url": known.value("nats_upgrade_checksums_url"),
            "sha256": pinned(known.value("nats_upgrade_archive_sha256"), arch),
            "waive": known.own("waive"),
        }
    elif kind == "package" and known.value("nats_upgrade_package_file"):
        own = {
            "url": known.value("nats_upgrade_package_file"),
            "sha256": pinned(known.value("nats_upgrade_package_sha256"), arch),
            "variables": "nats_upgrade_package",
        }
    else:
        return None
    return {
        **own,
        "dest": known.value("nats_upgrade_download_dir"),
        "username": known.value("nats_upgrade_archive_username") or None,
        "password": known.value("nats_upgrade_archive_password") or None,
        "validate_certs": known.value("nats_upgrade_validate_certs"),
        "ca_path": known.value("nats_upgrade_archive_ca_path") or None,
    }


def source(known: Known) -> Args:
    """Where the new version comes from, as far as the plan judges it. Redirects are seen when it is fetched."""
    kind = known.own("kind")
    if kind == "archive":
        return {
            "checksums_url": known.value("nats_upgrade_checksums_url"),
            "sha256": pinned(known.value("nats_upgrade_archive_sha256"), str(known.value("nats_upgrade_arch"))),
            "validate_certs": known.flag("nats_upgrade_validate_certs"),
        }
    return {"image_file": known.value("nats_upgrade_image_file")} if kind == "image" else {}


def pinned(given: Any, arch: str) -> str:
    """The hash that is pinned for an architecture, or for all of them; empty where none is."""
    return str(given.get(arch) or "") if isinstance(given, Mapping) else str(given or "")
