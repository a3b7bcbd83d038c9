"""A bad new version under systemd is put back, and what the plan says of units that would do harm."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.faults import nothing_lost, playbook
from tests.integration.helpers import START_SECONDS, adhoc, said, upgrade
from tests.integration.machines import (
    NEW,
    OLD,
    finished,
    finishes_alone,
    first_and_others,
    hosts,
    install_unit,
    message,
    not_touched,
    step,
    stopped_in,
)
from tests.integration.releases import pack, publish, script
from tests.lab.containers import ContainerCluster
from tests.lab.load_process import Load
from tests.lab.machine import UNIT, UNIT_FOLDER, UNITS, changed

BROKEN = "2.15.9"
SHORT = "TimeoutStopSec is 20 s and a drain may take 30 s, so that systemctl stop kills it in the middle: set 60 s or more"
EDITED = "its files were edited and not loaded (NeedDaemonReload): the hold reloads them and makes that edit take effect"
# A client that says this of a container, and else goes on as one in the foreground does.
DOCKER = """#!/bin/sh
case "$1" in
  container) echo 'INSPECTED' ;;
  *) sleep infinity & wait ;;
esac
"""
CLIENTS = {
    "nats-by-name": "/usr/local/bin/docker run --rm --name=nats nats:2.14.6",
    "nats-by-shell": "/bin/sh -c 'true; exec docker start --attach nats'",
    "nats-by-variable": "/usr/local/bin/docker start --attach ${CONTAINER}",
    "other": "/usr/local/bin/docker start --attach other",
}


def test_a_new_version_that_exits_or_hangs_is_put_back_and_units_that_would_do_harm_are_told_of(
    mirror: Path, tmp_path: Path
) -> None:
    with ContainerCluster(OLD) as cluster, Load(cluster.urls, tmp_path / "load.json", rate=20) as load:
        first, others = first_and_others(cluster)
        _exits_at_once(cluster, tmp_path / "exits", first, others)
        _hangs(cluster, tmp_path / "hangs", first)
        finishes_alone(cluster, hosts(cluster, mirror), first)
        nothing_lost(load)
        _are_told_in_the_plan(cluster, hosts(cluster, mirror), *others)
        _tells_which_units_run_a_container(cluster, hosts(cluster, mirror))


def _exits_at_once(cluster: ContainerCluster, folder: Path, first: str, others: list[str]) -> None:
    source = publish(folder, BROKEN, pack(BROKEN, script(BROKEN, "echo 'nats-server: cannot serve' >&2; exit 1")))
    before = cluster.starts()
    # In the message at the end as well: whoever sees no more than that knows why.
    put_back(cluster, source, first, "is up and current. The server said: nats-server: cannot serve The cluster now:")
    not_touched(cluster, before, *others)


def _hangs(cluster: ContainerCluster, folder: Path, first: str) -> None:
    """All of its unit is ended, though it ignores SIGTERM and its supervisor starts again what ends."""
    install_unit(cluster, first, UNITS["restart_always"])
    cluster.wait_ready()
    hanging = "echo 'I hang' >&2; trap '' TERM; while true; do sleep 1; done"
    source = publish(folder, BROKEN, pack(BROKEN, script(BROKEN, hanging)))
    put_back(cluster, source, first, "I hang", "--limit", first)
    assert cluster.exec(first, "pgrep", "--exact", "sleep").returncode == 1


def put_back(cluster: ContainerCluster, source: Path, first: str, last_words: str, *options: str) -> None:
    """Run with a release that does not come up, and make sure that it was put back."""
    broken = {"nats_upgrade_start_timeout_seconds": START_SECONDS}
    text = message(upgrade(hosts(cluster, source), BROKEN, *options, **broken))
    stopped_in(text, first)
    assert f"{first}: it was put back to {OLD}, and is up and current." in text, text[-3000:]
    # From the journal of the unit.
    assert last_words in text
    finished(cluster, OLD)
    assert step(cluster, first) == "put_back"


def _are_told_in_the_plan(cluster: ContainerCluster, inventory_file: Path, short: str, edited: str) -> None:
    """A stop timeout below the drain, and an edit that is not loaded."""
    for name in (short, edited):
        install_unit(cluster, name, changed(TimeoutStopSec="20"))
        cluster.wait_ready()
    cluster.shell(edited, f"echo '# edited' >> {UNIT_FOLDER}/{UNIT}")
    done = playbook("plan", inventory_file, nats_upgrade_version=NEW)
    assert done.returncode == 0, done.stdout[-3000:]
    told = said(done)
    assert cluster.unit(edited)["NeedDaemonReload"] == "yes"
    assert f"unsafe_unit: {short}: unit {UNIT}: {SHORT}" in told
    assert f"unsafe_unit: {edited}: unit {UNIT}: {SHORT}; {EDITED}" in told
    assert told.count(EDITED) == 1


def _tells_which_units_run_a_container(cluster: ContainerCluster, inventory_file: Path) -> None:
    """By what systemd says of units that are there, with a played docker: machines have no engine."""
    inspected = {
        "Id": "a" * 64,
        "Name": "/nats",
        "Image": "sha256:b",
        "Config": {"Image": f"nats:{OLD}"},
        "HostConfig": {},
        "State": {"Running": True, "Status": "running", "Pid": int(cluster.unit("n1")["MainPID"])},
    }
    put(cluster, "/usr/local/bin/docker", DOCKER.replace("INSPECTED", json.dumps([inspected])))
    for name, command in CLIENTS.items():
        text = f"[Service]\nEnvironment=CONTAINER=nats\nExecStart={command}\nRestart=always\n"
        put(cluster, f"{UNIT_FOLDER}/{name}.service", text)
    cluster.shell("n1", f"systemctl daemon-reload; systemctl start {' '.join(CLIENTS)}")
    found = adhoc(inventory_file, "n1", "nats_node_facts", container="nats")["n1"]
    units = found["ansible_facts"]["nats_node"]["container"]["started_by_units"]
    assert units == ["nats-by-name.service", "nats-by-shell.service", "nats-by-variable.service"]


def put(cluster: ContainerCluster, path: str, text: str) -> None:
    written = cluster.exec("n1", "install", "-D", "/dev/stdin", path, stdin=text)
    assert written.returncode == 0, written.stderr
