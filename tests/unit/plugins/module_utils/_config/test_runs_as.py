"""What a server would be by its configuration and arguments, compared with what real servers say they are."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._config import runs_as as _runs_as
from ansible_collections.natsops.cluster.plugins.module_utils._config import tree as _tree
from ansible_collections.natsops.cluster.plugins.module_utils._values import server as _server
from tests.lab.binaries import server_binary
from tests.lab.ports import HOST, Ports, free_ports, release

ACCOUNT = "system_account: SYS, accounts { SYS { users: [{ user: sys, password: s }] } }"
ROUTES = "routes: ['nats://127.0.0.1:1']"


def tree_of(text: str, **environment: str) -> dict[str, Any]:
    return _tree.read("/etc/nats.conf", lambda path: text, environment)


def of(text: str, *flags: str, **environment: str) -> dict[str, Any]:
    return _runs_as.of(tree_of(text, **environment), ["nats-server", *flags], "/tmp")


def filled(text: str, ports: Ports, folder: Path) -> str:
    """The text with free ports, and a folder, in place of words for them."""
    for word, value in (("MONITOR", ports.monitor + 1), ("PORT", ports.client + 1), ("ROUTE", ports.route + 1), ("HERE", folder)):
        text = text.replace(word, str(value))
    return text


def varz(url: str, *, jetstream: bool) -> Any:
    """What a server says as soon as it answers, and has started JetStream where it is to."""
    end = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            said = json.load(answer)
            if said.get("jetstream") or not jetstream or time.monotonic() > end:
                return said
        assert time.monotonic() < end, f"{url} does not answer"
        time.sleep(0.02)


@pytest.mark.parametrize("version", ["2.12.8", "2.14.6", "2.15.1"])
@pytest.mark.parametrize(
    ("text", "flags"),
    [
        pytest.param("server_name: n1, port: PORT, http: MONITOR", "", id="core"),
        pytest.param("server_name: n1\nlisten: 127.0.0.1:PORT\nhttp: '127.0.0.1:MONITOR'", "", id="addresses"),
        pytest.param("server_name: n1, port: PORT, monitor_port: MONITOR", "-n n2 --name n3 --server_name=n4", id="last-name"),
        pytest.param(
            f"server_name: n1, port: PORT, http: MONITOR, {ACCOUNT}\njetstream {{ store_dir: HERE/st//, domain: hub }}\n"
            f"cluster {{ name: lab, listen: 127.0.0.1:ROUTE, {ROUTES} }}",
            "",
            id="clustered",
        ),
        pytest.param(
            f"server_name: n1, port: 1, http: 1\njetstream: enabled\ncluster {{ name: lab, listen: 127.0.0.1:1, {ROUTES} }}",
            "-p PORT -m MONITOR --cluster_name prod -sd HERE/other/ --cluster nats://127.0.0.1:ROUTE",
            id="flags-beat-all",
        ),
        pytest.param("server_name: n1, port: PORT, http: MONITOR, store_dir: HERE/jetstream", "-js", id="jetstream-is-added"),
        pytest.param("server_name: n1, port: PORT, http: MONITOR\njetstream { store_dir: HERE/st }", "-js=false", id="flag-off"),
        pytest.param("server_name: n1, port: PORT, http: MONITOR\njetstream { enabled: false }", "-js -sd st", id="flag-on"),
        pytest.param("server_name: n1, port: PORT, http: MONITOR", "-sd HERE/st", id="a-folder-alone-is-none"),
        pytest.param(
            "server_name: n1, port: PORT, http: MONITOR\ncluster { listen: 127.0.0.1:ROUTE }\ngateway { name: G, port: -1 }",
            "",
            id="gateway",
        ),
    ],
)
def test_a_real_server_is_what_it_is_said_that_it_would_be(tmp_path: Path, version: str, text: str, flags: str) -> None:
    ports, config = free_ports(1), tmp_path / "nats.conf"
    config.write_text(filled(text, ports, tmp_path), encoding="utf-8")
    argv = [str(server_binary(version)), "-c", str(config), *filled(flags, ports, tmp_path).split()]
    said = _runs_as.of(tree_of(config.read_text(encoding="utf-8")), argv, "/tmp")
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(argv, cwd=tmp_path, stderr=log) as child:
        try:
            facts = _server.parse_varz(varz(f"http://{HOST}:{ports.monitor + 1}/varz", jetstream=said["jetstream"]))
        finally:
            child.kill()
            release(ports)
    if not facts.jetstream:
        said.update(store_dir="", jetstream_domain="")
    assert said == {key: getattr(facts, key) for key in said}


def test_a_server_has_its_defaults_without_a_configuration() -> None:
    assert of("") == {
        "server_name": "",
        "cluster": "",
        "system_account": "$SYS",
        "client_port": 4222,
        "cluster_port": 0,
        "monitor_port": 0,
        "jetstream": False,
        "jetstream_domain": "",
        "store_dir": "/tmp/nats/jetstream",
    }
    assert of("port: 0")["client_port"] == 4222


@pytest.mark.parametrize(
    ("text", "key"),
    [
        pytest.param("port: -1", "client_port", id="chosen-by-each-start"),
        pytest.param("listen: '127.0.0.1:-1'", "client_port", id="address-with-such-a-port"),
        pytest.param("listen: '127.0.0.1:4222', port: 4333", "client_port", id="one-of-two"),
        pytest.param("http: -1", "monitor_port", id="monitoring"),
        pytest.param("http: 8222, https: 8443", "monitor_port", id="two"),
        pytest.param("cluster { port: -1 }", "cluster_port", id="routes"),
        pytest.param("cluster { port: 6222 }", "cluster", id="made-up-by-the-server"),
        pytest.param("operator: /etc/op.jwt", "system_account", id="named-in-a-jwt"),
        pytest.param("no_system_account: true", "system_account", id="none"),
        pytest.param("server_name: $NAME", "server_name", id="variable"),
        pytest.param("cluster { name: $NAME }", "cluster", id="variable-in-a-block"),
        pytest.param("jetstream { store_dir: $NAME }", "store_dir", id="variable-folder"),
        pytest.param("store_dir: $NAME", "store_dir", id="variable-folder-at-the-top"),
        pytest.param("jetstream: $NAME", "jetstream", id="variable-switch"),
        pytest.param("port: $NAME", "client_port", id="variable-port"),
        pytest.param("server_name: [a]", "server_name", id="a-list"),
    ],
)
def test_what_cannot_be_known_is_not_told(text: str, key: str) -> None:
    assert of(text, NAME=_runs_as.UNKNOWN)[key] is None


def test_a_cluster_with_jetstream_needs_a_name_and_has_none() -> None:
    """Such a server does not start, and nats-server -t says that all is well."""
    assert of("jetstream: on, cluster { port: 6222 }")["cluster"] == ""


def test_a_value_may_come_from_a_variable_of_the_environment() -> None:
    assert of("server_name: $HOSTNAME", HOSTNAME="n1")["server_name"] == "n1"
    assert of("server_name: $HOSTNAME", HOSTNAME="'n1'")["server_name"] == "n1"


def test_a_text_and_a_number_are_what_the_server_reads() -> None:
    assert of('server_name: "n\\x31"')["server_name"] == "n1"
    assert of("port: 4k")["client_port"] == 4000


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (["-c", "a.conf", "-D", "-p", "4333"], {"config": "a.conf", "port": "4333"}),
        (["--config=a.conf", "--jetstream", "-sd=/x"], {"config": "a.conf", "jetstream": "true", "store_dir": "/x"}),
        (["-l", "-p", "-js"], {"jetstream": "true"}),
        (["-D", "--", "-p", "1"], {}),
        (["-p"], {"port": "true"}),
    ],
)
def test_arguments_are_read_as_the_server_reads_them(argv: list[str], found: dict[str, str]) -> None:
    assert _runs_as.flags(["nats-server", *argv]) == found


@pytest.mark.parametrize(
    ("jetstream", "keys", "cipher"),
    [
        ("", [], "chacha"),
        ("key: one", ["one"], "chacha"),
        ("EK: one, cipher: AES, prev_ek: two", ["one", "two"], "aes"),
        ("encryption_key: one, prev_encryption_key: two, cipher: chachapoly", ["one", "two"], "chacha"),
        ("prev_key: two", [], "chacha"),
        ("key: one, cipher: other", ["one"], ""),
        ("key: $KEY", None, "chacha"),
        ("tpm { keys_file: x }", None, "chacha"),
    ],
)
def test_the_keys_of_a_store(jetstream: str, keys: list[str] | None, cipher: str) -> None:
    assert _runs_as.keys(tree_of(f"jetstream {{ {jetstream} }}", KEY=_runs_as.UNKNOWN)) == (keys, cipher)
