"""The audit of a real cluster in which much is wrong, read by HTTP and on the nodes. (Over NATS: test_over_nats.py.)"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.faults import playbook, says
from tests.integration.helpers import adhoc, touched_by, write_hosts
from tests.lab.binaries import server_binary
from tests.lab.cluster import LoopbackCluster
from tests.lab.node import Settings, lay_out


@pytest.fixture(scope="module")
def cluster() -> Iterator[LoopbackCluster]:
    """Four servers, of which n3 runs an older version, and on the disk of n1 there is a newer one."""
    with LoopbackCluster("2.14.6", 4, settings=Settings(jetstream=False)) as running:
        running.terminate("n3")
        lay_out(running.nodes["n3"], server_binary("2.12.8"), running.config_of("n3"))
        running.start_node("n3")
        running.wait_ready()
        lay_out(running.nodes["n1"], server_binary("2.15.1"), running.config_of("n1"))
        yield running


@pytest.fixture(scope="module")
def hosts(cluster: LoopbackCluster, mirror: Path) -> Iterator[Path]:
    """An inventory without n4, and with a host whose port takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        path = write_hosts(cluster, mirror, {"hung": {"nats_upgrade_monitor_url": url, "nats_upgrade_pid_file": "/nowhere"}})
        lines = path.read_text(encoding="utf-8").splitlines()
        first = [line.strip() for line in lines].index("n4:")
        last = min(number for number in range(first + 1, len(lines)) if not lines[number].startswith("      "))
        path.write_text("\n".join(lines[:first] + lines[last:]) + "\n", encoding="utf-8")
        yield path


def test_everything_that_is_not_as_it_should_be_is_told_and_nothing_is_touched(
    cluster: LoopbackCluster, hosts: Path, tmp_path: Path
) -> None:
    before, output = touched_by(cluster), tmp_path / "audit.json"
    done = playbook(
        "audit",
        hosts,
        # As text, which is how people and surveys give them.
        *("-e", f"nats_audit_max_mismatch_seconds=0 nats_audit_disk=yes nats_audit_format=json nats_audit_output={output}"),
        env={"ANSIBLE_SHOW_CUSTOM_STATS": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
    )
    assert (done.returncode, done.changed) == (2, 0), done.stdout[-4000:] + done.stderr
    says(done, "OUTLIERS", "4 hosts answer", "fail mismatch_overdue", "3 findings of this audit fail it: mismatch_overdue: lab")
    told = json.loads(output.read_text(encoding="utf-8"))
    assert told["failed"] == ["mismatch_overdue", "silent_server", "unlisted_server"]
    assert told["summary"]["versions"] == {"2.14.6": 2, "2.12.8": 1}
    (lab,) = told["clusters"]
    assert lab["outliers"] == [{"host": "n3", "version": "2.12.8", "gap": {"level": "minor", "count": 1, "direction": "older"}}]
    servers = {name: _servers(told, name) for name in {finding["name"] for finding in told["findings"]}}
    assert servers["silent_server"] == servers["disk_unknown"] == ["hung"]
    assert servers["unlisted_server"] == ["n4"]
    assert servers["newer_on_disk"] == ["n1"]
    assert servers["end_of_life"] == ["n3"]
    # The nodes were looked at: the configurations differ in each server's own names and addresses only.
    assert len({cluster.varz(name)["config_digest"] for name in ("n1", "n2", "n3")}) == 3
    assert not {"own_configs", "config_mismatch"} & set(servers)
    custom = done.stdout.partition("CUSTOM STATS")[2]
    given = json.JSONDecoder().raw_decode(custom, custom.index("{"))[0]["nats_audit"]
    assert given == {name: value for name, value in told.items() if name != "servers"}
    assert touched_by(cluster) == before
    assert os.listdir(tmp_path) == ["audit.json"]


def _servers(told: dict[str, Any], name: str) -> list[str]:
    return sorted({server for finding in told["findings"] if finding["name"] == name for server in finding["servers"]})


def test_servers_that_are_read_on_their_nodes_are_judged_alike_and_one_alone_for_its_version(hosts: Path) -> None:
    audited = adhoc(hosts, "n1", "nats_audit", hosts=["n1", "n2", "n3"], probe_from="node")["n1"]
    assert audited["audit"]["summary"]["versions"] == {"2.14.6": 2, "2.12.8": 1}
    assert audited["audit"]["failed"] == ["unlisted_server"]
    alone = adhoc(hosts, "n3", "nats_version_facts")["n3"]
    assert {"end_of_life", "known_fault"} == {finding["name"] for finding in alone["drift"]["findings"]}


def test_a_group_that_is_not_there_is_an_error_and_no_clean_audit(hosts: Path) -> None:
    done = playbook("audit", hosts, nats_upgrade_group="natz")
    assert done.returncode == 2
    says(done, "refused: the inventory has no hosts in the group natz, so that nothing would be done")
