"""At most one run at a time works on a cluster: who holds the lock is said, and a lock that nobody renews ends by itself."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.integration.faults import NEW, OLD, Background, first_and_others, kept, locked, says, state
from tests.integration.helpers import said, touched_by, upgrade, write_hosts
from tests.lab.cluster import LoopbackCluster
from tests.lab.processes import wait_until


@pytest.fixture(scope="module")
def cluster() -> Iterator[LoopbackCluster]:
    with LoopbackCluster(OLD) as running:
        yield running


@pytest.fixture
def hosts(cluster: LoopbackCluster, mirror: Path) -> Path:
    return write_hosts(cluster, mirror)


def foreign(cluster: LoopbackCluster, name: str, lease_seconds: float) -> dict[str, Any]:
    """Put a lock of another controller on a node, as that one would have written it."""
    now, boot = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    lock = {
        "run_id": "20261001T000000Z-abcdef",
        "controller": {"host": "ci-runner-7", "boot_id": "another", "pid": 4711, "start_ticks": 1, "user": "deploy"},
        "target": NEW,
        "since": _utc(now),
        "renewed_at": _utc(now),
        "expires_at": _utc(now + lease_seconds),
        "lease_seconds": lease_seconds,
        "node_boot_id": Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
        "renewed_boottime_seconds": boot,
        "expires_boottime_seconds": boot + lease_seconds,
    }
    state(cluster, name).mkdir(exist_ok=True)
    (state(cluster, name) / "lock.json").write_text(json.dumps(lock), encoding="utf-8")
    return lock


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def refused_by(lock: Mapping[str, Any], who: str, output: str) -> None:
    assert "refused: the lock " in output
    assert f"is held by {who}, run {lock['run_id']}) since {lock['since']}, for the upgrade to {NEW}" in output
    assert "Two runs at once could stop two servers of one cluster. Its lease ends at " in output
    assert "Nothing was touched" in output


def test_a_second_run_is_refused_while_one_is_under_way_whatever_its_limit_and_touches_nothing(
    cluster: LoopbackCluster, hosts: Path, tmp_path: Path
) -> None:
    block, held = tmp_path / "block", tmp_path / "held"
    block.touch()
    first, others = first_and_others(cluster)
    hold = ["sh", "-c", f"touch {held}; while test -e {block}; do sleep 0.05; done"]
    before = touched_by(cluster)
    with Background(hosts, NEW, "--limit", first, nats_upgrade_hold_command=hold) as roll:
        roll.until(held.exists, "the hold")
        lock = kept(cluster, first, "lock")
        who = f"{lock['controller']['user']}@{os.uname().nodename} (pid {roll.child.pid}"
        # Of another node than that which is taken.
        second = upgrade(hosts, NEW, "--limit", others[0])
        assert second.returncode != 0
        refused_by(lock, who, said(second))
        assert [kept(cluster, name, "lock")["run_id"] for name in locked(cluster)] == [lock["run_id"]] * 3
        assert {name: now[:2] for name, now in touched_by(cluster).items()} == {name: then[:2] for name, then in before.items()}
        block.unlink()
        done = roll.wait()
    assert done.returncode == 0, done.stdout[-3000:]
    assert cluster.versions() == {first: NEW, **dict.fromkeys(others, OLD)}
    assert not locked(cluster)


def test_the_lock_of_another_controller_is_respected_until_its_lease_is_over_and_then_taken_over(
    cluster: LoopbackCluster, hosts: Path
) -> None:
    name = list(cluster.nodes)[-1]
    lock = foreign(cluster, name, 600)
    before = touched_by(cluster)
    refused = upgrade(hosts, NEW)
    assert refused.returncode != 0
    refused_by(lock, "deploy@ci-runner-7 (pid 4711", said(refused))
    assert touched_by(cluster) == before
    # What was taken on the other hosts before this one was given back.
    assert locked(cluster) == [name]
    assert kept(cluster, name, "lock") == lock
    # The same lock, which nobody renews any more. How long the first run took does not matter.
    over = foreign(cluster, name, 0.1)
    assert wait_until(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) > over["expires_boottime_seconds"], 20)
    next_one = next(node for node, version in cluster.versions().items() if version == OLD and node != name)
    done = upgrade(hosts, NEW, "--limit", next_one)
    assert done.returncode == 0, done.stdout[-3000:]
    assert cluster.versions()[next_one] == NEW
    assert not locked(cluster)


def test_a_lock_that_cannot_be_read_is_refused_and_says_what_to_do(cluster: LoopbackCluster, hosts: Path) -> None:
    path = state(cluster, "n1") / "lock.json"
    path.write_text('{"run_id": "half', encoding="utf-8")
    before = touched_by(cluster)
    done = upgrade(hosts, NEW)
    path.unlink()
    assert done.returncode != 0
    assert touched_by(cluster) == before
    says(done, f"the lock {path} on this host cannot be read (it is not JSON")
    says(done, f"Make sure that no other run is under way, delete {path} and run again. Nothing was touched")
