"""What the next start would make of a server: which file, arguments and environment count, and what is said of its store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._node import facts as _facts
from ansible_collections.natsops.cluster.plugins.module_utils._node import keys as _keys
from ansible_collections.natsops.cluster.plugins.module_utils._node import next_start as _next_start
from tests.unit.plugins.module_utils._config.test_sealed import AES, CHACHA
from tests.unit.processes import Processes
from tests.unit.systemd import Systemd

SERVER = "/usr/sbin/nats-server"


def read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def next_start(folder: Path, text: str | None = "", *flags: str, **other: Any) -> dict[str, Any]:
    """The fact for a server that runs in this folder with nats.conf of this text."""
    argv = [SERVER, *flags]
    if text is not None:
        (folder / "nats.conf").write_text(text, encoding="utf-8")
        argv += ["-c", "nats.conf"]
    defaults: dict[str, Any] = {
        "unit": {},
        "unit_words": [],
        "environment": {"PATH": "/bin"},
        "cwd": str(folder),
        "store_dir": "",
        "root": "",
        "located": str,
        "read": read,
    }
    found = _next_start.facts(**{"argv": argv, **defaults, **other})
    assert _keys.checked("n1", {"next_start": found})["next_start"] == found
    return found or {}


def test_the_file_that_the_arguments_name_is_read_with_the_servers_environment(tmp_path: Path) -> None:
    (tmp_path / "name.conf").write_text("server_name: $NAME\n", encoding="utf-8")
    found = next_start(tmp_path, "include name.conf\ncluster { name: $OTHER, port: 6222 }", environment={"NAME": "n1"})
    # A variable that is not in the environment may come from elsewhere at the next start.
    assert (found["server_name"], found["cluster"], found["cluster_port"]) == ("n1", None, 6222)
    assert found["config_path"] == f"{tmp_path}/nats.conf"


def test_a_server_without_a_file_is_what_its_arguments_say(tmp_path: Path) -> None:
    found = next_start(tmp_path, None, "-n", "n1", "-js", "-sd", "store")
    assert (found["server_name"], found["store_dir"], found["config_path"]) == ("n1", f"{tmp_path}/store/jetstream", "")


def test_nothing_is_told_where_arguments_or_file_cannot_be_read(tmp_path: Path) -> None:
    assert next_start(tmp_path, None, argv=[]) == {}
    assert next_start(tmp_path, None, "-c", "missing.conf") == {}

    def refuse(path: str) -> str:
        raise NatsError("the configuration cannot be read by user 65534")

    assert next_start(tmp_path, "", read=refuse) == {}


def test_the_folder_of_a_store_without_one_is_that_for_temporary_files(tmp_path: Path) -> None:
    assert next_start(tmp_path, "jetstream: on")["store_dir"] == "/tmp/nats/jetstream"
    assert next_start(tmp_path, "jetstream: on", environment={"TMPDIR": "/var/tmp"})["store_dir"] == "/var/tmp/nats/jetstream"
    assert next_start(tmp_path, "jetstream: on", environment={})["store_dir"] is None


@pytest.mark.parametrize(
    ("words", "name"),
    [
        pytest.param([SERVER, "--name", "n2"], "n2", id="as-the-unit-says-by-now"),
        pytest.param([], "n1", id="no-unit"),
        pytest.param(["/opt/start-nats", "--name", "n2"], "n1", id="a-wrapper"),
        pytest.param([SERVER, "--name", "$NAME"], "n1", id="a-variable"),
    ],
)
def test_the_arguments_are_those_of_the_unit_where_they_can_be_read(tmp_path: Path, words: list[str], name: str) -> None:
    assert next_start(tmp_path, None, "-n", "n1", unit_words=words)["server_name"] == name


def test_a_unit_gives_its_server_other_variables_by_now(tmp_path: Path, systemd: Systemd) -> None:
    more = tmp_path / "nats.env"
    more.write_text("# names\nNAME='n3'\nCLUSTER=pro\\\nd\n", encoding="utf-8")
    text = "server_name: $NAME, cluster { name: $CLUSTER, port: $ROUTES }, port: $PORT"
    was = {"NAME": "n1", "CLUSTER": "lab", "ROUTES": "6222", "PORT": "4222"}
    assert next_start(tmp_path, text, environment=was)["server_name"] == "n1"
    systemd.set(Environment='NAME=n2 "ROUTES=6333"', EnvironmentFiles=f"{more} (ignore_errors=no)")
    found = next_start(tmp_path, text, environment=was, unit={"Id": "nats-server.service"})
    assert (found["server_name"], found["cluster_port"], found["client_port"]) == ("n3", 6333, 4222)
    # What is written in a way that is not followed is not known.
    assert found["cluster"] is None


def test_a_unit_whose_variables_are_nobodys_business_changes_nothing(tmp_path: Path, systemd: Systemd) -> None:
    systemd.set(Environment='NAME="n2', EnvironmentFiles=f"{tmp_path}/missing (ignore_errors=yes)")
    found = next_start(tmp_path, "server_name: $NAME", environment={"NAME": "n1"}, unit={"Id": "nats-server.service"})
    assert found["server_name"] == "n1"


def test_one_folder_by_several_names_is_one_store(tmp_path: Path) -> None:
    (tmp_path / "data" / "jetstream").mkdir(parents=True)
    (tmp_path / "link").symlink_to("data")

    def same(store: str, folder: str) -> bool | None:
        found: bool | None = next_start(tmp_path, f"jetstream {{ store_dir: '{folder}' }}", store_dir=store)["same_store"]
        return found

    assert same("data/jetstream", f"{tmp_path}/data//") is True
    assert same(f"{tmp_path}/data/jetstream", "./link") is True
    assert same(f"{tmp_path}/data/jetstream", "elsewhere") is False
    (tmp_path / "elsewhere" / "jetstream").mkdir(parents=True)
    assert same(f"{tmp_path}/data/jetstream", "elsewhere") is False
    # Of a store that is gone nobody can say what it was.
    assert same(f"{tmp_path}/gone/jetstream", "elsewhere") is None
    assert same(f"{tmp_path}/gone/jetstream", "gone") is True


def test_links_in_a_container_lead_to_no_folder_of_the_host(tmp_path: Path) -> None:
    root = tmp_path / "proc" / "root"
    (root / "data" / "jetstream").mkdir(parents=True)
    (root / "link").symlink_to("/data")
    assert _next_start._is_same(f"{root}/data/jetstream", f"{root}/link/jetstream", str(root)) is None
    assert _next_start._is_same(f"{root}/data/jetstream", f"{root}/other/jetstream", str(root)) is False


def store(folder: Path, **streams: bytes | None) -> Path:
    """A store with these streams, and what is in their meta.key."""
    for name, sealed in streams.items():
        stream = folder / "store" / "jetstream" / "$G" / "streams" / name
        stream.mkdir(parents=True)
        (stream / "meta.inf").touch()
        if sealed is not None:
            (stream / "meta.key").write_bytes(sealed)
    return folder / "store" / "jetstream"


@pytest.mark.parametrize(
    ("streams", "jetstream", "seen"),
    [
        pytest.param({"S": None}, "", ("none", False, None, "chacha"), id="none"),
        pytest.param({"S": None}, "key: k1", ("none", True, None, "chacha"), id="to-be-encrypted"),
        pytest.param({"S": CHACHA}, "key: k1", ("chacha", True, True, "chacha"), id="the-key"),
        pytest.param({"S": AES}, "key: k1, cipher: aes", ("aes", True, True, "aes"), id="the-key-for-aes"),
        pytest.param({"S": CHACHA}, "key: k2", ("chacha", True, False, "chacha"), id="another-key"),
        pytest.param({"S": CHACHA}, "key: k2, prev_key: k1", ("chacha", True, True, "chacha"), id="the-key-before"),
        pytest.param({"S": CHACHA}, "", ("chacha", False, None, "chacha"), id="no-key"),
        pytest.param({"S": CHACHA}, "key: $KEY", ("chacha", None, None, "chacha"), id="a-key-that-is-not-known"),
        pytest.param({"S": CHACHA}, 'key: "k 2"', ("chacha", True, None, "chacha"), id="a-key-that-may-be-read-otherwise"),
        pytest.param({"S": b"?"}, "key: k1", ("", True, None, "chacha"), id="no-file-of-a-server"),
        # A stream that is offline since an earlier change of keys is no sign of a new one.
        pytest.param({"R": AES, "S": AES}, "key: k1", ("aes", True, True, "chacha"), id="one-is-enough"),
    ],
)
def test_what_is_stored_says_how_it_is_encrypted_and_whether_the_key_opens_it(
    tmp_path: Path, streams: dict[str, bytes | None], jetstream: str, seen: tuple[Any, ...]
) -> None:
    text = f"jetstream {{ store_dir: store, {jetstream} }}"
    found = next_start(tmp_path, text, store_dir=str(store(tmp_path, **streams)))["encryption"]
    assert found == dict(zip(("stored", "has_key", "opens", "cipher"), seen))


def test_nothing_is_said_of_a_store_without_streams_or_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "store" / "jetstream").mkdir(parents=True)
    for folder in (tmp_path / "store" / "jetstream", tmp_path / "gone"):
        assert next_start(tmp_path, "jetstream { key: k1 }", store_dir=str(folder))["encryption"] is None


def test_a_key_that_is_a_link_or_no_file_is_not_read(tmp_path: Path) -> None:
    """The server's user owns the store, and this runs as root."""
    streams = store(tmp_path, S=None) / "$G" / "streams"
    (streams / "S" / "meta.key").mkdir()
    assert next_start(tmp_path, "", store_dir=str(streams.parents[1]))["encryption"]["stored"] == ""
    (streams / "S" / "meta.key").rmdir()
    (streams / "S" / "meta.key").symlink_to("/etc/hostname")
    assert next_start(tmp_path, "", store_dir=str(streams.parents[1]))["encryption"] is None


def test_no_secret_is_among_the_facts(tmp_path: Path) -> None:
    text = "jetstream { store_dir: store, key: not-told, prev_key: not-told-either }"
    assert "not-told" not in str(next_start(tmp_path, text, store_dir=str(store(tmp_path, S=CHACHA))))


def test_the_facts_of_a_node_have_it_while_the_server_runs(processes: Processes, tmp_path: Path) -> None:
    server = processes.server(cwd=tmp_path)
    assert _facts.facts({"pid": server.pid})["next_start"]["client_port"] == 4222
    processes.end()
    assert _facts.facts({"pid": server.pid})["next_start"] is None


BEFORE = {
    "server_name": "n1",
    "cluster": "lab",
    "client_port": 4222,
    "jetstream": True,
    "store_dir": "/a/jetstream",
    "same_store": True,
    "encryption": {"has_key": True, "opens": True},
}


@pytest.mark.parametrize(
    ("now", "said", "waivable"),
    [
        pytest.param({"server_name": "nats-1"}, "server_name was n1, and is nats-1", False, id="name"),
        pytest.param({"cluster": ""}, "cluster.name was lab, and is not set", False, id="cluster"),
        pytest.param({"jetstream": False}, "JetStream was on, and is off", False, id="jetstream"),
        pytest.param({"client_port": 4333}, "port was 4222, and is 4333", True, id="port"),
        pytest.param({"same_store": False, "store_dir": "/b"}, "store_dir was /a/jetstream, and is /b", False, id="store"),
        pytest.param({"encryption": {"has_key": True, "opens": False}}, "jetstream.key opened what", False, id="key"),
        pytest.param({"encryption": {"has_key": False, "opens": None}}, "jetstream.key opened what", False, id="no-key"),
    ],
)
def test_what_was_changed_since_the_plan_fails_and_says_so(now: dict[str, Any], said: str, waivable: bool) -> None:
    with pytest.raises(NatsError, match=f"was changed since the plan was made: {said}") as refused:
        _next_start.require_unchanged(BEFORE, {**BEFORE, "config_path": "/etc/nats.conf", **now}, [])
    assert refused.value.details["refusal"] == "pending_identity"
    assert "its configuration (/etc/nats.conf)" in str(refused.value)
    if waivable:
        _next_start.require_unchanged(BEFORE, {**BEFORE, **now}, ["pending_identity"])
        return
    with pytest.raises(NatsError):
        _next_start.require_unchanged(BEFORE, {**BEFORE, **now}, ["pending_identity"])


def test_what_is_as_it_was_or_is_not_known_by_now_is_no_change() -> None:
    _next_start.require_unchanged(BEFORE, BEFORE, [])
    _next_start.require_unchanged(BEFORE, dict.fromkeys(BEFORE), [])
    _next_start.require_unchanged(dict.fromkeys(BEFORE), BEFORE, [])
    # It was not the store that runs then, which the plan has judged.
    _next_start.require_unchanged({**BEFORE, "same_store": False}, {**BEFORE, "same_store": False, "store_dir": "/c"}, [])


def test_the_facts_of_a_node_fail_where_its_file_was_changed_since(processes: Processes, tmp_path: Path) -> None:
    server = processes.server(cwd=tmp_path)
    before = _facts.facts({"pid": server.pid})["next_start"]
    asked = {"pid": server.pid, "waive": []}
    assert _facts.facts({**asked, "next_start": before})["next_start"] == before
    with pytest.raises(NatsError, match="port was 4333, and is 4222"):
        _facts.facts({**asked, "next_start": {**before, "client_port": 4333}})
