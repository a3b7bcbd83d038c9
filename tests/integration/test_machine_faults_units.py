"""Flavours of the unit on machines: what the plan says of each, that none brings the old version back, and a bad new version."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.faults import nothing_lost, playbook
from tests.integration.helpers import START_SECONDS, adhoc, said, upgrade
from tests.integration.machines import (
    NEW,
    OLD,
    finished,
    finishes,
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
from tests.lab.machine import BINARY, UNIT, UNIT_FOLDER, UNITS, WRAPPER, changed

BROKEN = "2.15.9"
ALWAYS = "Restart=always starts the old binary again after a lame duck by hand; for the roll it is held"
DROPS = "ExecStop (/bin/kill -s SIGINT $MAINPID) sends SIGINT, so that systemctl stop drops every client at once: use SIGUSR2"
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


def plan(inventory_file: Path) -> str:
    done = playbook("plan", inventory_file, nats_upgrade_version=NEW)
    assert done.returncode == 0, done.stdout[-3000:]
    return said(done)


def versions_started(cluster: ContainerCluster, name: str) -> list[str]:
    """Return the version of every start of the server, in order."""
    lines = cluster.journal(name, 1000).splitlines()
    return [line.split()[-1] for line in lines if " Version: " in line]


def test_units_that_would_do_harm_are_warned_of_and_held_and_the_old_version_never_starts_again(
    mirror: Path, tmp_path: Path
) -> None:
    units = {"n1": "restart_always", "n2": "exec_stop_sigint", "n3": "wrapper"}
    with ContainerCluster(OLD) as cluster:
        # The unit stays active for a while after its server has exited: starting it does nothing until then.
        cluster.shell("n3", f"sed -i 's/^exit/sleep 2; exit/' {WRAPPER}")
        for name, unit in units.items():
            install_unit(cluster, name, UNITS[unit])
            cluster.wait_ready()
        # A wrapper says nothing of what it runs, and the process is another user's than root.
        unknown = playbook("plan", hosts(cluster, mirror), nats_upgrade_version=NEW)
        assert "refused: other_program: n3: which program a start runs is not known: ExecStart of unit" in said(unknown)
        inventory_file = hosts(cluster, mirror, nats_upgrade_binary_path=BINARY)
        told = plan(inventory_file)
        assert f"warning: unsafe_unit: n1: unit {UNIT}: {ALWAYS}" in told
        assert f"warning: unsafe_unit: n2: unit {UNIT}: {DROPS}; {ALWAYS}" in told
        assert "unsafe_unit: n3" not in told
        with Load(cluster.urls, tmp_path / "load.json", rate=20) as load:
            finishes(cluster, inventory_file)
            nothing_lost(load)
        for name, unit in units.items():
            properties = cluster.unit(name)
            assert (properties["Restart"], properties["NRestarts"]) == ("on-failure" if unit == "wrapper" else "always", "0")
            assert versions_started(cluster, name)[-2:] == [OLD, NEW]
            assert versions_started(cluster, name).count(NEW) == 1
            assert "Entering lame duck mode" in cluster.journal(name, 1000)
            main = cluster.shell(name, f"cat /proc/{properties['MainPID']}/comm")
            assert main == ("run-nats-server" if unit == "wrapper" else "nats-server")
        _is_not_signalled_without_a_hold(cluster, inventory_file)


def _is_not_signalled_without_a_hold(cluster: ContainerCluster, inventory_file: Path) -> None:
    starts = cluster.starts()
    what = {"service": UNIT, "start_unit": UNIT, "path": BINARY, "running_version": NEW, "version": OLD}
    result = adhoc(inventory_file, "n1", "nats_swap", **what)["n1"]
    assert f"systemd says Restart=always for {UNIT}: its restarts are not held, or not any more" in result["msg"]
    assert "Nothing was signalled" in result["msg"]
    assert cluster.starts() == starts


def test_a_stop_timeout_below_the_drain_and_an_edit_that_is_not_loaded_are_warned_of(mirror: Path) -> None:
    with ContainerCluster(OLD, unit=changed(TimeoutStopSec="20")) as cluster:
        cluster.shell("n2", f"echo '# edited' >> {UNIT_FOLDER}/{UNIT}")
        told = plan(hosts(cluster, mirror))
        assert cluster.unit("n2")["NeedDaemonReload"] == "yes"
        _tells_which_units_run_a_container(cluster, hosts(cluster, mirror))
    assert f"unsafe_unit: n1: unit {UNIT}: {SHORT}" in told
    assert f"unsafe_unit: n2: unit {UNIT}: {SHORT}; {EDITED}" in told
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


def test_a_new_version_that_exits_at_once_is_put_back_with_its_log_and_a_good_one_finishes(mirror: Path, tmp_path: Path) -> None:
    source = publish(tmp_path, BROKEN, pack(BROKEN, script(BROKEN, "echo 'nats-server: cannot serve' >&2; exit 1")))
    with ContainerCluster(OLD) as cluster, Load(cluster.urls, tmp_path / "load.json", rate=20) as load:
        # In the message at the end as well: whoever sees no more than that knows why.
        first = put_back(cluster, source, "is up and current. The server said: nats-server: cannot serve The cluster now:")
        finishes_alone(cluster, hosts(cluster, mirror), first)
        nothing_lost(load)


def test_a_new_version_that_hangs_is_ended_with_all_of_its_unit_and_put_back(tmp_path: Path) -> None:
    hanging = "echo 'I hang' >&2; trap '' TERM; while true; do sleep 1; done"
    source = publish(tmp_path, BROKEN, pack(BROKEN, script(BROKEN, hanging)))
    with ContainerCluster(OLD, unit="restart_always") as cluster:
        first = put_back(cluster, source, "I hang")
        assert cluster.exec(first, "pgrep", "--exact", "sleep").returncode == 1


def put_back(cluster: ContainerCluster, source: Path, last_words: str) -> str:
    """Run with a release that does not come up, make sure that it was put back, and return the node."""
    first, others = first_and_others(cluster)
    before = cluster.starts()
    text = message(upgrade(hosts(cluster, source), BROKEN, nats_upgrade_start_timeout_seconds=START_SECONDS))
    stopped_in(text, first)
    assert f"{first}: it was put back to {OLD}, and is up and current." in text, text[-3000:]
    # From the journal of the unit.
    assert last_words in text
    not_touched(cluster, before, *others)
    finished(cluster, OLD)
    assert step(cluster, first) == "put_back"
    return first
