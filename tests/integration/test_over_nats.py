"""Everything is read over NATS by a user of the system account: the same answers as by HTTP, and no monitoring port."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nats
import pytest
import yaml

from ansible_collections.natsops.cluster.plugins.module_utils._read import http_door as _http_door
from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._read import reply as _reply
from ansible_collections.natsops.cluster.plugins.module_utils._state import lock as _lock
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading
from ansible_collections.natsops.cluster.plugins.plugin_utils._read.over_nats import SystemAccount
from ansible_collections.natsops.cluster.plugins.plugin_utils._read.several import Several
from tests.integration.helpers import BIN, PLAYBOOK_SECONDS, adhoc, loudly, run, said, upgrade, write_hosts
from tests.lab.binaries import ROOT
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_assets import create_assets
from tests.lab.load_process import Load
from tests.lab.load_report import LoadReport
from tests.lab.node import Settings
from tests.lab.playbook import PlaybookRun
from tests.lab.processes import wait_until

DOCUMENTED = ROOT / "docs" / "inventories" / "system-account.yml"
ACCOUNTS = ROOT / "docs" / "inventories" / "system-accounts.yml"
SECRET, MIRROR_SECRET = "correct-horse-7Kq2", "battery-staple-9Rd5"
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
    """A cluster without monitoring ports that was upgraded under load, and then planned once more, both as loudly as can be."""

    cluster: LoopbackCluster
    hosts: Path
    upgraded: PlaybookRun
    load: LoadReport
    planned: PlaybookRun


@pytest.fixture(scope="module")
def rolled(mirror: Path) -> Iterator[Rolled]:
    with LoopbackCluster("2.14.6", settings=Settings(monitoring="none", system_password=SECRET)) as cluster:
        # Nobody asks for it behind file://, and it is given to every module that a mirror's would be.
        hosts = inventory_of(cluster, mirror, nats_upgrade_archive_username="ops", nats_upgrade_archive_password=MIRROR_SECRET)
        with Load(cluster.urls, cluster.base / "load.json", rate=20) as load:
            upgraded = upgrade(DOCUMENTED, "2.15.1", "-i", str(hosts), "-vvv")
            report = load.stop()
        yield Rolled(cluster, hosts, upgraded, report, plan(hosts, "-vvv"))


def test_a_cluster_without_monitoring_ports_is_upgraded_under_load(rolled: Rolled) -> None:
    assert rolled.upgraded.returncode == 0, rolled.upgraded.stdout[-6000:] + rolled.upgraded.stderr
    assert rolled.cluster.versions() == dict.fromkeys(NAMES, "2.15.1")
    assert all("http:" not in node.config.read_text(encoding="utf-8") for node in rolled.cluster.nodes.values())
    load = rolled.load
    gap = load.longest_consumer_gap_seconds
    print(f"{rolled.upgraded.seconds:.0f} s, {load.acknowledged} acknowledged, longest gap {gap:.2f} s")
    assert load.acknowledged > 100
    assert (load.lost, load.duplicates_in_stream, load.never_delivered) == (0, 0, 0)


def test_a_plan_finds_nothing_left_to_do_and_no_run_has_a_warning(rolled: Rolled) -> None:
    assert (rolled.planned.returncode, rolled.planned.changed) == (0, 0), rolled.planned.stdout[-3000:]
    assert "0 of 3 to do. Nothing was touched" in said(rolled.planned), rolled.planned.stdout[-3000:]
    assert [done for done in (rolled.upgraded, rolled.planned) if "[WARNING]" in said(done)] == []


def test_an_audit_reads_who_is_there_and_what_they_run_over_nats_too(rolled: Rolled) -> None:
    audited = adhoc(DOCUMENTED, "n1", "nats_audit", "-i", str(rolled.hosts), hosts=list(NAMES))["n1"]
    assert audited["audit"]["summary"]["versions"] == {"2.15.1": 3}
    assert audited["failure"] == "", audited["lines"]


def test_the_password_is_in_no_output_and_no_file_that_a_run_leaves(rolled: Rolled) -> None:
    for done in (rolled.upgraded, rolled.planned):
        assert SECRET not in done.stdout + done.stderr
        assert MIRROR_SECRET not in done.stdout + done.stderr
    # Loud it was: with every program that it ran, and its arguments.
    assert " EXEC /bin/sh -c " in rolled.upgraded.stdout
    assert "task path: " in rolled.upgraded.stdout
    own = {rolled.hosts, *(node.config for node in rolled.cluster.nodes.values())}
    written = [
        path for path in rolled.cluster.base.rglob("*") if path.is_file() and path not in own and path.stat().st_size < 1 << 20
    ]
    assert any("reports" in path.parts for path in written)
    assert [path for path in written if any(secret.encode() in path.read_bytes() for secret in (SECRET, MIRROR_SECRET))] == []


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
    result = adhoc(rolled.hosts, "n1", "nats_version_facts", "-e", json.dumps({"nats_upgrade_system_account": given}))["n1"]
    assert words in result["msg"]
    assert "7Kq2" not in json.dumps(result)


def test_servers_with_other_names_are_told_from_silent_ones(rolled: Rolled) -> None:
    options = ("-i", str(DOCUMENTED), "-e", json.dumps({"nats_upgrade_server_name": "nats-{{ inventory_hostname }}"}))
    results = adhoc(DOCUMENTED, "n1", "nats_version_facts", "-i", str(rolled.hosts), *options[2:])
    assert "These answered and are of no host: n1, n2, n3" in results["n1"]["msg"]


@pytest.fixture(scope="module")
def apart() -> Iterator[dict[str, LoopbackCluster]]:
    """Three servers that are not joined, each called n1: two with other passwords of the system account, one open to HTTP."""
    kinds = {"e1": ("none", SECRET), "w1": ("none", f"west-{SECRET}"), "h1": ("open", "sys")}
    with contextlib.ExitStack() as stack:
        yield {
            host: stack.enter_context(
                LoopbackCluster("2.15.1", 1, settings=Settings(jetstream=False, monitoring=monitoring, system_password=password))
            )
            for host, (monitoring, password) in kinds.items()
        }


def test_clusters_with_other_system_accounts_and_one_with_none_are_read_in_one_look(
    apart: dict[str, LoopbackCluster], tmp_path: Path
) -> None:
    variables = {
        "ansible_connection": "local",
        "ansible_become": False,
        "nats_upgrade_server_name": "n1",
        "nats_east_servers": apart["e1"].urls,
        "nats_west_servers": apart["w1"].urls,
        "vault_nats_east_password": SECRET,
        "vault_nats_west_password": f"west-{SECRET}",
    }
    hosts = tmp_path / "hosts.yml"
    open_one = {"nats_upgrade_monitor_url": apart["h1"].monitor_url("n1")}
    hosts.write_text(yaml.safe_dump({"nats": {"hosts": {"h1": open_one}, "vars": variables}}), encoding="utf-8")
    names = ["h1", "w1", "e1"]
    ids = {host: cluster.varz("n1")["server_id"] for host, cluster in apart.items()}
    before = apart["e1"].varz("n1")["total_connections"]
    # Of the east there is one server for two hosts here.
    read = adhoc(ACCOUNTS, "e1", "nats_version_facts", "-i", str(hosts), hosts=[*names, "e2"])["e1"]
    servers = read["ansible_facts"]["nats_version"]["servers"]
    assert [(server["name"], server.get("server_id")) for server in servers] == [*((n, ids[n]) for n in names), ("e2", ids["e1"])]
    # And one connection for their account, besides the one that asks this.
    assert apart["e1"].varz("n1")["total_connections"] == before + 2
    audited = adhoc(ACCOUNTS, "h1", "nats_audit", "-i", str(hosts), hosts=names)["h1"]
    assert audited["audit"]["summary"]["versions"] == {"2.15.1": 3}
    # One host whose account is refused is told by its name.
    refused = adhoc(ACCOUNTS, "e1", "nats_version_facts", "-i", str(hosts), "-e", "vault_nats_west_password=x", hosts=names)["e1"]
    assert refused["msg"].startswith("w1: the servers do not let us in over NATS (Authorization Violation)")


@pytest.mark.parametrize("probe_from", ["controller", "node"])
def test_the_password_in_an_address_is_shown_nowhere(apart: dict[str, LoopbackCluster], tmp_path: Path, probe_from: str) -> None:
    url = apart["h1"].monitor_url("n1").replace("://", f"://ops-user:{SECRET}@")
    text = loudly(tmp_path, nats_upgrade_monitor_url=url, nats_upgrade_probe_from=probe_from)
    assert apart["h1"].monitor_url("n1") in text
    assert [secret for secret in (SECRET, "ops-user") if secret in text] == []


def test_a_client_is_moved_over_the_account_of_the_cluster_that_it_is_in(apart: dict[str, LoopbackCluster]) -> None:
    ways = {
        host: SystemAccount(
            {"user": "sys", "password": apart[host].settings.system_password}, apart[host].urls, {host: ("n1",)}, 5.0
        )
        for host in ("e1", "w1")
    }
    targets = [_monitor.Target(host, "nats:n1") for host in ways]

    async def kicked(several: Several) -> list[str]:
        """The clusters whose client has lost its connection, after the one in the west was asked to leave."""
        clients, gone = {}, {host: asyncio.Event() for host in ways}
        for host, event in gone.items():

            async def lost(event: asyncio.Event = event) -> None:
                event.set()

            clients[host] = await nats.connect(apart[host].urls, user="app", password="app", disconnected_cb=lost)
        readings = await asyncio.to_thread(_monitor.read_facts, several, targets)
        west = next(reading.facts for reading in readings if reading.name == "w1")
        assert west is not None
        await asyncio.to_thread(several.tell, "KICK", [(west.server_id, clients["w1"].client_id)])
        await asyncio.wait_for(gone["w1"].wait(), 20)
        found = [host for host, event in gone.items() if event.is_set()]
        await asyncio.gather(*(client.close() for client in clients.values()))
        return found

    with Several(ways) as several:
        assert asyncio.run(kicked(several)) == ["w1"]


def test_a_roll_that_gives_the_servers_another_password_goes_on_while_one_knows_the_old_one_and_then_says_how_it_stands(
    mirror: Path,
) -> None:
    with LoopbackCluster("2.14.6", 2, settings=Settings(jetstream=False, system_password=SECRET)) as cluster:
        account = {"servers": cluster.urls, "user": "sys", "password": SECRET}
        hosts = write_hosts(cluster, mirror, nats_upgrade_system_account=account)
        for node in cluster.nodes.values():
            node.config.write_text(node.config.read_text(encoding="utf-8").replace(SECRET, "new-7Kq2"), encoding="utf-8")
        done = upgrade(hosts, "2.15.1")
        assert done.returncode != 0
        output = said(done)
        last = re.search(r"STOPPED in the turn of (n\d)\. No other node was touched after it", output)
        assert last, output[-6000:]
        assert f"{last[1]}: its server runs and was left running: whether it is well cannot be read." in output
        assert "its servers could not be read: the servers do not let us in over NATS (Authorization Violation)" in output
        # Both have had their turn, and nobody has to wait for the lock.
        assert cluster.versions() == {"n1": "2.15.1", "n2": "2.15.1"}
        assert list(cluster.base.rglob(_lock.NAME)) == []
        again = upgrade(hosts, "2.15.1", nats_upgrade_system_account={**account, "password": "new-7Kq2"})
        assert again.returncode == 0, said(again)[-4000:]


def still(reading: Reading) -> Reading:
    """A reading without what moves between two looks, and without its address."""
    assert reading.facts is not None
    facts = replace(reading.facts, now="", uptime="", connections=0)
    groups = tuple(sorted((replace(group, committed=0, applied=0) for group in reading.groups), key=lambda group: group.name))
    placements = tuple(
        replace(p, replicas=tuple(replace(r, lag=0, current=True) for r in p.replicas), held=None) for p in reading.placements
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
        with _http_door.open_door(_reply.Settings()) as http, SystemAccount(account, cluster.urls, {}, 5.0) as over_nats:

            def answering() -> list[str]:
                return [reading.name for reading in _monitor.read_facts(over_nats, nats_targets) if not reading.error]

            # That somebody waits for answers has to come to every server first.
            assert wait_until(lambda: answering() == list(NAMES), 20)
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
