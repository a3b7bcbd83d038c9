from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._container import docker as _docker
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError

KEPT = {"container": "nats", "id": "0123456789ab", "restart": "on-failure:3"}


def test_the_restart_policy_that_is_kept_is_read(tmp_path: Path) -> None:
    assert _docker.held(str(tmp_path), "nats") is None
    (tmp_path / _docker.HOLD).write_text(json.dumps(KEPT), encoding="utf-8")
    assert _docker.held(str(tmp_path), "nats") == KEPT


@pytest.mark.parametrize(
    "damage", [{"restart": "always --privileged"}, {"restart": None}, {"id": 1}, {"container": "nats\x1b[2J"}]
)
def test_what_is_no_restart_policy_becomes_no_word_of_a_command(tmp_path: Path, damage: dict[str, Any]) -> None:
    (tmp_path / _docker.HOLD).write_text(json.dumps({**KEPT, **damage}), encoding="utf-8")
    with pytest.raises(
        NatsError, match=rf"container\.json, which holds .* cannot be read \({next(iter(damage))} is .* has to be "
    ):
        _docker.held(str(tmp_path), "nats")
