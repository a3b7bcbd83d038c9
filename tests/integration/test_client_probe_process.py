"""The client probe as a process on a real server: who may be one, what it keeps to itself, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nats
import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.plugin_utils._probe import control as _control
from ansible_collections.natsops.cluster.plugins.plugin_utils._probe import session as _session
from ansible_collections.natsops.cluster.plugins.plugin_utils._probe.session import Session, Wanted
from tests.integration.test_over_nats_credentials import server
from tests.lab.binaries import ROOT
from tests.lab.processes import wait_until

SECRET = "correct-horse-9Wz4"
# As docs/client-probe.md shows it.
PERMISSIONS = """\
permissions: {
  publish: ["natsops.probe.>", "$JS.API.INFO", "$JS.API.STREAM.>", "$JS.API.CONSUMER.>", "$JS.ACK.>"]
  subscribe: ["natsops.probe.>"]
}
"""
CONFIG = """
jetstream {{ store_dir: "{folder}" }}
accounts {{
  APP: {{ jetstream: enabled, users: [
    {{ user: probe, password: "{secret}", {permissions} }}
    {{ user: requests, password: "{secret}", permissions: {{ publish: "natsops.probe.>", subscribe: "natsops.probe.>" }} }}
    {{ user: stranger, password: "{secret}", permissions: {{ publish: "orders.>", subscribe: "_INBOX.>" }} }}
    {{ user: silent, password: "{secret}",
       permissions: {{ publish: ["natsops.probe.>", "$JS.API.>"], subscribe: "natsops.probe.>" }} }}
    {{ user: app, password: app }} ] }}
  PLAIN: {{ users: [{{ user: plain, password: "{secret}" }}] }}
}}
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    with server(folder, CONFIG.format(folder=folder, secret=SECRET, permissions=PERMISSIONS)) as found:
        yield found


def wanted(url: str, run_id: str = "r1", **account: Any) -> Wanted:
    account = {"user": "probe", "password": SECRET, **account}
    return Wanted(_session.check(account), [url], run_id, account.pop("replicas", 1))


def streams(url: str) -> list[str]:
    async def ask() -> list[str]:
        client = await nats.connect(url, user="app", password="app")
        try:
            answer = await client.request("$JS.API.STREAM.NAMES", b"")
            return json.loads(answer.data)["streams"] or []
        finally:
            await client.close()

    return asyncio.run(ask())


@pytest.fixture
def owner() -> Iterator[subprocess.Popen[bytes]]:
    """Stands for the playbook."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def started(folder: Path, probe: Wanted, owner: subprocess.Popen[bytes]) -> tuple[_control.Record, _process.Process]:
    playbook = _process.look(owner.pid)
    assert playbook is not None
    began = _control.start(str(folder), probe, {"pid": owner.pid, "start_ticks": playbook.start_ticks})
    process = _process.look(began["pid"])
    assert process is not None
    return began, process


def test_the_page_shows_the_permissions_that_are_enough() -> None:
    page = (ROOT / "docs" / "client-probe.md").read_text(encoding="utf-8")
    assert all(line.strip() in page for line in PERMISSIONS.splitlines())


@pytest.mark.parametrize(
    ("account", "words"),
    [
        pytest.param({"password": "wrong-9Wz4"}, "do not let the client probe in", id="password"),
        pytest.param({"user": "stranger"}, "let it publish and subscribe to natsops.probe.>", id="subjects"),
    ],
)
def test_a_user_that_cannot_be_a_probe_is_told_so_without_its_secret(url: str, account: dict[str, Any], words: str) -> None:
    with pytest.raises(NatsError) as failed:
        _session.look(wanted(url, **account))
    assert words in str(failed.value)
    assert "9Wz4" not in str(failed.value)


@pytest.mark.parametrize(
    ("user", "why"),
    [("probe", ""), ("requests", "the user may not use it"), ("plain", "10039")],
)
def test_a_user_without_jetstream_is_a_probe_without_a_stream(url: str, user: str, why: str) -> None:
    said = _session.look(wanted(url, user=user))
    assert why in said
    assert bool(said) == bool(why)


def test_a_user_that_may_not_acknowledge_is_told_so_and_leaves_no_stream(
    url: str, tmp_path: Path, owner: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(
        NatsError, match=r"(?i)the client probe cannot run: .*\$JS\.ACK\..*Set nats_upgrade_client_probe so that it can"
    ):
        started(tmp_path, wanted(url, "silent", user="silent"), owner)
    assert "NATSOPS_PROBE_silent" not in streams(url)


def test_a_probe_keeps_its_secret_and_ends_with_the_playbook_and_leaves_nothing(
    url: str, tmp_path: Path, owner: subprocess.Popen[bytes]
) -> None:
    began, process = started(tmp_path, wanted(url, "killed"), owner)
    assert began["without_jetstream"] == ""
    assert "NATSOPS_PROBE_killed" in streams(url)
    proc = Path("/proc") / str(process.pid)
    assert SECRET not in " ".join(process.argv)
    assert SECRET.encode() not in (proc / "environ").read_bytes()
    # A session of its own, so that Ctrl-C at the playbook does not end it before it has removed its stream.
    assert int((proc / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[3]) == process.pid
    owner.kill()
    owner.wait()
    assert wait_until(lambda: not _process.alive(process), 30)
    ended = json.loads((tmp_path / "client-probe.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert (ended["reason"], ended["stream_removed"], ended["total"]["lost"]) == ("the playbook has gone", True, 0)
    assert "NATSOPS_PROBE_killed" not in streams(url)
    assert not [path for path in tmp_path.iterdir() if SECRET.encode() in path.read_bytes()]


def test_the_stream_of_a_probe_that_was_killed_itself_is_removed_by_the_next(
    url: str, tmp_path: Path, owner: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    _began, process = started(tmp_path, wanted(url, "crashed"), owner)
    _process.send(process, signal.SIGKILL)
    assert wait_until(lambda: not _process.alive(process), 30)
    with pytest.raises(NatsError, match="its process was killed"):
        _control.read(str(tmp_path), "n1")
    assert "NATSOPS_PROBE_crashed" in streams(url)

    async def removed() -> list[str]:
        session = Session(wanted(url, "next"))
        try:
            return await session.remove_left(await session.connect("next"))
        finally:
            await session.close()

    # One that may be another run's that lives is left alone.
    assert asyncio.run(removed()) == []
    monkeypatch.setattr(_session, "SILENT_SECONDS", -60)
    assert asyncio.run(removed()) == ["NATSOPS_PROBE_crashed"]
    assert "NATSOPS_PROBE_crashed" not in streams(url)


def test_a_message_that_went_down_with_a_connection_is_given_again_and_not_lost(
    url: str, tmp_path: Path, owner: subprocess.Popen[bytes]
) -> None:
    """Whoever takes one and says nothing stands for the connection to a server that drains, which ends with one on its way."""

    async def take_one() -> None:
        client = await nats.connect(url, user="app", password="app")
        taken = await client.jetstream().pull_subscribe_bind(consumer="probe", stream="NATSOPS_PROBE_taken")
        assert len(await taken.fetch(1, timeout=5)) == 1
        await client.close()

    async def told(*sequences: int) -> list[tuple[bool, str]]:
        session = Session(wanted(url, "asks"))
        try:
            client = await session.connect("asks")
            return [await session.find(client, "NATSOPS_PROBE_taken", sequence) for sequence in sequences]
        finally:
            await session.close()

    started(tmp_path, wanted(url, "taken"), owner)
    asyncio.run(take_one())
    # Had it not been given again, the probe would ask whether it is there.
    there, gone = asyncio.run(told(1, 10**9))
    assert there == (True, "the stream has it, and the consumer has not given it")
    assert gone == (False, "asked for it, the servers say: no message found (10037)")
    step = _control.read(str(tmp_path), "n1")
    assert (step["lost"], step["duplicated"]) == (0, 0)
    assert _control.stop(str(tmp_path))["total"]["lost"] == 0


def test_without_a_stream_the_rest_is_seen_and_the_steps_are_of_their_hosts(
    url: str, tmp_path: Path, owner: subprocess.Popen[bytes]
) -> None:
    probe = wanted(url, "alone")
    # A single server has no room for three replicas.
    began, process = started(tmp_path, Wanted(probe.account, probe.servers, probe.run_id, 3), owner)
    assert "replicas" in began["without_jetstream"]
    first = _control.read(str(tmp_path), "n1")
    second = _control.read(str(tmp_path), "n2")
    assert [first["host"], second["host"]] == [None, "n1"]
    assert first["requests"] > first["failed_requests"]
    # On a busy machine one may come too late. Nothing else is wrong with any.
    late = [event for event in first["events"] if event["kind"] == "request" and event["detail"].startswith("TimeoutError")]
    assert (first["failed_requests"], first["longest_gap_seconds"]["consume"]) == (len(late), None)
    ended = _control.stop(str(tmp_path))
    assert ended["reason"] == "stopped"
    assert ended["total"]["requests"] >= first["requests"] + second["requests"]
    assert [step["host"] for step in _control.steps(str(tmp_path))] == [None, "n1", "n2"]
    assert not _process.alive(process)
