"""Ask a server without a monitoring port the same things over NATS, as a user of the system account."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import nats
from nats.errors import Error

from tests.lab.monitoring import NO_REPLY, Reply

TIMEOUT_SECONDS = 2.0
WORDS = {"acc": "account", "consumers": "consumer"}


def ask_over_nats(url: str, server_name: str, path: str, password: str) -> Reply:
    """Return what the server with this name answers to whoever is connected to it."""
    parts = urlsplit(path)
    query: dict[str, Any] = {WORDS.get(key, key): value == "true" or value for key, value in parse_qsl(parts.query)}
    body = {**query, "server_name": server_name, "exact_match": True}
    try:
        answer = asyncio.run(_request(url, password, f"$SYS.REQ.SERVER.PING.{parts.path[1:].upper()}", body))
    except (Error, OSError, asyncio.TimeoutError):
        return NO_REPLY
    if "error" in answer:
        return Reply(answer["error"]["code"])
    return Reply(int(answer["data"].get("status_code") or 200), answer["data"])


async def _request(url: str, password: str, subject: str, body: dict[str, Any]) -> dict[str, Any]:
    async def ignore(_unused: Exception) -> None:
        """The caller sees it as well."""

    client = await nats.connect(
        url, user="sys", password=password, allow_reconnect=False, connect_timeout=int(TIMEOUT_SECONDS), error_cb=ignore
    )
    try:
        message = await client.request(subject, json.dumps(body).encode(), timeout=TIMEOUT_SECONDS)
        answer: dict[str, Any] = json.loads(message.data)
        return answer
    finally:
        await client.close()
