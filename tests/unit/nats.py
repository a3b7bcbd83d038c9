"""A simulated NATS server of which a test chooses the answers: what varies is what is being tested, the rest is healthy."""

from __future__ import annotations

import copy
import json
from http.server import BaseHTTPRequestHandler
from typing import Any, Sequence
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from ansible_collections.natsops.cluster.plugins.module_utils._read.http_door import Door
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Answer, Fault, Reply, Settings
from tests.unit.recorded import answers
from tests.unit.servers import WebServer


class SimulatedServer(WebServer):
    """Answers on a real port as a recorded server did; C(answers) may be changed while it runs."""

    def __init__(self, folder: str = "2.15.1", name: str = "n1", base_path: str = "") -> None:
        self.answers = copy.deepcopy(answers(folder, name))
        self.base_path = base_path
        super().__init__(self._answer)

    def be_alone(self) -> None:
        """A single server without JetStream."""
        self.answers["/routez"]["body"] = {"num_routes": 0, "routes": []}
        self.answers["/varz"]["body"] = {**self.answers["/varz"]["body"], "cluster": {}, "jetstream": {}}
        self.answers["/jsz"]["body"] = {"disabled": True}

    def _answer(self, handler: BaseHTTPRequestHandler) -> Any:
        if not handler.path.startswith(self.base_path + "/"):
            return 404, {}, b"404 page not found\n"
        path = handler.path[len(self.base_path) :]
        answer = self.answer("/healthz" if path.startswith("/healthz?") else path)
        return answer if isinstance(answer, tuple) else (answer["status"], {}, _encoded(answer["body"]))

    def answer(self, path: str) -> Any:
        """The answer to one request."""
        key = "/jsz" if path.startswith("/jsz") else unquote(path)
        return self.answers.get(key, {"status": 404, "body": None})


class ManyAccounts(Door):
    """A server with so many accounts that JetStream pages them, as nats-server does: 1024 at most in one answer.

    A door of its own: a request for each account over a real port would take ten seconds.
    """

    def __init__(self, count: int) -> None:
        super().__init__(Settings())
        self.accounts = [f"A{number:04}" for number in range(count)]
        self.pages: list[int] = []
        self.faults: dict[int, Fault] = {}
        self._varz = answers("2.15.1")["/varz"]["body"]

    def get_many(self, urls: Sequence[str]) -> list[Reply]:
        return [self._reply(urlsplit(url)) for url in urls]

    def _reply(self, url: SplitResult) -> Reply:
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/jsz":
            return self._page(int(query["offset"]), min(int(query["limit"]), 1024))
        if url.path == "/raftz":
            name = query.get("acc", "SYS")
            group = {"state": "FOLLOWER", "leader": "x", "committed": 1, "applied": 1}
            return Answer(200, {name: {f"S-{name}": group}}, "")
        return Answer(200, {"/varz": self._varz, "/healthz": {"status": "ok"}, "/routez": {}}[url.path], "")

    def _page(self, first: int, limit: int) -> Reply:
        self.pages.append(first)
        names = self.accounts[first : first + limit]
        details = [{"name": name, "id": name, "stream_detail": [_stream(name)]} for name in names]
        return self.faults.get(first, Answer(200, {"account_details": details}, ""))


def _stream(account: str) -> dict[str, Any]:
    replicas = [{"name": "n1", "current": True}, {"name": "n3", "current": True}]
    return {"name": "S", "cluster": {"raft_group": f"S-{account}", "leader": "n2", "replicas": replicas}}


def _encoded(body: Any) -> bytes:
    return b"" if body is None else json.dumps(body).encode()
