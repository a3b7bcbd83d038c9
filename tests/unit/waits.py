"""A wait for the three servers of a recorded cluster, while situations pass by."""

from __future__ import annotations

from typing import Any, Callable, Tuple, Union

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._read import http_door as _http_door
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Reply, Settings
from ansible_collections.natsops.cluster.plugins.module_utils._wait import health as _health
from tests.unit.clock import Clock
from tests.unit.recorded import FIXTURES, NAMES, Edit, RecordedDoor

THREE = [{"name": name, "monitor_url": f"http://{name}:8222"} for name in NAMES]
# From a moment on, a recorded situation, or one that was edited.
Scene = Union[Tuple[float, str], Tuple[float, str, Edit]]
Wait = Callable[..., "dict[str, Any]"]


def params(**given: Any) -> dict[str, Any]:
    """The options of the module with their defaults."""
    return {**{name: spec.get("default") for name, spec in _health.SPEC.items()}, **given}


class Scenes(_http_door.Door):
    """Plays one recorded situation after another, each from a moment on."""

    def __init__(self, clock: Clock, *scenes: Scene) -> None:
        super().__init__(Settings())
        self._clock, self._start = clock, clock.now()
        self._scenes = [(scene[0], RecordedDoor(FIXTURES / scene[1], *scene[2:])) for scene in scenes]

    def get_many(self, urls: Any) -> list[Reply]:
        now = self._clock.now() - self._start
        return [door for since, door in self._scenes if since <= now][-1].get_many(urls)


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Wait:
    def run(*scenes: Scene, clock: Clock | None = None, look_once: bool = False, **given: Any) -> dict[str, Any]:
        clock = clock or Clock()
        monkeypatch.setattr(_http_door, "open_door", lambda _: Scenes(clock, *scenes))
        given = {"servers": THREE, **given}
        return _health.wait_until_back(params(**given), look_once=look_once, now=clock.now, sleep=clock.sleep)

    return run
