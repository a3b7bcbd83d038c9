from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._config import tree as _tree
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError

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
cluster { name: lab, routes: [ nats://n2:6222, nats-route://n3:6222 ], authorization { user: r, password: "}" } }
operator: (
eyJ0
)
port: 4222
"""


def tree(text: str, files: dict[str, str] | None = None, environment: dict[str, str] | None = None) -> dict[str, Any]:
    return _tree.read("/etc/nats.conf", {"/etc/nats.conf": text, **(files or {})}.__getitem__, environment or {})


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
        "operator": "\neyJ0\n",
        "port": 4222,
    }


def test_json_is_a_configuration_too() -> None:
    assert tree('{"a": {"b": [1, {"c": "d"}]}, "e": true}') == {"a": {"b": [1, {"c": "d"}]}, "e": True}


def test_an_included_file_counts_as_if_it_stood_there_and_is_found_beside_its_own() -> None:
    files = {"/etc/auth/users.conf": "users: [ {user: a} ]\ninclude 'more.conf'", "/etc/auth/more.conf": "timeout: 2"}
    assert tree("authorization { include auth/users.conf }\nport: 1", files) == {
        "authorization": {"users": [{"user": "a"}], "timeout": 2},
        "port": 1,
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


@pytest.mark.parametrize(
    ("text", "found", "fault"),
    [
        ('a: 1\nb: "c', {"a": 1}, '2: no " ends what one begins'),
        ("a: 1\nb: (\n c", {"a": 1}, "2: no ) alone in a line ends what a ( begins"),
        ("a { b: [ 1, 2", {"a": {"b": [1, 2]}}, "1: '' where a value or its list should end"),
        ("a {\nb: 1\n", {"a": {"b": 1}}, "3: '' where a key or } is expected"),
        ("a: b c\nd: 1", {"a": "b"}, "1: 'c' where a setting should end"),
        ("a: $b\nc: 1", {"a": "", "c": 1}, "1: there is no variable b so far, and none in the environment"),
    ],
)
def test_what_no_server_takes_is_read_as_far_as_it_goes(text: str, found: dict[str, Any], fault: str) -> None:
    assert _tree.parsed("/etc/nats.conf", lambda path: text, {}) == (found, (f"/etc/nats.conf:{fault}",))


def test_a_file_goes_on_behind_an_included_one_that_breaks_off() -> None:
    files = {"/etc/nats.conf": "include a.conf\nlame_duck_duration: '8m'", "/etc/a.conf": "x: [1"}
    read = _tree.parsed("/etc/nats.conf", files.__getitem__, {})
    assert read == (
        {"x": [1], "lame_duck_duration": "8m"},
        ("/etc/a.conf:1: '' where a value or its list should end",),
    )


@pytest.mark.parametrize("value", ["x(y", "x{y", "x[y", 'x"y', "x)y", "/var/log/nats(1).log", "x#y", "x//y", "x=y", "x:y"])
def test_a_bare_word_goes_on_over_brackets_and_quotes(value: str) -> None:
    text = f'authorization {{ user: a, password: {value} }}\nlog_file: {value}\nlame_duck_duration: "8m"'
    assert tree(text) == {
        "authorization": {"user": "a", "password": value},
        "log_file": value,
        "lame_duck_duration": "8m",
    }


def test_a_text_of_several_lines_may_hold_anything() -> None:
    assert tree("a: (\n } { ) \" '\n)\nb: 1") == {"a": "\n } { ) \" '\n", "b": 1}


@pytest.mark.parametrize(
    "name", ["etc/accounts.conf", "/etc/accounts.conf", "'/etc/accounts.conf'", '"//etc/./x/../accounts.conf"']
)
@pytest.mark.parametrize("folder", ["", "/", "/D/", "D/"])
def test_an_include_is_joined_to_the_folder_of_its_file(folder: str, name: str) -> None:
    files = {f"{folder}nats.conf": f"include {name}\n", f"{folder}etc/accounts.conf": "port: 1"}
    assert _tree.read(f"{folder}nats.conf", files.__getitem__, {}) == {"port": 1}


def test_an_included_file_sees_no_variables_of_the_file_around_it() -> None:
    files = {"/etc/a.conf": "x: $P"}
    assert tree("P: 1\nb { include a.conf }", files, {"P": "2"}) == {"P": 1, "b": {"x": 2}}
    assert tree("include a.conf\ny: $x", files, {"P": "2"}) == {"x": 2, "y": 2}


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("1K", 1000),
        ("1KiB", 1024),
        ("-2mb", -2 * 2**20),
        ("1.50", 1.5),
        ("On", True),
        ("NO", False),
        ('"yes"', "yes"),
        ("10.0.0.1:4222", "10.0.0.1:4222"),
        ("30s", "30s"),
        ("$2a$11$abc", "$2a$11$abc"),
        ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        (r'"\x41\xc3\xa9\t\""', 'A\u00e9\t"'),
        (r"'\x41'", r"\x41"),
    ],
)
def test_a_value_has_the_type_that_it_has_for_the_server(value: str, read: Any) -> None:
    found = tree(f"a: {value}\nb {{c: {value}}}\n")
    assert found == {"a": read, "b": {"c": read}}
    assert type(found["a"]) is type(read)


def test_a_number_of_thousands_of_digits_is_out_of_range_and_may_be_zeros() -> None:
    assert tree(f"a: {'0' * 10_000}7\nb: -{'0' * 10_000}7k\nc: {'7' * 10_000}") == {"a": 7, "b": -7000}


def test_variables_of_the_environment_that_lead_on_and_on_come_to_an_end() -> None:
    environment = {f"V{number}": f"$V{number + 1}" for number in range(100_000)}
    assert tree("a: $V0\nb: 1", environment=environment) == {"a": "", "b": 1}
    large = {"V": "x" * 100_000}
    with pytest.raises(NatsError, match="variables repeat more than 4000000 values or characters"):
        tree(f"a: [{'$V, ' * 10_000}]", environment=large)


def test_a_variable_of_the_environment_includes_no_file() -> None:
    assert tree("a: $V\nb: 1", {"a.conf": "pk: 1"}, {"V": "x\ninclude a.conf"}) == {"a": "", "b": 1}


def test_a_file_that_cannot_be_read_is_the_caller_s_to_tell() -> None:
    with pytest.raises(KeyError):
        tree("include gone.conf")
