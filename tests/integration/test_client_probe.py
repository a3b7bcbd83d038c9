"""A client's view of a roll, with the inventory of the page: stopped by a limit that nothing keeps, and run to its end then."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from tests.integration.helpers import adhoc, said, upgrade, write_hosts
from tests.integration.test_client_probe_process import PERMISSIONS
from tests.lab.binaries import ROOT
from tests.lab.cluster import LoopbackCluster
from tests.lab.playbook import PlaybookRun

DOCUMENTED = ROOT / "docs" / "inventories" / "client-probe.yml"
SECRET = "correct-horse-3Vx8"
OLD, NEW = "2.10.26", "2.11.11"
NAMES = ("n1", "n2", "n3")
ACCOUNTS = f"""
accounts {{
  APP: {{ jetstream: enabled, users: [
    {{ user: app, password: app }}
    {{ user: probe, password: "{SECRET}", {PERMISSIONS} }} ] }}
  SYS: {{ users: [{{ user: sys, password: sys }}] }}
}}
"""


@dataclass(frozen=True)
class Rolled:
    """A roll that the limit stopped after its first node, as loud as can be, and the run that finished it."""

    cluster: LoopbackCluster
    hosts: Path
    stopped: PlaybookRun
    between: dict[str, str]
    finished: PlaybookRun

    @property
    def runs(self) -> list[Path]:
        return sorted((self.cluster.base / "reports").iterdir())

    def events(self, run: int) -> list[dict[str, Any]]:
        lines = (self.runs[run] / "events.jsonl").read_text(encoding="utf-8").splitlines()
        # Of this run: one that goes on with another has the events of that one before its own.
        own = [event for event in map(json.loads, lines) if event["run"] == self.runs[run].name]
        return [event for event in own if event["kind"] == "client_probe"]


@pytest.fixture(scope="module")
def rolled(mirror: Path) -> Iterator[Rolled]:
    with LoopbackCluster(OLD, extra_config=dict.fromkeys(NAMES, ACCOUNTS)) as cluster:
        hosts = write_hosts(cluster, mirror, nats_probe_servers=cluster.urls, vault_nats_probe_password=SECRET)
        more = ("-i", str(hosts))
        stopped = upgrade(DOCUMENTED, NEW, *more, "-vvv", nats_upgrade_client_probe_max_gap_seconds=0.0001)
        between = cluster.versions()
        finished = upgrade(DOCUMENTED, NEW, *more, nats_upgrade_client_probe_max_gap_seconds=60)
        yield Rolled(cluster, hosts, stopped, between, finished)


def test_a_wait_that_is_too_long_stops_the_run_before_the_second_node(rolled: Rolled) -> None:
    assert rolled.stopped.returncode != 0
    assert sorted(rolled.between.values()) == [OLD, OLD, NEW], rolled.stopped.stdout[-3000:]
    (first,) = [name for name, version in rolled.between.items() if version == NEW]
    words = said(rolled.stopped)
    assert f"client_impact: while {first} was taken, clients waited" in words
    assert f"its server was not stopped and goes on running {OLD}" in words
    assert "What a client saw:" in words
    assert "raise nats_upgrade_client_probe_max_gap_seconds" in words


def test_the_next_run_goes_on_in_the_mixed_cluster_and_says_what_a_client_saw(rolled: Rolled) -> None:
    assert rolled.finished.returncode == 0, rolled.finished.stdout[-5000:] + rolled.finished.stderr
    assert rolled.cluster.versions() == dict.fromkeys(NAMES, NEW)
    words = said(rolled.finished)
    assert "What a client saw in the turn of each node" in words
    assert "cluster lab 2/3 done, about " in words
    assert f"Upgraded 2 of 3 to {NEW}, and with those before 3 of 3 are done" in words
    before, *turns = rolled.events(1)
    assert before["host"] is None
    assert sorted(turn["host"] for turn in turns) == sorted(name for name, version in rolled.between.items() if version == OLD)
    for turn in turns:
        print(turn)
        assert min(turn["published"], turn["received"]) > 10
        assert (turn["lost"], turn["duplicated"]) == (0, 0)
        assert all(0 < turn["longest_gap_seconds"][kind] < 60 for kind in ("publish", "consume", "request", "deliver"))


def test_its_stream_has_three_replicas_and_is_no_news_to_any_comparison(rolled: Rolled) -> None:
    baselines = [json.loads(path.read_text(encoding="utf-8")) for run in rolled.runs for path in run.glob("before-*.json")]
    probes = [asset for kept in baselines for label, asset in kept["assets"].items() if "NATSOPS_PROBE_" in label]
    assert len(baselines) == 3
    assert [asset["replicas"] for asset in probes if asset["kind"] == "stream"] == [3, 3, 3]


def test_nothing_of_it_is_left(rolled: Rolled) -> None:
    async def names() -> list[str]:
        client = await nats.connect(rolled.cluster.urls[0], user="app", password="app")
        try:
            return json.loads((await client.request("$JS.API.STREAM.NAMES", b"", timeout=5)).data)["streams"] or []
        finally:
            await client.close()

    assert asyncio.run(names()) == []
    assert len(rolled.runs) == 2
    for run in rolled.runs:
        kept = json.loads((run / "client-probe.pid").read_text(encoding="utf-8"))
        process = _process.look(kept["pid"])
        assert process is None or process.start_ticks != kept["start_ticks"]
        ended = json.loads((run / "client-probe.jsonl").read_text(encoding="utf-8").splitlines()[-1])
        assert (ended["kind"], ended["reason"], ended["stream_removed"]) == ("ended", "stopped", True)


def test_a_user_that_is_not_let_in_is_refused_before_anything_is_touched(rolled: Rolled) -> None:
    wrong = {"servers": rolled.cluster.urls, "user": "probe", "password": "wrong-3Vx8"}
    given = ("-e", json.dumps({"nats_upgrade_client_probe": wrong}))
    result = adhoc(rolled.hosts, "n1", "nats_client_probe", *given, state="checked", run_id="r1")["n1"]
    assert result["msg"].startswith("refused: the servers do not let the client probe in (")
    assert result["msg"].endswith("Nothing was touched.")
    assert "3Vx8" not in json.dumps(result)


def test_the_password_is_in_no_output_and_no_file_that_a_run_leaves(rolled: Rolled) -> None:
    for done in (rolled.stopped, rolled.finished):
        assert SECRET not in done.stdout + done.stderr
    # Loud it was.
    assert "task path: " in rolled.stopped.stdout
    own = {rolled.hosts, *(node.config for node in rolled.cluster.nodes.values())}
    written = [path for path in (rolled.cluster.base).rglob("*") if path.is_file() and path not in own]
    small = [path for path in written if path.stat().st_size < 1 << 20]
    assert any(path.name == "client-probe.jsonl" for path in small)
    assert [path for path in small if SECRET.encode() in path.read_bytes()] == []
