# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Options that several modules and actions share. The doc fragments of the same names describe them."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import http_door as _http_door
from ansible_collections.natsops.cluster.plugins.module_utils._read import reply as _reply
from ansible_collections.natsops.cluster.plugins.module_utils._read.monitor import Source, Target
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Settings, without_credentials

Spec = Dict[str, Dict[str, Any]]
# Makes the source of a module or an action from its options.
OpenSource = Callable[[Mapping[str, Any]], Source]

MONITORING: Spec = {
    "monitor_url": {"type": "str"},
    "servers": {
        "type": "list",
        "elements": "dict",
        "options": {"name": {"type": "str", "required": True}, "monitor_url": {"type": "str", "required": True}},
    },
    "hosts": {"type": "list", "elements": "str"},
    "probe_from": {"type": "str", "choices": ["controller", "node"]},
    "validate_certs": {"type": "bool"},
    "ca_path": {"type": "path"},
    "request_timeout_seconds": {"type": "float", "default": 5.0},
    "max_in_flight": {"type": "int", "default": 50},
    "max_answer_mib": {"type": "int"},
    "system_account": {
        "type": "dict",
        "options": {
            "servers": {"type": "list", "elements": "str"},
            "creds": {"type": "path"},
            "nkey": {"type": "path"},
            "user": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "tls": {
                "type": "dict",
                "options": {
                    "ca": {"type": "path"},
                    "cert": {"type": "path"},
                    # A path, and not the key itself.
                    "key": {"type": "path", "no_log": False},
                    "verify": {"type": "bool", "default": True},
                },
            },
        },
    },
}
HOW_TO_READ: Spec = {
    name: MONITORING[name]
    for name in (
        "probe_from",
        "validate_certs",
        "ca_path",
        "request_timeout_seconds",
        "max_in_flight",
        "max_answer_mib",
        "system_account",
    )
}
# Of what looks at a whole cluster from the controller.
LOOKING: Spec = {
    "nodes": {"type": "dict"},
    "surge": {"type": "dict"},
    "policy_file": {"type": "path"},
    "max_lag": {"type": "int", "default": 100},
    "settle_seconds": {"type": "float", "default": 5.0},
    **HOW_TO_READ,
}
# Of a client whose view of a roll is told. Who it is, is said as for the system account.
CLIENT_PROBE: Spec = {
    "state": {"type": "str", "choices": ["checked", "started", "read", "stopped"], "required": True},
    "run_id": {"type": "str", "required": True},
    "report_dir": {"type": "path", "default": "./nats-upgrade-reports"},
    "hosts": {"type": "list", "elements": "str"},
    "replicas": {"type": "int", "default": 3},
    "step": {"type": "str"},
    "max_gap_seconds": {"type": "float", "default": 10.0},
    "waive": {"type": "list", "elements": "str", "default": []},
    "account": {
        "type": "dict",
        "options": {
            **MONITORING["system_account"]["options"],
            "token": {"type": "str", "no_log": True},
            "subject_prefix": {"type": "str"},
            "rate": {"type": "float"},
        },
    },
}
ONE_SOURCE = [("monitor_url", "servers", "hosts")]
DEFAULT_MONITOR_URL = "http://127.0.0.1:8222"
# Stands before the name of a server that is asked over NATS, where others have a monitor URL.
OVER_NATS = "nats:"


def settings(params: Mapping[str, Any]) -> Settings:
    """How to ask, from the options of a module."""
    if params["request_timeout_seconds"] <= 0 or params["max_in_flight"] < 1:
        raise NatsError("request_timeout_seconds and max_in_flight have to be greater than 0")
    return Settings(
        timeout_seconds=params["request_timeout_seconds"],
        validate_certs=params["validate_certs"] is not False,
        ca_path=params["ca_path"],
        max_in_flight=params["max_in_flight"],
        max_bytes=max_bytes(params.get("max_answer_mib")),
    )


def max_bytes(mib: Any) -> int:
    """Most bytes that one server may answer with at once, out of what a user gives in MiB, which by -e is text."""
    if mib is None:
        return _reply.MAX_BYTES
    text = str(mib)
    if isinstance(mib, bool) or not text.isascii() or not text.isdigit() or int(text) < 1:
        raise NatsError(f"nats_upgrade_max_answer_mib is {mib!r}, and has to be a whole number of MiB from 1: 64 is the default")
    return int(text) * _reply.MIB


def open_http(params: Mapping[str, Any]) -> Source:
    """The source of a module: HTTP from where it runs."""
    return _http_door.open_door(settings(params))


def _shown(url: str) -> str:
    """An address that may be none: what stands before an @ may be a user and a password, also where there is no scheme."""
    scheme, slashes, rest = url.rpartition("://")
    return scheme + slashes + rest.rpartition("@")[2]


def targets(params: Mapping[str, Any], name: str | None = None) -> list[Target]:
    """Whom to ask, from the options of a module that runs on a node, or of an action that has resolved the hosts."""
    servers = params["servers"]
    if servers is None:
        url = params["monitor_url"] or DEFAULT_MONITOR_URL
        servers = [{"name": name or without_credentials(url), "monitor_url": url}]
    found = [Target(server["name"], server["monitor_url"]) for server in servers]
    for target in found:
        over_nats = params.get("system_account") and target.monitor_url.startswith(OVER_NATS)
        if not over_nats and not target.monitor_url.startswith(("http://", "https://")):
            raise NatsError(
                f"monitor_url of {target.name} is '{_shown(target.monitor_url)}': it has to start with http:// or https://"
            )
    names = [target.name for target in found]
    twice = sorted({one for one in names if names.count(one) > 1})
    if twice:
        raise NatsError(f"servers names {', '.join(twice)} twice")
    return found
