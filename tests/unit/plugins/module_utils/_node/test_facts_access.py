"""Who may connect to the server of a node: read where its server reads it, and never told."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._container import docker as _docker
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import surroundings as _surroundings
from ansible_collections.natsops.cluster.plugins.module_utils._host.process import Found, Process
from ansible_collections.natsops.cluster.plugins.module_utils._node import facts as _facts
from tests.unit.processes import Processes

CONFIG = "cluster { name: lab }, authorization { user: a, password: hunter2 }"


def test_who_may_connect_is_a_fact_where_a_key_is_given_also_of_a_server_that_does_not_run(tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    config.write_text(CONFIG, encoding="utf-8")
    asked = {"pid_file": str(tmp_path / "none"), "start_argv": ["/opt/nats-server", "-js", "-c", str(config)]}
    facts = _facts.facts({**asked, "fingerprint_key": "k"})
    assert (facts["running"], facts["config_path"], facts["binary_path"]) == (False, str(config), "/opt/nats-server")
    assert (facts["access"]["cluster"], facts["access"]["jetstream"]) == ("lab", True)
    assert list(facts["access"]["accounts"][""]["users"]) == ["a"]
    assert "hunter2" not in str(facts)
    assert "access" not in _facts.facts(asked)


def test_a_file_that_cannot_be_read_is_named_and_no_crash(tmp_path: Path) -> None:
    config, missing = tmp_path / "nats.conf", tmp_path / "none.conf"
    config.write_text("accounts { include none.conf }", encoding="utf-8")
    asked = {"pid_file": str(tmp_path / "none"), "start_argv": ["/opt/nats-server", "-c", str(config)], "fingerprint_key": "k"}
    with pytest.raises(NatsError, match=rf"^there is no configuration {missing}, which {config} includes: "):
        _facts.facts(asked)


def in_container(monkeypatch: pytest.MonkeyPatch, process: Process | None, root: str) -> dict[str, Any]:
    """The facts of a server in a container, as far as the engine has a part in them."""
    monkeypatch.setattr(_docker, "find", lambda name: (Found("container", process, "it is exited"), {}))
    monkeypatch.setattr(_docker, "facts", lambda name, image: {"name": name})
    monkeypatch.setattr(_surroundings, "root_of", lambda found: root if found else "")
    return _facts.facts({"container": "nats", "fingerprint_key": "k"})


def test_a_configuration_in_a_container_is_read_there_and_not_on_the_host(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Of the same path, one on the host and one in the container, of which only the latter is the server's.
    path, root = tmp_path / "nats.conf", tmp_path / "root"
    path.write_text("cluster { name: other }", encoding="utf-8")
    there = Path(f"{root}{path}")
    there.parent.mkdir(parents=True)
    there.write_text(CONFIG, encoding="utf-8")
    # A shell takes any arguments and waits for input.
    shell = processes.folder / "nats-server"
    shell.parent.mkdir(parents=True)
    shutil.copy(os.path.realpath("/bin/sh"), shell)
    server = processes.start(shell, "-s", "--", f"-c={path}", stdin=subprocess.PIPE)
    access = in_container(monkeypatch, server, str(root))["access"]
    assert (access["cluster"], list(access["accounts"][""]["users"])) == ("lab", ["a"])


def test_of_a_container_that_does_not_run_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = in_container(monkeypatch, None, "")
    assert (facts["running"], "access" in facts) == (False, False)
