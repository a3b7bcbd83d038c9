"""The playbook on the older versions of ansible-core that are supported; all other tests run on the newest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.environments import programs
from tests.integration.helpers import adhoc, upgrade, write_hosts
from tests.integration.test_groups import EACH_WAY
from tests.lab.cluster import LoopbackCluster
from tests.lab.playbook import PlaybookRun

WITHOUT_HTTPX = "2.18"
CORES = ["2.17", WITHOUT_HTTPX]


@dataclass(frozen=True)
class Upgraded:
    core: str
    done: PlaybookRun
    versions: dict[str, str]
    read_on_nodes: dict[str, Any]

    @property
    def output(self) -> str:
        return self.done.stdout + self.done.stderr


def programs_of(core: str) -> Path:
    minor = int(core.partition(".")[2])
    extra = () if core == WITHOUT_HTTPX else ("httpx",)
    return programs(f"ansible-{core}", f"ansible-core>={core},<2.{minor + 1}", "packaging", *extra)


@pytest.fixture(scope="module", params=CORES)
def upgraded(request: pytest.FixtureRequest, mirror: Path) -> Iterator[Upgraded]:
    core = str(request.param)
    folder = programs_of(core)
    # What differs between versions of Ansible does so on two nodes as on three.
    with LoopbackCluster("2.14.6", 2) as cluster:
        hosts = write_hosts(cluster, mirror, nats_upgrade_waive=["stepping_stone", "two_node_cluster"])
        done = upgrade(hosts, "2.15.1", programs=folder)
        # Through connections of our own making. Nobody has to become root for it, and here nobody can.
        wanted = {"hosts": ["n1", "n2"], "probe_from": "node"}
        read = adhoc(hosts, "n1", "nats_version_facts", "-e", '{"ansible_become": true}', programs=folder, **wanted)
        yield Upgraded(core, done, cluster.versions(), read["n1"])


def test_a_cluster_is_upgraded(upgraded: Upgraded) -> None:
    assert upgraded.done.returncode == 0, upgraded.output[-3000:]
    assert set(upgraded.versions.values()) == {"2.15.1"}


@pytest.mark.parametrize("core", CORES)
def test_a_run_that_would_do_nothing_is_an_error(core: str, tmp_path: Path) -> None:
    for case in EACH_WAY:
        case.fails(tmp_path, "status", programs_of(core))


def test_servers_are_read_on_their_own_hosts(upgraded: Upgraded) -> None:
    servers = upgraded.read_on_nodes["ansible_facts"]["nats_version"]["servers"]
    assert [(server["name"], server["version"]) for server in servers] == [("n1", "2.15.1"), ("n2", "2.15.1")]


def test_there_is_no_deprecation_and_no_warning_but_one_where_httpx_is_missing(upgraded: Upgraded) -> None:
    assert "DEPRECATION" not in upgraded.output
    assert upgraded.output.count("[WARNING]: ") == (1 if upgraded.core == WITHOUT_HTTPX else 0), upgraded.output
    if upgraded.core == WITHOUT_HTTPX:
        assert "[WARNING]: httpx cannot be imported on the controller" in upgraded.output
