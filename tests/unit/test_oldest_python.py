"""The modules run on a node with the oldest Python that this ansible-core takes there: on the oldest that this machine has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import core as _core
from tests.lab import pythons
from tests.lab.cluster import LoopbackCluster
from tests.unit.modules import ROOT
from tests.unit.releases import NEW, OLD, hash_of, install, release

PYTHON = pythons.oldest(".".join(map(str, _core.oldest_python())))
NAME = f"python{pythons.version_of(PYTHON)}"
# In each test's name, so that a report says which Python it was.
pytestmark = pytest.mark.parametrize("on", [NAME])
Results = Dict[str, Dict[str, Any]]


def play(folder: Path, cluster: LoopbackCluster) -> Results:
    """Run the modules one after the other on this machine with that Python, as a node; return their results."""
    node, url = cluster.nodes["n1"], cluster.monitor_url("n1")
    path, archive = install(folder / "nats-server", OLD), release(folder)
    versions = {"path": str(path), "running_version": OLD, "version": NEW}
    state = {"state_dir": str(folder / "state"), "run_id": "r1"}
    log, pid_file = folder / "nats.log", {"pid_file": str(node.pid_file)}
    log.write_text("ready\nstopped\n", encoding="utf-8")
    asked: dict[str, dict[str, Any]] = {
        "nats_lock": {"state": "acquired", **state},
        "nats_journal": {"state": "began", "target": NEW, "old_version": OLD, **state},
        "nats_version_facts": {"probe_from": "node", "monitor_url": url},
        "nats_health_wait": {"probe_from": "node", "monitor_url": url, "version": NEW},
        "nats_node_facts": {**pid_file, "state_dir": state["state_dir"]},
        "nats_config_check": {"binary": str(node.binary), "config_path": str(node.config), "pid": "{{ nats_node.pid }}"},
        "nats_service": {
            "state": "log",
            "pid_file": str(node.pid_file),
            "output_path": str(log),
            "uid": "{{ nats_node.uid }}",
            "lines": 1,
        },
        "nats_binary": {"state": "staged", **versions, "archive": str(archive), "sha256": hash_of(archive)},
        "nats_lameduck": {**pid_file, "monitor_url": url},
    }
    tasks = [task_of(name, args) for name, args in asked.items()]
    kept = folder / "results.json"
    given = {name: f"{{{{ result_{name} }}}}" for name in asked}
    tasks.append({"ansible.builtin.copy": {"content": "{{ results | to_json }}", "dest": str(kept)}, "vars": {"results": given}})
    playbook = folder / "play.yml"
    playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local", str(playbook)]
    command += ["-e", f"ansible_python_interpreter={PYTHON}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert kept.exists(), f"on {NAME} ({PYTHON}): {done.stdout}{done.stderr}"
    results: Results = json.loads(kept.read_text(encoding="utf-8"))
    return results


def task_of(name: str, args: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        f"natsops.cluster.{name}": args,
        "register": f"result_{name}",
        "ignore_errors": True,
    }


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    with LoopbackCluster(NEW, size=1) as cluster:
        pid = cluster.process("n1").pid  # type: ignore[union-attr]
        return {**play(tmp_path_factory.mktemp("oldest"), cluster), "lab": {"pid": pid, "node": cluster.nodes["n1"]}}


def test_no_module_fails(on: str, results: Results) -> None:
    failed = {name: result.get("msg") for name, result in results.items() if result.get("failed")}
    assert failed == {}, f"on {on} ({PYTHON})"


def test_a_server_is_read_from_the_node(on: str, results: Results) -> None:
    assert results["nats_version_facts"]["ansible_facts"]["nats_version"]["version"] == NEW, on


def test_a_server_is_waited_for_from_the_node(on: str, results: Results) -> None:
    assert results["nats_health_wait"]["back"], on


def test_it_is_found_out_how_a_server_is_run(on: str, results: Results) -> None:
    found, node = results["nats_node_facts"]["ansible_facts"]["nats_node"], results["lab"]["node"]
    assert (found["binary_path"], found["config_path"]) == (str(node.binary), str(node.config)), on
    assert (found["pid"], found["lame_duck_duration_seconds"]) == (results["lab"]["pid"], 30.0), on


def test_a_node_is_locked_and_its_turn_written_down(on: str, results: Results) -> None:
    found = results["nats_node_facts"]["ansible_facts"]["nats_node"]
    assert (found["lock"]["run_id"], found["lock"]["state"], found["journal"]["step"]) == ("r1", "held", "began"), on
    assert (results["nats_lock"]["state"], results["nats_journal"]["lock"]["state"]) == ("ours", "ours"), on


def test_a_configuration_is_checked(on: str, results: Results) -> None:
    assert "is valid" in results["nats_config_check"]["said"], on


def test_the_end_of_a_file_is_read(on: str, results: Results) -> None:
    assert results["nats_service"]["stdout"] == "stopped", on


def test_a_version_is_staged(on: str, results: Results) -> None:
    assert (results["nats_binary"]["changed"], Path(results["nats_binary"]["binary"]).exists()) == (True, True), on


def test_a_server_is_drained(on: str, results: Results) -> None:
    drained = results["nats_lameduck"]
    assert (drained["pid"], drained["exit_seen"], drained["clients_at_start"]) == (results["lab"]["pid"], True, 0), on
