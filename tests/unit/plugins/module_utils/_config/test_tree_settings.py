from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._config import tree as _tree
from tests.lab.node import Node, Settings, config_text
from tests.lab.ports import Ports

TYPICAL = """
# A comment with lame_duck_duration: 1s
server_name: n1
listen: "127.0.0.1:4222" // another lame_duck_duration: 2s
http = 127.0.0.1:8222
pid_file '/run/nats/nats.pid';
lame_duck_duration: "45s"
max_payload: 1MB, debug: false
jetstream { store_dir: "/data", lame_duck_duration: 3s, max_mem: 1G }
cluster {
  name: lab
  routes: [ "nats://n2:6222", nats://n3:6222 ]
  authorization { user: r, password: "}" }
}
log_file: "/var/log/nats.log"
"""


def top_level(text: str, files: dict[str, str] | None = None, environment: dict[str, str] | None = None) -> dict[str, str]:
    return _tree.top_level(tree(text, files, environment))


def tree(text: str, files: dict[str, str] | None = None, environment: dict[str, str] | None = None) -> dict[str, Any]:
    return _tree.read("/etc/nats.conf", {"/etc/nats.conf": text, **(files or {})}.__getitem__, environment or {})


def test_a_typical_file_gives_its_settings_at_the_top_and_no_others() -> None:
    assert top_level(TYPICAL) == {
        "server_name": "n1",
        "listen": "127.0.0.1:4222",
        "http": "127.0.0.1:8222",
        "pid_file": "/run/nats/nats.pid",
        "lame_duck_duration": "45s",
        "max_payload": "1048576",
        "debug": "false",
        "log_file": "/var/log/nats.log",
    }


def test_the_file_of_a_real_server_is_understood(tmp_path: object) -> None:
    nodes = [Node.numbered(number, tmp_path, Ports(4000, 5000, 6000)) for number in (1, 2, 3)]  # type: ignore[arg-type]
    found = top_level(config_text(nodes[0], nodes, Settings(lame_duck_duration="31s")))
    assert found["server_name"] == "n1"
    assert found["lame_duck_duration"] == "31s"
    assert found["log_file"] == str(nodes[0].log)
    assert found["http"] == "127.0.0.1:5001"
    assert found["system_account"] == "SYS"


@pytest.mark.parametrize(
    "text",
    [
        'lame_duck_duration: "45s"',
        'lame_duck_duration = "45s"',
        'lame_duck_duration "45s"',
        "lame_duck_duration: '45s';",
        "lame_duck_duration:45s",
        "lame_duck_duration=45s",
        'LAME_DUCK_DURATION: "45s"',
        '"lame_duck_duration": "45s"',
        'a: 1; lame_duck_duration: "45s"; b: 2',
        'a: "with \\" and { inside"\nlame_duck_duration: "45s"',
        'a: [1, 2, [3 ]]\nlame_duck_duration: "45s"',
        'a {b {c: "}"}}\nlame_duck_duration: "45s"\r\n',
        'lame_duck_duration: "10s"\nlame_duck_duration: "45s"',
        "# it's\nlame_duck_duration: 45s # it's",
        "a { # it's }\n}\nlame_duck_duration: 45s",
    ],
)
def test_a_setting_is_found_however_it_is_written(text: str) -> None:
    assert top_level(text)["lame_duck_duration"] == "45s"


def test_a_setting_is_found_in_a_file_of_json() -> None:
    assert top_level('{ "server_name": "n1", "lame_duck_duration": "45s" }')["lame_duck_duration"] == "45s"


@pytest.mark.parametrize(
    "text",
    ["", "# lame_duck_duration: 45s", "a { lame_duck_duration: 45s }", "a: [lame_duck_duration, 45s]", 'a: "lame_duck_duration"'],
)
def test_a_setting_that_is_not_there_is_not_found(text: str) -> None:
    assert "lame_duck_duration" not in top_level(text)


def test_included_files_count_as_if_they_stood_there() -> None:
    files = {
        "/etc/common/base.conf": 'lame_duck_duration: "45s"\ninclude deeper.conf',
        "/etc/common/deeper.conf": "debug: true",
    }
    found = top_level("include common/base.conf\nport: 4222", files)
    assert found == {"lame_duck_duration": "45s", "debug": "true", "port": "4222"}


def test_what_comes_later_than_an_included_file_wins() -> None:
    files = {"/etc/base.conf": 'lame_duck_duration: "10s"'}
    assert top_level('include "base.conf"\nlame_duck_duration: "45s"', files)["lame_duck_duration"] == "45s"
    assert top_level('lame_duck_duration: "45s"\ninclude "base.conf"', files)["lame_duck_duration"] == "10s"


def test_an_included_file_inside_a_block_does_not_count() -> None:
    files = {"/etc/users.conf": "lame_duck_duration: 1s"}
    assert "lame_duck_duration" not in top_level("authorization { include users.conf }", files)


def test_a_file_that_is_included_twice_and_not_in_itself_is_read_twice() -> None:
    files = {"/etc/a.conf": "include b.conf\nport: 1", "/etc/b.conf": "http: 2"}
    assert top_level("include a.conf\ninclude b.conf", files) == {"port": "1", "http": "2"}


def test_an_included_file_that_is_not_there_is_the_callers_to_tell() -> None:
    def read(path: str) -> str:
        raise FileNotFoundError(2, "No such file", path)

    with pytest.raises(FileNotFoundError):
        _tree.read("/etc/nats.conf", read, {})


@pytest.mark.parametrize(
    ("text", "environment", "value"),
    [
        pytest.param("D: 45s\nlame_duck_duration: $D", {}, "45s", id="of-the-file"),
        pytest.param("lame_duck_duration: $D\nD: 45s", {}, "", id="of-the-file-further-down"),
        pytest.param("lame_duck_duration: $D\nD: 9s", {"D": "45s"}, "45s", id="of-the-environment-before-further-down"),
        pytest.param("lame_duck_duration: $D", {"D": '"45s"'}, "45s", id="quoted-in-the-environment"),
        pytest.param("lame_duck_duration: $D", {"D": "$E", "E": "'45s'"}, "45s", id="of-the-environment-by-the-environment"),
        pytest.param("lame_duck_duration: $D", {"D": "$E", "E": "$D"}, "", id="of-itself-by-another"),
        pytest.param("lame_duck_duration: $D", {"D": "45s"}, "45s", id="of-the-environment"),
        pytest.param("D: 45s\nlame_duck_duration: $D", {"D": "9s"}, "45s", id="file-before-environment"),
        pytest.param("D: $E\nlame_duck_duration: $D", {"E": "45s"}, "45s", id="of-a-variable"),
        pytest.param("lame_duck_duration: $D", {}, "", id="of-nothing"),
        pytest.param("D: $D\nlame_duck_duration: $D", {}, "", id="of-itself"),
        pytest.param("D: $D\nlame_duck_duration: $D", {"D": "45s"}, "45s", id="of-itself-in-the-environment"),
    ],
)
def test_variables_are_looked_up_as_the_server_does(text: str, environment: dict[str, str], value: str) -> None:
    assert top_level(text, environment=environment)["lame_duck_duration"] == value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2m", 120.0),
        ("30s", 30.0),
        ("1h30m", 5400.0),
        ("1m30.5s", 90.5),
        ("500ms", 0.5),
        ("0s", 0.0),
        ("+45s", 45.0),
        (".5m", 30.0),
        ("1.m", 60.0),
        ("2\u00b5s", 2e-6),
        ("2\u03bcs", 2e-6),
        (".s", None),
        ("", None),
        ("30", None),
        ("s", None),
        ("30 s", None),
        ("-30s", None),
        ("30sec", None),
    ],
)
def test_a_duration_is_read_as_go_writes_it(text: str, seconds: float | None) -> None:
    assert _tree.seconds(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("authorization { auth_callout { issuer: A, users: [a] } }", {"auth_callout"}, id="auth-callout"),
        pytest.param("authorization { users: [{user: auth_callout}] }", set(), id="a-user-of-that-name"),
        pytest.param('jetstream { store_dir: x, cipher: chacha, key: "$KEY" }', {"encryption"}, id="encryption"),
        pytest.param("jetstream: { limits: { max_ack_pending: 1 } }", set(), id="none"),
        pytest.param("tls { key_file: a, key: b }", set(), id="a-key-of-something-else"),
        pytest.param(
            '{"jetstream": {"ek": "x"}, "authorization": {"auth_callout": {}}}', {"auth_callout", "encryption"}, id="json"
        ),
        pytest.param("# auth_callout\nport: 4222 // cipher", set(), id="comments"),
        pytest.param(
            "accounts { A { users: [ {user: a, permissions: {publish: [x, y]}} ] } }\njetstream { key: z }",
            {"encryption"},
            id="lists",
        ),
        pytest.param("[ { port: 1 } ]", set(), id="no-key"),
    ],
)
def test_what_is_in_use_is_known_by_its_key_wherever_it_stands(text: str, expected: set[str]) -> None:
    assert _tree.used(tree(text)) == expected


def test_what_an_included_file_uses_is_in_use() -> None:
    files = {"/etc/auth.conf": "auth_callout { issuer: A }"}
    assert _tree.used(tree("authorization { include auth.conf }", files)) == {"auth_callout"}


def test_what_a_variable_holds_is_in_use() -> None:
    assert _tree.used(tree("jetstream: $JS", environment={"JS": "{ key: x }"})) == {"encryption"}
    assert _tree.leafnode_min_version(tree("leafnodes { min_version: $V }", environment={"V": '"2.11.0"'})) == "2.11.0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('leafnodes { listen: "0.0.0.0:7422", min_version: 2.15.0 }', "2.15.0", id="leafnodes"),
        pytest.param('leaf: { minimum_version = "v2.10.1" }', "v2.10.1", id="other-words"),
        pytest.param("cluster { min_version: 2.15.0 }\nleafnodes { port: 7422 }", "", id="of-something-else"),
        pytest.param("leafnodes { tls { min_version: 1.3 } }", "", id="of-tls"),
        pytest.param("port: 4222", "", id="none"),
    ],
)
def test_the_oldest_leaf_nodes_that_a_hub_takes_are_known(text: str, expected: str) -> None:
    assert _tree.leafnode_min_version(tree(text)) == expected
