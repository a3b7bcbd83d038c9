# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The options of the modules whose work an action does on the controller: the action reads them here, too."""

from __future__ import annotations

from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options
from ansible_collections.natsops.cluster.plugins.module_utils._read.options import Spec

AUDIT: Spec = {
    **_options.HOW_TO_READ,
    "hosts": {"type": "list", "elements": "str", "required": True},
    "expected": {"type": "list", "elements": "str", "default": []},
    "nodes": {"type": "dict", "default": {}},
    "max_mismatch_seconds": {"type": "float", "default": 86400},
    "active_seconds": {"type": "float", "default": 3600},
    "fail_on": {"type": "list", "elements": "str"},
    "format": {"type": "str", "default": "table", "choices": ["table", "json", "prometheus"]},
    "output": {"type": "path"},
    "policy_file": {"type": "path"},
}
EVENT: Spec = {
    "kind": {
        "type": "str",
        "choices": ["run_began", "resumed", "note", "put_back", "client_probe", "log", "failed", "run_ended"],
        "required": True,
    },
    "msg": {"type": "str"},
    "data": {"type": "dict", "default": {}},
    "report_dir": {"type": "path"},
    "looks_only": {"type": "bool", "default": False},
}
EVENT_REQUIRED_IF = [("kind", "failed", ["msg"]), ("kind", "run_began", ["report_dir"])]
PLAN: Spec = {
    **_options.LOOKING,
    "version": {"type": "str"},
    "mode": {"type": "str", "choices": ["upgrade", "restart"], "default": "upgrade"},
    "restart_all": {"type": "bool", "default": False},
    "reboot": {"type": "bool", "default": False},
    "config_digests": {"type": "dict"},
    "hosts": {"type": "list", "elements": "str"},
    "servers": {"type": "list", "elements": "dict"},
    "waive": {"type": "list", "elements": "str", "default": []},
    "refuse_r1": {"type": "bool", "default": False},
    "rebalance": {"type": "bool", "default": False},
    "order": {"type": "raw"},
    "source": {"type": "dict"},
    "max_nodes": {"type": "raw", "default": "all"},
    "fail_when_refused": {"type": "bool", "default": True},
}
PLAN_REQUIRED_IF = [("mode", "upgrade", ["version"])]
PREFLIGHT: Spec = {
    "step": {
        "type": "str",
        "choices": ["begin", "read", "node", "plan", "accept", "look", "look_on_node", "status"],
        "required": True,
    }
}
STAGE: Spec = {"step": {"type": "str", "choices": ["fetch", "stage", "stop"], "required": True}}
STATUS: Spec = {
    **_options.LOOKING,
    "hosts": {"type": "list", "elements": "str", "required": True},
    "inventory": {"type": "list", "elements": "str", "default": []},
    "group": {"type": "str", "default": "nats"},
}
TURN: Spec = {
    "step": {
        "type": "str",
        "choices": [
            "begin",
            "close",
            "failed",
            "failed_too",
            "ended",
            "revived",
            "not_revived",
            "looked",
            "decided",
            "proved",
            "is_back",
            "is_not_back",
            "stopped",
        ],
        "required": True,
    },
    "task": {"type": "str", "default": ""},
}
VARIABLES: Spec = {
    "role": {"type": "str", "choices": ["nats_upgrade", "nats_audit"], "default": "nats_upgrade"},
    "wants_version": {"type": "bool", "default": False},
}
VERIFY: Spec = {"step": {"type": "str", "choices": ["verify", "end"], "required": True}}
