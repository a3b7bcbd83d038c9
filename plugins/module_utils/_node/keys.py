# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the facts of a node have to be: on the controller they are what another machine sent. Pure.

A fact that is left out is not known; there are judges for that. What is there has to be what nats_node_facts gives.
"""

from __future__ import annotations

from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core import fields as _fields
from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.fields import (
    FLAG,
    NAMES,
    PID,
    SECONDS,
    TEXT,
    TEXTS,
    TICKS,
    TIME,
    Key,
    optional,
    record,
    record_of,
    records,
    whole,
)
from ansible_collections.natsops.cluster.plugins.module_utils._state import keys as _keys

_PORT = whole(1, 65535)
_PORTS = Key("a list of ports", lambda value: isinstance(value, list) and len(value) <= 65535 and all(map(_PORT.fits, value)))

_UNIT: Mapping[str, Key] = {
    "name": TEXT,
    "active_state": TEXT,
    "restart": TEXT,
    "timeout_stop_seconds": optional(SECONDS),
    "exec_stop": TEXTS,
    "kill_signal": TEXT,
    "need_daemon_reload": FLAG,
    "enabled": TEXT,
    "user": TEXT,
    "drop_in_paths": TEXTS,
}
_CONTAINER: Mapping[str, Key] = {
    **dict.fromkeys(("name", "id", "image", "restart"), TEXT.needed),
    **dict.fromkeys(("compose_project", "compose_service", "compose_image", "wanted_image"), TEXT.needed),
    **dict.fromkeys(("removed_on_exit", "wanted_image_is_here"), FLAG.needed),
    "config_replaced": FLAG,
    **dict.fromkeys(("started_by_units", "data_paths", "compose_files"), TEXTS.needed),
    "mounts": records({"source": TEXT.needed, "destination": TEXT.needed}).needed,
}
_USERS = record_of(record({"password": TEXT.needed, "permissions": TEXT.needed}))
_ACCESS: Mapping[str, Key] = {
    **dict.fromkeys(("server_name", "cluster", "tls", "route_tls"), TEXT.needed),
    **dict.fromkeys(("jetstream", "advertises"), FLAG.needed),
    "max_connections": optional(whole()).needed,
    "accounts": record_of(record({"users": _USERS.needed, "others": record_of(TEXT).needed})).needed,
    "settings": record_of(TEXT).needed,
}
_UNSAFE: Mapping[str, Key] = {
    **dict.fromkeys(("program", "path", "owner", "mode"), TEXT.needed),
    **dict.fromkeys(("refuses", "link"), FLAG.needed),
}
_SWITCH: Mapping[str, Key] = {
    **dict.fromkeys(("path", "managed", "names_version", "place"), TEXT.needed),
    "link": FLAG.needed,
    "others": records({"pid": PID.needed, "config_path": TEXT.needed}).needed,
}
_NEXT_START: Mapping[str, Key] = {
    **dict.fromkeys(("server_name", "cluster", "system_account", "jetstream_domain", "store_dir"), optional(TEXT)),
    "config_path": TEXT,
    **dict.fromkeys(("jetstream", "same_store"), optional(FLAG)),
    **dict.fromkeys(("client_port", "cluster_port", "monitor_port"), optional(whole(0, 99999))),
    "encryption": optional(
        record({"stored": TEXT, "cipher": TEXT, "has_key": optional(FLAG), "opens": optional(FLAG)}),
    ),
}
KEYS: Mapping[str, Key] = {
    "read_on": record(dict.fromkeys(("host", "hostname", "machine_id"), TEXT)),
    "running": FLAG,
    "absence": TEXT,
    "pid": optional(PID),
    "start_ticks": optional(TICKS),
    "uid": optional(whole(0, 2**32 - 1)),
    "program": TEXT,
    "found_by": TEXT,
    "listening_ports": optional(_PORTS),
    "binary_path": TEXT,
    "binary_version": optional(_fields.VERSION),
    "free_bytes": optional(whole(most=2**63 - 1)),
    "config_path": TEXT,
    "config_common": TEXT,
    "config_modified": optional(TIME),
    **dict.fromkeys(("cwd", "output_path", "log_path"), optional(TEXT)),
    "lame_duck_duration_seconds": SECONDS,
    "lame_duck_duration_source": TEXT,
    "lame_duck_grace_period_seconds": SECONDS,
    "used": NAMES,
    "leafnode_min_version": TEXT,
    "stored_streams": optional(_fields.PRINTABLES),
    "store": _fields.one_of(("", "read", "missing", "unreadable")),
    "store_read_at": TIME,
    "next_start": optional(record(_NEXT_START)),
    # It becomes part of an address, and of the name of a file on the controller.
    "go_arch": _fields.matching(r"[A-Za-z0-9_]{0,32}", "a word, such as amd64"),
    "unit": optional(record(_UNIT)),
    "differs": records(
        {
            "what": _fields.one_of(("program", "configuration", "folder")).needed,
            "runs": TEXT.needed,
            "starts": TEXT.needed,
            "paths": TEXT,
        }
    ),
    "unsafe_paths": records(_UNSAFE),
    "access": record(_ACCESS),
    "binary_switch": optional(record(_SWITCH)),
    "state_place": TEXT,
    "container": optional(record(_CONTAINER)),
    "journal": optional(record()),
    "lock": optional(record()),
    "hold": FLAG,
    "package_guard": FLAG,
    # Added on the controller, for a restart.
    "config_digest": TEXT,
}
# Of a lock, what is shown; it is judged where it lies.
_LOCK: Mapping[str, Key] = {"state": TEXT, "said": TEXT, "unreadable": TEXT, "run_id": TEXT}


def checked(host: str, node: Any) -> dict[str, Any]:
    """The facts of a host. A journal that is none becomes one that cannot be read.

    Raises NatsError where they are not what nats_node_facts gives: nothing can be judged by them.
    """
    if isinstance(node, dict):
        wrong = _fields.wrong(node, KEYS) or _fields.wrong(node.get("lock") or {}, _LOCK, "lock.")
    else:
        wrong = f"they are {_fields.shown(node)}"
    if wrong:
        raise NatsError(
            f"{host}: what was sent from there are no facts of a node: {wrong}. They say how its server is run, and a plan by "
            "such facts could stop the wrong server. Another version of the collection, or another program, made them: look at "
            f"{host}, or leave it out, and run again. Nothing was touched"
        )
    found = dict(node)
    if node.get("journal"):
        found["journal"] = _journal(node["journal"])
    for key in ("lock", "read_on"):
        if node.get(key):
            found[key] = {name: _text.line(one) if isinstance(one, str) else one for name, one in node[key].items()}
    return found


def _journal(journal: Mapping[str, Any]) -> dict[str, Any]:
    said = journal.get("unreadable")
    unreadable = (said if isinstance(said, str) else "") or _keys.no_journal(journal)
    if unreadable:
        return {"unfinished": False, "unreadable": _text.line(unreadable)}
    return {**journal, "unfinished": _keys.unfinished(journal), "unreadable": ""}
