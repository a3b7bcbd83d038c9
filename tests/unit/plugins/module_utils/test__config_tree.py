from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils import _config_tree

TYPICAL = """
# users { user: x }
PASSWORD: "s3 cret"
server_name: n1; listen = "0.0.0.0:4222" // a comment
accounts: {
  APP {
    users = [
      { user: app, password: $PASSWORD, permissions: { publish: ["a.>", b], subscribe: { allow: x } } }  # the first
      { user: b, pass: $2a$11$abc }
    ]
    exports: [ { service: q.>, accounts: [X, Y] } ]
  }
  $SYS { users = [ { nkey: UAB } ] }
}
cluster { name: lab, routes: [ nats://n2:6222 nats-route://n3:6222 ], authorization { user: r, password: "}" } }
operator: (
eyJ0
)
port: 4222
"""


def tree(text: str, files: dict[str, str] | None = None, environment: dict[str, str] | None = None) -> dict[str, Any]:
    return _config_tree.read("/etc/nats.conf", {"/etc/nats.conf": text, **(files or {})}.__getitem__, environment or {})


def test_blocks_lists_and_values_are_read_as_they_are_nested() -> None:
    assert tree(TYPICAL) == {
        "PASSWORD": "s3 cret",
        "server_name": "n1",
        "listen": "0.0.0.0:4222",
        "accounts": {
            "APP": {
                "users": [
                    {
                        "user": "app",
                        "password": "s3 cret",
                        "permissions": {"publish": ["a.>", "b"], "subscribe": {"allow": "x"}},
                    },
                    {"user": "b", "pass": "$2a$11$abc"},
                ],
                "exports": [{"service": "q.>", "accounts": ["X", "Y"]}],
            },
            "$SYS": {"users": [{"nkey": "UAB"}]},
        },
        "cluster": {
            "name": "lab",
            "routes": ["nats://n2:6222", "nats-route://n3:6222"],
            "authorization": {"user": "r", "password": "}"},
        },
        "operator": "(\neyJ0\n)",
        "port": "4222",
    }


def test_json_is_a_configuration_too() -> None:
    assert tree('{"a": {"b": [1, {"c": "d"}]}, "e": true}') == {"a": {"b": ["1", {"c": "d"}]}, "e": "true"}


def test_an_included_file_counts_as_if_it_stood_there_and_is_found_beside_its_own() -> None:
    files = {"/etc/auth/users.conf": "users: [ {user: a} ]\ninclude 'more.conf'", "/etc/auth/more.conf": "timeout: 2"}
    assert tree("authorization { include auth/users.conf }\nport: 1", files) == {
        "authorization": {"users": [{"user": "a"}], "timeout": "2"},
        "port": "1",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("P: inner\nblock { P: nearer, x: $P }", "nearer", id="the-nearest"),
        pytest.param("P: outer\nblock { x: $P }", "outer", id="further-out"),
        pytest.param("block { x: $P }", "environment", id="environment"),
        pytest.param('block { x: "$P" }', "$P", id="quoted-is-no-variable"),
        pytest.param("block { x: $Q }", "", id="unknown"),
    ],
)
def test_a_variable_is_looked_up_as_the_server_does(text: str, value: str) -> None:
    assert tree(text, environment={"P": "environment"})["block"]["x"] == value


def test_a_file_that_breaks_off_comes_to_an_end() -> None:
    assert tree('a: "b') == {"a": ""}
    assert tree("a: (\n b") == {"a": "(\n b"}
    assert tree("a { b: [ 1, 2") == {"a": {"b": ["1", "2"]}}
    assert tree("a: }") == {"a": "}"}


def test_a_file_that_cannot_be_read_is_the_caller_s_to_tell() -> None:
    with pytest.raises(KeyError):
        tree("include gone.conf")
