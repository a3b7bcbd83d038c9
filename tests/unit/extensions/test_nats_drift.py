"""The event source by its contract: a coroutine that puts dictionaries in a queue until it is cancelled."""

from __future__ import annotations

import asyncio
import json
import runpy
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import yaml

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from tests.unit.modules import ROOT
from tests.unit.recorded import answers

# As ansible-rulebook loads it.
SOURCE = runpy.run_path(str(ROOT / "extensions" / "eda" / "plugins" / "event_source" / "nats_drift.py"))
SECONDS = 30


class Servers(ThreadingHTTPServer):
    """Recorded servers behind one port, /n1 and so on, that run the versions that are set."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.versions = dict.fromkeys(("n1", "n2", "n3"), "2.15.1")
        self.silent: set[str] = set()

    def url(self, name: str, user: str = "") -> str:
        return f"http://{user}127.0.0.1:{self.server_address[1]}/{name}"

    def answer(self, path: str) -> Any:
        _empty, name, rest = path.split("/", 2)
        body = answers("2.15.1", name)[f"/{rest}"]["body"]
        return {**body, "version": self.versions[name]} if rest == "varz" else body


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Servers)
        if self.path.split("/")[1] in self.server.silent:
            self.send_error(503)
            return
        body = json.dumps(self.server.answer(self.path)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Nobody reads it."""


@pytest.fixture
def servers() -> Iterator[Servers]:
    with Servers() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


async def next_of(queue: asyncio.Queue[Any]) -> dict[str, Any]:
    event: dict[str, Any] = (await asyncio.wait_for(queue.get(), SECONDS))["nats_drift"]
    return event


async def ended(source: asyncio.Task[None]) -> None:
    source.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(source, SECONDS)


def test_it_tells_when_versions_diverge_and_when_that_is_over(servers: Servers) -> None:
    async def scenario() -> list[dict[str, Any]]:
        # No place but for one: what is not taken holds the source up, and is not piled up.
        queue: asyncio.Queue[Any] = asyncio.Queue(1)
        named = [{"name": name, "monitor_url": servers.url(name)} for name in servers.versions]
        source = asyncio.create_task(
            SOURCE["main"](queue, {"servers": named, "interval_seconds": "0", "eda_feedback_queue": None})
        )
        servers.versions["n2"] = "2.15.2"
        told = [await next_of(queue)]
        servers.versions["n2"] = "2.15.1"
        told.append(await next_of(queue))
        await ended(source)
        assert queue.empty()
        return told

    diverged, converged = asyncio.run(scenario())
    assert (diverged["change"], diverged["was"], diverged["majority"]) == ("diverged", "", "2.15.1")
    assert [one["host"] for one in diverged["outliers"]] == ["n2"]
    assert (converged["change"], converged["was"], converged["state"]) == ("converged", diverged["state"], "")
    assert converged["versions"] == [{"version": "2.15.1", "servers": 3}]
    assert set(diverged) == set(yaml.safe_load(SOURCE["RETURN"])["nats_drift"]["contains"])


def test_servers_that_hang_refuse_or_talk_nonsense_keep_nobody_from_being_judged(servers: Servers) -> None:
    async def scenario(hanging: str) -> dict[str, Any]:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        urls = [*(servers.url(name) for name in servers.versions), hanging, "http://127.0.0.1:1", servers.url("n9")]
        source = asyncio.create_task(SOURCE["main"](queue, {"servers": urls, "request_timeout_seconds": 1}))
        servers.versions["n3"] = "2.14.6"
        told = await next_of(queue)
        await ended(source)
        return told

    with socket.socket() as hangs:
        hangs.bind(("127.0.0.1", 0))
        hangs.listen()
        told = asyncio.run(scenario(f"http://127.0.0.1:{hangs.getsockname()[1]}"))
    assert [one["host"] for one in told["outliers"]] == [servers.url("n3")]


def test_who_does_not_answer_is_logged_with_the_reason_when_that_changes(
    servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    def looked(*silent: str) -> list[str]:
        caplog.clear()
        servers.silent = set(silent)
        watch.look()
        return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]

    named = [{"name": name, "monitor_url": servers.url(name)} for name in servers.versions]
    watch = SOURCE["Watch"]({"servers": named})
    assert looked() == []
    (one,) = looked("n2")
    assert "nats_drift: 1 of 3 servers do not answer" in one
    assert f"n2 {servers.url('n2')}: " in one
    assert "503" in one
    assert looked("n2") == []
    (every,) = looked("n1", "n2", "n3")
    assert "3 of 3 servers do not answer" in every
    assert looked() == ["nats_drift: all 3 servers answer again"]


def test_a_password_in_an_address_is_in_no_event_and_no_log(servers: Servers, caplog: pytest.LogCaptureFixture) -> None:
    servers.versions["n3"] = "2.14.6"
    urls = [servers.url(name, "probe:s3cret@") for name in servers.versions]
    events = SOURCE["Watch"]({"servers": [*urls, "http://probe:s3cret@127.0.0.1:1"]}).look()
    assert [one["host"] for one in events[0]["nats_drift"]["outliers"]] == [servers.url("n3")]
    assert "http://127.0.0.1:1: " in caplog.text
    assert "s3cret" not in json.dumps(events) + caplog.text


def test_a_look_that_waits_for_a_server_can_be_cancelled() -> None:
    async def scenario(hanging: str) -> None:
        source = asyncio.create_task(SOURCE["main"](asyncio.Queue(), {"servers": [hanging], "request_timeout_seconds": 2}))
        accepted = asyncio.create_task(asyncio.to_thread(hangs.accept))
        # A source that fails before it asks would be waited for without end.
        await asyncio.wait({source, accepted}, return_when=asyncio.FIRST_COMPLETED)
        assert not source.done(), source.exception()
        connection, _address = await accepted
        await ended(source)
        connection.close()

    with socket.socket() as hangs:
        hangs.settimeout(30)
        hangs.bind(("127.0.0.1", 0))
        hangs.listen()
        asyncio.run(scenario(f"http://127.0.0.1:{hangs.getsockname()[1]}"))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        pytest.param({}, "missing required arguments: servers", id="no-servers"),
        pytest.param({"servers": []}, "may not be empty", id="empty"),
        pytest.param({"servers": [{"name": "n1"}]}, "dictionaries with name and monitor_url", id="no-address"),
        pytest.param({"servers": ["10.0.0.1:8222"]}, "has to start with http", id="no-scheme"),
        pytest.param({"servers": ["http://n1:8222"] * 2}, "twice", id="twice"),
        pytest.param({"servers": ["http://n1:8222"], "interval": 5}, "interval", id="misspelt"),
        pytest.param({"servers": ["http://n1:8222"], "interval_seconds": "often"}, "interval_seconds", id="no-number"),
        pytest.param({"servers": ["http://n1:8222"], "policy_file": "/no/such"}, "/no/such", id="no-policy"),
    ],
)
def test_options_that_cannot_be_used_are_told_at_once(args: dict[str, Any], words: str) -> None:
    with pytest.raises(NatsError, match=words):
        asyncio.run(SOURCE["main"](asyncio.Queue(), args))


def test_it_never_looks_more_often_than_once_a_second() -> None:
    assert SOURCE["Watch"]({"servers": ["http://n1:8222"], "interval_seconds": 0}).interval_seconds == 1


def test_every_option_is_documented() -> None:
    documented = yaml.safe_load(SOURCE["DOCUMENTATION"])["options"]
    spec = SOURCE["SPEC"]
    assert {name: option.get("default") for name, option in documented.items()} == {
        name: option.get("default") for name, option in spec.items()
    }
