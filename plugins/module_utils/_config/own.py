# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What of a configuration is a server's own, and a digest of the rest, to be compared with that of its neighbours. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Mapping

# Names, addresses and places: they differ from server to server by their nature. Tags do not, they decide about placement.
_OWN = frozenset(
    ("listen", "host", "net", "port", "http", "https", "http_port", "https_port", "monitor_port", "server_name")
    + ("client_advertise", "log_file", "logfile", "pid_file", "pidfile", "ports_file_dir")
)
_OWN_IN_BLOCK = frozenset(("listen", "host", "net", "port", "advertise", "cluster_advertise", "routes", "store_dir", "storedir"))
_BLOCKS = frozenset(("cluster", "gateway", "leafnodes", "leaf", "websocket", "ws", "mqtt", "jetstream"))
# Each server has a certificate of its own; whom it trusts is the same for all.
_OWN_IN_TLS = frozenset(("cert_file", "key_file"))


def common_digest(tree: Mapping[str, Any]) -> str:
    """A digest of all that is not the server's own; empty for no configuration.

    It says no more of what is secret than config_digest does, which every server from 2.11 on tells in /varz.
    """
    if not tree:
        return ""
    return hashlib.sha256(json.dumps(_common(tree), sort_keys=True, default=str).encode()).hexdigest()


def _common(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _block(key.lower(), value) for key, value in tree.items() if key.lower() not in _OWN}


def _block(name: str, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    if name == "tls":
        return _without(value, _OWN_IN_TLS)
    if name in _BLOCKS:
        return {key: _block("tls", one) if key.lower() == "tls" else one for key, one in _without(value, _OWN_IN_BLOCK).items()}
    return value


def _without(block: Mapping[str, Any], own: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key.lower() not in own}
