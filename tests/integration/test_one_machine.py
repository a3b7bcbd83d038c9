"""Three servers of a cluster on one machine, which one file starts, with state folders of their own, are upgraded under load."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.integration.helpers import said, upgrade, write_hosts
from tests.lab.cluster import LoopbackCluster
from tests.lab.load_process import Load

OLD, NEW = "2.14.6", "2.15.1"
FOLDER = "nats-server-v{}-linux-amd64"


class OneMachine(LoopbackCluster):
    """All servers are started through C(place), a folder below the cluster's own: a real one, or a link to the version's."""

    def __init__(self, place: str, base: Path) -> None:
        super().__init__(OLD, base=base)
        self.place = self.base / place

    def start(self) -> None:
        (self.base / "opt" / FOLDER.format(OLD)).mkdir(parents=True)
        if self.place.name == "current":
            self.place.symlink_to(FOLDER.format(OLD))
        else:
            self.place.mkdir()
        for node in self.nodes.values():
            node.folder.mkdir()
            (node.folder / "bin").symlink_to(os.path.relpath(self.place, node.folder))
        super().start()


@pytest.mark.parametrize("place", ["sbin", "opt/current"])
def test_one_binary_of_three_servers_is_staged_once_and_switched_once_without_loss(
    tmp_path: Path, mirror: Path, place: str
) -> None:
    with OneMachine(place, tmp_path / "lab") as cluster, Load(cluster.urls, tmp_path / "load.json", rate=20) as load:
        done = upgrade(write_hosts(cluster, mirror), NEW)
        report = load.stop()
        versions = cluster.versions()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    steps = {name: json.loads((node.folder / "state/journal.json").read_text()) for name, node in cluster.nodes.items()}
    assert versions == dict.fromkeys(("n1", "n2", "n3"), NEW)
    assert (report.lost, report.duplicates_in_stream, report.never_delivered) == (0, 0, 0)
    assert {name: step["step"] for name, step in steps.items()} == dict.fromkeys(("n1", "n2", "n3"), "done")
    assert "warning: shared_binary: n1, n2, n3 are started by one file, " in said(done)
    opt = tmp_path / "lab/opt"
    if place == "sbin":
        left = {path.name for path in (tmp_path / "lab/sbin").iterdir()}
        assert left == {"nats-server", f"nats-server-{OLD}", f"nats-server-{NEW}"}
    else:
        assert os.readlink(opt / "current") == FOLDER.format(NEW)
        assert {path.name for path in opt.iterdir()} == {"current", FOLDER.format(OLD), FOLDER.format(NEW)}
        assert [[one.name for one in (opt / FOLDER.format(v)).iterdir()] for v in (OLD, NEW)] == [["nats-server"]] * 2
