"""Everything is read over NATS by a user of the system account: the same answers as by HTTP, and no monitoring port."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.natsops.cluster.plugins.module_utils import _http, _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._servers import Reading
from ansible_collections.natsops.cluster.plugins.plugin_utils._over_nats import SystemAccount
from tests.integration.helpers import BIN, PLAYBOOK_SECONDS, adhoc, run, said, upgrade, write_hosts
from tests.lab.binaries import ROOT
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_assets import create_assets
from tests.lab.load_process import Load
from tests.lab.load_report import LoadReport
from tests.lab.node import Settings
from tests.lab.playbook import PlaybookRun
from tests.lab.processes import wait_until

DOCUMENTED = ROOT / "docs" / "inventories" / "system-account.yml"
SECRET = "correct-horse-7Kq2"
NAMES = ("n1", "n2", "n3")


def inventory_of(cluster: LoopbackCluster, mirror: Path, **extra: Any) -> Path:
    """What a user would not have: where the lab's servers are. No monitoring URL is among it."""
    hosts = write_hosts(cluster, mirror, ansible_become=False, nats_servers=cluster.urls, vault_nats_sys_password=SECRET, **extra)
    content = yaml.safe_load(hosts.read_text(encoding="utf-8"))
    for variables in content["nats"]["hosts"].values():
        del variables["nats_upgrade_monitor_url"]
    hosts.write_text(yaml.safe_dump(content), encoding="utf-8")
    return hosts


def plan(hosts: Path, *options: str) -> PlaybookRun:
    argv = [str(BIN / "ansible-playbook"), "-i", str(DOCUMENTED), "-i", str(hosts), str(ROOT / "playbooks" / "plan.yml")]
    return run([*argv, "-e", "nats_upgrade_version=2.15.1", *options], seconds=PLAYBOOK_SECONDS)


@dataclass(frozen=True)
class Rolled:
    """A cluster without monitoring ports that was planned, upgraded under load as loudly as can be, and then once more."""

    cluster: LoopbackCluster
    hosts: Path
    planned: PlaybookRun
    first: PlaybookRun
    load: LoadReport
    second: PlaybookRun


@pytest.fixture(scope="module")
def rolled(mirror: Path) -> Iterator[Rolled]:
    with LoopbackCluster("2.14.6", settings=Settings(monitoring="none", system_password=SECRET)) as cluster:
        hosts = inventory_of(cluster, mirror)
        with Load(cluster.urls, cluster.base / "load.json", rate=100) as load:
            planned = plan(hosts, "-vvv")
            first = upgrade(DOCUMENTED, "2.15.1", "-i", str(hosts), "-vvv")
            report = load.stop()
        yield Rolled(cluster, hosts, planned, first, report, upgrade(DOCUMENTED, "2.15.1", "-i", str(hosts)))


def test_a_cluster_without_monitoring_ports_is_upgraded_under_load(rolled: Rolled) -> None:
    assert rolled.planned.returncode == 0, rolled.planned.stdout[-3000:] + rolled.planned.stderr
    assert rolled.first.returncode == 0, rolled.first.stdout[-6000:] + rolled.first.stderr
    assert rolled.cluster.versions() == dict.fromkeys(NAMES, "2.15.1")
    assert all("http:" not in node.config.read_text(encoding="utf-8") for node in rolled.cluster.nodes.values())
    load = rolled.load
    print(
        f"{rolled.first.seconds:.0f} s, {load.acknowledged} acknowledged, longest gap {load.longest_consumer_gap_seconds:.2f} s"
    )
    assert load.acknowledged > 100
    assert (load.lost, load.duplicates_in_stream, load.never_delivered) == (0, 0, 0)


def test_a_second_run_changes_nothing_and_is_quiet(rolled: Rolled) -> None:
    assert (rolled.second.returncode, rolled.second.changed) == (0, 0), rolled.second.stdout[-3000:]
    assert "WARNING" not in said(rolled.second)


def test_an_audit_reads_who_is_there_and_what_they_run_over_nats_too(rolled: Rolled) -> None:
    audited = adhoc(DOCUMENTED, "n1", "nats_audit", "-i", str(rolled.hosts), hosts=list(NAMES))["n1"]
    assert audited["audit"]["summary"]["versions"] == {"2.15.1": 3}
    assert audited["failure"] == "", audited["lines"]


def test_the_password_is_in_no_output_and_no_file_that_a_run_leaves(rolled: Rolled) -> None:
    for done in (rolled.planned, rolled.first, rolled.second):
        assert SECRET not in done.stdout + done.stderr
    # Loud it was.
    assert "task path: " in rolled.first.stdout
    own = {rolled.hosts, *(node.config for node in rolled.cluster.nodes.values())}
    written = [
        path for path in rolled.cluster.base.rglob("*") if path.is_file() and path not in own and path.stat().st_size < 1 << 20
    ]
    assert any("reports" in path.parts for path in written)
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("account", "words"),
    [
        pytest.param(
            {"user": "sys", "password": "wrong-7Kq2"}, "do not let us in over NATS (Authorization Violation)", id="password"
        ),
        pytest.param({"user": "app", "password": "app"}, "it is not a user of the system account", id="other-account"),
        pytest.param({"servers": ["nats://127.0.0.1:1"], "user": "sys", "password": SECRET}, "can be reached", id="nobody-there"),
        pytest.param({"creds": "/no/such.creds"}, "there is no file /no/such.creds on the controller", id="no-file"),
        pytest.param({"user": "sys"}, "has to say in one way who we are", id="no-password"),
        pytest.param({"usr": "sys", "password": SECRET}, "has usr; it may have", id="misspelt"),
    ],
)
def test_what_is_wrong_with_the_account_is_said_and_no_secret(rolled: Rolled, account: dict[str, Any], words: str) -> None:
    given = {"servers": rolled.cluster.urls, **account}
    (result,) = adhoc(rolled.hosts, "n1", "nats_version_facts", "-e", json.dumps({"nats_upgrade_system_account": given})).values()
    assert words in result["msg"]
    assert "7Kq2" not in json.dumps(result)


def test_servers_with_other_names_are_told_from_silent_ones(rolled: Rolled) -> None:
    options = ("-i", str(DOCUMENTED), "-e", json.dumps({"nats_upgrade_server_name": "nats-{{ inventory_hostname }}"}))
    results = adhoc(DOCUMENTED, "n1", "nats_version_facts", "-i", str(rolled.hosts), *options[2:])
    assert "These answered and are of no host: n1, n2, n3" in results["n1"]["msg"]


def still(reading: Reading) -> Reading:
    """A reading without what moves between two looks, and without its address."""
    assert reading.facts is not None
    facts = replace(reading.facts, now="", uptime="", connections=0)
    groups = tuple(sorted((replace(group, committed=0, applied=0) for group in reading.groups), key=lambda group: group.name))
    placements = tuple(
        replace(p, replicas=tuple(replace(r, lag=0, current=True) for r in p.replicas), last_sequence=None)
        for p in reading.placements
    )
    by_label = tuple(sorted(placements, key=lambda placement: placement.label))
    assets = tuple(sorted(reading.assets, key=lambda asset: asset.label))
    return replace(reading, monitor_url="", facts=facts, groups=groups, placements=by_label, assets=assets)


@pytest.mark.parametrize("version", ["2.10.26", "2.15.1"])
def test_both_ways_read_the_same_and_over_nats_it_goes_on_when_servers_come_and_go(version: str) -> None:
    account = {"user": "sys", "password": "sys"}
    with LoopbackCluster(version) as cluster:
        nats_targets = [_monitor.Target(name, f"nats:{name}") for name in NAMES]
        http_targets = [_monitor.Target(name, cluster.monitor_url(name)) for name in NAMES]
        asyncio.run(create_assets(tuple(cluster.urls), "app", "app"))
        cluster.wait_ready()
        with _http.open_door(_http.Settings()) as http, SystemAccount(account, cluster.urls, {}, 5.0) as over_nats:
            by_http = _monitor.read_state(http, http_targets, assets=True)
            by_nats = _monitor.read_state(over_nats, nats_targets, assets=True)
            assert [still(reading) for reading in by_nats] == [still(reading) for reading in by_http]
            assert all(reading.health and reading.health.ok and len(reading.groups) > 1 for reading in by_nats)
            clients = [
                {client["cid"] for client in _monitor.read_clients(source, target, 100)}
                for source, target in ((http, http_targets[0]), (over_nats, nats_targets[0]))
            ]
            assert clients[0] == clients[1]

            silent = _monitor.Target("n9", "nats:n9")
            assert "of no host" in _monitor.read_facts(over_nats, [silent])[0].error

            def answering() -> list[str]:
                return [reading.name for reading in _monitor.read_facts(over_nats, nats_targets) if not reading.error]

            if version == "2.10.26":
                return  # the rest is not a matter of the version

            # Whichever it is connected to is among these.
            for name in NAMES:
                others = [other for other in NAMES if other != name]
                cluster.signal_node(name, signal.SIGUSR2)
                # The signal takes a moment to take effect.
                assert wait_until(lambda others=others: answering() == others, 10)
                assert wait_until(lambda name=name: cluster.process(name) is None, 45)
                # One that is busy is not waited for long when another says nothing at all.
                assert wait_until(lambda others=others: answering() == others, 20)
                cluster.start_node(name)
                assert wait_until(lambda: answering() == list(NAMES), 20)
