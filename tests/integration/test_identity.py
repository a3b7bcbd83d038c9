"""Servers whose files were changed since they were started, so that the next start would make other servers of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.integration.faults import kept, locked, nothing_lost, playbook, says
from tests.integration.helpers import starts, upgrade, write_hosts
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_process import Load

OLD, NEW = "2.14.6", "2.15.1"


@pytest.fixture
def cluster() -> Iterator[LoopbackCluster]:
    with LoopbackCluster(OLD) as running:
        yield running


def edit(cluster: LoopbackCluster, name: str, old: str, new: str) -> None:
    config = cluster.nodes[name].config
    text = config.read_text(encoding="utf-8")
    assert old in text
    config.write_text(text.replace(old, new), encoding="utf-8")


def test_a_server_that_would_start_as_another_one_is_refused_before_anything(
    cluster: LoopbackCluster, mirror: Path, tmp_path: Path
) -> None:
    """A name, a cluster and a store that were changed in the files; in the restart that is there for changes as well."""
    hosts, begun = write_hosts(cluster, mirror), starts(cluster)
    store = cluster.nodes["n3"].folder / "js"
    # What is there for each start to find out anew is no change.
    edit(cluster, "n2", "server_name: n2", "NAME: n2\nserver_name: $NAME")
    (tmp_path / "js").symlink_to(cluster.nodes["n2"].folder / "js")
    edit(cluster, "n2", str(cluster.nodes["n2"].folder / "js"), f"{tmp_path}/js/")
    with Load(cluster.urls, tmp_path / "load.json", rate=20) as load:
        edit(cluster, "n1", "server_name: n1", "server_name: nats-1")
        edit(cluster, "n2", "cluster { name: lab", "cluster { name: prod")
        edit(cluster, "n3", str(store), f"{store}-moved")
        told = (
            "refused: pending_identity: the next start would make another server of what runs",
            f"n1: it runs as n1, and would start as nats-1 ({cluster.nodes['n1'].config})",
            f"n2: cluster.name is lab, and would be prod ({cluster.nodes['n2'].config})",
            f"n3: store_dir is {store}/jetstream, and would be {store}-moved/jetstream ({cluster.nodes['n3'].config})",
            "move the folder, start it, and wait until it is current",
            "It cannot be waived.",
        )
        for name, variables in (("plan", {"nats_upgrade_version": NEW}), ("restart", {})):
            done = playbook(name, hosts, nats_upgrade_waive=["pending_identity"], **variables)
            assert done.returncode != 0
            says(done, *told)
        assert (locked(cluster), kept(cluster, "n1", "journal")) == ([], {})
        edit(cluster, "n1", "server_name: nats-1", "server_name: n1")
        edit(cluster, "n2", "cluster { name: prod", "cluster { name: lab")
        edit(cluster, "n3", f"{store}-moved", str(store))
        _looks_again_before_it_signals(cluster, hosts, tmp_path)
        nothing_lost(load)
    assert starts(cluster) == begun
    assert locked(cluster) == []


def _looks_again_before_it_signals(cluster: LoopbackCluster, hosts: Path, folder: Path) -> None:
    """The plan has seen another file than the one that is there once the hook has run."""
    change = {"path": str(cluster.nodes["n1"].config), "regexp": "^server_name: n1$", "replace": "server_name: nats-1"}
    (folder / "hook.yml").write_text(
        yaml.safe_dump([{"name": "Write it anew", "ansible.builtin.replace": change}]), encoding="utf-8"
    )
    done = upgrade(hosts, NEW, "--limit", "n1", nats_upgrade_hooks={"before_node": str(folder / "hook.yml")})
    assert done.returncode != 0
    says(
        done,
        "STOPPED in the turn of n1. No other node was touched after it.",
        "was changed since the plan was made: server_name was n1, and is nats-1.",
        f"n1: its server was not stopped and goes on running {OLD}.",
    )
