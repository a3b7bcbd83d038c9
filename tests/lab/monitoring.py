"""One small GET on a monitoring port. What can happen to it is a value, because a server that restarts is no error."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.lab.ports import HOST


@dataclass(frozen=True)
class Reply:
    """An answer with its decoded JSON (None where it is something else). Status 0: nothing answered."""

    status: int
    body: Any = None

    @property
    def ok(self) -> bool:
        return self.status == 200

    def field(self, *path: str) -> Any:
        """Return a nested field of the body, or None where anything on the way is missing."""
        value = self.body
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value


NO_REPLY = Reply(0)
# Who is asked once and does not answer counts as down: a busy machine alone shall not make it so.
ANSWER_SECONDS = 10.0
# Asks one server for a path.
Ask = Callable[[str], Reply]


def ask(port: int, path: str, timeout_seconds: float = ANSWER_SECONDS, *, host: str = HOST) -> Reply:
    connection = http.client.HTTPConnection(host, port, timeout=timeout_seconds)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        text = response.read()
        return Reply(response.status, json.loads(text))
    except ValueError:
        return Reply(response.status)
    except (OSError, http.client.HTTPException):
        return NO_REPLY
    finally:
        connection.close()


def accounts_of(ask_server: Ask) -> list[str]:
    """Return the accounts with JetStream data on this server, without the system account."""
    details = ask_server("/jsz?accounts=true&streams=true").field("account_details") or []
    return [detail["name"] for detail in details if detail.get("stream_detail")]


def raft_groups(ask_server: Ask, accounts: list[str]) -> dict[str, dict[str, Any]]:
    """Return every Raft group that the server is a member of, by its name."""
    groups: dict[str, dict[str, Any]] = {}
    for path in ["/raftz", *(f"/raftz?acc={account}" for account in accounts)]:
        reply = ask_server(path)
        for members in (reply.body or {}).values() if reply.ok else ():
            groups.update(members)
    return groups


def is_settled(group: dict[str, Any]) -> bool:
    """Tell whether the group has a leader and nothing of it is still to come. /healthz alone says 200 too early."""
    return bool(group.get("leader")) and not group.get("catching_up") and not group.get("paused")
