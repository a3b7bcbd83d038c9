"""Answers of real servers (tests/fixtures), played back through a door of the collection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._read.http_door import Door
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Answer, Fault, Reply, Settings
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
VERSIONS = ("2.10.26", "2.11.11", "2.12.8", "2.14.6", "2.15.1")
# The versions in which the situations that are hard to tell from a healthy one were recorded.
OLDEST_AND_NEWEST = ("2.10.26", "2.15.1")
NAMES = ("n1", "n2", "n3")


# Changes the answers by server and path, as recorded, to what they would have been.
Edit = Callable[[Dict[str, Dict[str, Any]]], None]


class RecordedDoor(Door):
    """Gives what was recorded, or an edited copy; a server that was not recorded refuses connections."""

    def __init__(self, folder: Path, edit: Edit | None = None) -> None:
        super().__init__(Settings())
        names = [path.stem for path in folder.glob("*.json")]
        self._answers = {name: answers(folder.relative_to(FIXTURES).as_posix(), name) for name in names}
        if edit:
            edit(self._answers)

    def get_many(self, urls: Sequence[str]) -> list[Reply]:
        return [self._reply(url) for url in urls]

    def _reply(self, url: str) -> Reply:
        name, _unused, path = url.partition("://")[2].partition(":8222")
        if name not in self._answers:
            return Fault("connection refused")
        # Of /jsz one query was recorded, with all that the collection asks for and more; of /healthz the first error.
        short = next((short for short in ("/jsz", "/healthz") if path.startswith(f"{short}?")), path)
        answer = self._answers[name][short]
        return Answer(answer["status"], answer["body"], "")


def answers(folder: str, name: str = "n1") -> dict[str, Any]:
    """What one server answered, by path; /jsz without its query."""
    text = (FIXTURES / folder / f"{name}.json").read_text(encoding="utf-8")
    return {("/jsz" if path.startswith("/jsz") else path): answer for path, answer in json.loads(text).items()}


def read(version: str, situation: str = "", names: Sequence[str] = NAMES, *, assets: bool = False) -> list[Reading]:
    """What the collection reads of the servers of a recorded cluster."""
    targets = [_monitor.Target(name, f"http://{name}:8222") for name in names]
    return _monitor.read_state(RecordedDoor(FIXTURES / version / situation), targets, assets=assets)
