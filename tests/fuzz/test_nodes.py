"""Facts of nodes, as another machine sends them, and what a plan, a restart, a status and an audit make of them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from hypothesis import strategies as st

from ansible_collections.natsops.cluster.plugins.module_utils._audit import drift as _drift
from ansible_collections.natsops.cluster.plugins.module_utils._audit import fleet as _fleet
from ansible_collections.natsops.cluster.plugins.module_utils._audit import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._config import client_access as _client_access
from ansible_collections.natsops.cluster.plugins.module_utils._config import tree as _tree
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._node import keys as _keys
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Surge
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading
from tests.fuzz.harness import assert_nothing_is_obeyed, fuzz
from tests.fuzz.inputs import changed
from tests.fuzz.test_answers import NOW, WELL, judge_all
from tests.unit.situations import POLICY, journal, silent

CONFIG = """
server_name: s1
accounts { APP: { users: [ {user: app, password: x, permissions: {publish: [a, b]}} ], exports: [ {service: q} ] } }
cluster { name: lab, no_advertise: true }
"""
ACCESS = _client_access.facts(_tree.read("f", lambda _path: CONFIG, {}), ["nats-server"], "key")
LOCK = {
    "run_id": "r1",
    "state": "held",
    "expires_in_seconds": 7.5,
    "unreadable": "",
    "said": "held by ada@build7",
    "target": "2.15.1",
}
NODE: dict[str, Any] = {
    "read_on": {"host": "n2", "hostname": "n2", "machine_id": "0" * 32},
    "running": True,
    "absence": "",
    "pid": 7,
    "start_ticks": 8,
    "uid": 1001,
    "program": "/usr/sbin/nats-server",
    "found_by": "service",
    "listening_ports": [4222, 8222],
    "binary_path": "/usr/sbin/nats-server",
    "binary_version": "2.15.1",
    "free_bytes": 1 << 30,
    "binary_switch": {
        "path": "/opt/nats/current",
        "link": True,
        "managed": "",
        "names_version": "",
        "place": "5f0c:2049:77/current",
        "others": [{"pid": 9, "config_path": "/etc/nats-2.conf"}],
    },
    "state_place": "5f0c:2049:78",
    "config_path": "/etc/nats.conf",
    "config_modified": "2026-11-21T09:56:51.098180784Z",
    "cwd": "/",
    "output_path": None,
    "log_path": "/var/log/nats.log",
    "lame_duck_duration_seconds": 120.0,
    "lame_duck_duration_source": "default: not configured",
    "lame_duck_grace_period_seconds": 10.0,
    "used": ["auth_callout"],
    "leafnode_min_version": "2.9.0",
    "stored_streams": ["APP > ORDERS"],
    "store": "read",
    "store_read_at": "2026-11-21T09:57:51Z",
    "config_common": "0" * 64,
    "differs": [{"what": "program", "runs": "/tmp/nats-server", "starts": "/usr/sbin/nats-server"}],
    "unsafe_paths": [
        {"program": "/usr/sbin/nats-server", "path": "/usr", "owner": "nats", "mode": "0775", "refuses": True, "link": False}
    ],
    "next_start": {
        **dict.fromkeys(("server_name", "cluster", "system_account", "jetstream_domain"), "n2"),
        **dict.fromkeys(("client_port", "cluster_port", "monitor_port"), 4222),
        "store_dir": "/data/jetstream",
        "config_path": "/etc/nats.conf",
        "jetstream": True,
        "same_store": False,
        "encryption": {"stored": "aes", "cipher": "chacha", "has_key": True, "opens": False},
    },
    "go_arch": "amd64",
    "unit": {
        "name": "nats-server.service",
        "active_state": "active",
        "restart": "always",
        "timeout_stop_seconds": 150.0,
        "exec_stop": ["/bin/kill", "-s", "SIGUSR2"],
        "kill_signal": "SIGTERM",
        "need_daemon_reload": False,
        "enabled": "enabled",
        "user": "nats",
        "drop_in_paths": ["/etc/systemd/system/nats-server.service.d/10.conf"],
    },
    "access": ACCESS,
    "container": None,
    **journal("switching"),
    "lock": LOCK,
    "hold": True,
    "package_guard": False,
    "config_digest": "sha256:1",
}
CONTAINER = {
    **dict.fromkeys(
        ("name", "id", "image", "compose_project", "compose_service", "compose_image", "wanted_image"), "nats:2.15.1"
    ),
    "restart": "always",
    "removed_on_exit": False,
    "started_by_units": ["nats.service"],
    "config_replaced": True,
    "data_paths": ["/data"],
    "mounts": [{"source": "/srv/data", "destination": "/data"}],
    "compose_files": ["/srv/compose.yml"],
    "wanted_image_is_here": True,
}


@fuzz(st.one_of(changed(NODE, most=4), changed({**NODE, "container": CONTAINER, "unit": None}, most=4)), examples=600)
def test_whatever_a_node_sends_is_judged_or_refused(sent: Any) -> None:
    node = _keys.checked("n2", sent)
    judge_all(WELL, {"n2": node, "n1": NODE})
    judge_all(silent(WELL, "n2"), {"n2": node})


@fuzz(changed({"nats_node": NODE}), examples=100)
def test_whatever_a_node_sends_of_what_lies_on_its_disk_is_judged_or_refused(sent: Any) -> None:
    node = _keys.checked("n2", sent.get("nats_node") if isinstance(sent, dict) else sent)
    drift = _drift.judge(_fleet.Fleet(tuple(WELL), NOW, nodes={"n2": node}), POLICY)
    assert_nothing_is_obeyed(_text.lines(drift), drift.brief())


@fuzz(changed(NODE, most=2), examples=150)
def test_whatever_the_host_of_a_temporary_server_sends_is_judged_or_refused(sent: Any) -> None:
    surge = Surge("s1", _keys.checked("s1", sent), "", Reading("s1", "http://s1:8222", error="connection refused"), "drain it")
    judge_all(WELL, {"n1": NODE}, [surge])


@fuzz(st.tuples(changed(ACCESS), changed(ACCESS)), examples=100)
def test_who_may_connect_is_compared_or_refused(both: tuple[Any, Any]) -> None:
    mine, theirs = (_keys.checked("n1", {"access": one})["access"] for one in both)
    assert_nothing_is_obeyed(Finding("surge_config", "\n".join(_client_access.differences(mine, theirs))).message)


def test_the_facts_that_are_changed_are_whole() -> None:
    assert set(NODE) == set(_keys.KEYS)
    assert _keys.checked("n2", NODE)["journal"]["unfinished"]
    assert set(CONTAINER) == set(_keys._CONTAINER)
    assert datetime.now(timezone.utc) > NOW
