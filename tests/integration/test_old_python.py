"""Nodes whose Python is too old for this ansible-core, or that have none, and an ansible-core that nobody has tested."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import core as _core
from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import tested as _tested
from tests import old_python
from tests.integration.helpers import BIN, PLAYBOOK_SECONDS, reported, run, said
from tests.lab.binaries import ROOT
from tests.lab.playbook import PlaybookRun

NEWER = "2.99.0"
NEEDED = ".".join(map(str, _core.oldest_python(NEWER)))
# Nothing listens there, and no server is needed.
SILENT = "http://127.0.0.1:1"


def claiming(folder: Path, version: str) -> dict[str, str]:
    """What makes the ansible-core of this environment say that it is of this version."""
    (folder / "sitecustomize.py").write_text(f"import ansible.release\nansible.release.__version__ = {version!r}\n", "utf-8")
    return {"PYTHONPATH": str(folder)}


def hosts_with(interpreters: dict[str, Any]) -> dict[str, Any]:
    return {name: {"ansible_python_interpreter": str(path)} for name, path in interpreters.items()}


@dataclass(frozen=True)
class Ran:
    """Each playbook that only reads, run once in one command: status, audit with disks, plan."""

    whole: PlaybookRun
    status: str
    audit: str
    plan: str
    reports: Path
    # What is said of each node that cannot run a module.
    words: dict[str, str]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("old")
    old = {f"real{minor.replace('.', '')}": path for minor, path in old_python.too_old().items()}
    nodes = {"n1": old_python.stand_in(folder), "n2": "/no/such/python3", **old}
    group = {
        "hosts": hosts_with({**nodes, "good": "{{ ansible_playbook_python }}"}),
        "vars": {
            "ansible_connection": "local",
            "nats_upgrade_monitor_url": SILENT,
            "nats_upgrade_service": "command",
            "nats_upgrade_pid_file": str(folder / "nats.pid"),
            "nats_upgrade_start_command": ["/bin/false"],
            "nats_upgrade_state_dir": str(folder / "state"),
            "nats_upgrade_report_dir": str(folder / "reports"),
            "nats_upgrade_version": "2.15.1",
            "nats_audit_fail_on": [],
        },
    }
    group["hosts"]["n1"]["nats_upgrade_probe_from"] = "node"
    inventory = folder / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"nats": group}), encoding="utf-8")
    playbooks = [str(ROOT / "playbooks" / f"{name}.yml") for name in ("status", "audit", "plan")]
    argv = [str(BIN / "ansible-playbook"), "-i", str(inventory), *playbooks, "-e", "nats_audit_disk=true"]
    done = run(argv, env=claiming(folder, NEWER), seconds=PLAYBOOK_SECONDS)
    _group, status, audit, plan = (" ".join(part.split()) for part in done.stdout.split("Make sure that there are hosts in"))
    words = {name: f"Python {name[4:5]}.{name[5:]}." for name in old}
    return Ran(
        done, status, audit, plan, folder / "reports", {"n1": "Python 3.6.15 (", "n2": "/no/such/python3 cannot be run", **words}
    )


def test_a_plan_names_every_node_whose_python_is_too_old_or_not_there_and_goes_no_further(ran: Ran) -> None:
    assert ran.whole.returncode == 2, ran.whole.stdout
    for host, words in ran.words.items():
        message = ran.plan.partition(f"refused: {host}: {words}")[2]
        assert message, (host, ran.plan)
        assert f"with ansible-core {NEWER} a node needs Python {NEEDED} or newer. " in message
        assert f"Set ansible_python_interpreter for {host} to such a Python" in message
    assert "Nothing was touched there." in ran.plan
    assert "refused: good" not in ran.plan
    assert "TASK [Plan the roll" not in ran.plan
    assert "SyntaxError" not in ran.whole.stdout + ran.whole.stderr


def test_the_report_has_the_name_of_the_refusal(ran: Ran) -> None:
    (folder,) = ran.reports.iterdir()
    failures = reported(folder, "refused")["failures"]
    assert {failure["host"] for failure in failures} == set(ran.words)
    assert {failure["refusal"] for failure in failures} == {"old_python"}


def test_a_status_says_it_of_the_node_and_goes_on(ran: Ran) -> None:
    assert "n1 does not answer: monitoring cannot be read on its host: Python 3.6.15 (" in ran.status
    for host, words in ran.words.items():
        assert f"refused: {host}: {words}" in ran.status


def test_an_audit_of_disks_says_it_of_the_node_and_goes_on(ran: Ran) -> None:
    told = " ".join(ran.audit.replace("'", " ").replace("- ", " ").split())  # a list of short lines
    for host, words in ran.words.items():
        assert f"{host}: refused: {host}: {words}" in told


def test_that_this_ansible_core_is_newer_than_the_tested_ones_is_said_once(ran: Ran) -> None:
    assert said(ran.whole).count(f"ansible-core {NEWER} is newer than any") == 1
    assert _tested.newest().release in said(ran.whole)


def test_an_ansible_core_that_is_too_old_is_an_error_that_says_so(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(json.dumps({"nats": {"hosts": {"n1": {"nats_upgrade_monitor_url": SILENT}}}}), encoding="utf-8")
    argv = [str(BIN / "ansible-playbook"), "-i", str(inventory), str(ROOT / "playbooks" / "audit.yml")]
    done = run(argv, env=claiming(tmp_path, "2.16.14"), seconds=PLAYBOOK_SECONDS)
    assert done.returncode == 2
    assert "refused: this is ansible-core 2.16.14, and natsops.cluster needs 2.17 or newer" in said(done)
