"""Every way to say who we are, on a real server that asks for it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nkeys
import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading
from ansible_collections.natsops.cluster.plugins.plugin_utils._read.over_nats import SystemAccount
from tests.integration.helpers import loudly
from tests.lab.binaries import server_binary
from tests.lab.certificates import Authority
from tests.lab.ports import free_ports, release
from tests.lab.processes import wait_until

SYSTEM = "accounts {{ SYS: {{ users: [{{{user}}}] }} }}\nsystem_account: SYS\n"


@contextmanager
def server(folder: Path, config: str, name: str = "n1", port: int = 0) -> Iterator[str]:
    """A real server with this configuration, at a port that is free or given; gives its URL."""
    ports, path, log = None if port else free_ports(1), folder / f"{name}.conf", folder / f"{name}.log"
    port = ports.client + 1 if ports else port
    path.write_text(f'server_name: {name}\nlisten: "127.0.0.1:{port}"\n{config}', encoding="utf-8")
    with log.open("wb") as output:
        process = subprocess.Popen([server_binary("2.15.1"), "-c", path], stdout=output, stderr=output)
    try:
        assert wait_until(lambda: b"Server is ready" in log.read_bytes(), 10), log.read_text(encoding="utf-8")
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        if ports:
            release(ports)


def read(url: str, **account: Any) -> Reading:
    with SystemAccount({**account, "servers": [url]}, [], {}, 5.0) as source:
        return _monitor.read_facts(source, [_monitor.Target("n1", "nats:n1")])[0]


def key(prefix: int, folder: Path, name: str) -> tuple[Any, Path]:
    """A new key of this kind, and the file with its seed."""
    seed = nkeys.encode_seed(os.urandom(32), prefix)
    path = folder / name
    path.write_bytes(seed)
    return nkeys.from_seed(bytearray(seed)), path


def test_an_nkey_lets_us_in_and_another_does_not(tmp_path: Path) -> None:
    ours, seed = key(nkeys.PREFIX_BYTE_USER, tmp_path, "user.nk")
    _other, wrong = key(nkeys.PREFIX_BYTE_USER, tmp_path, "other.nk")
    nonsense = tmp_path / "nonsense.nk"
    nonsense.write_text("nothing that is a seed", encoding="utf-8")
    with server(tmp_path, SYSTEM.format(user=f"nkey: {ours.public_key.decode()}")) as url:
        assert read(url, nkey=str(seed)).error == ""
        with pytest.raises(NatsError, match="do not let us in over NATS"):
            read(url, nkey=str(wrong))
        with pytest.raises(NatsError, match="what is in the file of creds or nkey is something else") as failed:
            read(url, nkey=str(nonsense))
        shown = loudly(tmp_path, nats_upgrade_system_account={"servers": [url], "nkey": str(seed)})
    assert seed.read_text(encoding="ascii") not in shown
    assert "nothing that is a seed" not in str(failed.value)


def test_a_server_that_refuses_us_is_fatal_only_once_all_others_do_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A roll gives the servers another password, one by one."""
    # The refusing one is tried first.
    monkeypatch.setattr("nats.aio.client.shuffle", lambda servers: None)
    old, new = (SYSTEM.format(user=f"user: sys, password: {password}") for password in ("old", "new"))
    with server(tmp_path, new) as first, contextlib.ExitStack() as stack:
        second = stack.enter_context(server(tmp_path, old, "n2"))
        account = {"user": "sys", "password": "old", "servers": [first, second]}
        with SystemAccount(account, [], {}, 2.0) as source:

            def look() -> list[Reading]:
                return _monitor.read_facts(source, [_monitor.Target(name, f"nats:{name}") for name in ("n1", "n2")])

            refusing, accepting = look()
            place = first.partition("://")[2]
            assert accepting.error == ""
            assert refusing.error.endswith(f". {place} does not let us in over NATS (Authorization Violation)")
            # The one that let us in goes; it may be back at any time, so that this is no more than silence.
            stack.close()
            assert [place in reading.error for reading in look()] == [True, True]
            with SystemAccount(account, [], {}, 1.0) as another:
                (reading,) = _monitor.read_facts(another, [_monitor.Target("n1", "nats:n1")])
            assert re.match(rf"no NATS server of .* can be reached: .*\. {place} does not let us in over NATS", reading.error)
            # It is back, and does not know us any more either.
            stack.enter_context(server(tmp_path, new, "n2", int(second.rpartition(":")[2])))
            with pytest.raises(NatsError, match=r"do not let us in over NATS \(Authorization Violation\)"):
                look()


def test_a_server_that_gets_other_users_while_we_are_connected_is_told_from_one_that_is_away(tmp_path: Path) -> None:
    pid, config, target = tmp_path / "pid", tmp_path / "n1.conf", _monitor.Target("n1", "nats:n1")
    users = f'pid_file: "{pid}"\n' + SYSTEM.format(user="user: sys, password: old")
    account = {"user": "sys", "password": "old"}
    with server(tmp_path, users) as url, SystemAccount({**account, "servers": [url]}, [], {}, 2.0) as source:

        def outcome() -> str:
            try:
                return _monitor.read_facts(source, [target])[0].error
            except NatsError as exc:
                return str(exc)

        assert outcome() == ""
        config.write_text(config.read_text(encoding="utf-8").replace("old", "new"), encoding="utf-8")
        os.kill(int(pid.read_text(encoding="ascii")), signal.SIGHUP)
        assert wait_until(lambda: "do not let us in over NATS (Authorization Violation)" in outcome(), 20)


def test_a_certificate_lets_us_in_where_tls_is_asked_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "our-authority")
    pem, own = authority.issue("127.0.0.1"), authority.issue("ops.example.org")
    tls = f'tls {{ cert_file: "{pem}", key_file: "{pem}", ca_file: "{authority.path}", verify: true }}\n'
    with server(tmp_path, tls + SYSTEM.format(user="user: sys, password: sys")) as url:
        who = {"user": "sys", "password": "sys"}
        assert read(url, **who, tls={"ca": str(authority.path), "cert": str(own), "key": str(own)}).error == ""
        with pytest.raises(NatsError, match=r"TLS over NATS: .*certificate.*tls\.ca"):
            read(url, **who, tls={"cert": str(own), "key": str(own)})


def jwt(issuer: Any, subject: str, name: str, **nats: Any) -> str:
    """A signed claim, as the nsc tool makes them."""

    def part(content: dict[str, Any]) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=")

    claim = {"iss": issuer.public_key.decode(), "sub": subject, "name": name, "iat": 1700000000, "nats": {"version": 2, **nats}}
    claim["jti"] = base64.b32encode(hashlib.sha256(json.dumps(claim).encode()).digest()).decode().rstrip("=")
    signed = part({"typ": "JWT", "alg": "ed25519-nkey"}) + b"." + part(claim)
    return (signed + b"." + base64.urlsafe_b64encode(issuer.sign(signed)).rstrip(b"=")).decode()


def test_a_file_of_credentials_lets_us_in_where_accounts_are_jwts(tmp_path: Path) -> None:
    operator, _seed = key(nkeys.PREFIX_BYTE_OPERATOR, tmp_path, "operator.nk")
    account, _seed = key(nkeys.PREFIX_BYTE_ACCOUNT, tmp_path, "account.nk")
    user, seed = key(nkeys.PREFIX_BYTE_USER, tmp_path, "user.nk")
    system, name = account.public_key.decode(), user.public_key.decode()
    unlimited = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1)
    of_account = jwt(operator, system, "SYS", type="account", limits={**unlimited, "wildcards": True})
    of_user = jwt(account, name, "ops", type="user", pub={}, sub={}, subs=-1, data=-1, payload=-1)
    own = jwt(operator, operator.public_key.decode(), "us", type="operator", system_account=system)
    creds = tmp_path / "sys.creds"
    creds.write_text(
        f"-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed.read_text(encoding='ascii')}\n------END USER NKEY SEED------\n",
        encoding="ascii",
    )
    config = f"operator: {own}\nsystem_account: {system}\nresolver: MEMORY\nresolver_preload {{ {system}: {of_account} }}\n"
    with server(tmp_path, config) as url:
        reading = read(url, creds=str(creds))
        shown = loudly(tmp_path, nats_upgrade_system_account={"servers": [url], "creds": str(creds)})
    assert [secret for secret in (of_user, seed.read_text(encoding="ascii")) if secret in shown] == []
    assert reading.error == ""
    assert reading.facts is not None
    assert reading.facts.system_account == system
