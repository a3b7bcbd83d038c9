"""What is asked over NATS and how the answers are read; connections are the matter of the integration tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Answer, Fault
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import inventory as _inventory
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import nats_client as _nats_client
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import over_nats as _over_nats
from tests.unit.plugins.plugin_utils._read.test_inventory import inventory

PASSWORD = "correct-horse"


@pytest.mark.parametrize(
    ("path", "subject", "body"),
    [
        pytest.param("/varz", "VARZ", None, id="plain"),
        pytest.param("/healthz?details=true", "HEALTHZ", {"details": True}, id="details"),
        pytest.param("/raftz?acc=Orders%20%26%20Co", "RAFTZ", {"account": "Orders & Co"}, id="account"),
        pytest.param("/raftz?acc=7", "RAFTZ", {"account": "7"}, id="account-like-a-number"),
        pytest.param("/raftz?acc=true", "RAFTZ", {"account": "true"}, id="account-like-a-truth"),
        pytest.param("/connz?state=open&limit=9", "CONNZ", {"limit": 9}, id="clients"),
        pytest.param("/connz?auth=true&limit=9&offset=18", "CONNZ", {"auth": True, "limit": 9, "offset": 18}, id="connections"),
        pytest.param(
            _monitor._jsz(1024, True),
            "JSZ",
            {"accounts": True, "streams": True, "consumer": True, "raft": True, "config": True, "limit": 1024, "offset": 1024},
            id="assets",
        ),
    ],
)
def test_a_path_is_a_subject_and_its_query_are_options(path: str, subject: str, body: dict[str, Any] | None) -> None:
    asked, options = _over_nats._request(path)
    assert asked == f"$SYS.REQ.SERVER.PING.{subject}"
    assert (json.loads(options) if options else None) == body


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        pytest.param({"data": {"version": "2.15.1"}}, Answer(200, {"version": "2.15.1"}, ""), id="varz"),
        pytest.param(
            {"data": {"status": "unavailable", "status_code": 503, "error": "x"}},
            Answer(503, {"status": "unavailable", "status_code": 503, "error": "x"}, ""),
            id="healthz",
        ),
        pytest.param(
            {"error": {"code": 404, "description": "no"}}, Answer(404, {"code": 404, "description": "no"}, ""), id="error"
        ),
    ],
)
def test_an_answer_is_what_it_would_be_by_http(body: dict[str, Any], reply: Answer) -> None:
    assert _over_nats._read(json.dumps({"server": {"name": "n1"}, **body}).encode()) == ("n1", reply)


@pytest.mark.parametrize("server_id", ["*", "NA.NB", "NA KICK", "NA\r\nPUB x 0\r\n", ""])
def test_what_is_no_id_of_a_server_becomes_no_part_of_a_subject(server_id: str) -> None:
    account = _over_nats.SystemAccount({"user": "sys", "password": PASSWORD}, ["nats://127.0.0.1:1"], {}, 1.0)
    with account, pytest.raises(NatsError, match=r"is not the id of a NATS server .*: no clients were asked to move"):
        account.tell("KICK", [("NDJWE4SOUJOJT2TY5Y2YQEOAHGAK5VIGXTGKWJSFHVCII4ITI3LBHBUV", 7), (server_id, 8)])


ODD = [
    *(b"", b"[]", b'{"server": null}', b"\xff", b"[" * 100_000, b'{"server": {"name": ["n1"]}}'),
    *(b'{"server": {"name": "n1"}, "error": "no"}', b'{"server": {"name": "n1"}, "error": {"code": 1e999}}'),
]


@pytest.mark.parametrize("data", ODD)
def test_an_answer_of_something_else_is_nobodys(data: bytes) -> None:
    name, reply = _over_nats._read(data)
    assert (name, isinstance(reply, Fault)) == ("", True)


@pytest.mark.parametrize(
    ("account", "words"),
    [
        pytest.param("sys", "is no dictionary", id="text"),
        pytest.param(json.dumps({"user": "sys", "password": PASSWORD}), "is no dictionary", id="json-as-text"),
        pytest.param({"user": "sys"}, "has to say in one way who we are", id="no-password"),
        pytest.param({"user": "sys", "password": PASSWORD, "creds": "/x"}, "has to say in one way who we are", id="two-ways"),
        pytest.param({"pasword": PASSWORD}, "has pasword; it may have", id="misspelt"),
        pytest.param(
            {"user": "s", "password": PASSWORD, "tls": {"certificate": "/x"}}, "has certificate; it may", id="misspelt-tls"
        ),
        pytest.param({"user": "s", "password": PASSWORD, "tls": {"verify": "maybe"}}, "verify is neither true nor", id="verify"),
        pytest.param({"creds": "/no/such"}, "creds: there is no file /no/such on the controller", id="no-file"),
        pytest.param({"tls": {"ca": "/no/ca"}, "user": "s", "password": PASSWORD}, "tls.ca: there is no file /no/ca", id="no-ca"),
    ],
)
def test_an_account_that_cannot_be_used_is_told_without_its_secret(account: Any, words: str) -> None:
    with pytest.raises(NatsError) as failed:
        _over_nats.check(account)
    assert words in str(failed.value)
    assert PASSWORD not in str(failed.value)


def test_an_account_may_be_a_certificate_alone(tmp_path: Path) -> None:
    (tmp_path / "own.pem").touch()
    own = str(tmp_path / "own.pem")
    given = {"tls": {"cert": own, "key": own}}
    assert _over_nats.check({**given, "user": None, "servers": None}) == given


def test_an_account_may_come_as_text_as_a_credential_of_awx_gives_it(tmp_path: Path) -> None:
    (tmp_path / "own.creds").touch()
    own = str(tmp_path / "own.creds")
    text = {
        "servers": "nats://n1:4222, nats://n2:4222\n",
        "creds": own,
        "user": "",
        "password": "",
        "tls": {"ca": "", "verify": "no"},
    }
    read = {"servers": ["nats://n1:4222", "nats://n2:4222"], "creds": own, "tls": {"verify": False}}
    assert _over_nats.check(text) == read


def test_a_connection_that_is_given_up_ends_though_it_takes_the_first_cancellation_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Stubborn:
        async def connect(self, _servers: list[str], **_options: Any) -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            await asyncio.sleep(60)

        async def close(self) -> None:
            pass

    monkeypatch.setattr(_nats_client.nats, "NATS", Stubborn)
    client, outcome = asyncio.run(asyncio.wait_for(_nats_client.connect([], {}, lambda: True), 30))
    assert client is None
    assert isinstance(outcome, asyncio.CancelledError)


def test_without_nats_py_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_nats_client, "nats", None)
    with pytest.raises(NatsError, match=r"pip install 'nats-py\[nkeys\]'"):
        _over_nats.check({"user": "sys", "password": PASSWORD})


def test_a_server_has_the_name_of_its_host_or_the_first_part_of_it_or_the_one_that_is_given() -> None:
    hosts = {"n2.example.org": {}, "n3": {"nats_upgrade_server_name": "three"}}
    task_vars, templar = inventory(**hosts)
    assert _inventory.server_names("n2.example.org", task_vars, templar) == ("n2.example.org", "n2")
    assert _inventory.server_names("n1", task_vars, templar) == ("n1",)
    assert _inventory.server_names("n3", task_vars, templar) == ("three",)


def test_a_server_without_a_name_is_told_from_one_with_another_name() -> None:
    assert _over_nats._of_no_host([]) == ""
    assert _over_nats._of_no_host(["other"]).endswith("These answered and are of no host: other")
    told = _over_nats._of_no_host(["NDJWE4SOUJOJT2TY5Y2YQEOAHGAK5VIGXTGKWJSFHVCII4ITI3LBHBUV"])
    assert "A server without a server_name answers as its id" in told
    assert told.endswith("give it a server_name, or read it by HTTP")


def test_whoever_reads_one_host_knows_the_others_of_the_group_and_may_connect_to_them() -> None:
    task_vars, templar = inventory(n2={"ansible_host": "fd00::2"})
    task_vars["groups"] = {"nats": ["n1", "n2"]}
    assert _inventory.with_group(["n2"], task_vars, templar) == ["n2", "n1"]
    assert _inventory.client_urls(["n2", "n1"], task_vars, templar) == ["nats://[fd00::2]:4222", "nats://n1:4222"]
