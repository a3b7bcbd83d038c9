"""A real server in operator mode, with TLS for clients and monitoring: accounts have a name and an id, and both are met."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import urllib.request
from pathlib import Path

from ansible_collections.natsops.cluster.plugins.module_utils._node import stored as _stored
from ansible_collections.natsops.cluster.plugins.module_utils._values import assets as _assets
from tests.lab.binaries import server_binary
from tests.lab.load_assets import LOCAL_STREAM, STREAM, create_assets
from tests.lab.operator import write_certificates, write_operator
from tests.lab.ports import free_ports, release
from tests.lab.processes import wait_until

SECONDS = 60.0


def test_a_stream_that_is_stored_is_one_that_is_served(tmp_path: Path) -> None:
    write_operator(tmp_path)
    write_certificates(tmp_path, {"127.0.0.1": "127.0.0.1"})
    trusted = ssl.create_default_context(cafile=str(tmp_path / "clients" / "ca.pem"))
    pem, ports, config = tmp_path / "clients" / "127.0.0.1.server.pem", free_ports(1), tmp_path / "nats.conf"
    config.write_text(
        f'server_name: n1\nlisten: "127.0.0.1:{ports.client}"\nhttps: "127.0.0.1:{ports.monitor}"\n'
        f'tls {{ cert_file: "{pem}", key_file: "{pem}" }}\njetstream {{ store_dir: "{tmp_path}" }}\ninclude operator.conf\n',
        encoding="utf-8",
    )

    def ask(path: str) -> object:
        try:
            with urllib.request.urlopen(f"https://127.0.0.1:{ports.monitor}{path}", timeout=5, context=trusted) as answer:
                return json.load(answer)
        except OSError:
            return None

    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([server_binary("2.15.1"), "-c", str(config)], stdout=log, stderr=log)
    try:
        assert wait_until(lambda: ask("/healthz") == {"status": "ok"}, SECONDS), (tmp_path / "log").read_text(encoding="utf-8")
        login = {"user_credentials": str(tmp_path / "app.creds"), "tls": trusted}
        asyncio.run(create_assets([f"nats://127.0.0.1:{ports.client}"], None, None, **login))
        served = _assets.parse_streams(ask("/jsz?accounts=true&streams=true"))
    finally:
        server.kill()
        server.wait()
        release(ports)
    assert set(_stored.facts(str(tmp_path / "jetstream"), "", None, None)["stored_streams"]) == served
    assert {label.split(" > ")[1] for label in served} == {STREAM, LOCAL_STREAM}
