# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who is connected to a server."""

from __future__ import annotations

from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options

SPEC: _options.Spec = {**_options.MONITORING, "most": {"type": "int", "default": 1000}}
SHOWN = 10


def clients_of(
    params: Mapping[str, Any], name: str | None = None, *, open_source: _options.OpenSource = _options.open_http
) -> dict[str, Any]:
    """The result of the module: the clients of one server. Raises NatsError where it cannot be read."""
    target = _options.targets(params, name)[0]
    with open_source(params) as source:
        clients = [_client(one) for one in _monitor.read_clients(source, target, params["most"])]
    return {"changed": False, "clients": clients, "lines": lines(clients)}


def _client(connection: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": connection.get("name", ""),
        "lang": connection.get("lang", ""),
        "version": connection.get("version", ""),
        "address": f"{connection.get('ip', '')}:{connection.get('port', '')}",
        "uptime": connection.get("uptime", ""),
    }


def lines(clients: list[dict[str, Any]]) -> list[str]:
    """The clients for people; the first of them where they are many."""
    shown = [
        f"{client['name'] or '(no name)'}  {client['lang'] or 'unknown client'} {client['version']}  from {client['address']}, "
        f"connected for {client['uptime'] or '?'}"
        for client in clients[:SHOWN]
    ]
    return shown + ([f"and {len(clients) - SHOWN} more"] if len(clients) > SHOWN else [])
