from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._config import client_access as _client_access
from ansible_collections.natsops.cluster.plugins.module_utils._config import tree as _tree

CONFIG = """
server_name: s1
max_connections: 500
accounts {
  APP: {
    users: [ {user: app, password: hunter2, permissions: {publish: [a, b], subscribe: c}}, {nkey: UAPP} ]
    jetstream: enabled
    exports: [ {service: q} ]
  }
  SYS: { users: [ {user: sys, password: sys} ] }
}
system_account: SYS
no_auth_user: app
cluster { name: lab, authorization { user: r, password: r } }
"""


def access(text: str = CONFIG, *argv: str, key: str = "k") -> dict[str, Any]:
    return _client_access.facts(_tree.read("f", lambda _path: text, {}), ["nats-server", *argv], key)


def differences(text: str) -> list[str]:
    return _client_access.differences(access(text), access())


@pytest.mark.parametrize("given", ["²", "९", "9" * 5000, "-1", "many", "5x"])
def test_a_limit_that_is_no_number_is_none(given: str) -> None:
    assert access(CONFIG.replace("max_connections: 500", f"max_connections: {given}"))["max_connections"] is None


def test_names_of_accounts_and_users_are_printable_and_stay_different() -> None:
    other = CONFIG.replace("{user: app", '{user: "app\x1b[2J"').replace("APP: {", '"APP\u202e": {')
    assert sorted(access(other)["accounts"]) == ["APP\\u202e", "SYS"]
    assert set(access(other)["accounts"]["APP\\u202e"]["users"]) == {"app\\x1b[2J", "UAPP"}
    assert differences(other) == ["account APP is missing", "account APP\\u202e is not in the cluster"]


def test_what_is_plain_is_told_and_what_is_secret_only_as_a_fingerprint() -> None:
    found = access()
    assert {name: found[name] for name in ("server_name", "cluster", "jetstream", "advertises", "max_connections", "tls")} == {
        "server_name": "s1",
        "cluster": "lab",
        "jetstream": False,
        "advertises": True,
        "max_connections": 500,
        "tls": "none",
    }
    assert set(found["accounts"]) == {"APP", "SYS"}
    assert set(found["accounts"]["APP"]["users"]) == {"app", "UAPP"}
    assert "hunter2" not in json.dumps(found)
    # Drawn anew for each run, the key keeps anybody from trying passwords on a report.
    assert access(key="other")["accounts"]["APP"]["users"] != found["accounts"]["APP"]["users"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(CONFIG, id="the-same"),
        pytest.param(CONFIG.replace("[a, b]", "[b, a]"), id="order-of-subjects"),
        pytest.param(CONFIG.replace("password: hunter2", "pass: hunter2").replace("permissions", "permission"), id="other-words"),
        pytest.param(CONFIG.replace("accounts {", "Accounts {").replace("publish:", "pub:"), id="case"),
        pytest.param(CONFIG.replace("jetstream: enabled", ""), id="no-jetstream-on-the-account"),
        pytest.param(CONFIG.replace("500", "600").replace("s1", "s2") + "\nport: 1", id="what-no-client-minds"),
    ],
)
def test_servers_that_clients_cannot_tell_apart_do_not_differ(text: str) -> None:
    assert differences(text) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("hunter2", "hunter3", "account APP: user app has another password, or another hash of it"),
        ("[a, b]", "[a]", "account APP: user app has other permissions"),
        (", {nkey: UAPP}", "", "account APP: user UAPP is missing"),
        ("{user: sys,", "{user: eve, password: x}, {user: sys,", "account SYS: user eve is not in the cluster"),
        ("SYS: {", "OPS: {}, SYS: {", "account OPS is not in the cluster"),
        ("service: q", "service: r", "account APP: exports differ"),
        ("system_account: SYS", "system_account: APP", "system_account differs"),
        ("no_auth_user: app", "", "no_auth_user differs"),
        ("password: r }", "password: x }", "cluster.authorization differs"),
        ("no_auth", "resolver: MEMORY, no_auth", "resolver differs"),
        ("no_auth", "tls { cert_file: x }, no_auth", "clients: TLS, and none in the cluster"),
        ("no_auth", "tls { verify: true }, no_auth", "clients: TLS with client certificates, and none in the cluster"),
        ("name: lab", "name: lab, tls { cert_file: x }", "routes: TLS, and none in the cluster"),
    ],
)
def test_what_a_client_would_miss_is_named(old: str, new: str, said: str) -> None:
    assert old in CONFIG
    assert differences(CONFIG.replace(old, new)) == [said]


def test_an_account_that_is_missing_is_named_once() -> None:
    text = CONFIG.replace("SYS: { users: [ {user: sys, password: sys} ] }", "")
    assert differences(text) == ["account SYS is missing"]


def test_users_without_accounts_are_compared_too() -> None:
    def of(text: str) -> dict[str, Any]:
        return access(f"authorization {{ {text} }}")

    assert _client_access.differences(of("user: a, password: b"), of("users: [ {user: a, password: b} ]")) == []
    assert _client_access.differences(of("token: a"), of("token: b")) == [
        "authorization: user (token) has another password, or another hash of it"
    ]
    assert _client_access.differences(of("users: [], default_permissions: {publish: a}"), of("users: []")) == [
        "authorization.default_permissions differs"
    ]


@pytest.mark.parametrize(
    ("text", "argv", "jetstream"),
    [
        ("jetstream {}", (), True),
        ("jetstream { store_dir: x }", (), True),
        ("jetstream: enabled", (), True),
        ("jetstream: true", (), True),
        ("jetstream: { enabled: false }", (), False),
        ("jetstream: disabled", (), False),
        ("", (), False),
        ("", ("-js",), True),
        ("", ("--jetstream",), True),
    ],
)
def test_jetstream_is_on_however_it_is_turned_on(text: str, argv: tuple[str, ...], jetstream: bool) -> None:
    assert access(text, *argv)["jetstream"] is jetstream


def test_options_beat_the_configuration_and_no_advertise_is_seen() -> None:
    found = access("cluster { name: lab, no_advertise: true }", "--cluster_name", "edge", "-n=s9")
    assert (found["cluster"], found["server_name"], found["advertises"]) == ("edge", "s9", False)
